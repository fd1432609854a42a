/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait: see wait.h.
 */
#include "client/wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "client/absent.h"
#include "client/pending.h"
#include "client/records.h"
#include "client/show.h"
#include "client/stall.h"
#include "client/wake.h"

enum {
    TICK_MS = 1000,     /* between looks for what is in the way */
    PAUSE_MS = 500,     /* between the looks that find a job in no folder */
    STALL_SAMPLE = 32,  /* jobs asked what is in their way, of many */
    PATIENCE_TICKS = 2, /* so often nothing could move before fail_fast leaves */
    REST_FACTOR = 9,    /* a look at everything takes a tenth of the time at most */
};

struct wait {
    const struct spool *spool;
    const struct clock *clock;
    struct awaited **jobs;
    size_t count;
    struct awaited *by_id; /* uthash; other versions of a job hang on its first one */
    struct awaited **rest; /* those that go on; some may have ended since it was last tidied */
    size_t rest_count;
    size_t open;
};

/* One call of wait_run. Times are mono ms. */
struct session {
    struct wait *wait;
    const struct wait_plan *plan;
    struct wake *wake;
    struct stall *stall;
    int64_t deadline;
    int64_t next_look, look_every;
    int64_t next_tick;
    int64_t next_missing; /* INT64_MAX: none is missing */
    size_t open_at_tick;
    unsigned stuck_ticks;
    bool interrupted;
};

/* --- the set
 * -------------------------------------------------------------------------------------- */

struct wait *wait_new(const struct spool *spool, const struct clock *clock)
{
    struct wait *wait = xcalloc(1, sizeof *wait);

    wait->spool = spool;
    wait->clock = clock;
    return wait;
}

void wait_free(struct wait *wait)
{
    if (wait == NULL) {
        return;
    }
    HASH_CLEAR(hh, wait->by_id);
    for (size_t i = 0; i < wait->count; i++) {
        awaited_clear(wait->jobs[i]);
        free(wait->jobs[i]);
    }
    free(wait->jobs);
    free(wait->rest);
    free(wait);
}

static struct awaited *find_job(const struct wait *wait, const struct id *id)
{
    struct awaited *found;

    HASH_FIND(hh, wait->by_id, id, sizeof *id, found);
    return found;
}

static struct awaited *new_job(struct wait *wait, const struct id *id, unsigned version)
{
    struct awaited *awaited = xcalloc(1, sizeof *awaited);

    awaited->number = wait->count;
    awaited->id = *id;
    awaited->version = version;
    /* Grows at each power of two. */
    if ((wait->count & (wait->count - 1)) == 0) {
        size_t capacity = wait->count > 0 ? 2 * wait->count : 1;

        wait->jobs = xrealloc(wait->jobs, capacity * sizeof(struct awaited *));
        wait->rest = xrealloc(wait->rest, capacity * sizeof(struct awaited *));
    }
    wait->jobs[wait->count++] = awaited;
    wait->rest[wait->rest_count++] = awaited;
    wait->open++;
    return awaited;
}

size_t wait_add(struct wait *wait, const struct id *id, unsigned version)
{
    struct awaited *first = find_job(wait, id);
    struct awaited *awaited = first;

    while (awaited != NULL && awaited->version != version) {
        awaited = awaited->same;
    }
    if (awaited != NULL) {
        return awaited->number;
    }
    awaited = new_job(wait, id, version);
    if (first == NULL) {
        HASH_ADD(hh, wait->by_id, id, sizeof awaited->id, awaited);
    } else {
        awaited->same = first->same;
        first->same = awaited;
    }
    return awaited->number;
}

void wait_expect(struct wait *wait, size_t number, const char *name, unsigned run)
{
    struct awaited *awaited = wait->jobs[number];

    awaited_oblige(awaited, FOLDER_NEW, name);
    if (awaited->run == 0) {
        awaited->run = run;
    }
}

const struct awaited *wait_job(const struct wait *wait, size_t number)
{
    return wait->jobs[number];
}

size_t wait_count(const struct wait *wait)
{
    return wait->count;
}

size_t wait_open(const struct wait *wait)
{
    return wait->open;
}

json_t *wait_record(const struct wait *wait, size_t number)
{
    const struct awaited *awaited = wait->jobs[number];

    switch (awaited->state) {
    case AWAITED_COMPLETED:
        return records_output(wait->spool, &awaited->id, awaited->found, NULL, NULL);
    case AWAITED_FAILED:
        return awaited->found > 0
                   ? records_output(wait->spool, &awaited->id, awaited->found, NULL, NULL)
                   : records_error(wait->spool, &awaited->id, NULL);
    case AWAITED_LOST:
        return awaited->taken != NULL ? records_refusal(wait->spool, awaited->taken->name) : NULL;
    case AWAITED_NO_VERSION:
    case AWAITED_OPEN:
        break;
    }
    return NULL;
}

