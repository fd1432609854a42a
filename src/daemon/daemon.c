/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon: see daemon.h.
 */
#include "daemon/daemon.h"
#include "daemon/archived.h"
#include "daemon/attach.h"
#include "daemon/batches.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/notify.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/core.h"
#include "daemon/crash.h"
#include "daemon/dispatch.h"
#include "daemon/finish.h"
#include "daemon/flows.h"
#include "daemon/hooks.h"
#include "daemon/intake.h"
#include "daemon/mark.h"
#include "daemon/metrics.h"
#include "daemon/orders.h"
#include "daemon/outbox.h"
#include "daemon/purse.h"
#include "daemon/recover.h"
#include "daemon/run_ends.h"
#include "daemon/status.h"
#include "daemon/webhooks.h"
#include "spool/visible.h"
#include "spool/watch.h"

enum {
    MINUTE_MS = 60 * 1000,
    SECOND_MS = 1000,
    SYNC_THREADS = 4,
    CLOCK_JUMP_MS = 2000, /* the wall clock was set when it moved by so much against the other */
    NS_A_MS = 1000 * 1000,
    EXTEND_MS = 10 * 1000, /* while draining, the supervisor is asked for more time so often */
};

enum stop_stage { STOP_NO, STOP_DRAINING, STOP_NOW };

struct daemon {
    struct core core; /* first: a core is handed to the parts, and its kick finds the daemon */
    const struct daemon_options *options;
    struct config *config;
    uv_loop_t loop;
    struct watch *watch;
    uv_prepare_t turn;
    uv_check_t woken;
    uv_idle_t busy;   /* active while there is work to do at once */
    uv_timer_t minute;
    uv_timer_t wake;  /* the next moment at which something becomes due */
    uv_timer_t extend;
    uv_timer_t watchdog;
    uv_poll_t hints;
    uv_signal_t signals[3];
    enum stop_stage stop;
    struct mono stop_until;
    struct wall turn_wall; /* when the turn began */
    struct mono turn_mono;
    uint64_t woken_ms; /* when the loop woke up last; 0: not yet */
    int64_t clock_offset; /* wall minus monotonic when last looked at */
    int exit_code;
    bool replaced; /* the path leads to another spool: only a restart helps */
    struct error lost;
};

static struct daemon *daemon_of(struct core *core)
{
    return (struct daemon *)core;
}

/* --- the turn of the loop ------------------------------------------------------------------------------- */

/* What came while the loop was busy waited until it slept and woke again: the loop's own time is of when it
 * did, before the callbacks of what came ran. */
static void woken(uv_check_t *check)
{
    struct daemon *daemon = check->data;

    daemon->woken_ms = uv_now(&daemon->loop);
}

static void measure_turn(struct daemon *daemon)
{
    if (daemon->woken_ms > 0)
        metrics_turn(daemon->core.metrics,
                     (int64_t)(uv_hrtime() / NS_A_MS) - (int64_t)daemon->woken_ms);
}

static void nothing(uv_idle_t *idle)
{
    (void)idle; /* an active idle handle keeps the loop from sleeping: that is all it is for */
}

static void daemon_kick(struct core *core)
{
    struct daemon *daemon = daemon_of(core);

    if (!uv_is_closing((uv_handle_t *)&daemon->busy))
        uv_idle_start(&daemon->busy, nothing);
}

static void wake_fired(uv_timer_t *timer)
{
    (void)timer; /* the turn that follows does the work */
}

/* How long until a moment, of a clock that stands at now and stood at before when this turn began. What
 * came due since then is due at once; what was due before had its chance, and waits for something else. */
