/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: what an order would do: which jobs and gates are meant, and what becomes of each.
 *
 * Floor: client. Reads the spool only; control.c carries a plan out.
 */
#ifndef CLIENT_PLAN_H
#define CLIENT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "client/tally.h"
#include "client/verb.h"
#include "job/selection.h"
#include "spool/spool.h"

/* A job that is meant. */
struct target {
    struct id id;
    const char *state; /* now; NULL: the spool does not have it */
    struct ruling ruling;
    unsigned version; /* of a rerun: the version that will come; else 0 */
};

/* Plain data. */
struct plan {
    const struct spool *spool;
    const struct verb *verb;
    const struct selection *selection; /* what the options say; it may say nothing */
    struct target *targets;
    size_t target_count;
    size_t target_capacity;
    char **gates;
    size_t gate_count;
    bool all;           /* ALL was said */
    bool named;         /* jobs or gates were */
    struct tally tally; /* with all: what there is */
};

/* Begins without targets. The selection must outlive the plan; its run is looked up already
 * (members_select). */
struct plan plan_start(const struct spool *spool, const struct verb *verb,
                       const struct selection *selection);
void plan_free(struct plan *plan);

/* Adds what a word means: a job, a run where no job has that name, ALL, or for some verbs a gate. Returns 0, or -1 with an error. */
int plan_add(struct plan *plan, const char *word, struct error *error);

/* Sees how each job stands and what becomes of it. Where the selection says something, of the named
 * jobs those that it selects are left, and where none was named all become targets that it selects
 * and the verb is for. For hold and rerun ALL becomes the jobs that are there. Returns 0, or -1
 * with an error. */
int plan_judge(struct plan *plan, struct error *error);

/* Whether it is left to the daemon to find the jobs that ALL means. */
bool plan_leaves_all(const struct plan *plan);

#endif
