/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lane: the jobs that wait for one model, in the order in which they go, and the upstreams that
 * they may go to.
 *
 * Floor: daemon. Jobs share a lane when they ask the same model of the same provider, with the same
 * type, the same key and the same fallbacks. A lane is made when the first such job comes and lives
 * as long as the daemon; where no provider is configured for it, it has no upstream and its jobs
 * wait.
 */
#ifndef DAEMON_LANE_H
#define DAEMON_LANE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/random.h"
#include "daemon/ages.h"
#include "daemon/config.h"
#include "daemon/queue.h"
#include "daemon/ready.h"
#include "daemon/share.h"
#include "daemon/upstreams.h"
#include "provider/provider.h"

struct lane {
    char *key; /* all that tells lanes apart, as one text */
    UT_hash_handle hh;
    char *model;
    char *wanted;  /* the job's own `provider`, or NULL */
    char *type;    /* chat … */
    char *user;    /* whose own key is sent, or NULL */
    json_t *chain; /* array of the models to fall back on, the next first */
    bool chain_given; /* by the job, or by a fallback before; else it is the configuration's */
    const struct config_provider *route; /* NULL: no provider for the model */
    const struct provider *protocol;     /* NULL: without route, or it does not speak the type */
    struct upstream **upstreams;
    size_t upstream_count;
    struct ready ready;
    struct ages ages; /* of its waiting jobs, also of those that are delayed or held */
    uint64_t picked; /* order in which lanes were picked from */
    bool active;     /* in the list of those that have tasks and upstreams */
    TAILQ_ENTRY(lane) link;
};

/* What a job asks of its lane. Borrowed. */
struct lane_want {
    const char *model;
    const char *provider; /* or NULL */
    const char *type;
    const char *user;
    const json_t *chain; /* the fallbacks that are left, or NULL: the configuration's */
};

struct lanes;

struct lanes *lanes_open(const struct config *config, struct upstreams *upstreams,
                         struct shares *shares);
void lanes_close(struct lanes *lanes);

/* The lane for what a job wants, made when it is new. */
struct lane *lanes_get(struct lanes *lanes, const struct lane_want *want);

/* The lane for the same as another, but without fallbacks: for jobs that no fallback can serve. */
struct lane *lanes_without_fallback(struct lanes *lanes, const struct lane *lane);

/* The lane of the next model of a lane's chain that any upstream serves, or NULL when there is
 * none. */
struct lane *lanes_fallback(struct lanes *lanes, const struct lane *lane);

/* The first lane; others follow by hh.next. */
struct lane *lanes_first(const struct lanes *lanes);

/* A new configuration: every lane finds its way anew, keeping its jobs. The old one may be freed
 * afterwards. */
void lanes_configure(struct lanes *lanes, const struct config *config, struct mono now);

/* Servers may have moved: reads the files of URLs that changed. */
void lanes_look_at_urls(struct lanes *lanes);

/* The share of a task: its user's, else its run's, else the common one. */
struct share *lanes_share(struct lanes *lanes, const struct task *task);

/* Makes a task ready in its lane, or not; for the queue. */
void lane_ready(struct lanes *lanes, struct task *task, struct wall now);
void lane_unready(struct lanes *lanes, struct task *task);

/* What should be sent next. */
struct pick {
    struct task *task;
    struct lane *via; /* whose model is asked: the task's own lane, or that of a fallback */
    struct upstream *upstream;
    struct gate_cost cost; /* as the upstream's gate is charged */
};

/* Finds the task that should be sent next through any gate that is open now. False: nothing may go.
 */
bool lanes_pick(struct lanes *lanes, struct wall wall, struct mono now, struct pick *pick);

/* Whether this ready task may go now, whatever others wait. */
bool lanes_offer(struct lanes *lanes, struct task *task, struct mono now, struct pick *pick);

/* Monotonic ms when jobs that may not go now may, by time alone, or -1. */
int64_t lanes_wake_ms(struct lanes *lanes, struct mono now);

/* Whether one of a lane's upstreams answered as a real model the last time. */
bool lane_is_real(const struct lane *lane);

/* Writes why the jobs of a lane do not move, as status shows it: "no provider for MODEL", "gate: 429
 * until 12:00:03", …; an empty text when nothing holds them. */
void lane_reason(const struct lane *lane, struct mono now, struct wall wall, char *out,
                 size_t size);

#endif
