/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status: see status.h.
 */
#include "daemon/status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/finish.h"
#include "daemon/intake.h"
#include "daemon/key.h"
#include "daemon/room.h"
#include "spool/file.h"

enum { EVERY_MS = 1000, LATENCIES = 1024, REASON_SIZE = 400, MINUTE_MS = 60 * 1000, STATUS_LIMIT = 16 * 1024 * 1024 };

struct status {
    struct core *core;
    uv_timer_t timer;
    struct wall started;
    struct mono written;
    bool ever;
    int64_t latencies[LATENCIES]; /* ring of the last ones */
    size_t latency_count;
    struct mono rate_from; /* of rate_base */
    uint64_t rate_base;    /* jobs ended when the minute began */
    double per_minute;     /* of the minute before, or of the one under way while it is the first */
};

static json_t *time_json(struct wall time)
{
    char text[TIMETEXT_SIZE];

    if (time.ms <= 0)
        return json_null();
    timetext_write(time, text);
    return json_string(text);
}

static json_t *count_json(uint64_t count)
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
                     count_json(queue_resting(queue, REST_READY)), "delayed",
                     count_json(queue_resting(queue, REST_DELAYED)), "held",
                     count_json(queue_resting(queue, REST_HELD)), "running",
                     count_json(queue_count(queue, TASK_RUNNING)), "accepting",
                     count_json(queue_count(queue, TASK_ACCEPTING) + in_new), "publishing",
                     count_json(queue_count(queue, TASK_SETTLING) +
                                queue_count(queue, TASK_ENDING)),
                     "in_new", count_json(in_new));
}

static json_t *totals_json(const struct totals *totals)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "completed", count_json(totals->completed),
                     "failed", count_json(totals->failed), "cancelled",
                     count_json(totals->cancelled), "expired", count_json(totals->expired),
                     "refused", count_json(totals->refused));
}

static void add_reason(json_t *reasons, const char *reason, size_t jobs)
{
    if (reason[0] != '\0' && jobs > 0)
        json_array_append_new(reasons, json_pack("{s:s, s:o}", "reason", reason, "jobs",
                                                 count_json(jobs)));
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
    return reasons;
}

/* How many ready jobs may go through a gate. */
static size_t gate_waiting(const struct core *core, const struct upstream *upstream)
{
    size_t waiting = 0;

    for (const struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next)
        for (size_t i = 0; i < lane->upstream_count; i++)
            if (lane->upstreams[i] == upstream)
                waiting += lane->ready.count;
    return waiting;
}

static void add_limit(json_t *limits, const char *name, const struct gate_limit_view *view)
{
    if (view->origin == GATE_NO_LIMIT)
        return;
    json_array_append_new(limits, json_pack("{s:s, s:s, s:I, s:I, s:I}", "of", name, "from",
                                            gate_origin_word(view->origin), "limit",
                                            (json_int_t)view->limit, "period_ms",
                                            (json_int_t)view->period_ms, "left",
                                            (json_int_t)view->left));
}

static json_t *limits_json(const struct gate_view *view)
{
    json_t *limits = json_array();

    add_limit(limits, "requests", &view->requests);
    add_limit(limits, "tokens", &view->tokens);
    add_limit(limits, "input_tokens", &view->input_tokens);
    add_limit(limits, "output_tokens", &view->output_tokens);
    add_limit(limits, "daily_requests", &view->daily);
    return limits;
}

/* When and why it is closed. */
static void add_closing(json_t *gate, const struct gate_view *view, struct mono now,
                        struct wall wall)
{
    if (view->reason != NULL)
        json_object_set_new(gate, "reason", json_string(view->reason));
    if (view->state == GATE_CLOSED && view->until_mono_ms > 0)
        json_object_set_new(gate, "until",
                            time_json((struct wall){wall.ms + view->until_mono_ms - now.ms}));
    if (view->since_mono_ms >= 0)
        json_object_set_new(gate, "since",
                            time_json((struct wall){wall.ms + view->since_mono_ms - now.ms}));
    json_object_set_new(gate, "loud", json_boolean(view->loud));
}

static json_t *gate_json(const struct core *core, const struct upstream *upstream)
{
    struct mono now = clock_mono(core->clock);
    struct gate_view view = gate_view(upstream->gate, now);
    char key[KEY_MASK_SIZE];
    json_t *gate = json_pack("{s:s, s:s, s:s, s:s, s:s}", "gate", upstream->name, "upstream",
                             upstream->url, "provider", upstream->provider, "model",
                             upstream->model, "state", gate_state_word(view.state));

    if (upstream->key != NULL)
        json_object_set_new(gate, "key", json_string(key_mask(upstream->key, key)));
    add_closing(gate, &view, now, clock_wall(core->clock));
    json_object_set_new(gate, "in_flight", count_json(view.in_flight));
    json_object_set_new(gate, "window", count_json(view.window));
    json_object_set_new(gate, "max_in_flight", count_json(view.max_in_flight));
    json_object_set_new(gate, "limits", limits_json(&view));
    json_object_set_new(gate, "used_requests", count_json((uint64_t)view.used_requests));
    json_object_set_new(gate, "used_tokens", count_json((uint64_t)view.used_tokens));
    json_object_set_new(gate, "waiting", count_json(gate_waiting(core, upstream)));
    json_object_set_new(gate, "succeeded", count_json(view.succeeded));
    json_object_set_new(gate, "failed", count_json(view.failed));
    json_object_set_new(gate, "throttled", count_json(view.throttled));
    json_object_set_new(gate, "memory", upstream_memory(upstream, now));
    return gate;
}

