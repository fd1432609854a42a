/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger: what was spent: the format of state/money, in memory and as text.
 *
 * Floor: job. Touches no file. state/money is JSON Lines. First a snapshot: a header that says how
 * many lines belong to it, a `total` for each day, user, provider, model and run, `limit` and
 * `open` lines; it is written as a whole by replacing the file. Then lines that were appended:
 * `reserve` before a request is sent, `settle` after. A crash can only tear the last of these, and
 * a torn line is ignored. Amounts are nano (base/amount.h), days local dates of the header's time
 * zone.
 */
#ifndef JOB_LEDGER_H
#define JOB_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* Whose money and for what. Texts are borrowed; NULL and "" are the same: none. */
struct spend_key {
    int32_t day; /* days since 1970-01-01 */
    const char *user;
    const char *provider;
    const char *model;
    const char *run;
};

/* Sums over requests that may have been paid. */
struct spend {
    uint64_t requests;
    uint64_t unpriced;    /* of these: no price was known, and cost counts nothing for them */
    uint64_t doubts;      /* of these: whether they were paid is not known */
    int64_t input_tokens; /* cached ones are part of them */
    int64_t cached_tokens;
    int64_t output_tokens;
    int64_t cost_nano;  /* known to be paid */
    int64_t doubt_nano; /* charged for requests in doubt; not part of cost_nano */
};

/* Money set aside for a request that is, or may be, under way. */
struct reservation {
    uint64_t number;
    struct spend_key key; /* texts live as long as the reservation */
    int64_t nano;         /* -1: no price was known */
};

/* How a request ended. */
enum settle { SETTLE_PAID, SETTLE_RELEASED, SETTLE_DOUBT };

struct settlement {
    enum settle how;
    int64_t cost_nano; /* SETTLE_PAID; -1: no price is known, what was reserved is charged */
    int64_t input_tokens, cached_tokens, output_tokens; /* -1: not known */
};

struct ledger;

/* An empty one. time_zone NULL: the process's own. */
struct ledger *ledger_new(const char *currency, const char *time_zone);

/* Reads the text of state/money. NULL with an error of kind ERROR_DATA when its snapshot is not
 * whole: then what was spent is not known, and nobody may go on as if it were nothing. */
struct ledger *ledger_read(const char *text, size_t length, struct error *error);

/* Frees it; NULL is allowed. */
void ledger_free(struct ledger *ledger);

const char *ledger_currency(const struct ledger *ledger);
const char *ledger_zone(const struct ledger *ledger); /* or NULL */

/* From now on in this currency and zone; days that are there keep their dates. */
void ledger_rename(struct ledger *ledger, const char *currency, const char *time_zone);

/* Lines that ledger_read could not read and passed over, beside a torn last one: damage. */
size_t ledger_damaged(const struct ledger *ledger);

/* Appends the text of a snapshot that says all there is. */
void ledger_write(const struct ledger *ledger, struct buffer *out);

/* Sets money aside; appends the `reserve` line to out. Returns the reservation, owned by the ledger
 * until it is settled. */
const struct reservation *ledger_reserve(struct ledger *ledger, const struct spend_key *key,
                                         int64_t nano, struct buffer *out);

/* The open reservation of that number, or NULL. */
const struct reservation *ledger_open(const struct ledger *ledger, uint64_t number);

/* What a settlement charges for a reservation, 0 where nothing is. */
int64_t ledger_charge(const struct reservation *reservation, const struct settlement *settlement);

/* Ends a reservation; appends the `settle` line. An unknown number changes nothing. */
void ledger_settle(struct ledger *ledger, uint64_t number, const struct settlement *settlement,
                   struct buffer *out);

/* Puts all open reservations in doubt (after a crash): they stay charged. Returns how many. */
size_t ledger_doubt_open(struct ledger *ledger);

/* The most that a run may cost, -1 for none: kept with the ledger, as no configuration names it.
 * Setting appends a `limit` line; one that says what is known already appends nothing. */
void ledger_limit(struct ledger *ledger, const char *run, int64_t nano, struct buffer *out);
int64_t ledger_limit_of(const struct ledger *ledger, const char *run);

/* Calls each for every sum, in no order; or for every open reservation. */
void ledger_each(const struct ledger *ledger,
                 void (*each)(void *context, const struct spend_key *key,
                              const struct spend *spend),
                 void *context);
void ledger_each_open(const struct ledger *ledger,
                      void (*each)(void *context, const struct reservation *reservation),
                      void *context);

/* Whether nothing was spent or set aside. */
bool ledger_empty(const struct ledger *ledger);

/* What to tell apart in a report. */
enum spend_by {
    BY_DAY = 1,
    BY_USER = 2,
    BY_PROVIDER = 4,
    BY_MODEL = 8,
    BY_RUN = 16,
};

/* The column of that name ("day", "user", …), or 0. */
unsigned spend_by_read(const char *name);
const char *spend_by_word(enum spend_by by);

struct spend_row {
    struct spend_key key; /* what is not told apart is 0 or "" */
    struct spend spend;
    uint64_t open; /* requests under way */
    int64_t reserved_nano;
};

/* Adds up days from to until (both included), told apart by a set of enum spend_by, ordered by it.
 * The caller frees the rows (NULL when there are none); texts are borrowed from the ledger. */
struct spend_row *ledger_group(const struct ledger *ledger, unsigned by, int32_t from,
                               int32_t until, size_t *count);

/* Adds more to sum. */
void spend_add(struct spend *sum, const struct spend *more);

#endif
