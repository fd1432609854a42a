/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nearest: the known word that an unknown one was probably meant to be. */
#include "base/nearest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"

/* Costs are counted in halves, because letter case counts half. */
enum { COST_CASE = 1, COST_EDIT = 2 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t substitution(char a, char b)
{
    if (a == b) {
        return 0;
    }
    return strncasecmp(&a, &b, 1) == 0 ? COST_CASE : COST_EDIT;
}

/* Edit distance with swaps of neighbours (optimal string alignment), in halves. Three rows of the
 * matrix are enough: a swap looks two rows back. */
static size_t distance(const char *a, const char *b)
{
    size_t width = strlen(b) + 1;
    size_t *rows = xcalloc(3 * width, sizeof *rows);
    size_t *before = rows;
    size_t *above = rows + width;
    size_t *row = rows + 2 * width;
    for (size_t j = 0; j < width; j++) {
        row[j] = j * COST_EDIT;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
        row[0] = i * COST_EDIT;
        for (size_t j = 1; j < width; j++) {
            size_t cost = above[j - 1] + substitution(a[i - 1], b[j - 1]);
            cost = least(cost, least(above[j], row[j - 1]) + COST_EDIT);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost = least(cost, before[j - 2] + COST_EDIT);
            }
            row[j] = cost;
        }
    }
    size_t result = row[width - 1];
    free(rows);
    return result;
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    size_t best = length; /* half of the length, in halves */
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(words[i]);
        size_t apart = length > other ? length - other : other - length;
        /* Without this, a word of megabytes would be compared with every known one. */
        if (apart * COST_EDIT >= best) {
            continue;
        }
        size_t found = distance(word, words[i]);
        if (found < best) {
            best = found;
            nearest = words[i];
        }
    }
    return nearest;
}
