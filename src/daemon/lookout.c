/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lookout: see lookout.h.
 */
#include "daemon/lookout.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/batches.h"
#include "daemon/intake.h"
#include "daemon/metrics.h"
#include "daemon/orders.h"
#include "daemon/outbox.h"
#include "daemon/run_ends.h"
#include "spool/watch.h"

enum {
    MINUTE_MS = 60 * 1000,
    SECOND_MS = 1000,
    CLOCK_JUMP_MS = 2000, /* the wall clock was set when it moved by so much against the other */
};

struct lookout {
    struct core *core;
    struct stop *stop;
    struct watch *watch; /* or NULL: there is no inotify */
    uv_poll_t hints;
    uv_timer_t minute;
    int64_t clock_offset; /* wall minus monotonic when last looked at */
    bool replaced;        /* the path leads to another spool: only a restart helps */
    struct error lost;
};

static int64_t clock_offset(const struct core *core)
{
    return clock_wall(core->clock).ms - clock_mono(core->clock).ms;
}

struct lookout *lookout_open(struct core *core, struct stop *stop)
{
    struct lookout *lookout = xcalloc(1, sizeof *lookout);
    int problem = 0;

    lookout->core = core;
    lookout->stop = stop;
    lookout->clock_offset = clock_offset(core);
    uv_timer_init(core->loop, &lookout->minute);
    lookout->minute.data = lookout;
    lookout->watch = watch_open(&problem);
    if (lookout->watch == NULL)
        log_warning(&core->log, "no inotify (%s): new/ is looked at each second", strerror(-problem));
    return lookout;
}

void lookout_close(struct lookout *lookout)
{
    if (lookout == NULL)
        return;
    watch_close(lookout->watch);
    free(lookout);
}

const struct error *lookout_replaced(const struct lookout *lookout)
{
    return lookout->replaced ? &lookout->lost : NULL;
}

/* --- hints ----------------------------------------------------------------------------------------------- */

static void watch_folders(struct lookout *lookout)
{
    static const enum folder watched[] = {FOLDER_NEW, FOLDER_CTL};
    struct core *core = lookout->core;

    if (lookout->watch == NULL)
        return;
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
        enum folder folder = watched[i];
        char *path = xasprintf("%s/%s", core->spool->path, folder_name(folder));
        int result = watch_add(lookout->watch, path, (int)folder, folder == FOLDER_CTL);

        if (result < 0)
            log_warning(&core->log, "%s cannot be watched, it is looked at each minute: %s", path,
                        strerror(-result));
        free(path);
    }
}

static void scan(const struct core *core)
{
    intake_scan(core->intake);
    orders_scan(core->orders);
}

static void hint(struct lookout *lookout, const struct watch_event *event)
{
    struct core *core = lookout->core;

    if (event->kind == WATCH_LOST) {
        lookout_spool(lookout); /* a folder that went away is waited for */
        if (!core->spool_lost)
            watch_folders(lookout);
        scan(core);
    } else if (event->key == FOLDER_NEW) {
        intake_hint(core->intake, event->name);
    } else {
        orders_scan(core->orders);
    }
}

static void hints_readable(uv_poll_t *poll, int status, int events)
{
    struct lookout *lookout = poll->data;
    struct watch_event event;

    (void)status;
    (void)events;
    while (watch_next(lookout->watch, &event))
        hint(lookout, &event);
}

/* --- the look of each minute ----------------------------------------------------------------------------- */

void lookout_spool(struct lookout *lookout)
{
    struct core *core = lookout->core;
    bool lost = spool_check(core->spool, &lookout->lost) < 0;

    if (lost && !core->spool_lost)
        log_error(&core->log, "nothing is taken or sent: %s", lookout->lost.text);
    if (!lost && core->spool_lost) {
        log_info(&core->log, "the spool is back: work goes on");
        watch_folders(lookout);
        scan(core);
    }
    core->spool_lost = lost;
    if (lost && lookout->lost.kind == ERROR_DATA) { /* what is in flight ends in the old one */
        lookout->replaced = true;
        stop_begin(lookout->stop);
    }
}

/* A wall clock that was set must not keep jobs from their next try. */
static void look_at_clock(struct lookout *lookout)
{
    struct core *core = lookout->core;
    int64_t offset = clock_offset(core);
    int64_t moved = offset - lookout->clock_offset;

    if (moved > -CLOCK_JUMP_MS && moved < CLOCK_JUMP_MS)
        return;
    log_warning(&core->log, "the clock was set by %lld s; backoffs are moved along",
                (long long)(moved / 1000));
    lookout->clock_offset = offset;
    queue_clock_moved(core->queue, moved);
    outbox_clock_moved(core->outbox, moved);
}

static void minute_fired(uv_timer_t *timer)
{
    struct lookout *lookout = timer->data;
    struct core *core = lookout->core;

    lookout_spool(lookout);
    if (!core->spool_lost)
        watch_folders(lookout); /* those that could not be watched the last time */
    look_at_clock(lookout);
    run_ends_ended(core->run_ends);
    if (!core->spool_lost)
        outbox_minute(core->outbox);
    batches_ended(core->batches); /* of what left cur/ in another way than by its end */
    scan(core);
    metrics_minute(core->metrics);
}

void lookout_start(struct lookout *lookout)
{
    struct core *core = lookout->core;
    uint64_t every_ms = lookout->watch != NULL ? MINUTE_MS : SECOND_MS;

    uv_timer_start(&lookout->minute, minute_fired, every_ms, every_ms);
    if (lookout->watch == NULL)
        return;
    watch_folders(lookout);
    uv_poll_init(core->loop, &lookout->hints, watch_descriptor(lookout->watch));
    lookout->hints.data = lookout;
    uv_poll_start(&lookout->hints, UV_READABLE, hints_readable);
}
