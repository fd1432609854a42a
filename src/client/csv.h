/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csv: rows of cells, read from text: RFC 4180, with a comma or any other byte between cells.
 *
 * Floor: client. Knows no file: it is given text and says how much of it is one row. Beyond the RFC,
 * rows may end in LF alone, and a quote inside a cell that does not begin with one is that quote.
 */
#ifndef CLIENT_CSV_H
#define CLIENT_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* One cell: its text in the row's bytes. */
struct csv_cell {
    size_t start, length;
};

/* The last row that was read. Plain data; a zeroed one is ready. */
struct csv_row {
    struct buffer bytes; /* of all cells, quotes undone */
    struct csv_cell *cells;
    size_t count;
    size_t capacity;
    uint64_t lines; /* ends of lines that the row has, its own included */
};

/* Reads the row that text begins with; ended says that nothing comes behind it. Returns how many bytes it
 * has, 0 when more must be read before it can be told, or -1 with an error: what stands behind a
 * closing quote, or a quote that is never closed. Text of length 0 has no row. */
ptrdiff_t csv_read(struct csv_row *row, const char *text, size_t length, char between, bool ended,
                   struct error *error);

/* The text of a cell, which is not terminated; borrowed until the next row. */
const char *csv_text(const struct csv_row *row, size_t cell);

/* Whether the row is an empty line. */
bool csv_blank(const struct csv_row *row);

/* Frees what it holds. */
void csv_free(struct csv_row *row);

#endif
