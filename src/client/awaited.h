/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * awaited: one job that is waited for: where it stands, found with a few look-ups by name.
 *
 * Floor: client. Used by wait, which owns the list of all that are waited for.
 */
#ifndef CLIENT_AWAITED_H
#define CLIENT_AWAITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/ask.h"
#include "spool/spool.h"

enum awaited_state {
    AWAITED_OPEN,       /* it goes on */
    AWAITED_COMPLETED,  /* its answer is there, and durable */
    AWAITED_FAILED,     /* it, or the run that was waited for, ended otherwise */
    AWAITED_NO_VERSION, /* the version that was asked for is not there, and nothing is making it */
    AWAITED_LOST,       /* it is in no folder, or was refused */
};

/* A file of new/ or ctl/ that must go before what done/ and failed/ say is the answer: a drop of the
 * job, an order to run it again. */
struct obligation {
    struct obligation *next;
    struct ask *ask;
};

/* Plain data; wait sets what is not said otherwise. */
struct awaited {
    struct id id;
    unsigned version; /* that was asked for; 0: any */
    unsigned run;     /* outputs from this one on are of the run that is waited for; 0: any will do.
                         Set when the job is seen in cur/, or by who dropped it */
    unsigned found;   /* the output that was judged; 0: the latest good one, or none */
    unsigned line;    /* of the list that asked for it; 0: it was no list */
    enum awaited_state state;
    bool archived;      /* found in the archive, and nowhere else */
    bool missing;       /* in no folder, when last looked at */
    bool forgotten;     /* wait frees it soon */
    uint64_t mark;      /* for whom it is waited for; wait leaves it alone */
    int64_t missing_at; /* mono ms of the first such look in a row */
    size_t kind;        /* for stall: which model and provider, 0: not known yet */
    struct obligation *obligations;
    struct ask *taken;    /* the last drop that is gone, or NULL */
    struct awaited *same; /* another version of the same job */
    UT_hash_handle hh;
};

/* Adds a file that must go first; one that is known already is not added again. */
void awaited_oblige(struct awaited *awaited, struct asks *asks, enum folder folder,
                    const char *name);

/* The drop of the job that was still in new/ when last looked at, or NULL. */
const struct ask *awaited_dropped(const struct awaited *awaited);

/* Looks where the job stands and sets state and found, or missing. */
void awaited_look(const struct spool *spool, struct asks *asks, struct awaited *awaited);

/* Frees what it holds, not itself. */
void awaited_clear(struct awaited *awaited, struct asks *asks);

#endif
