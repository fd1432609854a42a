/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * announce: telling what an order does, or would do.
 *
 * Floor: client. What is done goes to stdout, what cannot be done to stderr.
 */
#ifndef CLIENT_ANNOUNCE_H
#define CLIENT_ANNOUNCE_H

#include <stdbool.h>

#include "client/derive.h"
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

/* Tells of the new jobs made of a judged plan's, and of what became of the others of the plan. stdout
 * has the new IDs alone, one a line; whose places they take is said on stderr, or in JSON with each. */
void announce_derived(const struct announce *announce, const struct plan *plan,
                      const struct derivation *derivation);

#endif
