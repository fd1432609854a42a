/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chronicle: events of any day, of jobs that may be long gone, chosen and printed in their order.
 *
 * Floor: client. Reads through retain/eventlog.h, a line at a time.
 */
#ifndef CLIENT_CHRONICLE_H
#define CLIENT_CHRONICLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "spool/spool.h"

/* Which events are meant: all conditions must hold. Texts are borrowed. */
struct chronicle_plan {
    int64_t since_ms; /* the first moment */
    int64_t until_ms; /* the first moment that is not meant any more */
    const char *user;
    const char *model; /* a pattern of fnmatch(3) */
    const char *kind;  /* of event */
    const char *run;   /* events of its jobs */
    char **jobs;       /* IDs, 6 or more first digits of them, names; NULL last; none: of any job */
    bool json;         /* the lines as they were written */
};

/* Every event. */
#define CHRONICLE_ALL ((struct chronicle_plan){.since_ms = INT64_MIN, .until_ms = INT64_MAX})

/* Take an age (2h), a date (all of that UTC day is meant) or a time. Each returns 0, or -1 with an
 * error of kind ERROR_USAGE. */
int chronicle_since(struct chronicle_plan *plan, const char *text, struct wall now,
                    struct error *error);
int chronicle_until(struct chronicle_plan *plan, const char *text, struct wall now,
                    struct error *error);

/* Prints the events on the screen's stream as they are read, so that any number of them takes no
 * memory. Returns 0, or -1 with an error: ERROR_ABSENT when one of the jobs is neither in the spool
 * nor told of by any event of that time, or there is no such run. */
int chronicle_print(const struct spool *spool, const struct chronicle_plan *plan,
                    const struct screen *screen, struct wall now, struct error *error);

/* Prints events as they come, for ever: from now on, or from plan's since. The day may change and be
 * compressed meanwhile. Returns -1 with an error. */
int chronicle_follow(const struct spool *spool, const struct chronicle_plan *plan,
                     const struct screen *screen, struct error *error);

/* Appends what an event says beside time, kind and whose it is, for a person. */
void chronicle_details(struct buffer *text, json_t *event);

/* Prints one event for a person. */
void chronicle_line(const struct screen *screen, json_t *event, struct wall now);

#endif