static json_t *gates_json(const struct core *core)
{
    json_t *gates = json_array();

    for (const struct upstream *upstream = upstreams_first(core->upstreams); upstream != NULL;
         upstream = upstream->next)
        if (upstream->route != NULL)
            json_array_append_new(gates, gate_json(core, upstream));
    return gates;
}

static json_t *models_json(const struct core *core)
{
    json_t *models = json_array();

    for (struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next) {
        char reason[REASON_SIZE];
        json_t *model;

        lane_reason(lane, clock_mono(core->clock), clock_wall(core->clock), reason, sizeof reason);
        model = json_pack("{s:s, s:s, s:s*, s:o}", "model", lane->model, "type", lane->type,
                          "provider", lane->wanted, "waiting", count_json(lane->ready.count));
        if (lane->upstream_count > 0)
            json_object_set_new(model, "gate", json_string(lane->upstreams[0]->name));
        if (reason[0] != '\0')
            json_object_set_new(model, "reason", json_string(reason));
        json_array_append_new(models, model);
    }
    return models;
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

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "commits", count_json(counts.commits),
                     "items", count_json(counts.publications), "largest",
                     count_json(counts.largest), "failures", count_json(counts.failures), "mean_us",
                     count_json(counts.commits > 0 ? counts.total_us / counts.commits : 0),
                     "max_us", count_json(counts.longest_us));
}

static int compare_latency(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static json_t *latency_json(const struct status *status)
{
    size_t count = status->latency_count < LATENCIES ? status->latency_count : LATENCIES;
    int64_t sorted[LATENCIES];

    if (count == 0)
        return json_null();
    memcpy(sorted, status->latencies, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_latency);
    return json_pack("{s:I, s:I, s:I}", "p50", (json_int_t)sorted[count / 2], "p95",
                     (json_int_t)sorted[count * 95 / 100], "p99",
                     (json_int_t)sorted[count * 99 / 100]);
}

static json_t *disk_json(const struct core *core)
{
    struct room room;

    if (room_free(core, &room) < 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "free_bytes", count_json(room.free_bytes), "free_inodes",
                     room.free_inodes == UINT64_MAX ? json_null() : count_json(room.free_inodes),
                     "floor_bytes", count_json(core->config->floor_bytes));
}

static json_t *oldest_json(const struct core *core)
{
    int64_t oldest = INT64_MAX;

    for (struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next) {
        const struct task *task = ready_oldest(&lane->ready);

        if (task != NULL && task->submitted < oldest)
            oldest = task->submitted;
    }
    return oldest == INT64_MAX ? json_null() : time_json((struct wall){oldest});
}

static bool any_mock(const struct core *core)
{
    for (const struct upstream *upstream = upstreams_first(core->upstreams); upstream != NULL;
         upstream = upstream->next)
        if (upstream->mock)
            return true;
    return false;
}

/* Jobs ended a minute, over the last whole minute in which the daemon worked. */
static double rate_per_minute(struct status *status, struct mono now)
{
    const struct totals *totals = &status->core->totals;
    uint64_t ended = totals->completed + totals->failed + totals->cancelled + totals->expired;
    int64_t passed = now.ms - status->rate_from.ms;

    if (passed >= MINUTE_MS) {
        status->per_minute = (double)(ended - status->rate_base) * MINUTE_MS / (double)passed;
        status->rate_base = ended;
        status->rate_from = now;
    } else if (status->per_minute <= 0 && passed >= EVERY_MS) {
        return (double)(ended - status->rate_base) * MINUTE_MS / (double)passed;
    }
    return status->per_minute;
}

/* --- the file ------------------------------------------------------------------------------------------ */

static json_t *status_json(struct status *status, bool stopped)
{
    struct core *core = status->core;
    json_t *all = json_pack("{s:i, s:i, s:s, s:o, s:o, s:s}", "llmspool", LAYOUT_VERSION, "pid",
                            (int)getpid(), "version", PACKAGE_VERSION, "started",
                            time_json(status->started), "time", time_json(clock_wall(core->clock)),
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
    json_object_set_new(all, "gates", gates_json(core));
    json_object_set_new(all, "models", models_json(core));
    json_object_set_new(all, "publish", publish_json(core));
    json_object_set_new(all, "rates",
                        json_pack("{s:f}", "per_minute",
                                  rate_per_minute(status, clock_mono(core->clock))));
    json_object_set_new(all, "latency_ms", latency_json(status));
    json_object_set_new(all, "disk", disk_json(core));
    json_object_set_new(all, "money", money_status_json(core->money));
    json_object_set_new(all, "prices", prices_json(core));
    json_object_set_new(all, "attachment_limit",
                        json_integer((json_int_t)core->config->attachment_limit));
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
    if (status != NULL)
        upstreams_recall(core->upstreams, status, clock_wall(core->clock));
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
    status->latencies[status->latency_count++ % LATENCIES] = ms;
}

struct status *status_open(struct core *core)
{
    struct status *status = xcalloc(1, sizeof *status);

    status->core = core;
    status->started = clock_wall(core->clock);
    status->rate_from = clock_mono(core->clock);
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