static int64_t until(int64_t moment, int64_t now, int64_t before)
{
    return moment < now && moment >= before ? 0 : moment - now;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* In how many ms something becomes due by time alone; -1: nothing. */
static int64_t next_wake(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    int64_t wake = -1;
    int64_t alarm = queue_next_alarm(core->queue);
    int64_t gate = lanes_wake_ms(core->lanes, clock_mono(core->clock));
    int64_t now = clock_mono(core->clock).ms;

    if (alarm != JOB_NEVER)
        wake = sooner(wake, until(alarm, clock_wall(core->clock).ms, daemon->turn_wall.ms));
    if (gate >= 0)
        wake = sooner(wake, until(gate, now, daemon->turn_mono.ms));
    if (core->trouble[0] != '\0' || core->spool_lost)
        wake = sooner(wake, SECOND_MS);
    wake = sooner(wake, outbox_wake_ms(core->outbox));
    if (daemon->options->until_empty)
        wake = sooner(wake, core->progress.ms + daemon->options->patience_ms - now + 1);
    if (daemon->stop == STOP_DRAINING)
        wake = sooner(wake, daemon->stop_until.ms - now);
    return wake;
}

static void set_wake(struct daemon *daemon)
{
    int64_t wake = next_wake(daemon);

    if (wake < 0 || wake >= MINUTE_MS) { /* the minute's own turn comes first */
        uv_timer_stop(&daemon->wake);
        return;
    }
    uv_update_time(&daemon->loop);
    uv_timer_start(&daemon->wake, wake_fired, wake > 0 ? (uint64_t)wake : 1, 0);
}

static bool nothing_under_way(const struct daemon *daemon)
{
    const struct core *core = &daemon->core;

    return dispatch_in_flight(core->dispatch) == 0 && publish_idle(core->publish) &&
           finish_stuck(core->finish) == 0 && hooks_running(core->hooks) == 0 &&
           archived_idle(core->archived) && attach_idle(core->attach) && batches_idle(core->batches) && flows_quiet(core->flows) &&
           run_ends_idle(core->run_ends) && outbox_idle(core->outbox) &&
           queue_count(core->queue, TASK_SETTLING) == 0 &&
           !money_writing(core->money); /* closing writes the rest */
}

static void daemon_leave(struct daemon *daemon, int exit_code)
{
    daemon->exit_code = exit_code;
    uv_stop(&daemon->loop);
}

/* The bound of a stop is reached: what is in flight is left marked, and told. */
static void stop_now(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    int result = crash_record_stop(core->crash);
    unsigned left = dispatch_abandon(core->dispatch) + (unsigned)finish_stuck(core->finish);

    if (result < 0)
        log_warning(&core->log, "state/: the stop cannot be recorded: %s", strerror(-result));
    hooks_kill(core->hooks);
    if (left > 0)
        log_warning(&core->log,
                    "stopped with %u %s not finished; each may have been paid for and is in doubt",
                    left, left == 1 ? "request" : "requests");
    daemon->stop = STOP_NOW;
    daemon->stop_until.ms = INT64_MAX;
}

static void look_at_stop(struct daemon *daemon)
{
    if (daemon->stop == STOP_DRAINING && !nothing_under_way(daemon) &&
        clock_mono(daemon->core.clock).ms >= daemon->stop_until.ms)
        stop_now(daemon);
    if (daemon->stop != STOP_NO && nothing_under_way(daemon))
        daemon_leave(daemon, 0);
    else if (daemon->stop == STOP_NOW && publish_idle(daemon->core.publish) &&
             archived_idle(daemon->core.archived) && attach_idle(daemon->core.attach) &&
             batches_idle(daemon->core.batches) && flows_quiet(daemon->core.flows) &&
             run_ends_idle(daemon->core.run_ends) && outbox_idle(daemon->core.outbox) &&
             !money_writing(daemon->core.money))
        daemon_leave(daemon, 0); /* what is stuck stays marked, too */
}

static bool any_failed(const struct core *core)
{
    const struct totals *totals = &core->totals;

    return totals->failed + totals->cancelled + totals->expired + totals->refused > 0;
}

/* Whether something that is left may move within the patience: it is ready (its gate may open), or a
 * backoff or delay will be over. */
static bool may_move(const struct daemon *daemon)
{
    const struct core *core = &daemon->core;
    int64_t patience = daemon->options->patience_ms;
    int64_t alarm = queue_next_alarm(core->queue);
    bool lately = clock_mono(core->clock).ms - core->progress.ms <= patience;
    const char *reason;

    if (alarm != JOB_NEVER && alarm - clock_wall(core->clock).ms <= patience)
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

/* --until-empty: nothing is left, or what is left cannot move. */
static void look_at_empty(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    const char *reason;

    if (!daemon->options->until_empty || daemon->stop != STOP_NO || !nothing_under_way(daemon) ||
        !intake_idle(core->intake) || !flows_idle(core->flows))
        return;
    hooks_hurry(core->hooks);
    if (outbox_due(core->outbox) > 0)
        return;
    if (queue_size(core->queue) == 0 && intake_waiting(core->intake, &reason) == 0 &&
        orders_waiting(core->orders) == 0 && flows_waiting(core->flows) == 0) {
        tell_of_debts(core);
        daemon_leave(daemon, any_failed(core) ? 1 : 0);
    } else if (!may_move(daemon)) {
        log_warning(&core->log, "%zu jobs are left that cannot move; llmspool-status says why",
                    queue_size(core->queue) + intake_waiting(core->intake, &reason) +
                        flows_waiting(core->flows));
        tell_of_debts(core);
        daemon_leave(daemon, 75);
    }
}

static void look_at_spool(struct daemon *daemon);
static void stop_begin(struct daemon *daemon);

static void turn(uv_prepare_t *prepare)
{
    struct daemon *daemon = prepare->data;
    struct core *core = &daemon->core;
    bool more;

    daemon->turn_wall = clock_wall(core->clock);
    daemon->turn_mono = clock_mono(core->clock);
    uv_idle_stop(&daemon->busy);
    if (core->spool_lost)
        look_at_spool(daemon);
    more = intake_work(core->intake);
    more = batches_work(core->batches) || more;
    more = run_ends_work(core->run_ends) || more;
    flows_work(core->flows);
    orders_work(core->orders);
    dispatch_work(core->dispatch);
    more = outbox_work(core->outbox) || more;
    events_flush(core->events);
    status_work(core->status);
    metrics_work(core->metrics);
    look_at_stop(daemon);
    look_at_empty(daemon);
    if (more)
        daemon_kick(core);
    set_wake(daemon);
    measure_turn(daemon);
}

/* --- hints and the minute ------------------------------------------------------------------------------- */

static void watch_folders(struct daemon *daemon)
{
    static const enum folder watched[] = {FOLDER_NEW, FOLDER_CTL};
    struct core *core = &daemon->core;

    if (daemon->watch == NULL)
        return;
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
        enum folder folder = watched[i];
        char *path = xasprintf("%s/%s", core->spool->path, folder_name(folder));
        int result = watch_add(daemon->watch, path, (int)folder, folder == FOLDER_CTL);

        if (result < 0)
            log_warning(&core->log, "%s cannot be watched, it is looked at each minute: %s", path,
                        strerror(-result));
        free(path);
    }
}

static void hint(struct daemon *daemon, const struct watch_event *event)
{
    struct core *core = &daemon->core;

    if (event->kind == WATCH_LOST) {
        look_at_spool(daemon); /* a folder that went away is waited for */
        if (!core->spool_lost)
            watch_folders(daemon);
        intake_scan(core->intake);
        orders_scan(core->orders);
    } else if (event->key == FOLDER_NEW) {
        intake_hint(core->intake, event->name);
    } else {
        orders_scan(core->orders);
    }
}

static void hints_readable(uv_poll_t *poll, int status, int events)
{
    struct daemon *daemon = poll->data;
    struct watch_event event;

    (void)status;
    (void)events;
    while (watch_next(daemon->watch, &event))
        hint(daemon, &event);
}

/* Whether the path still leads to our spool. A spool that is away is waited for; one that was replaced
 * is another's. */
static void look_at_spool(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    bool lost = spool_check(core->spool, &daemon->lost) < 0;

    if (lost && !core->spool_lost)
        log_error(&core->log, "nothing is taken or sent: %s", daemon->lost.text);
    if (!lost && core->spool_lost) {
        log_info(&core->log, "the spool is back: work goes on");
        watch_folders(daemon);
        intake_scan(core->intake);
        orders_scan(core->orders);
    }
    core->spool_lost = lost;
    if (lost && daemon->lost.kind == ERROR_DATA) { /* what is in flight ends in the old one */
        daemon->replaced = true;
        stop_begin(daemon);
    }
}

/* A wall clock that was set must not keep jobs from their next try. */
static void look_at_clock(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    int64_t offset = clock_wall(core->clock).ms - clock_mono(core->clock).ms;
    int64_t moved = offset - daemon->clock_offset;

    if (moved > -CLOCK_JUMP_MS && moved < CLOCK_JUMP_MS)
        return;
    log_warning(&core->log, "the clock was set by %lld s; backoffs are moved along",
                (long long)(moved / 1000));
    daemon->clock_offset = offset;
    queue_clock_moved(core->queue, moved);
    outbox_clock_moved(core->outbox, moved);
}

static void minute_fired(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;

    look_at_spool(daemon);
    if (!daemon->core.spool_lost)
        watch_folders(daemon); /* those that could not be watched the last time */
    look_at_clock(daemon);
    run_ends_ended(daemon->core.run_ends);
    if (!daemon->core.spool_lost)
        outbox_minute(daemon->core.outbox);
    batches_ended(daemon->core.batches); /* of what left cur/ in another way than by its end */
    intake_scan(daemon->core.intake);
    orders_scan(daemon->core.orders);
    metrics_minute(daemon->core.metrics);
}

static void watchdog_fired(uv_timer_t *timer)
{
    (void)timer;
    notify_send("WATCHDOG=1");
}

/* --- signals ----------------------------------------------------------------------------------------------- */

static void extend_fired(uv_timer_t *timer)
{
    (void)timer;
    notify_send("EXTEND_TIMEOUT_USEC=30000000");
}

static void stop_begin(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    char bound[TIMETEXT_SIZE];

    if (daemon->stop != STOP_NO)
        return;
    daemon->stop = STOP_DRAINING;
    core->stopping = true;
    daemon->stop_until.ms = clock_mono(core->clock).ms + core->config->drain_timeout_ms;
    timetext_write_duration(core->config->drain_timeout_ms, bound);
    log_info(&core->log, "stopping: %u requests in flight have %s to end",
             dispatch_in_flight(core->dispatch), bound);
    events_add(core->events, "daemon_stopping", NULL);
    batches_stop(core->batches);
    run_ends_stop(core->run_ends);
    outbox_stop(core->outbox);
    hooks_stop(core->hooks);
    notify_send("STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000\nSTATUS=Finishing what is in flight");
    uv_timer_start(&daemon->extend, extend_fired, EXTEND_MS, EXTEND_MS);
    core_touch(core);
}

static int reconfigure(struct daemon *daemon, struct config *config, struct error *error)
{
    struct core *core = &daemon->core;

    if (visible_set(core->spool, config->owner_only, error) < 0 ||
        purse_configure(core, config, error) < 0 ||
        outbox_configure(core->outbox, config, error) < 0)
        return -1;
    lanes_configure(core->lanes, config, clock_mono(core->clock));
    core->config = config;
    config_free(daemon->config);
    daemon->config = config;
    webhooks_configure(core->webhooks);
    return 0;
}

/* A new configuration takes the old one's place as a whole, or not at all. */
static void reload(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    struct error error;
    struct config *config;
    char state[96];

    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)notify_monotonic_us());
    notify_send(state);
    config = config_read(&daemon->options->config, &error);
    if (config == NULL || reconfigure(daemon, config, &error) < 0) {
        config_free(config);
        log_error(&core->log, "the new configuration is refused, the old one stays: %s", error.text);
    } else {
        log_info(&core->log, "configuration read again");
        events_add(core->events, "reloaded", NULL);
        core_progress(core);
    }
    notify_send("READY=1");
}