char *wait_failure(const struct wait *wait, size_t number, const json_t *record)
{
    const struct awaited *awaited = wait->jobs[number];
    char shown[ID_SHORT_SIZE], hex[ID_TEXT_SIZE];

    id_write_short(&awaited->id, shown);
    if (awaited->state == AWAITED_NO_VERSION) {
        return xasprintf("%s: it has no version %u, and no run is making one", shown,
                         awaited->version);
    }
    if (awaited->state == AWAITED_LOST && record == NULL &&
        absent_archived(wait->spool, &awaited->id)) {
        id_write(&awaited->id, hex);
        return xasprintf("%s: it has ended and is archived: llmspool-archive get %s", shown, hex);
    }
    if (awaited->state == AWAITED_LOST && record == NULL) {
        return xasprintf("%s: no such job in this spool: never submitted, or deleted", shown);
    }
    return show_failure(&awaited->id, record);
}

const char *wait_word(const struct wait *wait, size_t number, const json_t *record)
{
    switch (wait->jobs[number]->state) {
    case AWAITED_COMPLETED:
        return "completed";
    case AWAITED_FAILED:
        return jsontext_get_text(record, "status", "failed");
    case AWAITED_LOST:
        return jsontext_get_text(record, "status", "unknown");
    case AWAITED_NO_VERSION:
    case AWAITED_OPEN:
        break;
    }
    return "unknown";
}

/* --- what is in new/ and ctl/
 * ---------------------------------------------------------------------- */

static void oblige(const struct wait *wait, struct awaited *awaited, enum folder folder,
                   const char *name)
{
    unsigned lowest, highest;

    awaited_oblige(awaited, folder, name);
    if (awaited->run == 0 && records_versions(wait->spool, &awaited->id, &lowest, &highest) == 0) {
        awaited->run = highest + 1;
    }
}

static void oblige_job(void *context, const struct id *id, enum folder folder, const char *name)
{
    const struct wait *wait = context;
    struct awaited *awaited = find_job(wait, id);

    for (; awaited != NULL; awaited = awaited->same) {
        oblige(wait, awaited, folder, name);
    }
}

static void oblige_all(void *context, const char *name)
{
    const struct wait *wait = context;

    for (size_t i = 0; i < wait->count; i++) {
        oblige(wait, wait->jobs[i], FOLDER_CTL, name);
    }
}

/* Whether any job is to be waited for until a file of new/ or ctl/ has gone. */
static bool any_obligation(const struct wait *wait)
{
    for (size_t i = 0; i < wait->count; i++) {
        if (wait->jobs[i]->obligations != NULL) {
            return true;
        }
    }
    return false;
}

/* --- looking
 * --------------------------------------------------------------------------------------- */

static int64_t now_of(const struct session *session)
{
    return clock_mono(session->wait->clock).ms;
}

static void end_job(struct session *session, struct awaited *awaited)
{
    session->wait->open--;
    session->plan->ended(session->plan->context, awaited->number);
}

static void look_at(struct session *session, struct awaited *awaited)
{
    if (awaited->state != AWAITED_OPEN) {
        return;
    }
    awaited_look(session->wait->spool, awaited);
    if (awaited->state != AWAITED_OPEN) {
        end_job(session, awaited);
    } else if (!awaited->missing) {
        awaited->missing_at = 0;
    } else if (awaited->missing_at == 0) {
        awaited->missing_at = now_of(session);
        if (session->next_missing == INT64_MAX) {
            session->next_missing = awaited->missing_at + PAUSE_MS;
        }
    }
}

/* Takes those that have ended out of the rest. */
static void tidy(struct wait *wait)
{
    size_t kept = 0;

    for (size_t i = 0; i < wait->rest_count; i++) {
        if (wait->rest[i]->state == AWAITED_OPEN) {
            wait->rest[kept++] = wait->rest[i];
        }
    }
    wait->rest_count = kept;
}

/* When to do again what began at start, every so often, and costs time itself. */
static int64_t next_time(const struct session *session, int64_t start, int64_t every)
{
    int64_t now = now_of(session);
    int64_t rest = REST_FACTOR * (now - start);

    return now + (rest > every ? rest : every);
}

static void look_at_all(struct session *session)
{
    struct wait *wait = session->wait;
    int64_t start = now_of(session);

    tidy(wait);
    for (size_t i = 0; i < wait->rest_count; i++) {
        look_at(session, wait->rest[i]);
        if (session->plan->any && wait->open < wait->count) {
            return;
        }
    }
    session->look_every = wake_interval(session->wake, session->look_every);
    session->next_look = next_time(session, start, session->look_every);
}

/* A job that is in no folder may be in a file of new/ that does not say so in its name. If not, it
 * is lost, unless the whole spool is. */
