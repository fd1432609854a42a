/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait: see wait.h. Looks at jobs when something happened, and sleeps until it does.
 */
#include "client/wait_inner.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "client/pending.h"
#include "client/records.h"
#include "retain/ids.h"

enum {
    TICK_MS = 1000,     /* between looks for what is in the way */
    PAUSE_MS = 500,     /* between the looks that find a job in no folder */
    STALL_SAMPLE = 32,  /* jobs asked what is in their way, of many */
    PATIENCE_TICKS = 2, /* so often nothing could move before fail_fast leaves */
    REST_FACTOR = 9,    /* a look at everything takes a tenth of the time at most */
    REST_SLACK = 64,    /* jobs that have ended, kept until there are more */
    TAKEN_AT_ONCE = 1024, /* changes, before anything else is looked after */
    FOREVER_MS = 3600 * 1000,
};

/* --- what is in new/ and ctl/ ----------------------------------------------------------------- */

static void oblige(const struct wait *wait, struct awaited *awaited, enum folder folder,
                   const char *name)
{
    unsigned lowest, highest;

    awaited_oblige(awaited, wait->asks, folder, name);
    if (awaited->run == 0 && records_versions(wait->spool, &awaited->id, &lowest, &highest) == 0) {
        awaited->run = highest + 1;
    }
}

static void oblige_job(void *context, const struct id *id, enum folder folder, const char *name)
{
    const struct wait *wait = context;
    struct awaited *awaited = wait_find_first(wait, id);

    for (; awaited != NULL; awaited = awaited->same) {
        oblige(wait, awaited, folder, name);
    }
}

static void oblige_all(void *context, const char *name)
{
    const struct wait *wait = context;

    for (size_t i = 0; i < wait->rest_count; i++) {
        oblige(wait, wait->rest[i], FOLDER_CTL, name);
    }
}

/* --- looking ---------------------------------------------------------------------------------- */

static int64_t now_of(const struct wait *wait)
{
    return clock_mono(wait->clock).ms;
}

static void end_job(struct wait *wait, struct awaited *awaited)
{
    wait->open--;
    wait->session->plan.ended(wait->session->plan.context, awaited);
}

static void look_at(struct wait *wait, struct awaited *awaited)
{
    struct session *session = wait->session;

    if (awaited->state != AWAITED_OPEN) {
        return;
    }
    awaited_look(wait->spool, wait->asks, awaited);
    if (awaited->state != AWAITED_OPEN) {
        end_job(wait, awaited);
    } else if (!awaited->missing) {
        awaited->missing_at = 0;
    } else if (awaited->missing_at == 0) {
        awaited->missing_at = now_of(wait);
        if (session->next_missing == INT64_MAX) {
            session->next_missing = awaited->missing_at + PAUSE_MS;
        }
    }
}

/* When to do again what began at start, every so often, and costs time itself. */
static int64_t next_time(const struct wait *wait, int64_t start, int64_t every)
{
    int64_t now = now_of(wait);
    int64_t rest = REST_FACTOR * (now - start);

    return now + (rest > every ? rest : every);
}

/* Whether one is enough and has ended. */
static bool is_enough(const struct wait *wait)
{
    return wait->session->plan.any && wait->open < wait->count;
}

static void look_at_all(struct wait *wait)
{
    struct session *session = wait->session;
    int64_t start = now_of(wait);

    wait_tidy(wait);
    asks_round(wait->asks);
    for (size_t i = 0; i < wait->rest_count && !is_enough(wait); i++) {
        look_at(wait, wait->rest[i]);
    }
    wait->added = 0;
    session->look_every = wake_interval(session->wake, session->look_every);
    session->rest_until = 2 * now_of(wait) - start;
    session->next_look = next_time(wait, start, session->look_every);
}

static void look_at_added(struct wait *wait)
{
    if (wait->added > 0) {
        asks_round(wait->asks);
        for (size_t i = wait->rest_count - wait->added; i < wait->rest_count && !is_enough(wait);
             i++) {
            look_at(wait, wait->rest[i]);
        }
        wait->added = 0;
    }
}

/* A job in no folder may have been put away meanwhile. */
static void conclude_absent(struct awaited *awaited, const struct ids *ids)
{
    struct archived archived;

    awaited->archived = ids != NULL && ids_find(ids, &awaited->id, 0, &archived);
    if (!awaited->archived) {
        awaited->state = AWAITED_LOST;
    } else if (archived.failed) {
        awaited->state = AWAITED_FAILED;
    } else {
        awaited->state = AWAITED_COMPLETED;
    }
}

