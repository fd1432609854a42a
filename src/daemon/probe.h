/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe: asks each upstream of a configuration once, as little as can be, and tells what came of
 * it: llmspoold --probe.
 *
 * Floor: daemon. Needs no spool; has a loop of its own.
 */
#ifndef DAEMON_PROBE_H
#define DAEMON_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "daemon/config.h"
#include "daemon/upstreams.h"
#include "provider/ratelimit.h"

struct probe_options {
    const char *model;  /* to ask the provider that serves it for as well; NULL: none */
    int64_t timeout_ms; /* of each request */
    bool json;          /* JSON Lines */
    FILE *out;
};

/* What an upstream thinks of something that it was sent. */
enum probe_opinion { PROBE_UNTOLD, PROBE_GOOD, PROBE_REFUSED };

/* What one request found out. */
struct probe_finding {
    bool ok; /* a job for this upstream would be answered */
    bool reachable;
    enum probe_opinion key; /* also where none was sent */
    enum probe_opinion model;
    bool mock;          /* llmspool-mock answered */
    int http_status;    /* 0: no answer came */
    int64_t latency_ms; /* until the whole answer was there, or the end without one */
    char code[64];      /* machine word of what is wrong; "": nothing */
    char message[600];  /* a sentence of it */
    struct ratelimit limits;
};

/* Whether a configuration has a provider for which it names no model, so that one must be given. */
bool probe_wants_model(const struct config *config);

/* Asks each provider × URL × key, those of users too, for each model that the provider serves and
 * that a model section names literally or options->model is; that a provider serves none of them is
 * told, and is nothing bad. At most config->concurrency requests are in flight. Prints a line each
 * in the order of the configuration. Returns 0 when all that were asked are good, 1 when some are
 * not, or -1 with an error: no provider (ERROR_ABSENT), nothing to ask (ERROR_USAGE), a file of URLs
 * that cannot be read (ERROR_DATA). The program ignores SIGPIPE. */
int probe_run(const struct config *config, const struct probe_options *options,
              const struct clock *clock, struct error *error);

#endif
