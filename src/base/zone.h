/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zone: which local date a moment has in a time zone of the IANA database, and when a date begins.
 *
 * Floor: base. Reads the compiled zone itself (TZif, RFC 9636), because libc knows one zone a
 * process, and to change it behind the back of other threads is no option. A zone is read once and
 * never changes afterwards.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct zone;

/* Opens a zone by its name ("Europe/Berlin", "UTC"); NULL: the process's own local time (TZ, else
 * /etc/localtime). Looks in TZDIR when that is set, else in /usr/share/zoneinfo. NULL with an error
 * of kind ERROR_DATA for a name that is none, or a file that cannot be read. */
struct zone *zone_open(const char *name, struct error *error);

/* Frees it; NULL is allowed. */
void zone_free(struct zone *zone);

/* Seconds that local time is ahead of UTC (east is positive) at a moment. */
int32_t zone_offset(const struct zone *zone, struct wall moment);

/* The local date of a moment, as days since 1970-01-01 (see base/day.h). */
int32_t zone_day(const struct zone *zone, struct wall moment);

/* The first moment that has this local date, or a later one where the zone skipped the date. Right
 * also where clocks are changed at midnight. */
struct wall zone_day_start(const struct zone *zone, int32_t day);

#endif
