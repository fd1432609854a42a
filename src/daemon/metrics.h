/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics: what the daemon counts for Prometheus, and the file that tells it: state/metrics.prom,
 * and metrics_file of the configuration for the textfile collector of node_exporter.
 *
 * Floor: daemon. Counters are kept in memory and begin at 0 with each start, which Prometheus
 * expects; what must survive (money spent) is read from where it is kept. The names and what they
 * mean are in llmspool-metrics(7). What is counted by name has room for so many names; all others
 * are one, "other".
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include <stdint.h>

#include "daemon/core.h"
#include "job/attempt.h"
#include "provider/provider.h"

struct metrics;

struct metrics *metrics_open(struct core *core);
void metrics_close(struct metrics *metrics);

/* A request that ended. */
struct metrics_request {
    const char *provider;
    const char *model; /* that was asked */
    enum outcome outcome;
    int64_t duration_ms;
    int64_t first_token_ms;    /* from its start to the first text of a stream; -1: none came */
    int64_t waited_ms;         /* its job, from when it might be sent; -1: it was asked before */
    const struct usage *usage; /* of an answer, or NULL */
    int64_t cost_nano;         /* of an answer; -1: not known */
};
void metrics_request(struct metrics *metrics, const struct metrics_request *request);

/* A job is to be asked again after a request with this outcome. */
void metrics_retry(struct metrics *metrics, enum outcome outcome);

/* A commit of core->publish ended. */
void metrics_committed(struct metrics *metrics);

/* A turn of the loop took so long: what happened meanwhile had to wait. */
void metrics_turn(struct metrics *metrics, int64_t ms);

/* Writes the files when something changed: at once if the last time is metrics_every ago, else when
 * that is over. */
void metrics_work(struct metrics *metrics);

/* The minute is over, the daemon is awake anyway: writes them so that they are not taken for those
 * of a daemon that died. */
void metrics_minute(struct metrics *metrics);

/* Writes them now. */
void metrics_write(struct metrics *metrics);

#endif
