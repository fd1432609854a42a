/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show: see show.h.
 */
#include "client/show.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"

static bool is_terminal(FILE *out)
{
    return isatty(fileno(out)) == 1;
}

const char *show_id(FILE *out, const struct id *id, char text[ID_TEXT_SIZE])
{
    if (is_terminal(out)) {
        id_write_short(id, text);
    } else {
        id_write(id, text);
    }
    return text;
}

/* Bytes of the control character that text begins with, or 0: C0 and DEL have one, C1 (U+0080 to
 * U+009F) two. */
static size_t control_length(const char *text, size_t length)
{
    unsigned char first = (unsigned char)text[0];

    if (first == '\n' || first == '\t' || (first == '\r' && length > 1 && text[1] == '\n')) {
        return 0;
    }
    if (first < 0x20 || first == 0x7f) {
        return 1;
    }
    return first == 0xc2 && length > 1 && (unsigned char)text[1] < 0xa0 ? 2 : 0;
}

void show_visible(struct buffer *out, const char *text, size_t length)
{
    while (length > 0) {
        size_t control = control_length(text, length);
        size_t taken = control > 0 ? control : 1;

        if (control > 0) {
            buffer_text(out, "\xef\xbf\xbd");
        } else {
            buffer_byte(out, text[0]);
        }
        text += taken;
        length -= taken;
    }
}

static void print_text(FILE *out, const char *text, size_t length)
{
    struct buffer visible = {0};

    if (is_terminal(out)) {
        show_visible(&visible, text, length);
        text = visible.bytes;
        length = visible.length;
    }
    if (length > 0) {
        fwrite(text, 1, length, out);
    }
    if (length == 0 || text[length - 1] != '\n') {
        putc('\n', out);
    }
    buffer_free(&visible);
}

/* For a person over several lines, for a program in one. */
static void print_value(FILE *out, const json_t *value)
{
    struct buffer text = {0};

    if (is_terminal(out)) {
        jsontext_write_pretty(&text, value);
    } else {
        jsontext_write(&text, value);
    }
    print_text(out, text.bytes, text.length);
    buffer_free(&text);
}

void show_submitted(FILE *out, const struct job *job, bool json)
{
    char shown[ID_TEXT_SIZE];
    json_t *line;

    if (!json) {
        fprintf(out, "%s\n", show_id(out, &job->id, shown));
        return;
    }
    id_write(&job->id, shown);
    line = json_pack("{s:s, s:s, s:s*}", "id", shown, "model", job->model, "name", job->name);
    show_json(out, line);
    json_decref(line);
}

/* The first of these that says something is the answer. */
const json_t *show_find(const json_t *output)
{
    static const char *const keys[] = {"output", "refusal", "tool_calls"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *value = json_object_get(output, keys[i]);

        if (value != NULL && !json_is_null(value)) {
            return value;
        }
    }
    return json_null();
}

void show_value(FILE *out, const json_t *value)
{
    if (json_is_string(value)) {
        print_text(out, json_string_value(value), json_string_length(value));
    } else {
        print_value(out, value);
    }
}

void show_answer(FILE *out, const json_t *output)
{
    show_value(out, show_find(output));
}

void show_json(FILE *out, const json_t *record)
{
    struct buffer text = {0};

    jsontext_write(&text, record);
    buffer_byte(&text, '\n');
    fwrite(text.bytes, 1, text.length, out);
    buffer_free(&text);
}

char *show_failure(const struct id *id, const json_t *record)
{
    const char *message = jsontext_get_text(record, "message", "its record does not say why");
    struct buffer visible = {0};
    char shown[ID_SHORT_SIZE];
    char *sentence;

    id_write_short(id, shown);
    show_visible(&visible, message, strlen(message));
    sentence = xasprintf("%s: %s: %s", shown, jsontext_get_text(record, "status", "failed"),
                         visible.bytes);
    buffer_free(&visible);
    return sentence;
}
