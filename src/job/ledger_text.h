/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_text: the lines of state/money.
 *
 * Floor: job. Beneath ledger, which alone uses it; struct ledger is open between the two.
 */
#ifndef JOB_LEDGER_TEXT_H
#define JOB_LEDGER_TEXT_H

#include "base/xalloc.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

#include "job/ledger.h"

/* The texts of a key lie packed behind the struct. */
struct ledger_sum {
    struct spend_key key;
    struct spend spend;
    UT_hash_handle hh;
    char packed[];
};

struct ledger_open {
    struct reservation reservation;
    UT_hash_handle hh; /* by its number */
    char packed[];
};

struct ledger_limit {
    int64_t nano; /* -1: none any more */
    UT_hash_handle hh;
    char run[];
};

struct ledger {
    char *currency;
    char *time_zone; /* or NULL */
    uint64_t next;   /* number of the next reservation */
    size_t damaged;  /* lines passed over */
    struct ledger_sum *sums;
    struct ledger_open *opens;
    struct ledger_limit *limits;
};

/* The sum of a key, made where there is none. */
struct spend *ledger_sum(struct ledger *ledger, const struct spend_key *key);

/* Notes a reservation, a settlement, a limit; writes nothing. */
const struct reservation *ledger_add_open(struct ledger *ledger, uint64_t number,
                                          const struct spend_key *key, int64_t nano);
void ledger_apply(struct ledger *ledger, uint64_t number, const struct settlement *settlement);
void ledger_set_limit(struct ledger *ledger, const char *run, int64_t nano);

/* Each appends one line. kind is "reserve", or "open" in a snapshot. */
void ledger_text_open(struct buffer *out, const char *kind, const struct reservation *reservation);
void ledger_text_settle(struct buffer *out, uint64_t number, const struct settlement *settlement);
void ledger_text_limit(struct buffer *out, const char *run, int64_t nano);

#endif
