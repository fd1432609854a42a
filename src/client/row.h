/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * row: one answer in a format: text, JSON, CSV, TSV, with the columns of its input before it.
 *
 * Floor: client. Pure: appends to a buffer. What is kept of the input comes first, then the columns
 * sample (where there are several), answer, status, error and id; an input column of such a name
 * makes that one llmspool_answer and so on.
 */
#ifndef CLIENT_ROW_H
#define CLIENT_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "spool/layout.h"

enum row_format {
    ROW_TEXT,   /* the answer alone */
    ROW_JSON,   /* one array of objects */
    ROW_JSONL,  /* an object a line */
    ROW_CSV,    /* RFC 4180, but lines end with LF; a header */
    ROW_TSV,    /* PostgreSQL's COPY text; a header */
    ROW_RECORD, /* the whole record of the spool, a line of JSON */
};

/* How a text is told apart from the next. */
enum row_escape {
    ROW_PLAIN, /* as it is, ended by a newline; nothing for a failure */
    ROW_COPY,  /* one line: \\ \r \n \t as in PostgreSQL's COPY; \N for a failure */
    ROW_NUL,   /* as it is, ended by NUL; \N for a failure */
};

struct row_style {
    enum row_format format;
    enum row_escape escape;
    bool samples; /* there is a column sample */
};

/* One answer, or why there is none; all borrowed. */
struct row {
    uint64_t position;     /* from 0 */
    uint64_t sample;       /* from 1; 0: the only one */
    const struct id *id;   /* NULL: the input was no job */
    const json_t *columns; /* of the input, or NULL */
    const char *status;    /* completed, failed, … */
    const json_t *answer;  /* NULL: there is none */
    const char *message;   /* why; NULL: it completed */
    const json_t *record;  /* for ROW_RECORD; NULL: id and status stand in for it */
};

/* What the rows of one output share. Plain data, zeroed at first; freed by row_sheet_free. */
struct row_sheet {
    struct row_style style;
    json_t *columns; /* the names of the first row's columns: those of all */
    uint64_t rows;
};

/* Reads the name of a format (text, json, jsonl, csv, tsv). Returns 0, or -1 with an error. */
int row_format_read(const char *text, enum row_format *format, struct error *error);

/* Appends a row, with what comes before the first one. Columns that the first row has not are left
 * out of CSV and TSV; those that a row has not are empty. */
void row_write(struct buffer *out, struct row_sheet *sheet, const struct row *row);

/* Appends what comes behind the last row, and where there was none before it. */
void row_end(struct buffer *out, struct row_sheet *sheet);

/* Appends text as PostgreSQL's COPY writes it: \\ \r \n \t, so that it is one field of one line. */
void row_escape_copy(struct buffer *out, const char *text, size_t length);

/* Appends what a value is as text: a text as it is, anything else as compact JSON. */
void row_value(struct buffer *out, const json_t *value);

void row_sheet_free(struct row_sheet *sheet);

#endif
