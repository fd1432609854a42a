/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * row: see row.h.
 */
#include "client/row.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"

/* The columns behind those of the input, in their order. */
enum added { ADDED_SAMPLE, ADDED_ANSWER, ADDED_STATUS, ADDED_ERROR, ADDED_ID, ADDED_COUNT };

static const char *const added_names[ADDED_COUNT][2] = {
    {"sample", "llmspool_sample"}, {"answer", "llmspool_answer"}, {"status", "llmspool_status"},
    {"error", "llmspool_error"},   {"id", "llmspool_id"},
};

int row_format_read(const char *text, enum row_format *format, struct error *error)
{
    static const struct {
        const char *name;
        enum row_format format;
    } known[] = {{"text", ROW_TEXT},
                 {"json", ROW_JSON},
                 {"jsonl", ROW_JSONL},
                 {"csv", ROW_CSV},
                 {"tsv", ROW_TSV}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(text, known[i].name) == 0) {
            *format = known[i].format;
            return 0;
        }
    }
    error_set(error, ERROR_USAGE, "--format %s is none of text, json, jsonl, csv and tsv", text);
    return -1;
}

void row_sheet_free(struct row_sheet *sheet)
{
    json_decref(sheet->columns);
    sheet->columns = NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

void row_value(struct buffer *out, const json_t *value)
{
    if (json_is_string(value)) {
        buffer_append(out, json_string_value(value), json_string_length(value));
    } else {
        jsontext_write(out, value);
    }
}

void row_escape_copy(struct buffer *out, const char *text, size_t length)
{
    static const char special[] = "\\\r\n\t", letters[] = "\\rnt";

    for (size_t i = 0; i < length; i++) {
        const char *found = text[i] != '\0' ? strchr(special, text[i]) : NULL;

        if (found != NULL) {
            buffer_byte(out, '\\');
            buffer_byte(out, letters[found - special]);
        } else {
            buffer_byte(out, text[i]);
        }
    }
}

/* A field of CSV. No value at all is an empty field, an empty text is "", as COPY has it. */
static void write_csv(struct buffer *out, const char *text, size_t length)
{
    bool quoted = length == 0;

    for (size_t i = 0; i < length && !quoted; i++) {
        quoted = strchr(",\"\r\n\t ", text[i]) != NULL;
    }
    if (!quoted) {
        buffer_append(out, text, length);
        return;
    }
    buffer_byte(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') {
            buffer_byte(out, '"');
        }
        buffer_byte(out, text[i]);
    }
    buffer_byte(out, '"');
}

/* --- columns ---------------------------------------------------------------------------------- */

/* The name of an added column, beside those of the input. */
static const char *added_name(const struct row_sheet *sheet, enum added column)
{
    return added_names[column][json_object_get(sheet->columns, added_names[column][0]) != NULL];
}

/* The value of an added column; NULL: none. A new reference. */
static json_t *added_value(const struct row *row, enum added column)
{
    char hex[ID_TEXT_SIZE];

    switch (column) {
    case ADDED_SAMPLE:
        return json_integer((json_int_t)(row->sample > 0 ? row->sample : 1));
    case ADDED_ANSWER:
        return row->answer != NULL ? json_deep_copy(row->answer) : NULL;
    case ADDED_STATUS:
        return json_string(row->status);
    case ADDED_ERROR:
        return row->message != NULL ? json_string(row->message) : NULL;
    case ADDED_ID:
        if (row->id != NULL) {
            id_write(row->id, hex);
            return json_string(hex);
        }
        break;
    case ADDED_COUNT:
        break;
    }
    return NULL;
}

static bool is_wanted(const struct row_sheet *sheet, enum added column)
{
    return column != ADDED_SAMPLE || sheet->style.samples;
}

static void write_field(struct buffer *out, enum row_format format, const json_t *value)
{
    struct buffer text = {0};

    if (value == NULL || json_is_null(value)) {
        buffer_text(out, format == ROW_TSV ? "\\N" : "");
        return;
    }
    row_value(&text, value);
    if (format == ROW_TSV) {
        row_escape_copy(out, text.bytes, text.length);
    } else {
        write_csv(out, text.bytes, text.length);
    }
    buffer_free(&text);
}

static void separate(struct buffer *out, enum row_format format, bool *first)
{
    if (!*first) {
        buffer_byte(out, format == ROW_TSV ? '\t' : ',');
    }
    *first = false;
}

static void write_name(struct buffer *out, enum row_format format, const char *name, bool *first)
{
    json_t *value = json_string(name);

    separate(out, format, first);
    write_field(out, format, value);
    json_decref(value);
}

