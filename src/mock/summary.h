/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * summary: the most central sentences of a text, by the frequency of their words.
 *
 * Floor: mock.
 */
#ifndef MOCK_SUMMARY_H
#define MOCK_SUMMARY_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends at most count sentences of text, in their order; 0: about a quarter of them, up to
 * three. */
void summary_write(const char *text, size_t count, struct buffer *out);

#endif
