/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table: rows of cells, printed under each other in columns.
 *
 * Floor: client.
 */
#ifndef CLIENT_TABLE_H
#define CLIENT_TABLE_H

#include <stddef.h>

#include "client/screen.h"

/* A table being made; zeroed is not enough, table_start sets its columns. */
struct table {
    size_t columns;
    char **cells; /* of all rows, one after the other */
    size_t count;
    size_t capacity;
};

/* Begins a table with its headings: as many as it has columns, NULL last. */
struct table table_start(const char *const *headings);

/* Adds the next cell, row by row; a formatted text. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Number of whole rows below the headings. */
size_t table_rows(const struct table *table);

/* Prints it, each row behind indent columns: numbers to the right, all else to the left; the last
 * column takes what room is left. Nothing when it has no rows. Then frees it. */
void table_end(struct table *table, const struct screen *screen, int indent);

#endif
