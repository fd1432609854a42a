/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view: what llmspool-status shows, once or again and again.
 *
 * Floor: client.
 */
#ifndef CLIENT_VIEW_H
#define CLIENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/chronicle.h"
#include "client/screen.h"
#include "client/spend.h"
#include "spool/spool.h"

#define VIEW_PROGRAM "llmspool-status"

/* What is shown. */
enum view_mode {
    MODE_SPOOL, /* the overview, or the jobs and runs that are named */
    MODE_GATES,
    MODE_RUNS,
    MODE_FAILED,
    MODE_SHAPE,
    MODE_USERS,
    MODE_FLOW,
    MODE_SPEND,
    MODE_EVENTS,
    MODE_FOLLOW,
};

/* What was asked for; words ends with NULL. Plain data, zeroed at first but for chronicle
 * (CHRONICLE_ALL). */
struct view {
    const struct spool *spool;
    enum view_mode mode;
    bool modes; /* several were asked for */
    bool json;
    bool spend_only; /* an option was given that goes with --spend */
    struct spend_plan plan;
    bool events_only; /* an option was given that goes with --events or --follow */
    struct chronicle_plan chronicle;
    const char *flow;  /* of --flow */
    const char *since; /* of --spend, --events or --follow */
    const char *until;
    int64_t watch_ms; /* 0: shown once */
    char **words;     /* jobs and runs */
    size_t shown;     /* of them, so far */
    const struct screen *screen;
    int result;
};

/* Opens the spool (given, or where it is looked for) and shows it. Returns the exit code, all
 * having been told. */
int view_run(struct view *view, const char *given);

#endif
