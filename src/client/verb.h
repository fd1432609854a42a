/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb: the orders that llmspool-ctl gives, and what each does to a job in each state.
 *
 * Floor: client. Rules only; control.c carries them out.
 */
#ifndef CLIENT_VERB_H
#define CLIENT_VERB_H

#include <stdbool.h>
#include <stddef.h>

enum verb_kind {
    VERB_PAUSE,
    VERB_RESUME,
    VERB_DRAIN,
    VERB_UNDRAIN,
    VERB_HOLD,
    VERB_RELEASE,
    VERB_CANCEL,
    VERB_RETRY,
    VERB_RERUN,
    VERB_FLUSH,
    VERB_REDELIVER,
};

/* One order. */
struct verb {
    const char *word;
    enum verb_kind kind;
    bool jobs;  /* it is for jobs, which must be named; else for the whole spool */
    bool gates; /* it is for gates, too */
};

/* The verb of a word, or NULL. */
const struct verb *verb_find(const char *word);

/* The nearest known word, or NULL. */
const char *verb_near(const char *word);

/* What an order does to a job. */
enum effect {
    EFFECT_ACT,    /* it is carried out */
    EFFECT_NONE,   /* it is as the order wants it already */
    EFFECT_CANNOT, /* the order can do nothing for a job in this state */
};

struct ruling {
    enum effect effect;
    const char *text; /* EFFECT_ACT: what will be done, behind "will be"; else why nothing is */
};

/* What verb (one that is for jobs) does to a job in a state, a word of locate_state or NULL for a
 * job that the spool does not have. */
struct ruling verb_ruling(const struct verb *verb, const char *state);

#endif