static int look_for_missing(struct session *session, struct error *error)
{
    struct wait *wait = session->wait;
    int64_t start = now_of(session);
    bool hidden = pending_drops(wait->spool, oblige_job, wait);
    bool any = false;

    for (size_t i = 0; i < wait->rest_count; i++) {
        struct awaited *awaited = wait->rest[i];

        if (awaited->state != AWAITED_OPEN || !awaited->missing) {
            continue;
        }
        look_at(session, awaited);
        if (awaited->state != AWAITED_OPEN || !awaited->missing) {
            continue;
        }
        if (hidden || start - awaited->missing_at < PAUSE_MS) {
            any = true;
            continue;
        }
        if (spool_check(wait->spool, error) < 0) {
            return -1;
        }
        awaited->state = AWAITED_LOST;
        end_job(session, awaited);
    }
    session->next_missing = any ? next_time(session, start, PAUSE_MS) : INT64_MAX;
    return 0;
}

static void look_at_entry(struct session *session, const char *name)
{
    struct awaited *awaited;
    struct id id;

    if (!hex_read(name, id.bytes, ID_SIZE)) {
        return;
    }
    for (awaited = find_job(session->wait, &id); awaited != NULL; awaited = awaited->same) {
        look_at(session, awaited);
    }
}

/* --- what is in the way
 * ---------------------------------------------------------------------------- */

/* Whether nothing can move that is waited for. A few jobs of many are asked; before it is said of
 * all, all are. */
static bool nothing_moves(struct session *session)
{
    struct wait *wait = session->wait;
    bool none = true;
    size_t looked = 0;

    stall_begin(session->stall);
    for (size_t i = 0; i < wait->rest_count; i++) {
        if (wait->rest[i]->state != AWAITED_OPEN) {
            continue;
        }
        if (looked++ >= STALL_SAMPLE && !(none && session->plan->fail_fast)) {
            break;
        }
        none &= stall_look(session->stall, wait->rest[i]) == MOVEMENT_NONE;
    }
    return none;
}

/* While jobs end, nothing is in the way. */
static void tick(struct session *session)
{
    int64_t start = now_of(session);
    bool stuck = session->wait->open == session->open_at_tick && nothing_moves(session);

    session->stuck_ticks = stuck ? session->stuck_ticks + 1 : 0;
    session->open_at_tick = session->wait->open;
    session->next_tick = next_time(session, start, TICK_MS);
}

/* --- waiting
 * --------------------------------------------------------------------------------------- */

/* Whether it is over. */
static bool is_over(const struct session *session, enum wait_result *result)
{
    const struct wait *wait = session->wait;

    if (wait->open == 0 || (session->plan->any && wait->open < wait->count)) {
        *result = WAIT_ENDED;
    } else if (session->interrupted) {
        *result = WAIT_INTERRUPTED;
    } else if (now_of(session) >= session->deadline) {
        *result = WAIT_TIMED_OUT;
    } else if (session->plan->fail_fast && session->stuck_ticks >= PATIENCE_TICKS) {
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

static void sleep_until_something(struct session *session)
{
    int64_t until = earlier(earlier(session->next_look, session->next_tick),
                            earlier(session->next_missing, session->deadline));
    struct watch_event event;

    switch (wake_sleep(session->wake, until - now_of(session), &event)) {
    case WAKE_ENTRY:
        look_at_entry(session, event.name);
        break;
    case WAKE_LOST:
        session->next_look = 0;
        break;
    case WAKE_SIGNAL:
        session->interrupted = true;
        break;
    case WAKE_TIME:
        break;
    }
}

static int go_on(struct session *session, struct error *error)
{
    int64_t now = now_of(session);

    if (now >= session->next_look) {
        look_at_all(session);
    }
    if (now >= session->next_missing && look_for_missing(session, error) < 0) {
        return -1;
    }
    if (now >= session->next_tick) {
        tick(session);
    }
    return 0;
}

int wait_run(struct wait *wait, const struct wait_plan *plan, enum wait_result *result,
             struct error *error)
{
    int64_t now = clock_mono(wait->clock).ms;
    struct session session = {
        .wait = wait,
        .plan = plan,
        .stall = stall_new(wait->spool, wait->clock, plan->stalled, plan->context),
        .deadline = plan->timeout_ms >= 0 ? now + plan->timeout_ms : INT64_MAX,
        .next_tick = now + TICK_MS,
        .next_missing = INT64_MAX,
        .open_at_tick = wait->open,
    };
    int problem = 0;

    pending_drops(wait->spool, oblige_job, wait);
    pending_orders(wait->spool, oblige_job, oblige_all, wait);
    session.wake = wake_open(wait->spool, any_obligation(wait));
    look_at_all(&session);
    while (problem == 0 && !is_over(&session, result)) {
        sleep_until_something(&session);
        problem = go_on(&session, error);
    }
    wake_close(session.wake);
    stall_free(session.stall);
    return problem;
}
