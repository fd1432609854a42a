/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base64: bytes as text (RFC 4648, section 4), written and read back.
 *
 * Floor: base.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Appends the bytes as text, with padding, in one line. */
void base64_encode(const void *bytes, size_t length, struct buffer *out);

/* Appends the bytes that text stands for. The padding may be missing. Returns false when anything
 * else than the alphabet and its padding is in it, or when its end is no end; out may then have
 * grown. */
bool base64_decode(const char *text, size_t length, struct buffer *out);

#endif
