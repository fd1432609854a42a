/* SPDX-License-Identifier: GPL-2.0-or-later */
/* words: splitting and comparing. */
#include "mock/words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_letter(char byte)
{
    return isalnum((unsigned char)byte) || (unsigned char)byte >= 0x80;
}

bool word_next(const char **at, const char *end, struct word *word)
{
    const char *from = *at, *to;

    while (from < end && !is_letter(*from)) {
        from++;
    }
    to = from;
    while (to < end && (is_letter(*to) || (*to == '\'' && to + 1 < end && is_letter(to[1])))) {
        to++;
    }
    *word = (struct word){from, (size_t)(to - from)};
    *at = to;
    return word->length > 0;
}

bool word_is(const struct word *word, const char *text)
{
    return strlen(text) == word->length && strncasecmp(word->text, text, word->length) == 0;
}

bool word_begins(const struct word *word, const char *stem)
{
    size_t length = strlen(stem);

    return word->length >= length && strncasecmp(word->text, stem, length) == 0;
}
