/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utf8: where valid UTF-8 (RFC 3629) ends.
 *
 * Floor: base.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that text begins with: 1 to 4; 0 when the first bytes are no valid
 * sequence (stray or missing continuation, overlong, surrogate, above U+10FFFF) or length is 0. */
size_t utf8_sequence(const char *text, size_t length);

/* Whether all of text is valid. */
bool utf8_valid(const char *text, size_t length);

#endif
