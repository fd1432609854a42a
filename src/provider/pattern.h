/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern: regular expressions of JSON Schema (ECMA-262), as far as POSIX's can say the same.
 *
 * Floor: provider. Beneath schema. A pattern is rewritten as an extended regular expression for
 * regcomp(3). That can be done with literals, classes, \d \w \s and their opposites, groups,
 * alternatives, anchors and all quantifiers; it cannot with assertions (\b, (?=…)),
 * back-references, named groups, \u, \x, \p and, in the GNU C library, ranges beyond ASCII.
 */
#ifndef PROVIDER_PATTERN_H
#define PROVIDER_PATTERN_H

#include <stddef.h>

#include "base/buffer.h"

enum pattern_match { PATTERN_UNMATCHED, PATTERN_UNKNOWN, PATTERN_MATCHED };

/* Whether pattern is found in text (both UTF-8). PATTERN_UNKNOWN when the pattern is wrong, is
 * beyond POSIX, or would cost more than *work, from which the cost is taken. */
enum pattern_match pattern_search(const char *pattern, const char *text, size_t *work);

/* Appends the extended regular expression. Returns how many states it has once its repetitions are
 * written out, or 0 when the pattern cannot be rewritten. */
size_t pattern_translate(const char *pattern, struct buffer *out);

#endif
