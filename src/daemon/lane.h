/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lane: the jobs that wait for one model of one provider, and the gate that they pass one by one.
 *
 * Floor: daemon. A lane is made when the first job for its model comes and lives as long as the
 * daemon; where no provider is configured for its model it has no gate, and its jobs wait.
 */
#ifndef DAEMON_LANE_H
#define DAEMON_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/random.h"
#include "daemon/config.h"
#include "daemon/queue.h"
#include "provider/provider.h"
#include "upstream/gate.h"

struct lane {
    struct lane *next;
    char *model;
    char *wanted;                      /* the job's own `provider`, or NULL */
    char *gate_name;                   /* PROVIDER/MODEL, for status and orders; NULL without a route */
    const struct config_provider *route; /* NULL: no provider for the model */
    const struct provider *protocol;   /* NULL with route */
    struct gate *gate;                 /* NULL with route */
    struct heap ready;                 /* tasks, the next first */
    bool mock;                         /* the last answer came from llmspool-mock */
    bool real;                         /* the last answer did not */
};

struct lanes;

struct lanes *lanes_open(const struct config *config, struct random *random);
void lanes_close(struct lanes *lanes);

/* The lane for a model and the provider a job names (or NULL), made when it is new. */
struct lane *lanes_get(struct lanes *lanes, const char *model, const char *provider);

/* The first lane; others follow by next. */
struct lane *lanes_first(const struct lanes *lanes);

/* A new configuration: every lane finds its way anew, keeping its jobs. The old one may be freed
 * afterwards. */
void lanes_configure(struct lanes *lanes, const struct config *config, struct mono now);

/* Makes a task ready in its lane, or not; for the queue. */
void lane_ready(struct lane *lane, struct task *task);
void lane_unready(struct lane *lane, struct task *task);

/* The task that should be sent next through any gate that is open now, or NULL. With only_alone,
 * only tasks that must be sent alone are looked at. */
struct task *lanes_pick(struct lanes *lanes, bool only_alone, struct mono now);

/* Monotonic ms when a closed gate with ready jobs may be asked again, or -1. */
int64_t lanes_wake_ms(const struct lanes *lanes);

/* Writes why the jobs of a lane do not move, as status shows it: "no provider for MODEL", "gate: 429
 * until 12:00:03", …; an empty text when nothing holds them. */
void lane_reason(const struct lane *lane, struct mono now, struct wall wall, char *out,
                 size_t size);

#endif
