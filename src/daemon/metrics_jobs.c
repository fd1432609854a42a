/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_jobs: metrics of jobs, of what happens to them, and of their publication; see
 * metrics_parts.h. */
#include <math.h>
#include <string.h>

#include "daemon/flows.h"
#include "daemon/intake.h"
#include "daemon/metrics_parts.h"

const struct buckets_scale metrics_wait_scale = {
    1000,
    12,
    {100, 500, 1000, 5000, 15000, 60000, 300000, 900000, 3600000, 14400000, 43200000, 86400000}};

const struct buckets_scale metrics_batch_scale = {1, 10, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}};

const struct buckets_scale metrics_publish_scale = {
    1e6, 11, {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 10000000}};

const char *const metrics_event_kinds[] = {
    "accepted",
    "archive_damaged",
    "budget",
    "cancelled",
    "completed",
    "daemon_started",
    "daemon_stopped",
    "daemon_stopping",
    "doubt",
    "drain_ended",
    "draining",
    "duplicate",
    "events_cut",
    "events_lost",
    "expired",
    "failed",
    "fallback",
    "flow_accepted",
    "flow_ended",
    "gate_closed",
    "gate_opened",
    "held",
    "hook_delivered",
    "hook_failed",
    "hook_gave_up",
    "order_obeyed",
    "paused",
    "refused",
    "released",
    "reloaded",
    "rerun",
    "restored",
    "resumed",
    "retried",
    "retry",
    "run_finished",
    "sent_back",
    "started",
    "step_dropped",
    "throttled",
    "webhook_delivered",
    "webhook_failed",
    "webhook_gave_up",
    NULL,
};
_Static_assert(sizeof metrics_event_kinds / sizeof metrics_event_kinds[0] <= METRICS_EVENTS,
               "each kind of event has a counter, and others have one");

/* --- jobs by state -------------------------------------------------------------------------------
 */

static void job_sample(struct buffer *out, const char *name, const char *state, size_t count)
{
    const struct promtext_label labels[] = {{"state", state}, {NULL, NULL}};

    promtext_sample(out, name, labels, (double)count);
}

static void job_samples(const struct metrics_look *look, const struct metrics_family *family,
                        struct buffer *out)
{
    const struct queue *queue = look->core->queue;

    job_sample(out, family->name, "accepting", queue_count(queue, TASK_ACCEPTING));
    job_sample(out, family->name, "waiting", queue_resting(queue, REST_READY));
    job_sample(out, family->name, "delayed", queue_resting(queue, REST_DELAYED));
    job_sample(out, family->name, "held", queue_resting(queue, REST_HELD));
    job_sample(out, family->name, "running", queue_count(queue, TASK_RUNNING));
    job_sample(out, family->name, "publishing",
               queue_count(queue, TASK_SETTLING) + queue_count(queue, TASK_ENDING));
}

static double in_new(const struct metrics_look *look)
{
    const char *reason;

    return (double)intake_waiting(look->core->intake, &reason);
}

static double steps(const struct metrics_look *look)
{
    return (double)flows_waiting(look->core->flows);
}

static double without_money(const struct metrics_look *look)
{
    return (double)afford_count(look->core->afford);
}

static double oldest(const struct metrics_look *look)
{
    double oldest = NAN;

    for (struct lane *lane = lanes_first(look->core->lanes); lane != NULL; lane = lane->hh.next) {
        const struct task *task = ready_oldest(&lane->ready);

        if (task != NULL)
            oldest = fmin(oldest, (double)task->submitted / 1000); /* of a NAN: the other */
    }
    return oldest;
}

/* --- jobs by model -------------------------------------------------------------------------------
 */

struct waiting {
    const char *model;
    size_t jobs;
};

static void add_waiting(struct waiting rows[METRICS_NAMES + 1], size_t *count,
                        const struct lane *lane)
{
    size_t i = 0;

    while (i < *count && i < METRICS_NAMES && strcmp(rows[i].model, lane->model) != 0)
        i++;
    if (i == *count) {
        rows[i] = (struct waiting){i < METRICS_NAMES ? lane->model : METRICS_OTHER, 0};
        ++*count;
    }
    rows[i].jobs += lane->ready.count;
}

static void waiting_samples(const struct metrics_look *look, const struct metrics_family *family,
                            struct buffer *out)
{
    struct waiting rows[METRICS_NAMES + 1];
    size_t count = 0;

