/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics: counting, and writing the files; see metrics.h. */
#include "daemon/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/metrics_file.h"
#include "daemon/metrics_parts.h"
#include "daemon/outbox.h"
#include "spool/file.h"

enum { MINUTE_MS = 60 * 1000 };

static const char state_name[] = "metrics.prom";

/* --- counting ------------------------------------------------------------------------------------
 */

static void heard(void *context, const char *kind)
{
    struct metrics *metrics = context;
    size_t i = 0;

    while (metrics_event_kinds[i] != NULL && strcmp(metrics_event_kinds[i], kind) != 0)
        i++;
    metrics->events[i]++;
    metrics->core->counted = true;
}

void metrics_request(struct metrics *metrics, const struct metrics_request *request)
{
    series_count(&metrics->series, request);
    if (request->waited_ms >= 0)
        buckets_add(&metrics->waits, &metrics_wait_scale, request->waited_ms);
    metrics->core->counted = true;
}

void metrics_retry(struct metrics *metrics, enum outcome outcome)
{
    metrics->retries[outcome]++;
    metrics->core->counted = true;
}

void metrics_committed(struct metrics *metrics)
{
    struct publish_counts now = publish_counts(metrics->core->publish);

    buckets_add(&metrics->batches, &metrics_batch_scale,
                (int64_t)(now.publications - metrics->published.publications));
    buckets_add(&metrics->publishing, &metrics_publish_scale,
                (int64_t)(now.total_us - metrics->published.total_us));
    metrics->published = now;
    metrics->core->counted = true;
}

void metrics_turn(struct metrics *metrics, int64_t ms)
{
    buckets_add(&metrics->turns, &metrics_turn_scale, ms);
}

/* --- writing -------------------------------------------------------------------------------------
 */

static void render_table(const struct metrics_look *look, const struct metrics_family *family,
                         struct buffer *out)
{
    for (; family->name != NULL; family++) {
        promtext_family(out, family->name, family->kind, family->help);
        if (family->value == NULL) {
            family->samples(look, family, out);
            continue;
        }
        double value = family->value(look);
        if (!isnan(value))
            promtext_sample(out, family->name, NULL, value);
    }
}

static void render_all(struct metrics *metrics, struct buffer *out)
{
    static const struct metrics_family *const tables[] = {
        metrics_process, metrics_jobs,  metrics_requests, metrics_gates,
        metrics_money,   metrics_debts, metrics_disk};
    struct core *core = metrics->core;
    struct metrics_look *look = xcalloc(1, sizeof *look);

    look->metrics = metrics;
    look->core = core;
    look->wall = clock_wall(core->clock);
    look->room_known = room_free(core, &look->room) == 0;
    metrics_look_at_gates(look);
    look->budgets = money_budgets(core->money, &look->budget_count);
    look->debts = outbox_json(core->outbox);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        render_table(look, tables[i], out);
    json_decref(look->debts);
    free(look->budgets);
    free(look);
}

static void render(struct metrics *metrics, struct buffer *out)
{
    const char *label = metrics->core->config->metrics_label;
    struct buffer text = {0};

    if (label == NULL) {
        render_all(metrics, out);
        return;
    }
    render_all(metrics, &text);
    promtext_label_all(out, &text, "spool", label);
    buffer_free(&text);
}

/* Tells the first of several failures, and the end of them. */
static void tell(const struct core *core, const char *what, int result, bool *fails)
{
    if (result < 0 && !*fails)
        log_warning(&core->log, "%s cannot be written, trying again each time: %s", what,
                    strerror(-result));
    else if (result == 0 && *fails)
        log_info(&core->log, "%s is written again", what);
    *fails = result < 0;
}

void metrics_write(struct metrics *metrics)
{
    struct core *core = metrics->core;
    struct buffer text = {0};
    int result;

    render(metrics, &text);
    result = file_replace(core->spool->dir[FOLDER_TMP], core->spool->dir[FOLDER_STATE], state_name,
                          core->spool->job_mode, text.bytes, text.length, false);
    tell(core, "state/metrics.prom", result, &metrics->state_fails);
    if (core->config->metrics_file != NULL) {
        result = metrics_file_write(core->config->metrics_file, text.bytes, text.length);
        tell(core, core->config->metrics_file, result, &metrics->file_fails);
    }
    buffer_free(&text);
    core->counted = false;
    metrics->ever = true;
    metrics->written = clock_mono(core->clock);
}

static void timer_fired(uv_timer_t *timer)
{
    struct metrics *metrics = timer->data;

    if (metrics->core->counted)
        metrics_write(metrics);
}

void metrics_work(struct metrics *metrics)
{
    struct core *core = metrics->core;
    int64_t due = metrics->written.ms + core->config->metrics_every_ms - clock_mono(core->clock).ms;

    if (!core->counted || uv_is_active((uv_handle_t *)&metrics->timer))
        return;
    if (!metrics->ever || due <= 0)
        metrics_write(metrics);
    else
        uv_timer_start(&metrics->timer, timer_fired, (uint64_t)due, 0);
}

void metrics_minute(struct metrics *metrics)
{
    if (clock_mono(metrics->core->clock).ms - metrics->written.ms >= MINUTE_MS / 2)
        metrics_write(metrics);
}

/* --- opening and closing -------------------------------------------------------------------------
 */

struct metrics *metrics_open(struct core *core)
{
    struct metrics *metrics = xcalloc(1, sizeof *metrics);

    metrics->core = core;
    metrics->started = clock_wall(core->clock);
    uv_timer_init(core->loop, &metrics->timer);
    metrics->timer.data = metrics;
    events_listen(core->events, heard, metrics);
    return metrics;
}

static void metrics_free(uv_handle_t *handle)
{
    struct metrics *metrics = handle->data;

    series_clear(&metrics->series);
    free(metrics);
}

void metrics_close(struct metrics *metrics)
{
    if (metrics != NULL)
        uv_close((uv_handle_t *)&metrics->timer, metrics_free);
}
