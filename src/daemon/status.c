/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status: see status.h.
 */
#include "daemon/status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/finish.h"
#include "daemon/flows.h"
#include "daemon/intake.h"
#include "daemon/outbox.h"
#include "daemon/room.h"
#include "daemon/status_parts.h"
#include "daemon/hooks.h"
#include "daemon/webhooks.h"
#include "spool/file.h"
#include "upstream/meter.h"

enum { EVERY_MS = 1000, LATENCY_MS = 5 * 60 * 1000, REASON_SIZE = 400, STATUS_LIMIT = 16 * 1024 * 1024 };

struct status {
    struct core *core;
    uv_timer_t timer;
    struct wall started;
    struct mono written;
    bool ever;
    struct histogram latencies[2]; /* in ms: of the last minutes, and of those before */
    struct mono latencies_from;    /* when the first of them began */
    struct meter ended;            /* jobs */
};

json_t *status_time(struct wall time)
{
    char text[TIMETEXT_SIZE];

    if (time.ms <= 0)
        return json_null();
    timetext_write(time, text);
    return json_string(text);
}

json_t *status_count(uint64_t count)
{
    return json_integer((json_int_t)count);
}

/* --- parts ------------------------------------------------------------------------------------------- */

static json_t *counts_json(const struct core *core)
{
    const struct queue *queue = core->queue;
    const char *reason;
    size_t in_new = intake_waiting(core->intake, &reason);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "waiting",
                     status_count(queue_resting(queue, REST_READY)), "delayed",
                     status_count(queue_resting(queue, REST_DELAYED)), "held",
                     status_count(queue_resting(queue, REST_HELD)), "running",
                     status_count(queue_count(queue, TASK_RUNNING)), "accepting",
                     status_count(queue_count(queue, TASK_ACCEPTING) + in_new), "publishing",
                     status_count(queue_count(queue, TASK_SETTLING) +
                                queue_count(queue, TASK_ENDING)),
                     "in_new", status_count(in_new));
}

static json_t *totals_json(const struct totals *totals)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "completed", status_count(totals->completed),
                     "failed", status_count(totals->failed), "cancelled",
                     status_count(totals->cancelled), "expired", status_count(totals->expired),
                     "refused", status_count(totals->refused));
}

static void add_reason(json_t *reasons, const char *reason, size_t jobs)
{
    if (reason[0] != '\0' && jobs > 0)
        json_array_append_new(reasons, json_pack("{s:s, s:o}", "reason", reason, "jobs",
                                                 status_count(jobs)));
}

/* Why what waits does not move, for all jobs or some. */
static json_t *reasons_json(const struct core *core)
{
    json_t *reasons = json_array();
    struct mono now = clock_mono(core->clock);
    struct wall wall = clock_wall(core->clock);
    size_t all = queue_resting(core->queue, REST_READY) + queue_resting(core->queue, REST_DELAYED);
    const char *in_new_reason;
    size_t in_new = intake_waiting(core->intake, &in_new_reason);

    if (core->paused)
        add_reason(reasons, "paused", all);
    add_reason(reasons, core->trouble, all);
    for (struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next) {
        char reason[REASON_SIZE];

        lane_reason(lane, now, wall, reason, sizeof reason);
        add_reason(reasons, reason, lane->ready.count);
    }
    for (const struct afford_reason *reason = afford_reasons(core->afford); reason != NULL;
         reason = reason->next)
        add_reason(reasons, reason->text, reason->jobs);
    add_reason(reasons, "held",
               queue_resting(core->queue, REST_HELD) - afford_count(core->afford));
    add_reason(reasons, in_new_reason, in_new);
    add_reason(reasons, "after jobs that have not ended", flows_waiting(core->flows));
    return reasons;
}

/* The prices of all models that jobs asked so far. */
static json_t *prices_json(const struct core *core)
{
    const char **models;
    size_t count = 0;
    json_t *prices;

    for (const struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next)
        count++;
    models = xcalloc(count + 1, sizeof(char *));
    count = 0;
    for (const struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next)
        models[count++] = lane->model;
    prices = money_prices_json(core->money, models, count);
    free(models);
    return prices;
}

static json_t *publish_json(const struct core *core)
{
    struct publish_counts counts = publish_counts(core->publish);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "commits", status_count(counts.commits),
                     "items", status_count(counts.publications), "largest",
                     status_count(counts.largest), "failures", status_count(counts.failures), "mean_us",
                     status_count(counts.commits > 0 ? counts.total_us / counts.commits : 0),
                     "max_us", status_count(counts.longest_us));
}

/* Of the last five to ten minutes in which there were any. */
static json_t *latency_json(const struct status *status)
{
    struct histogram all = status->latencies[0];
    json_t *buckets;

    histogram_merge(&all, &status->latencies[1]);
    if (all.total == 0)
        return json_null();
    buckets = json_array();
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (all.counts[i] > 0)
            json_array_append_new(buckets, json_pack("[I, I]", (json_int_t)histogram_highest(i),
                                                     (json_int_t)all.counts[i]));
    return json_pack("{s:I, s:I, s:I, s:o, s:o}", "p50", (json_int_t)histogram_percentile(&all, 50),
                     "p95", (json_int_t)histogram_percentile(&all, 95), "p99",
                     (json_int_t)histogram_percentile(&all, 99), "answers", status_count(all.total),
                     "buckets", buckets);
}

static json_t *disk_json(const struct core *core)
{
    struct room room;

    if (room_free(core, &room) < 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "free_bytes", status_count(room.free_bytes), "free_inodes",
                     room.free_inodes == UINT64_MAX ? json_null() : status_count(room.free_inodes),
                     "floor_bytes", status_count(core->config->floor_bytes));
}

