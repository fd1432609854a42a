/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * submission: see submission.h.
 */
#include "client/submission.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/amount.h"
#include "base/xalloc.h"
#include "client/consent.h"
#include "client/pressure.h"
#include "client/runname.h"

enum {
    QUIET_MS = 200, /* what was gathered is dropped when nothing comes for so long */
    ROOM_MS = 250,  /* between looks whether there is room */
};

struct submission {
    const struct submission_plan *plan;
    struct bulk bulk;
    struct pressure *pressure;
    uint64_t room;     /* so many jobs may be dropped before waiting ones are counted again */
    bool ended;        /* no job comes any more */
    bool stopped;      /* none is wanted any more */
    bool estimated;    /* all jobs are in the estimate */
    bool agreed;       /* to what it costs */
    int64_t confirm_nano;
    char made_name[NAME_LIMIT];
    const char *run;   /* NULL: not known yet */
    int64_t count;     /* of jobs dropped */
    bool open; /* the run's last list said that more follow */
};

/* --- gathering -----------------------------------------------------------------------------------
 */

/* Takes note of a job when it is made first. Returns 0, or -1 with an error. */
static int note(const struct submission *submission, const struct job *job, struct error *error)
{
    const struct submission_plan *plan = submission->plan;

    if (submission->estimated) {
        return 0;
    }
    estimate_add(plan->estimate, job);
    return plan->made != NULL ? plan->made(plan->context, job, error) : 0;
}

/* Waits until there is a record. Returns 1 when there is, or there is no more; 0 when what was gathered should
 * go, as nothing comes just now, or nothing more is wanted; -1 with an error. */
static int await_record(struct submission *submission, struct error *error)
{
    const struct submission_plan *plan = submission->plan;
    bool gathered = submission->bulk.count > 0;

    while (!feed_ready(plan->feed, gathered ? QUIET_MS : 0)) {
        int result;

        if (gathered) {
            return 0;
        }
        result = plan->pass(plan->context, -1, feed_input(plan->feed), error);
        submission->stopped = result > 0;
        if (result != 0) {
            return result < 0 ? -1 : 0;
        }
    }
    return 1;
}

