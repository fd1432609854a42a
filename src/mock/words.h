/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words: the words of a text, one after the other.
 *
 * Floor: mock.
 */
#ifndef MOCK_WORDS_H
#define MOCK_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct word {
    const char *text; /* within the text that is read */
    size_t length;
};

/* The next word at or after *at, which moves behind it: letters, digits, bytes of other alphabets,
 * and apostrophes within. Returns whether there was one before end. */
bool word_next(const char **at, const char *end, struct word *word);

/* Whether a word is `text`, whatever the case of its ASCII letters. */
bool word_is(const struct word *word, const char *text);

/* Whether a word begins with `stem`, in the same way. */
bool word_begins(const struct word *word, const char *stem);

#endif