static void signalled(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;

    if (number == SIGHUP)
        reload(daemon);
    else if (daemon->stop == STOP_NO)
        stop_begin(daemon);
    else if (number == SIGINT && daemon->stop == STOP_DRAINING)
        stop_now(daemon);
    daemon_kick(&daemon->core);
}

/* --- opening and closing --------------------------------------------------------------------------------- */

/* Thousands of connections want descriptors; no core file may hold a key. */
static void set_limits(const struct log *log)
{
    struct rlimit files, none = {0, 0};

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            log_warning(log, "the limit of open files cannot be raised: %s", strerror(errno));
    }
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        log_warning(log, "core dumps cannot be turned off: %s", strerror(errno));
}

static int open_spool(struct daemon *daemon, struct error *error)
{
    struct core *core = &daemon->core;

    core->spool = spool_open(daemon->options->spool, error);
    if (core->spool == NULL)
        return -1;
    if (spool_own(core->spool, error) < 0)
        return -1;
    return visible_set(core->spool, core->config->owner_only, error);
}

static void open_handles(struct daemon *daemon)
{
    uv_loop_t *loop = &daemon->loop;

    uv_prepare_init(loop, &daemon->turn);
    uv_check_init(loop, &daemon->woken);
    uv_idle_init(loop, &daemon->busy);
    uv_timer_init(loop, &daemon->minute);
    uv_timer_init(loop, &daemon->wake);
    uv_timer_init(loop, &daemon->extend);
    uv_timer_init(loop, &daemon->watchdog);
    daemon->turn.data = daemon;
    daemon->woken.data = daemon;
    daemon->minute.data = daemon;
    for (size_t i = 0; i < sizeof daemon->signals / sizeof daemon->signals[0]; i++) {
        uv_signal_init(loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
    }
}

static int open_parts(struct daemon *daemon, struct error *error)
{
    struct core *core = &daemon->core;

    core->transfers = transfers_open(core->loop, 0, core->config->ca_file, NULL, error);
    if (core->transfers == NULL)
        return -1;
    if (purse_open(core, error) < 0)
        return -1;
    core->events = events_open(core->spool, core->clock);
    core->publish = publish_open(core->loop, core->spool, SYNC_THREADS);
    core->upstreams =
        upstreams_open(core->config, &core->random, clock_mono(core->clock));
    core->shares = shares_open();
    core->lanes = lanes_open(core->config, core->upstreams, core->shares);
    core->queue = queue_open(core->clock, core->lanes);
    core->afford = afford_open();
    core->intake = intake_open(core);
    core->orders = orders_open(core);
    core->dispatch = dispatch_open(core);
    core->finish = finish_open(core);
    core->marks = marks_open(core);
    core->crash = crash_open(core);
    core->status = status_open(core);
    core->metrics = metrics_open(core);
    core->archived = archived_open(core);
    core->attach = attach_open(core);
    core->batches = batches_open(core);
    core->flows = flows_open(core);
    core->webhooks = webhooks_open(core);
    core->hooks = hooks_open(core);
    core->run_ends = run_ends_open(core);
    core->outbox = outbox_open(core, error);
    return core->outbox != NULL ? 0 : -1;
}

static void open_watch(struct daemon *daemon)
{
    int problem = 0;

    daemon->watch = watch_open(&problem);
    if (daemon->watch == NULL)
        log_warning(&daemon->core.log, "no inotify (%s): new/ is looked at each second",
                    strerror(-problem));
}

static void start_watching(struct daemon *daemon)
{
    if (daemon->watch == NULL) {
        uv_timer_start(&daemon->minute, minute_fired, SECOND_MS, SECOND_MS);
        return;
    }
    watch_folders(daemon);
    uv_poll_init(&daemon->loop, &daemon->hints, watch_descriptor(daemon->watch));
    daemon->hints.data = daemon;
    uv_poll_start(&daemon->hints, UV_READABLE, hints_readable);
    uv_timer_start(&daemon->minute, minute_fired, MINUTE_MS, MINUTE_MS);
}

/* A crash may have torn the last line of the events. */
static void mend_events(struct core *core)
{
    uint64_t bytes;
    int result = events_mend(core->spool, &bytes);

    if (result < 0)
        log_warning(&core->log, "cannot look for torn lines in %s/events: %s", core->spool->path,
                    strerror(-result));
    if (bytes == 0)
        return;
    log_warning(&core->log, "cut %" PRIu64 " bytes of a torn last line in %s/events", bytes,
                core->spool->path);
    events_add(core->events, "events_cut", json_pack("{s:I}", "bytes", (json_int_t)bytes));
}

static int start(struct daemon *daemon, struct error *error)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    struct core *core = &daemon->core;
    int64_t watchdog = notify_watchdog_ms();

    daemon->clock_offset = clock_wall(core->clock).ms - clock_mono(core->clock).ms;
    core->progress = clock_mono(core->clock);
    mend_events(core);
    events_add(core->events, "daemon_started", json_pack("{s:i}", "pid", (int)getpid()));
    status_recall(core);
    if (recover_all(core, error) < 0 || flows_recall(core->flows, error) < 0)
        return -1;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        uv_signal_start(&daemon->signals[i], signalled, numbers[i]);
    start_watching(daemon);
    batches_start(core->batches);
    outbox_look(core->outbox);
    orders_scan(core->orders);
    run_ends_start(core->run_ends, intake_scan(core->intake));
    uv_prepare_start(&daemon->turn, turn);
    uv_check_start(&daemon->woken, woken);
    if (watchdog > 0)
        uv_timer_start(&daemon->watchdog, watchdog_fired, (uint64_t)watchdog, (uint64_t)watchdog);
    status_write(core->status, false);
    metrics_write(core->metrics);
    log_info(&core->log, "llmspoold %s on %s: %zu jobs in cur/", PACKAGE_VERSION, core->spool->path,
             queue_size(core->queue));
    notify_send("READY=1\nSTATUS=Running");
    return 0;
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_parts(struct daemon *daemon)
{
    struct core *core = &daemon->core;

    if (core->outbox != NULL) { /* the last that was opened */
        events_add(core->events, "daemon_stopped", NULL);
        status_write(core->status, true);
        metrics_write(core->metrics);
    }
    events_close(core->events);
    intake_close(core->intake);
    orders_close(core->orders);
    finish_close(core->finish);
    marks_close(core->marks);
    status_close(core->status);
    metrics_close(core->metrics);
    flows_close(core->flows);
    hooks_close(core->hooks);
    run_ends_close(core->run_ends);
    outbox_close(core->outbox);
    archived_close(core->archived);
    attach_close(core->attach);
    batches_close(core->batches);
    crash_close(core->crash);
    publish_close(core->publish);
    transfers_close(core->transfers);
    dispatch_close(core->dispatch);
    purse_close(core);
    webhooks_close(core->webhooks);
    uv_walk(&daemon->loop, close_handle, NULL);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    queue_close(core->queue);
    afford_close(core->afford);
    lanes_close(core->lanes);
    shares_close(core->shares);
    upstreams_close(core->upstreams);
    watch_close(daemon->watch);
    spool_close(core->spool);
    config_free(daemon->config);
}

int daemon_run(const struct daemon_options *options, struct error *error)
{
    struct daemon *daemon = xcalloc(1, sizeof *daemon);
    struct core *core = &daemon->core;
    int result = -1;

    daemon->options = options;
    core->clock = &clock_system;
    core->kick = daemon_kick;
    core->loop = &daemon->loop;
    log_init(&core->log, options->log_level);
    random_init(&core->random, 0);
    signal(SIGPIPE, SIG_IGN);
    set_limits(&core->log);
    if (uv_loop_init(&daemon->loop) < 0) {
        error_set(error, ERROR_SYSTEM, "the event loop cannot be made");
        free(daemon);
        return -1;
    }
    open_watch(daemon); /* before many descriptors are open: libinotifytools waits with select(2) */
    open_handles(daemon);
    daemon->config = config_read(&options->config, error);
    core->config = daemon->config;
    if (daemon->config != NULL && open_spool(daemon, error) == 0 && open_parts(daemon, error) == 0 &&
        start(daemon, error) == 0) {
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
        result = daemon->exit_code;
        if (daemon->replaced) {
            *error = daemon->lost;
            result = -1;
        }
    }
    close_parts(daemon);
    uv_loop_close(&daemon->loop);
    free(daemon);
    return result;
}
