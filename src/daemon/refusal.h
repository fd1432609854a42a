/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal: keeping what is refused at the door, with its reason beside it in failed/.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_REFUSAL_H
#define DAEMON_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core.h"
#include "spool/publish.h"

/* Why something was refused. */
struct refusal {
    const char *reason;  /* machine word: bad_json, bad_job, not_a_file, … */
    const char *message; /* sentence */
    int64_t submitted;   /* wall ms */
    uid_t owner;         /* of a line: who dropped its list; a file has its own */
};

/* Moves an entry of new/ or ctl/ to failed/ as it is, and publishes its error file. */
void refusal_file(struct core *core, enum folder folder, const char *name,
                  const struct refusal *refusal);

/* Keeps a line of a list: failed/refused-H.json with its error file, H the SHA-256 of list name, line number
 * and line; one already there is left. done is called when both are durable (-EEXIST counts as such:
 * an earlier look at the list kept it). */
void refusal_line(struct core *core, const char *list, size_t number, const char *line,
                  size_t length, const struct refusal *refusal, publish_done *done,
                  void *context);

#endif
