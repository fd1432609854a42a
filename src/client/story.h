/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * story: all that the spool tells of one job: its state and why, its times, attempts, versions,
 * events.
 *
 * Floor: client. Nothing of what was asked or answered is in it.
 */
#ifndef CLIENT_STORY_H
#define CLIENT_STORY_H

#include <jansson.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "spool/spool.h"

/* Gathers it as the object that llmspool-status(1) describes (a new reference). NULL with an error
 * (ERROR_ABSENT) when the spool has no such job. */
json_t *story_read(const struct spool *spool, const struct id *id, struct wall now,
                   struct error *error);

/* Prints it for a person. */
void story_print(const struct screen *screen, const struct id *id, const json_t *story,
                 struct wall now);

/* Why the job does not move, for a person ("gate: 429 until 12:00:03", "behind 8112 jobs"); NULL
 * when there is nothing to say. The caller frees it. state is the word of locate_state. */
char *story_reason(const struct spool *spool, const struct id *id, const char *state,
                   struct wall now);

#endif
