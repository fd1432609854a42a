/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share: whose jobs are whose when it comes to taking turns: a user, else a run, else nobody in
 * particular; and how many requests of each are in flight.
 *
 * Floor: daemon. A share lives as long as the daemon; there are as many as there are users.
 */
#ifndef DAEMON_SHARE_H
#define DAEMON_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

struct backlog;

struct share {
    char *key;
    UT_hash_handle hh;
    bool is_user; /* its key is the name of one */
    size_t tasks; /* in cur/ */
    uint64_t completed; /* of today (shares_today) */
    uint64_t failed;    /* of today: ended in any other way */
    unsigned in_flight;
    unsigned max_in_flight; /* 0: any number */
    struct backlog *backlogs;     /* its ready tasks, lane by lane; linked by next_of_share */
};

struct shares;

struct shares *shares_open(void);
void shares_close(struct shares *shares);

/* The share of that name, made when it is new; an empty name is that of jobs nobody claims. */
struct share *shares_get(struct shares *shares, const char *key);

/* Today is this day: what shares counted of another one is gone. */
void shares_today(struct shares *shares, int32_t day);

/* The first share; others follow by hh.next. */
struct share *shares_first(const struct shares *shares);

/* Whether it has as many requests in flight as it may. */
bool share_is_full(const struct share *share);

#endif
