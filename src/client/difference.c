/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * difference: see difference.h.
 */
#include "client/difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/diff.h"
#include "base/jsondiff.h"
#include "base/jsontext.h"
#include "client/show.h"

enum { AROUND = 3 /* lines shown before and behind a change, as diff -u does */ };

/* What is being printed. */
struct printing {
    const struct screen *screen;
    const struct difference_side *old_side;
    const struct difference_side *new_side;
    bool json;
    bool differs;
};

/* Prints a line whole, whatever the width: a difference that is cut is none. */
static void put_line(const struct screen *screen, enum tone tone, const struct buffer *line)
{
    const char *on = screen_tone_on(screen, tone);
    struct buffer visible = {0};

    if (isatty(fileno(screen->out)) == 1) {
        show_visible(&visible, line->bytes, line->length);
    } else {
        buffer_append(&visible, line->bytes, line->length);
    }
    fputs(on, screen->out);
    fwrite(visible.bytes, 1, visible.length, screen->out);
    fprintf(screen->out, "%s\n", on[0] != '\0' ? "\033[0m" : "");
    buffer_free(&visible);
}

static void begin(struct printing *printing)
{
    struct buffer line = {0};

    if (!printing->differs && !printing->json) {
        buffer_printf(&line, "--- %s", printing->old_side->name);
        put_line(printing->screen, TONE_STRONG, &line);
        buffer_clear(&line);
        buffer_printf(&line, "+++ %s", printing->new_side->name);
        put_line(printing->screen, TONE_STRONG, &line);
        buffer_free(&line);
    }
    printing->differs = true;
}

/* --- texts -------------------------------------------------------------------------------------- */

static void text_line(const struct printing *printing, const struct diff_line *line)
{
    enum tone tone = line->sign == '-' ? TONE_BAD : line->sign == '+' ? TONE_GOOD : TONE_PLAIN;
    bool ended = line->length > 0 && line->text[line->length - 1] == '\n';
    struct buffer text = {0};

    buffer_byte(&text, line->sign);
    buffer_append(&text, line->text, line->length - ended);
    put_line(printing->screen, tone, &text);
    if (!ended && line->sign != ' ') {
        buffer_clear(&text);
        buffer_text(&text, "\\ No newline at end of text");
        put_line(printing->screen, TONE_FAINT, &text);
    }
    buffer_free(&text);
}

static void line_json(const struct printing *printing, const struct diff_line *line)
{
    bool ended = line->length > 0 && line->text[line->length - 1] == '\n';
    bool old = line->sign == '-';
    json_t *row;

    if (line->sign == ' ') {
        return;
    }
    row = json_pack("{s:s, s:I, s:s%}", "change", old ? "removed" : "added", "line",
                    (json_int_t)(old ? line->old_number : line->new_number), "text", line->text,
                    line->length - ended);
    show_json(printing->screen->out, row);
    json_decref(row);
}

/* How many lines of a part are in one of the texts: those with its sign, and the common ones. */
static size_t count_lines(const struct diff_line *lines, size_t count, char sign)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        found += lines[i].sign == ' ' || lines[i].sign == sign;
    }
    return found;
}

/* Where a part of count lines begins in a text, in the way of diff -u: of none the line before it. */
static size_t begin_of(size_t number, bool in_text, size_t count)
{
    return !in_text && count > 0 ? number + 1 : number;
}

static void print_part(const struct printing *printing, const struct diff_line *lines, size_t count)
{
    size_t old_count = count_lines(lines, count, '-'), new_count = count_lines(lines, count, '+');
    struct buffer text = {0};

    buffer_printf(&text, "@@ -%zu,%zu +%zu,%zu @@",
                  begin_of(lines[0].old_number, lines[0].sign != '+', old_count), old_count,
                  begin_of(lines[0].new_number, lines[0].sign != '-', new_count), new_count);
    put_line(printing->screen, TONE_FAINT, &text);
    buffer_free(&text);
    for (size_t i = 0; i < count; i++) {
        text_line(printing, &lines[i]);
    }
}

/* The end of the part that begins with the change at from: a gap of more common lines than may stand
 * around two changes ends it. */
static size_t part_end(const struct diff_line *lines, size_t count, size_t from)
{
    size_t last = from;

    for (size_t i = from; i < count && i - last <= 2 * AROUND + 1; i++) {
        if (lines[i].sign != ' ') {
            last = i;
        }
    }
    return last + 1;
}

