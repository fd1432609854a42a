/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roster: the jobs of a run, read once for all streams that ask for the run.
 *
 * Floor: httpd. A manifest grows while its run is taken in: what was added is read when an event
 * comes of a job that was not in it.
 */
#ifndef HTTPD_ROSTER_H
#define HTTPD_ROSTER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/error.h"
#include "httpd/event.h"

struct front;
struct roster;

LIST_HEAD(roster_list, roster);

/* That of a run, which the list has already or which is put into it; for one call of
 * roster_release. NULL with an error (ERROR_ABSENT: there is no such run; ERROR_USAGE: it is no
 * name of one). */
struct roster *roster_take(struct roster_list *list, const struct front *front, const char *run,
                           struct error *error);

/* Whether an event is one of a job of the run. */
bool roster_has(struct roster *roster, const struct event *event);

/* NULL is allowed. */
void roster_release(struct roster *roster);

#endif
