/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_tree: see flow_tree.h.
 */
#include "client/flow_tree.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"
#include "base/xalloc.h"

enum { DEEPEST = 20, OTHERS_SHOWN = 3 }; /* levels that are drawn; deeper ones stand in the same column */

/* The lines of a tree. */
struct pens {
    const char *fork, *last, *along, *blank;
};

static const struct pens ascii = {"|-- ", "`-- ", "|   ", "    "};
static const struct pens unicode = {"├── ", "└── ", "│   ", "    "};

/* A tree on its way: who stands below whom. */
struct drawing {
    const struct flow_view *view;
    const struct screen *screen;
    const struct pens *pens;
    struct wall now;
    long *first_child; /* of each step, and of the root at the end; -1: none */
    long *next;        /* brother below the same one; -1: the last */
};

bool flow_tree_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* The step that one stands below: the first parent that is a step; the root where there is none. */
static size_t above(const struct flow_record *record, size_t number)
{
    const struct flow_entry *entry = &record->steps[number];

    for (size_t i = 0; i < entry->after_count; i++) {
        long parent = flow_record_find(record, entry->after[i]);

        if (parent >= 0) {
            return (size_t)parent;
        }
    }
    return record->count;
}

static void plant(struct drawing *drawing)
{
    const struct flow_record *record = drawing->view->record;

    drawing->first_child = xcalloc(record->count + 1, sizeof *drawing->first_child);
    drawing->next = xcalloc(record->count + 1, sizeof *drawing->next);
    for (size_t i = 0; i <= record->count; i++) {
        drawing->first_child[i] = drawing->next[i] = -1;
    }
    for (size_t i = record->count; i-- > 0;) {
        size_t parent = above(record, i);

        drawing->next[i] = drawing->first_child[parent];
        drawing->first_child[parent] = (long)i;
    }
}

static void add_others(const struct drawing *drawing, const struct flow_entry *entry, size_t number,
                       struct buffer *line)
{
    const struct flow_record *record = drawing->view->record;
    size_t parent = above(record, number), others = 0;

    for (size_t i = 0; i < entry->after_count; i++) {
        long other = flow_record_find(record, entry->after[i]);

        if (other >= 0 && (size_t)other == parent) {
            continue;
        }
        if (++others <= OTHERS_SHOWN) {
            buffer_printf(line, "%s%s", others == 1 ? "  (also after " : ", ", entry->after[i]);
        }
    }
    if (others > OTHERS_SHOWN) {
        buffer_printf(line, " and %zu more", others - OTHERS_SHOWN);
    }
    buffer_text(line, others > 0 ? ")" : "");
}

static void add_figures(const struct drawing *drawing, const struct flow_look *step,
                        struct buffer *line)
{
    char text[TIMETEXT_SIZE];

    if (step->finished > 0) {
        timetext_write_local((struct wall){step->finished}, drawing->now, text);
        buffer_printf(line, "  %s", text);
    }
    if (step->started > 0 && step->finished >= step->started) {
        timetext_write_duration(step->finished - step->started, text);
        buffer_printf(line, "  %s", text);
    }
    if (step->cost != NULL) {
        buffer_printf(line, "  %s", step->cost);
    }
}

/* One step: the lines before it, name, state, figures. */
static void draw_step(const struct drawing *drawing, size_t number, const char *before)
{
    const struct flow_look *step = &drawing->view->steps[number];
    const struct screen *screen = drawing->screen;
    struct buffer line = {0}, reason = {0};

    flow_view_reason(drawing->view, step, &reason);
    buffer_printf(&line, "%s%s  %s", before, step->entry->name, step->state);
    if (reason.length > 0) {
        buffer_printf(&line, " %s", reason.bytes);
    } else {
        if (step->entry->reason != NULL) {
            buffer_printf(&line, ": %s", step->entry->reason);
        }
        add_figures(drawing, step, &line);
        add_others(drawing, step->entry, number, &line);
    }
    screen_line(screen, screen_tone(step->state), "%s", line.bytes);
    buffer_free(&line);
    buffer_free(&reason);
}

/* Draws all below the root, without recursion: trees are as deep as flows are long. */
static void draw(const struct drawing *drawing)
{
    size_t count = drawing->view->record->count;
    long *way = xcalloc(count + 1, sizeof *way); /* what is being drawn on each level */
    size_t depth = 0;

    way[0] = drawing->first_child[count];
    while (way[0] >= 0) {
        struct buffer before = {0};
        long here = way[depth];

        for (size_t level = 0; level < depth && level < DEEPEST; level++) {
            buffer_text(&before, drawing->next[way[level]] >= 0 ? drawing->pens->along
                                                               : drawing->pens->blank);
        }
        buffer_text(&before, drawing->next[here] >= 0 ? drawing->pens->fork
                                                      : drawing->pens->last);
        draw_step(drawing, (size_t)here, before.bytes);
        buffer_free(&before);
        if (drawing->first_child[here] >= 0) {
            way[++depth] = drawing->first_child[here];
            continue;
        }
        while (depth > 0 && drawing->next[way[depth]] < 0) {
            depth--;
        }
        way[depth] = drawing->next[way[depth]];
    }
    free(way);
}

void flow_tree_print(const struct screen *screen, const struct flow_view *view, bool utf8,
                     struct wall now)
{
    struct drawing drawing = {.view = view, .screen = screen, .pens = utf8 ? &unicode : &ascii,
                              .now = now};
    const struct flow_record *record = view->record;
    size_t ended = 0, failed = 0;

    for (size_t i = 0; i < record->count; i++) {
        ended += record->steps[i].status != NULL;
        failed += record->steps[i].status != NULL &&
                  strcmp(record->steps[i].status, "completed") != 0;
    }
    screen_line(screen, TONE_STRONG, "%s: %zu of %zu steps ended, %zu failed", record->name, ended,
                record->count, failed);
    plant(&drawing);
    draw(&drawing);
    free(drawing.first_child);
    free(drawing.next);
}
