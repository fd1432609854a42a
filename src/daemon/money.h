/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * money: whether a request may be paid for: asked before it is sent, reserved, settled afterwards,
 * and written to state/money in between.
 *
 * Floor: daemon. One for a spool. The way of a request:
 *
 *     money_price        what its model costs, if that is known
 *     money_ask          may it go under all budgets; if not, why and until when
 *     money_reserve      set its estimated cost aside
 *     money_flush        where money_reserve says so: wait until that is durable, then send
 *     money_paid         what it cost really,
 *     money_released     or that it was not billed,
 *     money_doubted      or that nobody knows
 *
 * What is reserved counts as spent until it is settled, also over a crash: then it is in doubt and
 * stays charged. A request is charged to the day (week, month) on which it was reserved. Writes run
 * in libuv's thread pool, one at a time; what comes meanwhile goes with the next. Without a budget
 * that applies nothing is waited for, and lines are written once a second.
 */
#ifndef DAEMON_MONEY_H
#define DAEMON_MONEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"
#include "daemon/budget.h"
#include "daemon/config.h"
#include "job/price.h"

struct money;

/* A budget that is used up: told once a period, when it first holds a request. */
struct money_notice {
    const char *text; /* the reason of the hold: "budget: 10.00 USD a day for user alice used up
                         until 2026-02-11 00:00 (Europe/Berlin)" */
    struct budget_view budget;
    int64_t until_ms; /* wall; 0: no time ends it */
};

/* What money works with. All of it must outlive it, but for the config after money_configure. */
struct money_setup {
    uv_loop_t *loop;
    int dir;      /* state/; not taken over */
    int temp_dir; /* tmp/ of the same file system; not taken over */
    mode_t mode;  /* of state/money: 0600, or 0640 in a shared spool */
    const struct config *config;
    const struct price_table *prices; /* beside the configuration's own, of no use in another
                                         currency than its; may be NULL */
    const struct clock *clock;
    int64_t lazy_ms; /* between writes that nobody waits for, and between tries; 0: 1,000 */

    /* Called on the loop, also from within the calls below: they note what they hear, no more. Each
     * may be NULL. */
    void (*used_up)(void *context, const struct money_notice *notice);
    void (*freed)(void *context); /* what was not allowed to go may be now: ask again */
    void (*trouble)(void *context, const char *sentence); /* writing fails; NULL: works again */
    void *context;
};

/* Reads state/money (none is an empty one), puts what a crash left open in doubt, and writes it
 * anew, which is waited for; where that fails it is tried again like any write. NULL with an error:
 * state/money cannot be read or is damaged, or the time zone is unknown. *doubts receives how many
 * reservations came in doubt, unless NULL. */
struct money *money_open(const struct money_setup *setup, size_t *doubts, struct error *error);

/* A new configuration (SIGHUP): other budgets, prices, zone; all is counted anew. -1 with an error
 * and nothing changed when the zone is unknown, or the currency another than that of sums that are
 * there. */
int money_configure(struct money *money, const struct config *config,
                    const struct price_table *prices, struct error *error);

/* The price of a model at a provider (NULL: the one that the configuration gives it to): the
 * configuration's, else the table's. false: none is known. */
bool money_price(const struct money *money, const char *model, const char *provider,
                 struct price *price);

/* A request that is to be sent. Texts are borrowed for the call; NULL: none. */
struct money_request {
    const char *user;
    const char *run; /* its name; a job in several runs is charged to the first */
    const char *provider;
    const char *model;
    int64_t cost_nano; /* the most it may be, by tokens_ceiling_of_job and tokens_of_output; -1: no
                          price is known */
};

enum money_answer {
    MONEY_GO,
    MONEY_WAIT, /* what is left is reserved for others under way: ask again when `freed` is called
                 */
    MONEY_HELD, /* over budget until a period turns */
    MONEY_NO_PRICE,  /* under a budget, and no price is known: until the configuration says one */
    MONEY_UNWRITTEN, /* under a budget, and state/money cannot be written: ask again when `freed` is
                        called */
};

enum { MONEY_REASON_SIZE = 400 };

/* Why a request may not be sent. */
struct money_hold {
    int64_t until_ms;               /* wall, when the period turns; 0: no time ends it */
    char reason[MONEY_REASON_SIZE]; /* "budget: 10.00 USD a day for user alice used up until …" */
};

/* Whether a request may be sent now; *hold is filled when not. Takes time by the number of budgets.
 */
enum money_answer money_ask(struct money *money, const struct money_request *request,
                            struct money_hold *hold);

/* A request's money. */
struct money_reservation {
    uint64_t number; /* never 0 */
    bool wait;       /* a budget applies: call money_flush and send when it says so */
};

/* Sets the estimated cost aside, whatever the budgets say: money_ask comes before, with nothing in
 * between. */
struct money_reservation money_reserve(struct money *money, const struct money_request *request);

/* How the request ended; a number that is not open changes nothing. usage is what was used, NULL
 * where that is not known. cost_nano is what it cost, -1 when that is not known: then what was
 * reserved is charged. */
void money_paid(struct money *money, uint64_t reservation, const struct usage *usage,
                int64_t cost_nano);

/* It did not reach the server, or the server refused it unbilled: nothing is charged. */
void money_released(struct money *money, uint64_t reservation);

/* It may have been billed, and nobody knows: what was reserved stays charged, in doubt. */
void money_doubted(struct money *money, uint64_t reservation);

/* How a flush ended: 0, or -errno when it could not be written: then the request must not be sent,
 * and its reservation be released. What was not written is kept and tried again. */
typedef void money_done(void *context, int result);

/* Calls done on the loop, once, when all that was reserved and settled before is durable, or could
 * not be made so. */
void money_flush(struct money *money, money_done *done, void *context);

/* The most that a run may cost (max_cost of a list); -1 takes it away. Kept in state/money. */
void money_run_limit(struct money *money, const char *run, int64_t nano);

/* Every budget as it stands now; the caller frees the array. */
struct budget_view *money_budgets(struct money *money, size_t *count);

/* When the period of a budget turns, wall ms; 0: never (a run's). */
int64_t money_until_ms(const struct money *money, const struct budget_view *view);

/* What was spent by all from a day to today (money_today). */
struct money_spent {
    uint64_t requests;
    uint64_t unpriced;     /* of these: their cost is not known, and not counted */
    int64_t cost_nano;
    int64_t doubt_nano;    /* of requests in doubt; not part of cost_nano */
    int64_t reserved_nano; /* for those under way */
};
struct money_spent money_spent(const struct money *money, int32_t from);

/* The day it is by the calendar of budgets. */
int32_t money_today(struct money *money);

/* The member `money` of state/status.json, a new reference: currency, time_zone, recorded, today,
 * month, budgets (schema status). */
json_t *money_status_json(struct money *money);

/* The member `prices`, a new reference: for each of these models the price that is reckoned with,
 * where one is known. */
json_t *money_prices_json(const struct money *money, const char *const *models, size_t count);

/* Lines of state/money that could not be read at the start, beside a torn last one: to be told
 * loudly, because what they said is not counted. */
size_t money_damaged(const struct money *money);

/* Whether a write runs in the thread pool: then money_close must not be called yet. */
bool money_writing(const struct money *money);

/* Writes state/money anew and frees it; no write may run. -1 with an error when it cannot be
 * written: it is freed all the same. NULL is allowed. The loop must run once more to close a timer.
 */
int money_close(struct money *money, struct error *error);

#endif
