/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diff: which lines two texts have in common. */
#include "base/diff.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct text {
    struct diff_line *lines;
    size_t count;
};

static struct text split(const char *text, size_t length)
{
    struct text split = {.lines = xmalloc(sizeof *split.lines)};
    size_t room = 1;

    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t size = end != NULL ? (size_t)(end - text) + 1 : length;

        if (split.count == room) {
            room *= 2;
            split.lines = xrealloc(split.lines, room * sizeof *split.lines);
        }
        split.lines[split.count++] = (struct diff_line){.text = text, .length = size};
        text += size;
        length -= size;
    }
    return split;
}

static bool same(const struct diff_line *a, const struct diff_line *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* What lies between the common beginning and end of two texts, and how far each diagonal x - y = k of
 * their grid is reached with d changes: at rows[d][d + k]. */
struct grid {
    const struct diff_line *old_lines;
    const struct diff_line *new_lines;
    int old_count;
    int new_count;
    int *rows[DIFF_LIMIT + 1];
};

/* The diagonal from which k is reached with the d-th change: above it (a line comes), or left of it (a
 * line goes). */
static int diagonal_before(const struct grid *grid, int d, int k)
{
    const int *before = grid->rows[d - 1] + (d - 1);

    return k == -d || (k != d && before[k - 1] < before[k + 1]) ? k + 1 : k - 1;
}

/* Goes along lines that are the same. */
static int slide(const struct grid *grid, int x, int k)
{
    while (x < grid->old_count && x - k < grid->new_count &&
           same(&grid->old_lines[x], &grid->new_lines[x - k])) {
        x++;
    }
    return x;
}

/* Fills the row of d changes. Returns whether the end is reached. */
static bool fill_row(struct grid *grid, int d)
{
    int *row = xcalloc(2 * (size_t)d + 1, sizeof *row);

    grid->rows[d] = row;
    row += d;
    for (int k = -d; k <= d; k += 2) {
        int x = 0;

        if (d > 0) {
            int from = diagonal_before(grid, d, k);

            x = grid->rows[d - 1][d - 1 + from] + (from < k);
        }
        row[k] = slide(grid, x, k);
        if (row[k] >= grid->old_count && row[k] - k >= grid->new_count) {
            return true;
        }
    }
    return false;
}

/* Writes the signs of the way to the end, of d changes, from its end to its beginning. Returns where
 * they begin in signs, which has room for all lines of both. */
static char *trace_back(const struct grid *grid, int d, char *end)
{
    int x = grid->old_count, y = grid->new_count;

    for (; d > 0; d--) {
        int from = diagonal_before(grid, d, x - y);
        int start = grid->rows[d - 1][d - 1 + from] + (from < x - y); /* of the slide */

        for (; x > start; x--, y--) {
            *--end = ' ';
        }
        *--end = from < x - y ? '-' : '+';
        x -= from < x - y;
        y = x - from;
    }
    for (; x > 0; x--) {
        *--end = ' ';
    }
    return end;
}

/* The signs of the lines of a grid, as text; all changed where there are too many changes. */
static void find_signs(struct grid *grid, char *signs)
{
    size_t size = (size_t)grid->old_count + (size_t)grid->new_count;
    char *start;
    int d = 0;
    bool reached = fill_row(grid, 0);

    while (!reached && d < DIFF_LIMIT) {
        reached = fill_row(grid, ++d);
    }
    if (reached) {
        start = trace_back(grid, d, signs + size);
        memmove(signs, start, (size_t)(signs + size - start));
        signs[signs + size - start] = '\0';
    } else {
        memset(signs, '-', (size_t)grid->old_count);
        memset(signs + grid->old_count, '+', (size_t)grid->new_count);
        signs[size] = '\0';
    }
    for (int i = 0; i <= d; i++) {
        free(grid->rows[i]);
    }
}

/* Gives lines their signs, from *x and *y on. */
static void put(struct diff_line *out, size_t *count, const struct text *old, const struct text *new,
                size_t *x, size_t *y, char sign)
{
    struct diff_line *line = &out[(*count)++];

    *line = sign == '+' ? new->lines[*y] : old->lines[*x];
    *x += sign != '+';
    *y += sign != '-';
    line->sign = sign;
    line->old_number = *x;
    line->new_number = *y;
}

struct diff_line *diff_lines(const char *old_text, size_t old_length, const char *new_text,
                             size_t new_length, size_t *count)
{
    struct text old = split(old_text, old_length), new = split(new_text, new_length);
    struct diff_line *out = xmalloc((old.count + new.count + 1) * sizeof *out);
    size_t shorter = old.count < new.count ? old.count : new.count;
    size_t head = 0, tail = 0, x = 0, y = 0;
    struct grid *grid = xcalloc(1, sizeof *grid);
    char *signs;

    while (head < shorter && same(&old.lines[head], &new.lines[head])) {
        head++;
    }
    while (tail < shorter - head &&
           same(&old.lines[old.count - 1 - tail], &new.lines[new.count - 1 - tail])) {
        tail++;
    }
    grid->old_lines = old.lines + head;
    grid->new_lines = new.lines + head;
    grid->old_count = (int)(old.count - head - tail);
    grid->new_count = (int)(new.count - head - tail);
    signs = xmalloc((size_t)grid->old_count + (size_t)grid->new_count + 1);
    find_signs(grid, signs);
    *count = 0;
    for (size_t i = 0; i < head; i++) {
        put(out, count, &old, &new, &x, &y, ' ');
    }
    for (const char *sign = signs; *sign != '\0'; sign++) {
        put(out, count, &old, &new, &x, &y, *sign);
    }
    for (size_t i = 0; i < tail; i++) {
        put(out, count, &old, &new, &x, &y, ' ');
    }
    free(signs);
    free(grid);
    free(old.lines);
    free(new.lines);
    return out;
}
