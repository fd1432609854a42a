/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history: see history.h.
 */
#include "client/history.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "client/records.h"
#include "client/show.h"
#include "client/table.h"

enum { WORDS_SIZE = 200 /* bytes of an answer that a row shows at most */ };

static void copy_as(json_t *row, const char *name, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    json_object_set(row, name, value != NULL ? value : json_null());
}

/* The beginning of an answer. */
static json_t *first_words(const json_t *output)
{
    const json_t *answer = show_find(output);
    struct buffer text = {0};
    size_t length;
    json_t *words;

    if (json_is_string(answer)) {
        buffer_append(&text, json_string_value(answer), json_string_length(answer));
    } else {
        jsontext_write(&text, answer);
    }
    length = text.length;
    if (length > WORDS_SIZE) {
        length = WORDS_SIZE;
        while (length > 0 && (text.bytes[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    words = json_stringn(text.bytes != NULL ? text.bytes : "", length);
    buffer_free(&text);
    return words != NULL ? words : json_null();
}

static json_t *row_start(const struct id *id, unsigned version, const char *status)
{
    char text[ID_TEXT_SIZE];

    id_write(id, text);
    return json_pack("{s:s, s:I, s:s}", "id", text, "version", (json_int_t)version, "status",
                     status);
}

static json_t *output_row(const struct id *id, unsigned version, const json_t *output)
{
    const char *status = jsontext_get_text(output, "status", "");
    const json_t *model = json_object_get(output, "model");
    const json_t *usage = json_object_get(output, "usage");
    json_t *row = row_start(id, version, status);

    copy_as(row, "finished", json_object_get(output, "times"), "finished");
    copy_as(row, "model", model,
            json_is_string(json_object_get(model, "answered")) ? "answered" : "asked");
    copy_as(row, "mock", output, "mock");
    copy_as(row, "input_tokens", usage, "input_tokens");
    copy_as(row, "output_tokens", usage, "output_tokens");
    copy_as(row, "latency_ms", output, "latency_ms");
    if (strcmp(status, "completed") == 0) {
        json_object_set_new(row, "words", first_words(output));
    } else {
        copy_as(row, "message", output, "message");
    }
    return row;
}

/* The run that has no version yet, or ended without one. */
static json_t *open_row(const struct spool *spool, const struct id *id, const char *state,
                        unsigned highest)
{
    json_t *memory = records_state(spool, id);
    json_t *error = memory == NULL ? records_error(spool, id, NULL) : NULL;
    json_t *row = row_start(
        id,
        (unsigned)jsontext_get_int(memory != NULL ? memory : error, "run", (json_int_t)highest + 1),
        state);

    if (error != NULL) {
        copy_as(row, "finished", json_object_get(error, "times"), "finished");
        copy_as(row, "model", error, "model");
        copy_as(row, "message", error, "message");
    }
    json_decref(memory);
    json_decref(error);
    return row;
}

json_t *history_read(const struct spool *spool, const struct id *id, const char *state)
{
    json_t *history = json_array();
    unsigned lowest = 0, highest = 0;

    records_versions(spool, id, &lowest, &highest);
    for (unsigned version = lowest; version > 0 && version <= highest; version++) {
        json_t *output = records_output(spool, id, version, NULL, NULL);

        if (output != NULL) {
            json_array_append_new(history, output_row(id, version, output));
        }
        json_decref(output);
    }
    if (strcmp(state, "completed") != 0) {
        json_array_append_new(history, open_row(spool, id, state, highest));
    }
    return history;
}

static void print_number(struct table *table, const json_t *value)
{
    if (json_is_integer(value)) {
        table_cell(table, "%lld", (long long)json_integer_value(value));
    } else {
        table_cell(table, "-");
    }
}

void history_print(const struct screen *screen, const json_t *history, struct wall now)
{
    static const char *const headings[] = {"VERSION", "STATUS", "FINISHED", "MODEL",
                                           "IN",      "OUT",    "ANSWER",   NULL};
    struct table table = table_start(headings);
    json_t *row;
    size_t i;

    json_array_foreach(history, i, row)
    {
        int64_t finished = records_time(row, "finished");
        char moment[TIMETEXT_SIZE] = "-";

        if (finished > 0) {
            timetext_write_local((struct wall){finished}, now, moment);
        }
        table_cell(&table, "%lld", (long long)jsontext_get_int(row, "version", 0));
        table_cell(&table, "%s%s", jsontext_get_text(row, "status", ""),
                   jsontext_get_bool(row, "mock", false) ? " (mock)" : "");
        table_cell(&table, "%s", moment);
        table_cell(&table, "%s", jsontext_get_text(row, "model", "-"));
        print_number(&table, json_object_get(row, "input_tokens"));
        print_number(&table, json_object_get(row, "output_tokens"));
        table_cell(&table, "%s",
                   jsontext_get_text(row, "words", jsontext_get_text(row, "message", "")));
    }
    table_end(&table, screen, 0);
}
