/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zone_rule: the rule by which a zone's clocks are changed each year: what POSIX says of TZ
 * (IEEE Std 1003.1, 8.3), with the extensions of RFC 9636, 3.3.1.
 *
 * Floor: base. Beneath zone, which uses it for the years after the last change that a file lists.
 */
#ifndef BASE_ZONE_RULE_H
#define BASE_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* A day of each year. */
struct zone_change {
    char kind; /* 'M': weekday of week of month; 'J': 1 to 365 without 29 February; '0': 0 to 365 */
    int month, week, weekday; /* of 'M': week 5 is the last, weekday 0 Sunday */
    int day;                  /* of the others */
    int32_t seconds;          /* local time, from midnight; may be beyond the day */
};

/* Plain data. Offsets are seconds east of UTC. */
struct zone_rule {
    int32_t standard;
    int32_t summer;
    bool changes; /* there is summer time */
    struct zone_change to_summer, to_standard;
};

/* Reads "CET-1CEST,M3.5.0,M10.5.0/3"; false when it is none. */
bool zone_rule_read(const char *text, struct zone_rule *rule);

/* The offset at a moment, seconds since 1970. */
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t seconds);

#endif
