/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diff: which lines two texts have in common, and which one of them alone.
 *
 * Floor: base. The shortest list of changes, by E. W. Myers, "An O(ND) Difference Algorithm and Its
 * Variations" (1986); between texts with more than DIFF_LIMIT changes all that is not common at their
 * beginning and end counts as changed.
 */
#ifndef BASE_DIFF_H
#define BASE_DIFF_H

#include <stddef.h>

enum { DIFF_LIMIT = 2000 };

/* A line of one text or both. */
struct diff_line {
    char sign;        /* ' ' in both, '-' in the old one alone, '+' in the new one alone */
    const char *text; /* borrowed from the texts, with its newline where it has one */
    size_t length;
    size_t old_number; /* of the line in the old text, from 1; of a '+' that of the line before it */
    size_t new_number; /* in the new text, likewise */
};

/* All lines of both texts in order, what goes before what comes; the caller frees them. A last line
 * without its newline is another line than one with it. */
struct diff_line *diff_lines(const char *old_text, size_t old_length, const char *new_text,
                             size_t new_length, size_t *count);

#endif
