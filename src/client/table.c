/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table: see table.h.
 */
#include "client/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { GAP = 2, CELL_LIMIT = 1024, WIDEST = 40 /* of all but the last, where lines are cut */ };

static void add(struct table *table, char *cell)
{
    if (table->count == table->capacity) {
        table->capacity = 2 * table->capacity + 32;
        table->cells = xrealloc(table->cells, table->capacity * sizeof *table->cells);
    }
    table->cells[table->count++] = cell;
}

struct table table_start(const char *const *headings)
{
    struct table table = {0};

    while (headings[table.columns] != NULL) {
        add(&table, xstrdup(headings[table.columns++]));
    }
    return table;
}

void table_cell(struct table *table, const char *format, ...)
{
    char text[CELL_LIMIT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(table, xstrdup(text));
}

size_t table_rows(const struct table *table)
{
    return table->count / table->columns - 1;
}

/* How a column is set. */
struct layout {
    int width;
    bool right;
};

static bool is_number(const char *cell)
{
    return strspn(cell, "0123456789.-") == strlen(cell);
}

static struct layout column_layout(const struct table *table, const struct screen *screen,
                                   size_t column)
{
    struct layout layout = {.width = 0, .right = true};

    for (size_t i = column; i < table->count; i += table->columns) {
        int width = screen_columns(table->cells[i]);

        layout.width = width > layout.width ? width : layout.width;
        layout.right = layout.right && (i == column || is_number(table->cells[i]));
    }
    if (layout.width > WIDEST && screen->width < SCREEN_UNBOUND) {
        layout.width = WIDEST;
    }
    return layout;
}

static void pad(struct buffer *line, int columns)
{
    for (; columns > 0; columns--) {
        buffer_byte(line, ' ');
    }
}

static void put_cell(struct buffer *line, const char *cell, struct layout layout)
{
    int free_columns = layout.width - screen_columns(cell);

    if (layout.right) {
        pad(line, free_columns);
    }
    screen_fit(line, cell, layout.width);
    if (!layout.right) {
        pad(line, free_columns);
    }
}

static void put_row(const struct table *table, const struct layout *layouts,
                    const struct screen *screen, size_t row, int indent)
{
    size_t last = table->columns - 1;
    struct buffer line = {0};
    int used = indent;

    pad(&line, indent);
    for (size_t column = 0; column < last; column++) {
        put_cell(&line, table->cells[row * table->columns + column], layouts[column]);
        pad(&line, GAP);
        used += layouts[column].width + GAP;
    }
    if (used < screen->width) {
        screen_fit(&line, table->cells[row * table->columns + last], screen->width - used);
    }
    while (line.length > 0 && line.bytes[line.length - 1] == ' ') {
        line.bytes[--line.length] = '\0';
    }
    screen_line(screen, row == 0 ? TONE_FAINT : TONE_PLAIN, "%s",
                line.bytes != NULL ? line.bytes : "");
    buffer_free(&line);
}

void table_end(struct table *table, const struct screen *screen, int indent)
{
    size_t rows = table_rows(table);
    struct layout *layouts = xcalloc(table->columns, sizeof *layouts);

    assert(table->count % table->columns == 0);
    for (size_t column = 0; column < table->columns; column++) {
        layouts[column] = column_layout(table, screen, column);
    }
    for (size_t row = 0; rows > 0 && row <= rows; row++) {
        put_row(table, layouts, screen, row, indent);
    }
    free(layouts);
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct table){0};
}
