/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon: see daemon.h.
 */
#include "daemon/daemon.h"

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
#include "base/xalloc.h"
#include "daemon/batches.h"
#include "daemon/core.h"
#include "daemon/dispatch.h"
#include "daemon/flows.h"
#include "daemon/intake.h"
#include "daemon/lookout.h"
#include "daemon/metrics.h"
#include "daemon/orders.h"
#include "daemon/outbox.h"
#include "daemon/parts.h"
#include "daemon/purse.h"
#include "daemon/recover.h"
#include "daemon/run_ends.h"
#include "daemon/status.h"
#include "daemon/stop.h"
#include "daemon/webhooks.h"
#include "spool/visible.h"

enum {
    MINUTE_MS = 60 * 1000,
    SECOND_MS = 1000,
    NS_A_MS = 1000 * 1000,
};

struct daemon {
    struct core core; /* first: a core is handed to the parts, and its kick finds the daemon */
    const struct daemon_options *options;
    struct config *config;
    struct stop *stop;
    struct lookout *lookout;
    uv_loop_t loop;
    uv_prepare_t turn;
    uv_check_t woken;
    uv_idle_t busy;  /* active while there is work to do at once */
    uv_timer_t wake; /* the next moment at which something becomes due */
    uv_timer_t watchdog;
    uv_signal_t signals[3];
    struct wall turn_wall; /* when the turn began */
    struct mono turn_mono;
    uint64_t woken_ms; /* when the loop woke up last; 0: not yet */
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

/* In how many ms something becomes due by time alone; -1: nothing. */
static int64_t next_wake(struct daemon *daemon)
{
    struct core *core = &daemon->core;
    int64_t wake = -1;
    int64_t alarm = queue_next_alarm(core->queue);
    int64_t gate = lanes_wake_ms(core->lanes, clock_mono(core->clock));
    int64_t now = clock_mono(core->clock).ms;

    if (alarm != JOB_NEVER)
        wake = clock_sooner(wake, until(alarm, clock_wall(core->clock).ms, daemon->turn_wall.ms));
    if (gate >= 0)
        wake = clock_sooner(wake, until(gate, now, daemon->turn_mono.ms));
    if (core->trouble[0] != '\0' || core->spool_lost)
        wake = clock_sooner(wake, SECOND_MS);
    wake = clock_sooner(wake, outbox_wake_ms(core->outbox));
    return clock_sooner(wake, stop_wake_ms(daemon->stop));
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

static void turn(uv_prepare_t *prepare)
{
    struct daemon *daemon = prepare->data;
    struct core *core = &daemon->core;
    bool more;

    daemon->turn_wall = clock_wall(core->clock);
    daemon->turn_mono = clock_mono(core->clock);
    uv_idle_stop(&daemon->busy);
    if (core->spool_lost)
        lookout_spool(daemon->lookout);
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
    stop_look(daemon->stop);
    if (more)
        daemon_kick(core);
    set_wake(daemon);
    measure_turn(daemon);
}

/* --- signals ----------------------------------------------------------------------------------------------- */

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
    else if (!daemon->core.stopping)
        stop_begin(daemon->stop);
    else if (number == SIGINT)
        stop_hurry(daemon->stop);
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
    uv_timer_init(loop, &daemon->wake);
    uv_timer_init(loop, &daemon->watchdog);
    daemon->turn.data = daemon;
    daemon->woken.data = daemon;
    for (size_t i = 0; i < sizeof daemon->signals / sizeof daemon->signals[0]; i++) {
        uv_signal_init(loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
    }
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

static void watchdog_fired(uv_timer_t *timer)
{
    (void)timer;
    notify_send("WATCHDOG=1");
}

static int start(struct daemon *daemon, struct error *error)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    struct core *core = &daemon->core;
    int64_t watchdog = notify_watchdog_ms();

    core->progress = clock_mono(core->clock);
    mend_events(core);
    events_add(core->events, "daemon_started", json_pack("{s:i}", "pid", (int)getpid()));
    status_recall(core);
    if (recover_all(core, error) < 0 || flows_recall(core->flows, error) < 0)
        return -1;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        uv_signal_start(&daemon->signals[i], signalled, numbers[i]);
    lookout_start(daemon->lookout);
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

static void close_all(struct daemon *daemon)
{
    struct core *core = &daemon->core;

    parts_close(core);
    uv_walk(&daemon->loop, close_handle, NULL);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    parts_free(core);
    lookout_close(daemon->lookout);
    stop_close(daemon->stop);
    spool_close(core->spool);
    config_free(daemon->config);
}

int daemon_run(const struct daemon_options *options, struct error *error)
{
    struct daemon *daemon = xcalloc(1, sizeof *daemon);
    struct core *core = &daemon->core;
    const struct error *replaced;
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
    daemon->stop = stop_open(core, options->until_empty ? options->patience_ms : -1);
    daemon->lookout = lookout_open(core, daemon->stop);
    open_handles(daemon);
    daemon->config = config_read(&options->config, error);
    core->config = daemon->config;
    if (daemon->config != NULL && open_spool(daemon, error) == 0 && parts_open(core, error) == 0 &&
        start(daemon, error) == 0) {
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
        result = stop_exit_code(daemon->stop);
        replaced = lookout_replaced(daemon->lookout);
        if (replaced != NULL) {
            *error = *replaced;
            result = -1;
        }
    }
    close_all(daemon);
    uv_loop_close(&daemon->loop);
    free(daemon);
    return result;
}
