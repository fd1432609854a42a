/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notified: who was told of a job's end, and who is still to be: by the events of the job.
 *
 * Floor: client.
 */
#ifndef CLIENT_NOTIFIED_H
#define CLIENT_NOTIFIED_H

#include <jansson.h>

#include "base/clock.h"
#include "client/screen.h"

/* A new array with an object for each webhook or hook that events tell of: state (delivered, owed,
 * gave_up), receiver or hook, webhook_id, of (the end that it tells), tries, time, next_try, message. */
json_t *notified_read(const json_t *events);

/* The same in words, into a new text, or NULL when there is none. */
char *notified_text(const json_t *notified, struct wall now);

/* "webhooks" of state/status.json in a sentence, or NULL when nothing is owed or given up. */
char *notified_overview(const json_t *webhooks, struct wall now);

#endif
