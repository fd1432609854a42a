/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control: carrying out a plan: switches and orders in ctl/.
 *
 * Floor: client.
 */
#ifndef CLIENT_CONTROL_H
#define CLIENT_CONTROL_H

#include <stdbool.h>

#include "base/error.h"
#include "client/plan.h"
#include "spool/spool.h"

/* A switch of the whole spool that a verb turns. resume turns two. */
struct control_switch {
    const char *name; /* in ctl/ */
    bool on;
    const char *changed;   /* what to say when it was turned */
    const char *unchanged; /* or was so already */
};

enum { CONTROL_SWITCHES = 2 };

/* The switches of a verb that is not for jobs; returns how many. */
size_t control_switches(enum verb_kind kind, struct control_switch switches[CONTROL_SWITCHES]);

/* Whether the switch ctl/NAME is on, or a person holds a job. */
bool control_on(const struct spool *spool, const char *name);
bool control_held(const struct spool *spool, const struct id *id);

/* Carries out a judged plan, durably. Returns 1 when the daemon has something to obey, 0 when all
 * is as the plan wants it already, -1 with an error. */
int control_do(const struct plan *plan, struct error *error);

#endif