static void write_header(struct buffer *out, const struct row_sheet *sheet)
{
    enum row_format format = sheet->style.format;
    bool first = true;
    const char *name;
    json_t *ignored;

    json_object_foreach (sheet->columns, name, ignored) {
        write_name(out, format, name, &first);
    }
    for (enum added column = 0; column < ADDED_COUNT; column++) {
        if (is_wanted(sheet, column)) {
            write_name(out, format, added_name(sheet, column), &first);
        }
    }
    buffer_byte(out, '\n');
}

static void write_fields(struct buffer *out, const struct row_sheet *sheet, const struct row *row)
{
    enum row_format format = sheet->style.format;
    bool first = true;
    const char *name;
    json_t *ignored;

    json_object_foreach (sheet->columns, name, ignored) {
        separate(out, format, &first);
        write_field(out, format, json_object_get(row->columns, name));
    }
    for (enum added column = 0; column < ADDED_COUNT; column++) {
        if (is_wanted(sheet, column)) {
            json_t *value = added_value(row, column);

            separate(out, format, &first);
            write_field(out, format, value);
            json_decref(value);
        }
    }
    buffer_byte(out, '\n');
}

/* --- objects ---------------------------------------------------------------------------------- */

/* Here each row's own columns are kept, whatever the first one had. */
static void write_object(struct buffer *out, const struct row_sheet *sheet, const struct row *row)
{
    json_t *object = row->columns != NULL ? json_deep_copy(row->columns) : json_object();

    for (enum added column = 0; column < ADDED_COUNT; column++) {
        json_t *value = is_wanted(sheet, column) ? added_value(row, column) : NULL;

        if (is_wanted(sheet, column)) {
            const char *name = added_names[column][json_object_get(row->columns,
                                                                   added_names[column][0]) != NULL];

            json_object_set_new(object, name, value != NULL ? value : json_null());
        }
    }
    jsontext_write(out, object);
    json_decref(object);
}

static void write_record(struct buffer *out, const struct row *row)
{
    char hex[ID_TEXT_SIZE] = "";
    json_t *stand_in;

    if (row->record != NULL) {
        jsontext_write(out, row->record);
    } else {
        if (row->id != NULL) {
            id_write(row->id, hex);
        }
        stand_in = json_pack("{s:s?, s:s}", "id", row->id != NULL ? hex : NULL, "status",
                             row->status);
        jsontext_write(out, stand_in);
        json_decref(stand_in);
    }
    buffer_byte(out, '\n');
}

/* --- text ------------------------------------------------------------------------------------- */

/* NUL ends an answer, so one inside of it is replaced as other text that is none is. */
static void write_until_nul(struct buffer *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0') {
            buffer_text(out, "\xef\xbf\xbd");
        } else {
            buffer_byte(out, text[i]);
        }
    }
}

static void write_text(struct buffer *out, enum row_escape escape, const json_t *answer)
{
    struct buffer text = {0};

    if (answer == NULL) {
        if (escape != ROW_PLAIN) {
            buffer_text(out, "\\N");
            buffer_byte(out, escape == ROW_NUL ? '\0' : '\n');
        }
        return;
    }
    row_value(&text, answer);
    switch (escape) {
    case ROW_PLAIN:
        buffer_append(out, text.bytes, text.length);
        if (text.length == 0 || text.bytes[text.length - 1] != '\n') {
            buffer_byte(out, '\n');
        }
        break;
    case ROW_COPY:
        row_escape_copy(out, text.bytes, text.length);
        buffer_byte(out, '\n');
        break;
    case ROW_NUL:
        write_until_nul(out, text.bytes, text.length);
        buffer_byte(out, '\0');
        break;
    }
    buffer_free(&text);
}

void row_write(struct buffer *out, struct row_sheet *sheet, const struct row *row)
{
    switch (sheet->style.format) {
    case ROW_TEXT:
        write_text(out, sheet->style.escape, row->answer);
        break;
    case ROW_RECORD:
        write_record(out, row);
        break;
    case ROW_JSONL:
        write_object(out, sheet, row);
        buffer_byte(out, '\n');
        break;
    case ROW_JSON:
        buffer_text(out, sheet->rows == 0 ? "[\n" : ",\n");
        write_object(out, sheet, row);
        break;
    case ROW_CSV:
    case ROW_TSV:
        if (sheet->rows == 0) {
            sheet->columns =
                row->columns != NULL ? json_deep_copy(row->columns) : json_object();
            write_header(out, sheet);
        }
        write_fields(out, sheet, row);
        break;
    }
    sheet->rows++;
}

void row_end(struct buffer *out, struct row_sheet *sheet)
{
    if (sheet->style.format == ROW_JSON) {
        buffer_text(out, sheet->rows == 0 ? "[]\n" : "\n]\n");
    }
}
