/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stop: see stop.h.
 */
#include "daemon/stop.h"

#include <stdlib.h>
#include <string.h>

#include "base/notify.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/archived.h"
#include "daemon/attach.h"
#include "daemon/batches.h"
#include "daemon/crash.h"
#include "daemon/dispatch.h"
#include "daemon/finish.h"
#include "daemon/flows.h"
#include "daemon/hooks.h"
#include "daemon/intake.h"
#include "daemon/orders.h"
#include "daemon/outbox.h"
#include "daemon/run_ends.h"

enum { EXTEND_MS = 10 * 1000 }; /* while draining, the supervisor is asked for more time so often */

enum stop_stage { STOP_NO, STOP_DRAINING, STOP_NOW };

struct stop {
    struct core *core;
    int64_t patience_ms; /* -1: stays when the spool is empty */
    enum stop_stage stage;
    struct mono until; /* while draining */
    uv_timer_t extend;
    int exit_code;
};

struct stop *stop_open(struct core *core, int64_t patience_ms)
{
    struct stop *stop = xcalloc(1, sizeof *stop);

    stop->core = core;
    stop->patience_ms = patience_ms;
    uv_timer_init(core->loop, &stop->extend);
    return stop;
}

void stop_close(struct stop *stop)
{
    free(stop);
}

static void leave(struct stop *stop, int exit_code)
{
    stop->exit_code = exit_code;
    uv_stop(stop->core->loop);
}

int stop_exit_code(const struct stop *stop)
{
    return stop->exit_code;
}

/* Whether nothing is being written. */
static bool written(const struct core *core)
{
    return publish_idle(core->publish) && archived_idle(core->archived) && attach_idle(core->attach) &&
           batches_idle(core->batches) && flows_quiet(core->flows) && run_ends_idle(core->run_ends) &&
           outbox_idle(core->outbox) && !money_writing(core->money); /* closing writes the rest */
}

static bool nothing_under_way(const struct core *core)
{
    return dispatch_in_flight(core->dispatch) == 0 && finish_stuck(core->finish) == 0 &&
           hooks_running(core->hooks) == 0 && queue_count(core->queue, TASK_SETTLING) == 0 &&
           written(core);
}

/* --- told to stop ---------------------------------------------------------------------------------------- */

static void extend_fired(uv_timer_t *timer)
{
    (void)timer;
    notify_send("EXTEND_TIMEOUT_USEC=30000000");
}

void stop_begin(struct stop *stop)
{
    struct core *core = stop->core;
    char bound[TIMETEXT_SIZE];

    if (stop->stage != STOP_NO)
        return;
    stop->stage = STOP_DRAINING;
    core->stopping = true;
    stop->until.ms = clock_mono(core->clock).ms + core->config->drain_timeout_ms;
    timetext_write_duration(core->config->drain_timeout_ms, bound);
    log_info(&core->log, "stopping: %u requests in flight have %s to end",
             dispatch_in_flight(core->dispatch), bound);
    events_add(core->events, "daemon_stopping", NULL);
    batches_stop(core->batches);
    run_ends_stop(core->run_ends);
    outbox_stop(core->outbox);
    hooks_stop(core->hooks);
    notify_send("STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000\nSTATUS=Finishing what is in flight");
    uv_timer_start(&stop->extend, extend_fired, EXTEND_MS, EXTEND_MS);
    core_touch(core);
}

void stop_hurry(struct stop *stop)
{
    struct core *core = stop->core;
    unsigned left;
    int result;

    if (stop->stage != STOP_DRAINING)
        return;
    result = crash_record_stop(core->crash);
    left = dispatch_abandon(core->dispatch) + (unsigned)finish_stuck(core->finish);
    if (result < 0)
        log_warning(&core->log, "state/: the stop cannot be recorded: %s", strerror(-result));
    hooks_kill(core->hooks);
    if (left > 0)
        log_warning(&core->log,
                    "stopped with %u %s not finished; each may have been paid for and is in doubt",
                    left, left == 1 ? "request" : "requests");
    stop->stage = STOP_NOW;
}

static void look_at_stage(struct stop *stop)
{
    const struct core *core = stop->core;

    if (stop->stage == STOP_DRAINING && !nothing_under_way(core) &&
        clock_mono(core->clock).ms >= stop->until.ms)
        stop_hurry(stop);
    if (stop->stage == STOP_DRAINING && nothing_under_way(core))
        leave(stop, 0);
    else if (stop->stage == STOP_NOW && written(core))
        leave(stop, 0); /* what is stuck stays marked, too */
}

/* --- until empty ----------------------------------------------------------------------------------------- */

static bool any_failed(const struct core *core)
{
    const struct totals *totals = &core->totals;

    return totals->failed + totals->cancelled + totals->expired + totals->refused > 0;
}

/* Whether something that is left may move within the patience: it is ready (its gate may open), or a
 * backoff or delay will be over. */
static bool may_move(const struct stop *stop)
{
    const struct core *core = stop->core;
    int64_t alarm = queue_next_alarm(core->queue);
    bool lately = clock_mono(core->clock).ms - core->progress.ms <= stop->patience_ms;
    const char *reason;

    if (alarm != JOB_NEVER && alarm - clock_wall(core->clock).ms <= stop->patience_ms)
        return true;
    return lately && (queue_resting(core->queue, REST_READY) > 0 ||
                      intake_waiting(core->intake, &reason) > 0 ||
                      orders_waiting(core->orders) > 0);
}

static void tell_of_debts(const struct core *core)
{
    size_t owed = outbox_owed(core->outbox);

    if (owed > 0)
        log_warning(&core->log, "%zu %s still owed and will be tried again by the next daemon", owed,
                    owed == 1 ? "notification is" : "notifications are");
}

/* Nothing is left, or what is left cannot move. */
static void look_at_empty(struct stop *stop)
{
    struct core *core = stop->core;
    const char *reason;

    if (stop->stage != STOP_NO || !nothing_under_way(core) || !intake_idle(core->intake) ||
        !flows_idle(core->flows))
        return;
    hooks_hurry(core->hooks);
    if (outbox_due(core->outbox) > 0)
        return;
    if (queue_size(core->queue) == 0 && intake_waiting(core->intake, &reason) == 0 &&
        orders_waiting(core->orders) == 0 && flows_waiting(core->flows) == 0) {
        tell_of_debts(core);
        leave(stop, any_failed(core) ? 1 : 0);
    } else if (!may_move(stop)) {
        log_warning(&core->log, "%zu jobs are left that cannot move; llmspool-status says why",
                    queue_size(core->queue) + intake_waiting(core->intake, &reason) +
                        flows_waiting(core->flows));
        tell_of_debts(core);
        leave(stop, 75);
    }
}

/* --- each turn ------------------------------------------------------------------------------------------- */

void stop_look(struct stop *stop)
{
    look_at_stage(stop);
    if (stop->patience_ms >= 0)
        look_at_empty(stop);
}

int64_t stop_wake_ms(const struct stop *stop)
{
    const struct core *core = stop->core;
    int64_t now = clock_mono(core->clock).ms, wake = -1;

    if (stop->patience_ms >= 0)
        wake = clock_sooner(wake, core->progress.ms + stop->patience_ms - now + 1);
    if (stop->stage == STOP_DRAINING)
        wake = clock_sooner(wake, stop->until.ms - now);
    return wake;
}
