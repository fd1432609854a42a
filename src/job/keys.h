/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keys: every key that a job may have at its top level, in one table: whether it decides the
 * answer, how its value is checked, and where it goes in struct job.
 *
 * Floor: job. Used by job alone. The keys are specified in llmspool-spool(5).
 */
#ifndef JOB_KEYS_H
#define JOB_KEYS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "job/job.h"
#include "job/refusal.h"

struct key {
    const char *name;
    bool identity; /* it decides the answer */

    /* Checks value and notes in job what it says, texts borrowed. Returns 0, or -1 with
     * *refusal. */
    int (*take)(const struct key *key, const json_t *value, struct job *job,
                struct refusal *refusal);
    size_t field; /* offset in struct job of what the generic takes fill; the others ignore it */
};

/* All keys, in the order of RFC 8785 (they are ASCII, so it is strcmp's). */
const struct key *key_table(size_t *count);

/* The key of that name, or NULL. */
const struct key *key_find(const char *name);

/* Refuses name, which is no key, and says which one was probably meant. Returns -1. */
int key_refuse_unknown(const char *name, struct refusal *refusal);

#endif
