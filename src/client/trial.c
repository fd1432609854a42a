/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trial: see trial.h.
 */
#include "client/trial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/random.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/consent.h"
#include "client/records.h"
#include "client/show.h"
#include "client/wait.h"

/* A job that was chosen. */
struct chosen {
    struct job *job;
    uint64_t position;
    char *asked; /* as a person recognises it */
    bool fresh;  /* it was not answered before */
    struct awaited *awaited; /* in the set that is waited for */
};

struct trial {
    const struct submission_plan *plan;
    const struct screen *screen;
    struct chosen *chosen;
    size_t count;
    uint64_t offered; /* records so far */
    struct wait *wait;
    int64_t began_ms, took_ms;
    /* What was measured. */
    size_t answers, failures, fresh;
    int64_t input_tokens, output_tokens, cost_nano;
    size_t priced;
};

/* --- choosing ------------------------------------------------------------------------------------
 */

/* What a job asks, cut short when it is shown. */
static char *asked(const struct made *made)
{
    const json_t *prompt = json_object_get(made->job->document, "prompt");
    size_t length = made->record->length < 400 ? made->record->length : 400;

    return json_is_string(prompt) ? xstrdup(json_string_value(prompt))
                                  : xstrndup(made->record->text, length);
}

/* Every record has the same chance (Vitter's algorithm R). Takes the job over. */
static void offer(struct trial *trial, struct random *random, size_t wanted,
                  const struct made *made, bool fresh)
{
    uint64_t place = trial->offered < wanted ? trial->count : random_below(random, trial->offered + 1);

    trial->offered++;
    if (place >= wanted) {
        job_free(made->job);
        return;
    }
    if (place < trial->count) {
        job_free(trial->chosen[place].job);
        free(trial->chosen[place].asked);
    } else {
        trial->count++;
    }
    trial->chosen[place] = (struct chosen){
        .job = made->job, .position = made->position, .asked = asked(made), .fresh = fresh};
}

static int by_position(const void *a, const void *b)
{
    const struct chosen *one = a, *other = b;

    return (one->position > other->position) - (one->position < other->position);
}

static int choose(struct trial *trial, size_t wanted, struct error *error)
{
    const struct submission_plan *plan = trial->plan;
    struct random random;
    struct made made;
    int result;

    random_init(&random, 0);
    trial->chosen = xcalloc(wanted, sizeof *trial->chosen);
    while ((result = making_next(plan->making, &made, error)) > 0) {
        bool fresh = estimate_add(plan->estimate, made.job) == STANDING_NEW;

        if (made.sample <= 1) {
            offer(trial, &random, wanted, &made, fresh);
        } else {
            job_free(made.job);
        }
    }
    if (trial->count > 1) {
        qsort(trial->chosen, trial->count, sizeof *trial->chosen, by_position);
    }
    return result < 0 ? -1 : making_rewind(plan->making, error);
}

/* --- asking them ---------------------------------------------------------------------------------
 */

/* Each in a list of its own, as a list's jobs stand next to each other in the run. */
static int drop_chosen(struct trial *trial, struct chosen *chosen, struct error *error)
{
    const struct submission_plan *plan = trial->plan;
    const struct feed_record nothing = {.text = ""};
    const struct made made = {
        .job = chosen->job, .record = &nothing, .position = chosen->position};
    const struct id id = chosen->job->id;
    struct bulk bulk = {0};
    unsigned lowest, highest = 0;
    int result;

    if (records_versions(plan->spool, &id, &lowest, &highest) < 0) {
        highest = 0;
    }
    bulk_add(&bulk, &made);
    result = draft_drop_files(plan->draft, chosen->job, error);
    if (result == 0) {
        result = bulk_drop(&bulk, plan->spool,
                           &(struct bulk_header){
                               .run = plan->run, .max_cost = plan->max_cost, .more = true},
                           error);
    }
    if (result == 0) {
        result = draft_drop_files(plan->draft, chosen->job, error);
    }
    chosen->job = NULL;
    if (result == 0) {
        chosen->awaited = wait_add(trial->wait, &id, 0);
        wait_expect(trial->wait, chosen->awaited, bulk.drop, 2, highest + 1);
    }
    bulk_free(&bulk);
    return result;
}

static void stalled(void *context, const char *reason)
{
    const struct trial *trial = context;

    screen_line(trial->screen, TONE_BAD, "still waiting: %s", reason);
}

/* The last one that ends tells how long all took. */
static void ended(void *context, struct awaited *awaited)
{
    struct trial *trial = context;

    (void)awaited;
    trial->took_ms = clock_mono(&clock_system).ms - trial->began_ms;
}

static int ask_chosen(struct trial *trial, enum wait_result *result, struct error *error)
{
    const struct wait_plan wait = {
        .timeout_ms = -1, .ended = ended, .stalled = stalled, .context = trial};

    trial->began_ms = clock_mono(&clock_system).ms;
    trial->wait = wait_new(trial->plan->spool, &clock_system);
    for (size_t i = 0; i < trial->count; i++) {
        if (drop_chosen(trial, &trial->chosen[i], error) < 0) {
            return -1;
        }
        trial->fresh += trial->chosen[i].fresh;
    }
    return wait_run(trial->wait, &wait, result, error);
}