/* A job that is in no folder may be in a file of new/ that does not say so in its name. If not, it
 * is lost, unless the whole spool is, or it was archived. */
static int look_for_missing(struct wait *wait, struct error *error)
{
    struct session *session = wait->session;
    int64_t start = now_of(wait);
    bool hidden = pending_drops(wait->spool, oblige_job, wait);
    struct ids *ids = NULL;
    bool any = false;

    asks_round(wait->asks);
    for (size_t i = 0; i < wait->rest_count; i++) {
        struct awaited *awaited = wait->rest[i];

        if (awaited->state != AWAITED_OPEN || !awaited->missing) {
            continue;
        }
        look_at(wait, awaited);
        if (awaited->state != AWAITED_OPEN || !awaited->missing) {
            continue;
        }
        if (hidden || start - awaited->missing_at < PAUSE_MS) {
            any = true;
            continue;
        }
        if (spool_check(wait->spool, error) < 0) {
            ids_close(ids);
            return -1;
        }
        ids = ids != NULL ? ids : ids_open(wait->spool, NULL);
        conclude_absent(awaited, ids);
        end_job(wait, awaited);
    }
    ids_close(ids);
    session->next_missing = any ? next_time(wait, start, PAUSE_MS) : INT64_MAX;
    return 0;
}

/* The jobs that a drop or an order asked for, when it was taken. */
static void look_at_asked(struct wait *wait, struct ask *ask)
{
    ask->gone = true;
    asks_round(wait->asks);
    for (size_t i = 0; i < wait->rest_count && !is_enough(wait); i++) {
        struct awaited *awaited = wait->rest[i];

        if (awaited->state == AWAITED_OPEN && awaited->obligations != NULL &&
            awaited->obligations->ask == ask) {
            look_at(wait, awaited);
        }
    }
}

/* A job has ended when its file has come into done/ or failed/; what comes beside it says nothing.
 */
static void look_at_entry(struct wait *wait, const struct watch_event *event)
{
    enum folder folder = (enum folder)event->key;
    struct entry entry;
    struct ask *ask;
    struct awaited *awaited;

    if (folder == FOLDER_NEW || folder == FOLDER_CTL) {
        ask = event->kind == WATCH_LEFT ? asks_find(wait->asks, folder, event->name) : NULL;
        if (ask != NULL) {
            ask->users++; /* stays until all were looked at */
            look_at_asked(wait, ask);
            asks_leave(wait->asks, ask);
        }
        return;
    }
    entry = entry_read(event->name);
    if (entry.kind != ENTRY_JOB) {
        return;
    }
    asks_round(wait->asks);
    awaited = wait_find_first(wait, &entry.id);
    while (awaited != NULL) {
        struct awaited *next = awaited->same;

        look_at(wait, awaited);
        awaited = next;
    }
}

/* --- what is in the way ----------------------------------------------------------------------- */

/* Whether nothing can move that is waited for. A few jobs of many are asked; before it is said of
 * all, all are. */
static bool nothing_moves(struct wait *wait)
{
    struct session *session = wait->session;
    bool none = true;
    size_t looked = 0;

    stall_begin(session->stall);
    for (size_t i = 0; i < wait->rest_count; i++) {
        if (wait->rest[i]->state != AWAITED_OPEN) {
            continue;
        }
        if (looked++ >= STALL_SAMPLE && !(none && session->plan.fail_fast)) {
            break;
        }
        none &= stall_look(session->stall, wait->rest[i]) == MOVEMENT_NONE;
    }
    return none && (looked > 0 || !spool_owned(wait->spool));
}

/* While jobs end, nothing is in the way. */
static void tick(struct wait *wait)
{
    struct session *session = wait->session;
    int64_t start = now_of(wait);
    bool stuck = wait->open == session->open_at_tick && nothing_moves(wait);

    session->stuck_ticks = stuck ? session->stuck_ticks + 1 : 0;
    session->open_at_tick = wait->open;
    session->next_tick = next_time(wait, start, TICK_MS);
}

/* --- waiting ---------------------------------------------------------------------------------- */