/* Gathers jobs for one list. */
static int gather(struct submission *submission, struct error *error)
{
    struct bulk *bulk = &submission->bulk;

    while (!submission->ended && !submission->stopped && !bulk_full(bulk)) {
        int result = await_record(submission, error);
        struct made made;

        if (result <= 0) {
            return result;
        }
        result = making_next(submission->plan->making, &made, error);
        if (result < 0) {
            return -1;
        }
        submission->ended = result == 0;
        if (result > 0) {
            bulk_add(bulk, &made);
            if (note(submission, bulk->items[bulk->count - 1].job, error) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Looks at all that is behind the first list, and begins again: what is found wrong there keeps everything
 * from being dropped, and what it costs is known. */
static int look_ahead(struct submission *submission, struct error *error)
{
    const struct submission_plan *plan = submission->plan;
    struct made made;
    int result;

    while ((result = making_next(plan->making, &made, error)) > 0) {
        result = note(submission, made.job, error);
        job_free(made.job);
        draft_forget_files(plan->draft);
        if (result < 0) {
            break;
        }
    }
    if (result < 0 || making_rewind(plan->making, error) < 0) {
        return -1;
    }
    bulk_clear(&submission->bulk);
    submission->estimated = true;
    return gather(submission, error);
}

/* --- money ---------------------------------------------------------------------------------------
 */

static char *question(const struct submission *submission, const char *end)
{
    const struct estimate *estimate = submission->plan->estimate;
    char cost[AMOUNT_SIZE], limit[AMOUNT_SIZE];
    bool whole = submission->ended || submission->estimated;

    amount_show(estimate_likely_nano(estimate), cost);
    amount_show(submission->confirm_nano, limit);
    return xasprintf("%s%" PRIu64 " request%s will likely cost %s %s, which is above %s "
                     "(confirm_above)%s",
                     whole ? "" : "so far ", estimate_requests(estimate),
                     estimate_requests(estimate) == 1 ? "" : "s", cost, estimate_currency(estimate),
                     limit, end);
}

/* Asks whether the money may be spent, once. Returns 0, or -1 with an error. */
static int agree(struct submission *submission, struct error *error)
{
    char *text;
    int answer;

    if (submission->agreed ||
        estimate_likely_nano(submission->plan->estimate) <= submission->confirm_nano) {
        return 0;
    }
    text = question(submission, ". Go on?");
    answer = consent_ask(text);
    free(text);
    submission->agreed = answer > 0;
    if (answer > 0) {
        return 0;
    }
    text = question(submission, "");
    error_set(error, answer == 0 ? ERROR_LATER : ERROR_USAGE, "%s; %s%s", text,
              submission->count > 0 ? "the jobs before were submitted and stay"
                                    : "nothing was submitted",
              answer == 0 ? "" : "; say --yes, or --max-cost SUM for a budget");
    free(text);
    return -1;
}

/* --- dropping ------------------------------------------------------------------------------------
 */

/* Waits until the spool has room, or nothing more is wanted. */
static int await_room(struct submission *submission, struct error *error)
{
    const struct submission_plan *plan = submission->plan;
    uint64_t wanted = submission->bulk.count;
    bool told = false;

    if (plan->max_waiting == 0) {
        return 0;
    }
    while (submission->room < wanted && !submission->stopped) {
        uint64_t waiting = pressure_waiting(submission->pressure);
        int result;

        submission->room = waiting < plan->max_waiting ? plan->max_waiting - waiting : 0;
        /* Where less than a list has room, an empty spool takes it all the same. */
        if (submission->room >= wanted || waiting == 0) {
            break;
        }
        if (!told) {
            plan->full(plan->context, waiting);
        }
        told = true;
        result = plan->pass(plan->context, ROOM_MS, -1, error);
        submission->stopped = result > 0;
        if (result < 0) {
            return -1;
        }
    }
    submission->room -= submission->room < wanted ? submission->room : wanted;
    return 0;
}

/* A submission of one job is no run unless it was named. */
static void name_run(struct submission *submission)
{
    const struct submission_plan *plan = submission->plan;

    if (submission->run != NULL) {
        return;
    }
    if (plan->run != NULL) {
        submission->run = plan->run;
    } else if (!submission->ended || submission->bulk.count > 1 || plan->max_cost != NULL) {
        runname_make(plan->spool, plan->input, clock_wall(&clock_system), submission->made_name);
        submission->run = submission->made_name;
    }
    if (submission->run != NULL) {
        plan->named(plan->context, submission->run);
    }
}

static int drop(struct submission *submission, struct error *error)
{
    const struct submission_plan *plan = submission->plan;
    struct bulk *bulk = &submission->bulk;
    int result;

    if (agree(submission, error) < 0) {
        return -1;
    }
    name_run(submission);
    if (await_room(submission, error) < 0) {
        return -1;
    }
    if (submission->stopped) {
        bulk_clear(bulk);
        return 0;
    }
    if (draft_drop_files(plan->draft, NULL, error) < 0 ||
        bulk_drop(bulk, plan->spool,
                  &(struct bulk_header){.run = submission->run,
                                        .max_cost = plan->max_cost,
                                        .mail = submission->ended ? plan->mail : NULL,
                                        .more = !submission->ended},
                  error) < 0) {
        return -1;
    }
    submission->open = !submission->ended && submission->run != NULL;
    if (plan->max_waiting > 0) {
        pressure_note(submission->pressure, bulk->drop, bulk->count);
    }
    submission->count += (int64_t)bulk->count;
    if (plan->dropped(plan->context, bulk, error) < 0 ||
        draft_drop_files(plan->draft, NULL, error) < 0) {
        return -1;
    }
    draft_forget_files(plan->draft);
    bulk_clear(bulk);
    result = plan->pass(plan->context, 0, -1, error);
    submission->stopped = result > 0;
    return result < 0 ? -1 : 0;
}

/* That its last list was the last was not known when it was dropped. */
static int close_run(struct submission *submission, struct error *error)
{
    return bulk_close(submission->plan->spool,
                      &(struct bulk_header){.run = submission->run, .mail = submission->plan->mail},
                      error);
}

static int submit(struct submission *submission, struct error *error)
{
    const struct submission_plan *plan = submission->plan;

    if (consent_limit(&submission->confirm_nano, error) < 0 || gather(submission, error) < 0) {
        return -1;
    }
    if (!submission->ended && !submission->estimated && feed_rewindable(plan->feed) &&
        look_ahead(submission, error) < 0) {
        return -1;
    }
    while (submission->bulk.count > 0) {
        if (drop(submission, error) < 0 || gather(submission, error) < 0) {
            return -1;
        }
    }
    return submission->open ? close_run(submission, error) : 0;
}

int64_t submission_run(const struct submission_plan *plan, struct error *error)
{
    struct submission submission = {
        .plan = plan,
        .pressure = pressure_new(plan->spool),
        .agreed = plan->yes || plan->max_cost != NULL,
        .estimated = plan->estimated,
    };
    int result = submit(&submission, error);

    bulk_free(&submission.bulk);
    pressure_free(submission.pressure);
    return result < 0 ? -1 : submission.count;
}
