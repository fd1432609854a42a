/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event: one line of the log of events, and what streams have to know of it.
 *
 * Floor: httpd.
 */
#ifndef HTTPD_EVENT_H
#define HTTPD_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpd/position.h"
#include "spool/layout.h"

/* Read it only. Texts that are not there are NULL. */
struct event {
    struct position position; /* behind it */
    bool late;  /* of a day that was left before it was written: the position is that of the event
                   before it */
    char *text; /* the line, without its newline */
    size_t length;
    char *kind; /* such as completed; NULL: what stands there is no event */
    char *time; /* as written: RFC 3339, UTC, milliseconds */
    char *user;
    char *model;
    char *in_run; /* of run_finished: name of the run */
    bool has_id;
    struct id id; /* of its job */
};

/* Reads a line. What is none is an event without a kind. */
void event_read(struct event *event, struct position position, const char *line, size_t length);

/* Whether a line is an event. */
bool event_is(const char *line, size_t length);

void event_free(struct event *event);

#endif
