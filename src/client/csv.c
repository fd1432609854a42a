/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csv: see csv.h.
 *
 * libcsv was looked at: it trims blanks around cells, passes over empty rows, pushes cells at a
 * callback without saying where a row began, and takes what stands behind a closing quote.
 */
#include "client/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Where the reading of a row stands. */
struct csv_at {
    const char *next, *end;
    char between;
    bool ended;
};

enum stop { STOP_MORE, STOP_CELL, STOP_ROW, STOP_OPEN, STOP_BEHIND };

static const char *const faults[] = {
    [STOP_OPEN] = "begins with a quote that is never closed (a quote in a cell that begins "
                  "with one is written \"\")",
    [STOP_BEHIND] = "has something behind its closing quote (a quote in such a cell is "
                    "written \"\")",
};

static void cell_begin(struct csv_row *row)
{
    if (row->count == row->capacity) {
        row->capacity = 2 * row->capacity + 16;
        row->cells = xrealloc(row->cells, row->capacity * sizeof *row->cells);
    }
    row->cells[row->count++] = (struct csv_cell){.start = row->bytes.length};
}

static void cell_append(struct csv_row *row, const char *text, size_t length)
{
    buffer_append(&row->bytes, text, length);
    row->cells[row->count - 1].length += length;
}

static void count_lines(struct csv_row *row, const char *text, size_t length)
{
    const char *end = text + length;

    while ((text = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        row->lines++;
        text++;
    }
}

/* What follows a cell: the byte between cells, the end of the row or of all; anything else is bad. */
static enum stop cell_end(struct csv_row *row, struct csv_at *at)
{
    if (at->next == at->end) {
        return at->ended ? STOP_ROW : STOP_MORE;
    }
    if (*at->next == at->between) {
        at->next++;
        return STOP_CELL;
    }
    if (*at->next == '\r' && at->next + 1 == at->end && !at->ended) {
        return STOP_MORE;
    }
    at->next += *at->next == '\r' && at->next + 1 < at->end && at->next[1] == '\n';
    if (*at->next != '\n') {
        return STOP_BEHIND;
    }
    at->next++;
    row->lines++;
    return STOP_ROW;
}

/* A cell without quotes: all up to what ends it. A CR that no LF follows is a byte as any other. */
static enum stop plain_cell(struct csv_row *row, struct csv_at *at)
{
    const char *start = at->next;

    while (at->next < at->end && *at->next != at->between && *at->next != '\n') {
        at->next++;
    }
    if (at->next == at->end && !at->ended) {
        return STOP_MORE;
    }
    if (at->next < at->end && *at->next == '\n' && at->next > start && at->next[-1] == '\r') {
        at->next--;
    }
    cell_append(row, start, (size_t)(at->next - start));
    return cell_end(row, at);
}

/* A cell in quotes; next is behind the first one. */
static enum stop quoted_cell(struct csv_row *row, struct csv_at *at)
{
    for (;;) {
        const char *quote = memchr(at->next, '"', (size_t)(at->end - at->next));

        if (quote == NULL) {
            return at->ended ? STOP_OPEN : STOP_MORE;
        }
        if (quote + 1 == at->end && !at->ended) {
            return STOP_MORE;
        }
        count_lines(row, at->next, (size_t)(quote - at->next));
        cell_append(row, at->next, (size_t)(quote - at->next));
        at->next = quote + 1;
        if (at->next == at->end || *at->next != '"') {
            return cell_end(row, at);
        }
        cell_append(row, "\"", 1);
        at->next++;
    }
}

static enum stop read_cell(struct csv_row *row, struct csv_at *at)
{
    cell_begin(row);
    if (at->next < at->end && *at->next == '"') {
        at->next++;
        return quoted_cell(row, at);
    }
    return plain_cell(row, at);
}

ptrdiff_t csv_read(struct csv_row *row, const char *text, size_t length, char between, bool ended,
                   struct error *error)
{
    struct csv_at at = {.next = text, .end = text + length, .between = between, .ended = ended};
    enum stop stop = STOP_CELL;

    buffer_clear(&row->bytes);
    row->count = 0;
    row->lines = 0;
    if (length == 0) {
        return 0;
    }
    while (stop == STOP_CELL) {
        stop = read_cell(row, &at);
    }
    if (stop == STOP_MORE) {
        return 0;
    }
    if (stop == STOP_OPEN || stop == STOP_BEHIND) {
        error_set(error, ERROR_DATA, "cell %zu %s", row->count, faults[stop]);
        return -1;
    }
    return at.next - text;
}

const char *csv_text(const struct csv_row *row, size_t cell)
{
    return row->bytes.bytes != NULL ? row->bytes.bytes + row->cells[cell].start : "";
}

bool csv_blank(const struct csv_row *row)
{
    return row->count == 1 && row->cells[0].length == 0;
}

void csv_free(struct csv_row *row)
{
    buffer_free(&row->bytes);
    free(row->cells);
    *row = (struct csv_row){0};
}
