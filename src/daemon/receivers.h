/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * receivers: which debt may be tried now, so that a slow or dead receiver harms no other.
 *
 * Floor: daemon. Pure: times come in as arguments (wall ms), nothing is sent. A receiver is an origin
 * (scheme, host and port) or whatever else its key says. Of each only so many tries are in flight as
 * it has shown to answer quickly, and of all together only so many; receivers take turns. One that
 * failed several times in a row is left alone for a while, then tried with one debt. Debts are bounded
 * in number: who has most gives way to who has few, and how many had to is remembered of each.
 */
#ifndef DAEMON_RECEIVERS_H
#define DAEMON_RECEIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "base/heap.h"
#include "daemon/schedule.h"
#include "spool/layout.h"

enum debt_phase {
    DEBT_WAITING,   /* for its time, or its receiver */
    DEBT_IN_FLIGHT, /* being tried */
    DEBT_SETTLING,  /* what became of it is being written */
};

/* A debt in memory. */
struct debt {
    struct id hash; /* its file's name */
    struct id job;  /* zeros: it is no job's */
    struct receiver *receiver;
    enum debt_phase phase;
    unsigned attempts; /* failed */
    int64_t next_try;  /* wall ms */
    int64_t made;      /* wall ms */
    int64_t since;     /* wall ms: made, or brought back by an order: from then on it counts as waiting */
    bool again;        /* its connection was lost before a word came: it may have a second one */
    bool at_once;      /* asked for while it was settling: it is due when that is over */
    size_t place;      /* in the heap of its receiver */
    UT_hash_handle hh; /* by hash */
};

/* Read it, change it through calls alone. */
struct receiver {
    struct receivers *all;
    char *key;
    struct heap waiting; /* debts, by when they are due */
    size_t count;        /* debts, in any phase */
    unsigned in_flight;
    unsigned window;   /* tries in flight at most */
    unsigned failures; /* in a row, that say it is unwell */
    int64_t closed_until;
    size_t left_out;  /* debts of it that are in the folder alone */
    bool free;        /* it bounds itself: it has a share of the places in place of a window */
    char last[800];   /* why it failed the last time, or "" */
    int64_t served;   /* when something of it was tried last: by this receivers that are due take turns */
    int64_t at;       /* when something of it may be tried, by this its place in the heap of all */
    uint64_t turn;    /* among those of one ms, who was served longest ago */
    size_t place;
    UT_hash_handle hh; /* by key */
};

struct receivers {
    struct receiver *by_key;
    struct debt *by_hash;
    struct heap heap; /* those of which something waits and may be tried, now or later */
    size_t count;     /* debts */
    size_t most;      /* of them */
    size_t left_out;  /* known of, but in the folder alone */
    unsigned in_flight; /* but of receivers that are free */
    unsigned in_flight_most;
    unsigned window_most; /* to one receiver */
    unsigned free_count;  /* receivers that are free */
    uint64_t turns;
    const struct schedule *schedule; /* borrowed */
};

enum {
    WINDOW_FIRST = 4,
    QUICK_MS = 2000,   /* who answers later is not given more at a time */
    CLOSE_AFTER = 3,   /* failures in a row */
    RECEIVERS_KEPT = 1000, /* more than so many are forgotten when nothing is owed to them */
};

void receivers_init(struct receivers *receivers, size_t most, unsigned in_flight_most,
                    const struct schedule *schedule);

/* How many tries to one receiver may be in flight. */
void receivers_set_window(struct receivers *receivers, unsigned most);

/* Frees all debts and receivers. */
void receivers_clear(struct receivers *receivers);

/* The debt of a hash, or NULL. */
struct debt *receivers_find(const struct receivers *receivers, const struct id *hash);

/* Adds a debt, whose hash is not there, to what is owed to a receiver: a copy of *debt is made.
 * NULL when there is no room: it is counted as left out. */
struct debt *receivers_add(struct receivers *receivers, const struct debt *debt, const char *key);

/* The receiver of a key bounds itself: it has no window, and its tries do not count in in_flight. All such
 * ones together have at most half of the places in flight, an equal part each: who is in flight gives way
 * to nobody. */
void receivers_set_free(struct receivers *receivers, const char *key);

/* Forgets a debt: paid, given up, or gone. */
void receivers_remove(struct debt *debt);

/* A waiting debt is another receiver's. */
void receivers_move(struct debt *debt, const char *key);

/* The debt to be tried now, which is in flight from then on; NULL: none may be. */
struct debt *receivers_take(struct receivers *receivers, int64_t now);

/* In how many ms receivers_take will find one by time alone; -1: not before one in flight has ended. */
int64_t receivers_wake_ms(const struct receivers *receivers, int64_t now);

/* How a try in flight ended; the debt is settling from then on: paid, after so many ms; or failed, at
 * now, where unwell says that it was not this debt's fault alone, and rest_ms for how long (0: it did
 * not say) the receiver asked to be left alone. */
void receivers_paid(struct debt *debt, int64_t took_ms);
void receivers_failed(struct debt *debt, int64_t now, bool unwell, int64_t rest_ms,
                      const char *words);

/* A debt is settling from then on, which tells nothing of its receiver. */
void receivers_settle(struct debt *debt);

/* Whether a receiver has failed so often that it is left alone between tries. */
bool receivers_unwell(const struct receiver *receiver);

/* A debt that was settled waits again, or one that waits has another time. */
void receivers_wait(struct debt *debt, int64_t next_try);

/* A debt is due now, or as soon as it is settled, where it is not being tried. */
void receivers_hurry(struct debt *debt, int64_t now);

/* Opens the gate of a receiver, and all. */
void receivers_open_gate(struct receiver *receiver);
void receivers_open_gates(struct receivers *receivers);

/* The clock was set: times are moved along. */
void receivers_clock_moved(struct receivers *receivers, int64_t moved_ms);

/* Debts that are being tried, or are due for the first time and may be: their receiver's gate is
 * open. */
size_t receivers_due(const struct receivers *receivers, int64_t now);

/* Whether looking for more debts pays: some are left out, and there is room for them or somebody gives
 * way. */
bool receivers_hungry(const struct receivers *receivers);

/* Before a look at all debts: what is left out will be counted again. */
void receivers_count_anew(struct receivers *receivers);

#endif