/* --- telling -------------------------------------------------------------------------------------
 */

static void measure(struct trial *trial, const json_t *record)
{
    const json_t *usage = json_object_get(record, "usage");
    const json_t *amount = json_object_get(json_object_get(record, "cost"), "amount");
    int64_t nano;

    trial->answers++;
    trial->input_tokens += jsontext_get_int(usage, "input_tokens", 0);
    trial->output_tokens += jsontext_get_int(usage, "output_tokens", 0);
    if (json_is_number(amount) && amount_of_double(json_number_value(amount), &nano)) {
        trial->cost_nano = amount_add(trial->cost_nano, nano);
        trial->priced++;
    }
}

static void tell_answer(struct trial *trial, const struct chosen *chosen)
{
    const struct screen *screen = trial->screen;
    json_t *record = wait_record(trial->wait, chosen->awaited);

    screen_line(screen, TONE_STRONG, "%" PRIu64 "  %s", chosen->position + 1, chosen->asked);
    if (chosen->awaited->state == AWAITED_COMPLETED) {
        const json_t *answer = show_find(record);
        struct buffer text = {0};

        measure(trial, record);
        if (json_is_string(answer)) {
            buffer_append(&text, json_string_value(answer), json_string_length(answer));
        } else {
            jsontext_write(&text, answer);
        }
        screen_paragraph(screen, TONE_PLAIN, "   ", 3, text.bytes != NULL ? text.bytes : "");
        buffer_free(&text);
    } else {
        char *sentence = wait_failure(chosen->awaited, record);

        trial->failures++;
        screen_paragraph(screen, TONE_BAD, "   ", 3, sentence);
        free(sentence);
    }
    json_decref(record);
}

/* What the rest would take if it were as those that were asked. */
static uint64_t tell_projection(const struct trial *trial)
{
    uint64_t requests = estimate_requests(trial->plan->estimate);
    uint64_t rest = requests > trial->fresh ? requests - trial->fresh : 0;
    char took[TIMETEXT_SIZE], cost[AMOUNT_SIZE];
    double times = trial->answers > 0 ? (double)rest / (double)trial->answers : 0;

    screen_line(trial->screen, TONE_PLAIN, "asked      %zu of %" PRIu64 ", %zu failed",
                trial->count, trial->offered, trial->failures);
    screen_line(trial->screen, TONE_STRONG, "the rest   %" PRIu64 " requests", rest);
    if (trial->answers == 0 || rest == 0) {
        return rest;
    }
    screen_line(trial->screen, TONE_PLAIN, "tokens     about %.0f in, %.0f out",
                (double)trial->input_tokens * times, (double)trial->output_tokens * times);
    if (trial->priced > 0) {
        amount_show((int64_t)((double)trial->cost_nano / (double)trial->priced * (double)rest),
                    cost);
        screen_line(trial->screen, TONE_STRONG, "cost       about %s %s", cost,
                    estimate_currency(trial->plan->estimate));
    }
    if (trial->fresh > 0) {
        timetext_write_duration(
            (int64_t)((double)trial->took_ms * (double)rest / (double)trial->fresh), took);
        screen_line(trial->screen, TONE_PLAIN, "time       at most %s, as fast as these", took);
    }
    return rest;
}

static enum trial_end decide(const struct trial *trial, uint64_t rest)
{
    int answer;

    if (rest == 0 || trial->plan->yes) {
        return TRIAL_GO_ON;
    }
    answer = consent_ask("Go on with the rest?");
    if (answer > 0) {
        return TRIAL_GO_ON;
    }
    screen_line(trial->screen, TONE_PLAIN, "%s",
                answer == 0 ? "the rest was not submitted"
                            : "the rest was not submitted; the same command with --yes does it");
    return TRIAL_STOP;
}

static int run(struct trial *trial, size_t wanted, enum trial_end *end, struct error *error)
{
    enum wait_result result = WAIT_ENDED;
    uint64_t rest;

    if (choose(trial, wanted, error) < 0 || ask_chosen(trial, &result, error) < 0) {
        return -1;
    }
    if (result != WAIT_ENDED) {
        screen_line(trial->screen, TONE_BAD, "interrupted; the jobs that were asked go on");
        *end = TRIAL_INTERRUPTED;
        return 0;
    }
    for (size_t i = 0; i < trial->count; i++) {
        tell_answer(trial, &trial->chosen[i]);
    }
    rest = tell_projection(trial);
    fflush(trial->screen->out);
    *end = decide(trial, rest);
    return 0;
}

int trial_run(const struct submission_plan *plan, uint64_t count, const struct screen *screen,
              enum trial_end *end, struct error *error)
{
    struct trial trial = {.plan = plan, .screen = screen};
    int result = run(&trial, count, end, error);

    draft_forget_files(plan->draft);
    for (size_t i = 0; i < trial.count; i++) {
        job_free(trial.chosen[i].job);
        free(trial.chosen[i].asked);
    }
    free(trial.chosen);
    wait_free(trial.wait);
    return result;
}
