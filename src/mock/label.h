/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * label: a text's class among those that an instruction lists.
 *
 * Floor: mock.
 */
#ifndef MOCK_LABEL_H
#define MOCK_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum { LABEL_MAX = 32 };

/* Labels, borrowed from the text that lists them. */
struct label_list {
    struct {
        const char *text;
        size_t length;
    } labels[LABEL_MAX];
    size_t count;
    const char *end; /* where the list in the instruction ends */
};

/* Finds the labels in an instruction such as "Classify as positive, negative or neutral: …".
 * Returns whether there are two at least. */
bool label_find(const char *instruction, struct label_list *list);

/* The position of the label that fits text best: one that it mentions, else by common words of
 * praise, blame and the like, else one called neutral, other, none or unknown, else the first. */
size_t label_choose(const struct label_list *list, const char *text);

#endif