static void print_parts(struct printing *printing, const struct diff_line *lines, size_t count)
{
    size_t printed = 0;

    for (size_t i = 0; i < count; i++) {
        size_t start, end;

        if (lines[i].sign == ' ') {
            continue;
        }
        begin(printing);
        end = part_end(lines, count, i);
        start = i > printed + AROUND ? i - AROUND : printed;
        i = end - 1;
        end = count - end > AROUND ? end + AROUND : count;
        print_part(printing, lines + start, end - start);
        printed = end;
    }
}

static void compare_texts(struct printing *printing, const struct buffer *old_text,
                          const struct buffer *new_text)
{
    size_t count;
    struct diff_line *lines =
        diff_lines(old_text->bytes, old_text->length, new_text->bytes, new_text->length, &count);

    if (!printing->json) {
        print_parts(printing, lines, count);
    }
    for (size_t i = 0; i < count && printing->json; i++) {
        printing->differs = printing->differs || lines[i].sign != ' ';
        line_json(printing, &lines[i]);
    }
    free(lines);
}

/* --- values ------------------------------------------------------------------------------------- */

static void value_json(const struct printing *printing, const char *path, const json_t *old_value,
                       const json_t *new_value)
{
    const char *change = old_value == NULL ? "added" : new_value == NULL ? "removed" : "changed";
    json_t *row = json_pack("{s:s, s:s}", "change", change, "path", path);

    if (old_value != NULL) {
        json_object_set_new(row, "old", json_deep_copy(old_value));
    }
    if (new_value != NULL) {
        json_object_set_new(row, "new", json_deep_copy(new_value));
    }
    show_json(printing->screen->out, row);
    json_decref(row);
}

static void value_line(void *context, const char *path, const json_t *old_value,
                       const json_t *new_value)
{
    struct printing *printing = context;
    enum tone tone = old_value == NULL ? TONE_GOOD : new_value == NULL ? TONE_BAD : TONE_STRONG;
    struct buffer line = {0};

    begin(printing);
    if (printing->json) {
        value_json(printing, path, old_value, new_value);
        return;
    }
    buffer_printf(&line, "%c %s: ", old_value == NULL ? '+' : new_value == NULL ? '-' : '~',
                  path[0] != '\0' ? path : "(all)");
    if (old_value != NULL) {
        jsontext_write(&line, old_value);
    }
    buffer_text(&line, old_value != NULL && new_value != NULL ? " -> " : "");
    if (new_value != NULL) {
        jsontext_write(&line, new_value);
    }
    put_line(printing->screen, tone, &line);
    buffer_free(&line);
}

/* --- answers ------------------------------------------------------------------------------------ */

/* What an answer is as a value that has parts, a new reference: itself, or what its text says as JSON.
 * NULL: it is just text. */
static json_t *parts_of(const json_t *answer)
{
    json_t *value;

    if (!json_is_string(answer)) {
        return json_deep_copy(answer);
    }
    value = jsontext_read_lenient(json_string_value(answer), json_string_length(answer), NULL);
    if (json_is_object(value) || json_is_array(value)) {
        return value;
    }
    json_decref(value);
    return NULL;
}

static void write_text(struct buffer *out, const json_t *answer)
{
    buffer_reserve(out, 1);
    if (json_is_string(answer)) {
        buffer_append(out, json_string_value(answer), json_string_length(answer));
    } else {
        jsontext_write_pretty(out, answer);
    }
}

bool difference_print(const struct screen *screen, const struct difference_side *old_side,
                      const struct difference_side *new_side, bool json)
{
    struct printing printing = {screen, old_side, new_side, json, false};
    json_t *old_parts = parts_of(old_side->answer), *new_parts = parts_of(new_side->answer);
    struct buffer old_text = {0}, new_text = {0};

    if (old_parts != NULL && new_parts != NULL) {
        jsondiff_each(old_parts, new_parts, value_line, &printing);
    } else {
        write_text(&old_text, old_side->answer);
        write_text(&new_text, new_side->answer);
        compare_texts(&printing, &old_text, &new_text);
    }
    buffer_free(&old_text);
    buffer_free(&new_text);
    json_decref(old_parts);
    json_decref(new_parts);
    return printing.differs;
}
