/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parts: see parts.h.
 */
#include "daemon/parts.h"

#include "daemon/archived.h"
#include "daemon/attach.h"
#include "daemon/batches.h"
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
#include "daemon/run_ends.h"
#include "daemon/status.h"
#include "daemon/webhooks.h"

enum { SYNC_THREADS = 4 };

int parts_open(struct core *core, struct error *error)
{
    core->transfers = transfers_open(core->loop, 0, core->config->ca_file, NULL, error);
    if (core->transfers == NULL)
        return -1;
    if (purse_open(core, error) < 0)
        return -1;
    core->events = events_open(core->spool, core->clock);
    core->publish = publish_open(core->loop, core->spool, SYNC_THREADS);
    core->upstreams = upstreams_open(core->config, &core->random, clock_mono(core->clock));
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

void parts_close(struct core *core)
{
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
}

void parts_free(struct core *core)
{
    queue_close(core->queue);
    afford_close(core->afford);
    lanes_close(core->lanes);
    shares_close(core->shares);
    upstreams_close(core->upstreams);
}