void wait_start(struct wait *wait, const struct wait_plan *plan)
{
    struct session *session = xcalloc(1, sizeof *session);
    int64_t now = now_of(wait);

    *session = (struct session){
        .plan = *plan,
        .stall = stall_new(wait->spool, wait->clock, plan->stalled, plan->context),
        .deadline = plan->timeout_ms >= 0 ? now + plan->timeout_ms : INT64_MAX,
        .next_tick = now + TICK_MS,
        .next_missing = INT64_MAX,
        .open_at_tick = wait->open,
    };
    wait->session = session;
    pending_drops(wait->spool, oblige_job, wait);
    pending_orders(wait->spool, oblige_job, oblige_all, wait);
    session->wake = wake_open(wait->spool, true);
}

void wait_stop(struct wait *wait)
{
    if (wait->session != NULL) {
        wake_close(wait->session->wake);
        stall_free(wait->session->stall);
        free(wait->session);
        wait->session = NULL;
    }
}

/* Whether it is over before all have ended. */
static bool is_over(const struct wait *wait, enum wait_result *result)
{
    const struct session *session = wait->session;

    if (session->interrupted) {
        *result = WAIT_INTERRUPTED;
    } else if (now_of(wait) >= session->deadline) {
        *result = WAIT_TIMED_OUT;
    } else if (session->plan.fail_fast && session->stuck_ticks >= PATIENCE_TICKS) {
        *result = WAIT_STUCK;
    } else {
        return false;
    }
    return true;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Takes what happened in one go, and sleeps before it where nothing did. Returns whether there was
 * input. */
static bool sleep_until_something(struct wait *wait, int64_t ms, int input)
{
    struct session *session = wait->session;
    int64_t now = now_of(wait);
    int64_t until = earlier(earlier(session->next_look, session->next_tick),
                            earlier(session->next_missing, session->deadline));
    struct watch_event event;
    enum wake_cause cause;

    ms = earlier(ms, until - now);
    for (int taken = 0; taken < TAKEN_AT_ONCE; taken++, ms = 0) {
        cause = wake_sleep(session->wake, ms, input, &event);
        switch (cause) {
        case WAKE_ENTRY:
            look_at_entry(wait, &event);
            break;
        case WAKE_LOST:
            session->next_look = earlier(session->next_look, session->rest_until);
            break;
        case WAKE_SIGNAL:
            session->interrupted = true;
            return false;
        case WAKE_INPUT:
        case WAKE_TIME:
            return cause == WAKE_INPUT;
        }
        if (is_enough(wait)) {
            break;
        }
    }
    return false;
}

static int go_on(struct wait *wait, struct error *error)
{
    struct session *session = wait->session;
    int64_t now = now_of(wait);

    if (now >= session->next_look) {
        look_at_all(wait);
    }
    if (now >= session->next_missing && look_for_missing(wait, error) < 0) {
        return -1;
    }
    if (now >= session->next_tick) {
        tick(wait);
    }
    return 0;
}

int wait_turn(struct wait *wait, int64_t ms, int input, bool *readable, enum wait_result *result,
              struct error *error)
{
    size_t open = wait->open;
    bool got;

    /* The first look is at everything. */
    if (wait->session->next_look == 0) {
        look_at_all(wait);
    }
    look_at_added(wait);
    /* What has ended is to be told of before anybody sleeps. */
    got = sleep_until_something(wait, wait->open < open ? 0 : ms, input);
    if (readable != NULL) {
        *readable = got;
    }
    if (go_on(wait, error) < 0) {
        return -1;
    }
    if (wait->rest_count > 2 * wait->open + REST_SLACK && wait->added == 0) {
        wait_tidy(wait);
    }
    return is_over(wait, result) ? 1 : 0;
}

int wait_all(struct wait *wait, enum wait_result *result, struct error *error)
{
    int turned;

    look_at_all(wait);
    turned = is_over(wait, result);
    while (turned == 0 && wait->open > 0 && !is_enough(wait)) {
        turned = wait_turn(wait, FOREVER_MS, -1, NULL, result, error);
    }
    if (turned >= 0 && (wait->open == 0 || is_enough(wait))) {
        *result = WAIT_ENDED;
    }
    return turned < 0 ? -1 : 0;
}

int wait_run(struct wait *wait, const struct wait_plan *plan, enum wait_result *result,
             struct error *error)
{
    int waited;

    wait_start(wait, plan);
    waited = wait_all(wait, result, error);
    wait_stop(wait);
    return waited;
}
