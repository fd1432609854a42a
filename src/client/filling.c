/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filling: see filling.h.
 */
#include "client/filling.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "client/input.h"
#include "job/job.h"

struct stencil *filling_read(const char *text, struct error *error)
{
    struct stencil *stencil = stencil_read(text, strlen(text), error);

    if (stencil == NULL) {
        error_prefix(error, "--template");
    }
    return stencil;
}

struct stencil *filling_load(const char *path, struct error *error)
{
    struct buffer text = {0};
    struct stencil *stencil = NULL;

    if (input_read(path, JOB_SIZE_LIMIT, &text, error) == 0) {
        /* An editor ends a file in a newline that nobody means. */
        if (text.length > 0 && text.bytes[text.length - 1] == '\n') {
            text.length--;
        }
        stencil = stencil_read(text.length > 0 ? text.bytes : "", text.length, error);
        if (stencil == NULL) {
            error_prefix(error, "%s", path);
        }
    }
    buffer_free(&text);
    return stencil;
}

/* A text as it is; what is none, as JSON. */
static void append_value(struct buffer *out, const json_t *value)
{
    if (json_is_string(value)) {
        buffer_append(out, json_string_value(value), json_string_length(value));
    } else {
        jsontext_write(out, value);
    }
}

static const json_t *nth_column(const struct feed_record *record, unsigned long number)
{
    const char *name;
    json_t *value;

    json_object_foreach (record->columns, name, value) {
        if (--number == 0) {
            return value;
        }
    }
    return NULL;
}

/* The field of a line between tabs; false when it has not so many. */
static bool append_field(struct buffer *out, const struct feed_record *record, unsigned long number)
{
    const char *text = record->text;
    const char *end = text + record->length;
    const char *tab = memchr(text, '\t', record->length);

    for (; number > 1 && tab != NULL; number--) {
        text = tab + 1;
        tab = memchr(text, '\t', (size_t)(end - text));
    }
    if (number > 1) {
        return false;
    }
    buffer_append(out, text, (size_t)((tab != NULL ? tab : end) - text));
    return true;
}

static bool append_numbered(struct buffer *out, const struct feed_record *record, const char *name)
{
    unsigned long number = strtoul(name, NULL, 10);
    const json_t *value;

    if (record->columns == NULL) {
        return append_field(out, record, number);
    }
    value = nth_column(record, number);
    if (value == NULL || json_is_null(value)) {
        return false;
    }
    append_value(out, value);
    return true;
}

/* The record without the end of its line, which rows have. */
static void append_record(struct buffer *out, const struct feed_record *record)
{
    size_t length = record->length;

    if (record->columns != NULL && length > 0 && record->text[length - 1] == '\n') {
        length--;
        length -= length > 0 && record->text[length - 1] == '\r';
    }
    buffer_append(out, record->text, length);
}

static bool is_number(const char *name)
{
    return name[0] >= '1' && name[0] <= '9' && strlen(name) < 10 &&
           name[strspn(name, "0123456789")] == '\0';
}

static bool append_place(struct buffer *out, const struct feed_record *record, const char *name)
{
    const json_t *column = json_object_get(record->columns, name);

    if (column != NULL && !json_is_null(column)) {
        append_value(out, column);
    } else if (column != NULL) {
        return false;
    } else if (name[0] == '\0' || strcmp(name, "line") == 0) {
        append_record(out, record);
    } else if (strcmp(name, "n") == 0) {
        buffer_printf(out, "%ju", (uintmax_t)record->number);
    } else if (strcmp(name, "file") == 0 && record->file[0] != '\0') {
        buffer_text(out, record->file);
    } else {
        return is_number(name) && append_numbered(out, record, name);
    }
    return true;
}

/* Says which names would do. */
static void tell_columns(json_t *columns, struct error *error)
{
    struct buffer names = {0};
    const char *name;
    json_t *value;

    buffer_text(&names, error->text);
    json_object_foreach (columns, name, value) {
        buffer_printf(&names, "%s %s", names.length == strlen(error->text) ? "; it has" : ",", name);
    }
    error_set(error, ERROR_DATA, "%s", names.bytes);
    buffer_free(&names);
}

static int fill_place(void *context, const char *name, struct buffer *out, struct error *error)
{
    const struct feed_record *record = context;

    if (append_place(out, record, name)) {
        return 0;
    }
    error_set(error, ERROR_DATA, "there is nothing for {%s} of the template", name);
    if (record->columns != NULL) {
        tell_columns(record->columns, error);
    }
    return -1;
}

int filling_fill(const struct stencil *stencil, const struct feed_record *record,
                 struct buffer *out, struct error *error)
{
    struct feed_record place = *record;

    return stencil_fill(stencil, fill_place, &place, out, error);
}
