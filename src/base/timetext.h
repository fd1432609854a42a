/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timetext: times and durations as text: RFC 3339 times, durations such as 90s, 10m, 2h, 90d.
 *
 * Floor: base. Knows no clock.
 */
#ifndef BASE_TIMETEXT_H
#define BASE_TIMETEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum { TIMETEXT_SIZE = 40 };

/* Reads an RFC 3339 time: date, T or space, time with optional fraction (kept to milliseconds),
 * then Z or an offset; years 1970 to 9999; a leap second counts as the second after. Returns 0, or
 * -EINVAL and leaves *time alone. */
int timetext_read(const char *text, struct wall *time);

/* Writes it as 2026-12-01T03:00:00.000Z (always UTC, always milliseconds) into out. */
void timetext_write(struct wall time, char out[TIMETEXT_SIZE]);

/* Writes local time for a person: 12:00:03 when it is the same local day as now, else
 * 2026-12-01 12:00:03. */
void timetext_write_local(struct wall time, struct wall now, char out[TIMETEXT_SIZE]);

/* Reads a duration: a decimal number and one of ms, s, m, h, d, w; "0" needs no unit; several such
 * pairs may follow each other (1h30m). Returns 0, or -EINVAL for anything else, negative or above
 * 100 years, leaving *ms alone. */
int timetext_read_duration(const char *text, int64_t *ms);

/* Writes a duration for a person in at most two units: 850ms, 12.3s, 4m 10s, 3h 5m, 2d 4h. */
void timetext_write_duration(int64_t ms, char out[TIMETEXT_SIZE]);

#endif