static json_t *oldest_json(const struct core *core)
{
    int64_t oldest = INT64_MAX;

    for (struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next) {
        const struct task *task = ready_oldest(&lane->ready);

        if (task != NULL && task->submitted < oldest)
            oldest = task->submitted;
    }
    return oldest == INT64_MAX ? json_null() : status_time((struct wall){oldest});
}

static bool any_mock(const struct core *core)
{
    for (const struct upstream *upstream = upstreams_first(core->upstreams); upstream != NULL;
         upstream = upstream->next)
        if (upstream->mock)
            return true;
    return false;
}

/* --- the file ------------------------------------------------------------------------------------------ */

static json_t *status_json(struct status *status, bool stopped)
{
    struct core *core = status->core;
    json_t *all = json_pack("{s:i, s:i, s:s, s:o, s:o, s:s}", "llmspool", LAYOUT_VERSION, "pid",
                            (int)getpid(), "version", PACKAGE_VERSION, "started",
                            status_time(status->started), "time", status_time(clock_wall(core->clock)),
                            "spool", core->spool->path);

    json_object_set_new(all, "state",
                        json_string(stopped ? "stopped" : core->stopping ? "stopping" : "running"));
    json_object_set_new(all, "mock", json_boolean(any_mock(core)));
    if (core->trouble[0] != '\0')
        json_object_set_new(all, "trouble", json_string(core->trouble));
    json_object_set_new(all, "paused", json_boolean(core->paused));
    json_object_set_new(all, "draining", json_boolean(core->draining));
    json_object_set_new(all, "counts", counts_json(core));
    json_object_set_new(all, "finished", totals_json(&core->totals));
    json_object_set_new(all, "oldest_runnable", oldest_json(core));
    json_object_set_new(all, "reasons", reasons_json(core));
    json_object_set_new(all, "gates", status_gates(core));
    json_object_set_new(all, "models", status_models(core));
    json_object_set_new(all, "users", status_users(core));
    json_object_set_new(all, "publish", publish_json(core));
    json_object_set_new(all, "rates",
                        json_pack("{s:I}", "per_minute",
                                  (json_int_t)meter_sum(&status->ended, clock_mono(core->clock)).requests));
    json_object_set_new(all, "latency_ms", latency_json(status));
    json_object_set_new(all, "disk", disk_json(core));
    json_object_set_new(all, "money", money_status_json(core->money));
    json_object_set_new(all, "prices", prices_json(core));
    json_object_set_new(all, "webhooks", outbox_json(core->outbox));
    json_object_set_new(all, "attachment_limit",
                        json_integer((json_int_t)core->config->attachment_limit));
    json_object_set_new(all, "webhook", webhooks_json(core->webhooks));
    json_object_set_new(all, "hooks", hooks_json(core->hooks));
    return all;
}

void status_write(struct status *status, bool stopped)
{
    struct core *core = status->core;
    json_t *all = status_json(status, stopped);
    struct buffer text = {0};
    int result;

    jsontext_write(&text, all);
    buffer_byte(&text, '\n');
    json_decref(all);
    result = file_replace(core->spool->dir[FOLDER_TMP], core->spool->dir[FOLDER_STATE],
                          "status.json", core->spool->job_mode, text.bytes, text.length, false);
    if (result < 0)
        log_warning(&core->log, "state/status.json cannot be written: %s", strerror(-result));
    buffer_free(&text);
    core->changed = false;
    status->ever = true;
    status->written = clock_mono(core->clock);
}

void status_recall(struct core *core)
{
    struct buffer text = {0};
    json_t *status = NULL;

    if (file_read_at(core->spool->dir[FOLDER_STATE], "status.json", STATUS_LIMIT, &text, NULL) == 0)
        status = jsontext_read_object(text.bytes, text.length, NULL);
    if (status != NULL) {
        upstreams_recall(core->upstreams, status, clock_wall(core->clock));
        status_recall_users(core, status);
    }
    json_decref(status);
    buffer_free(&text);
}

static void timer_fired(uv_timer_t *timer)
{
    struct status *status = timer->data;

    if (status->core->changed)
        status_write(status, false);
}

void status_work(struct status *status)
{
    struct core *core = status->core;
    int64_t due = status->written.ms + EVERY_MS - clock_mono(core->clock).ms;

    if (!core->changed || uv_is_active((uv_handle_t *)&status->timer))
        return;
    if (!status->ever || due <= 0)
        status_write(status, false);
    else
        uv_timer_start(&status->timer, timer_fired, (uint64_t)due, 0);
}

void status_latency(struct status *status, int64_t ms)
{
    struct mono now = clock_mono(status->core->clock);

    if (now.ms - status->latencies_from.ms >= LATENCY_MS) {
        status->latencies[1] = status->latencies[0];
        status->latencies[0] = (struct histogram){0};
        status->latencies_from = now;
    }
    histogram_add(&status->latencies[0], ms);
}

void status_ended(struct status *status, const struct task *task, bool completed)
{
    struct core *core = status->core;

    meter_add(&status->ended, (struct meter_use){.requests = 1}, clock_mono(core->clock));
    shares_today(core->shares, money_today(core->money));
    if (completed)
        task->share->completed++;
    else
        task->share->failed++;
}

struct status *status_open(struct core *core)
{
    struct status *status = xcalloc(1, sizeof *status);

    status->core = core;
    status->started = clock_wall(core->clock);
    status->latencies_from = clock_mono(core->clock);
    uv_timer_init(core->loop, &status->timer);
    status->timer.data = status;
    return status;
}

static void status_free(uv_handle_t *handle)
{
    free(handle->data);
}

void status_close(struct status *status)
{
    if (status != NULL)
        uv_close((uv_handle_t *)&status->timer, status_free);
}
