/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tempo: how many requests a second each caller may make: GCRA, one time for each.
 *
 * Floor: httpd. Bounded: it remembers so many callers; the one that was quiet longest is forgotten
 * for a new one.
 */
#ifndef HTTPD_TEMPO_H
#define HTTPD_TEMPO_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum { TEMPO_KEY = 32, TEMPO_CALLERS = 16384 };

struct tempo;

/* rate requests a second, above 0, and burst of them at once. */
struct tempo *tempo_open(int64_t rate, int64_t burst, const struct clock *clock);

/* A request of a caller; key is at most TEMPO_KEY bytes. Returns 0 when it may be served, else how
 * long to wait until one may, in milliseconds; a refused request costs nothing. */
int64_t tempo_take(struct tempo *tempo, const void *key, size_t length);

/* NULL is allowed. */
void tempo_close(struct tempo *tempo);

#endif
