/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nearest: the known word that an unknown one was probably meant to be.
 *
 * Floor: base.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* The element of words (count of them) with the smallest edit distance to word (insertions,
 * deletions, substitutions and swaps of neighbours; letter case counts half), or NULL when none is
 * closer than half of word's length. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