    for (struct lane *lane = lanes_first(look->core->lanes); lane != NULL; lane = lane->hh.next)
        add_waiting(rows, &count, lane);
    for (size_t i = 0; i < count; i++) {
        const struct promtext_label labels[] = {{"model", rows[i].model}, {NULL, NULL}};

        promtext_sample(out, family->name, labels, (double)rows[i].jobs);
    }
}

/* --- what happens to them ------------------------------------------------------------------------
 */

static void event_samples(const struct metrics_look *look, const struct metrics_family *family,
                          struct buffer *out)
{
    size_t i = 0;

    do {
        const char *kind = metrics_event_kinds[i];
        const struct promtext_label labels[] = {{"event", kind != NULL ? kind : METRICS_OTHER},
                                                {NULL, NULL}};

        promtext_sample(out, family->name, labels, (double)look->metrics->events[i]);
    } while (metrics_event_kinds[i++] != NULL);
}

static void retry_samples(const struct metrics_look *look, const struct metrics_family *family,
                          struct buffer *out)
{
    for (size_t i = OUTCOME_OK + 1; i < METRICS_OUTCOMES; i++) {
        const struct promtext_label labels[] = {{"class", outcome_word((enum outcome)i)},
                                                {NULL, NULL}};

        promtext_sample(out, family->name, labels, (double)look->metrics->retries[i]);
    }
}

static void wait_samples(const struct metrics_look *look, const struct metrics_family *family,
                         struct buffer *out)
{
    promtext_histogram(out, family->name, NULL, &metrics_wait_scale, &look->metrics->waits);
}

/* --- publication ---------------------------------------------------------------------------------
 */

static void batch_samples(const struct metrics_look *look, const struct metrics_family *family,
                          struct buffer *out)
{
    promtext_histogram(out, family->name, NULL, &metrics_batch_scale, &look->metrics->batches);
}

static void publish_samples(const struct metrics_look *look, const struct metrics_family *family,
                            struct buffer *out)
{
    promtext_histogram(out, family->name, NULL, &metrics_publish_scale, &look->metrics->publishing);
}

static double batches(const struct metrics_look *look)
{
    return (double)look->metrics->published.commits;
}

static double publish_failures(const struct metrics_look *look)
{
    return (double)look->metrics->published.failures;
}

const struct metrics_family metrics_jobs[] = {
    {.name = "llmspool_jobs",
     .kind = PROMTEXT_GAUGE,
     .help = "Jobs in cur/ by state: accepting (being put there), waiting (may be sent), delayed, "
             "held, running, publishing (their end is being made durable).",
     .samples = job_samples},
    {.name = "llmspool_new_files",
     .kind = PROMTEXT_GAUGE,
     .help = "Files in new/ that wait, because they cannot be taken.",
     .value = in_new},
    {.name = "llmspool_flow_steps_waiting",
     .kind = PROMTEXT_GAUGE,
     .help = "Jobs in flows/ that wait for others to end.",
     .value = steps},
    {.name = "llmspool_jobs_without_money",
     .kind = PROMTEXT_GAUGE,
     .help = "Held jobs that wait for a budget or a price.",
     .value = without_money},
    {.name = "llmspool_waiting_jobs",
     .kind = PROMTEXT_GAUGE,
     .help = "Jobs that may be sent, by the model that they ask.",
     .samples = waiting_samples},
    {.name = "llmspool_oldest_waiting_timestamp_seconds",
     .kind = PROMTEXT_GAUGE,
     .help =
         "When the longest-waiting of the jobs that may be sent was submitted, in seconds since "
         "1970; absent while none waits. Its age is time() minus this.",
     .value = oldest},
    {.name = "llmspool_transitions_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Events that the daemon wrote to the log, by kind.",
     .samples = event_samples},
    {.name = "llmspool_retries_total",
     .kind = PROMTEXT_COUNTER,
     .help =
         "Times that a job was put back to be asked again, by the outcome of the request before.",
     .samples = retry_samples},
    {.name = "llmspool_queue_wait_seconds",
     .kind = PROMTEXT_HISTOGRAM,
     .help = "How long jobs waited from when they might be sent until their first request.",
     .samples = wait_samples},
    {.name = "llmspool_publish_batches_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Group commits.",
     .value = batches},
    {.name = "llmspool_publish_failures_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Publications that could not be written.",
     .value = publish_failures},
    {.name = "llmspool_publish_batch_size",
     .kind = PROMTEXT_HISTOGRAM,
     .help = "Publications that shared the syncs of a group commit.",
     .samples = batch_samples},
    {.name = "llmspool_publish_seconds",
     .kind = PROMTEXT_HISTOGRAM,
     .help = "Time of group commits.",
     .samples = publish_samples},
    {0},
};
