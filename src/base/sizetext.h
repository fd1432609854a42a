/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sizetext: sizes in bytes as text: 500KiB, 64MiB, 2GiB.
 *
 * Floor: base.
 */
#ifndef BASE_SIZETEXT_H
#define BASE_SIZETEXT_H

#include <stdint.h>

enum { SIZETEXT_SIZE = 32 };

/* Reads digits and, behind them, nothing, KiB, MiB, GiB or TiB. Returns 0, or -EINVAL for anything
 * else or a size beyond 64 bits. */
int sizetext_read(const char *text, uint64_t *bytes);

/* Writes it with the greatest unit that divides it. */
void sizetext_write(uint64_t bytes, char out[SIZETEXT_SIZE]);

#endif
