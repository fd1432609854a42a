/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * announce: telling what an order does, or would do.
 *
 * Floor: client. What is done goes to stdout, what cannot be done to stderr.
 */
#ifndef CLIENT_ANNOUNCE_H
#define CLIENT_ANNOUNCE_H

#include <stdbool.h>

#include "client/plan.h"

struct announce {
    const char *program; /* before what goes to stderr */
    bool dry_run;        /* nothing was done */
    bool quiet;          /* nothing on stdout */
    bool json;           /* a line of JSON for each line */
};

/* Tells of a judged plan for jobs and gates, or of the switches of one for the whole spool (call
 * this one before they are turned: it says what changes). */
void announce_plan(const struct announce *announce, const struct plan *plan);
void announce_switches(const struct announce *announce, const struct plan *plan);

#endif
