/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook_notice: what a hook's command is told: one JSON object, and a few variables of its environment.
 *
 * Floor: daemon. Pure: knows no file and no process. The members are in llmspool-hooks(7) and
 * spool-layout/schema/notice.schema.json.
 */
#ifndef DAEMON_HOOK_NOTICE_H
#define DAEMON_HOOK_NOTICE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"

enum { HOOK_NOTICE_JOBS = 20, HOOK_NOTICE_GROUPS = 20 };

/* Whether several notices of its kind may be told as one: it is of a single job. */
bool hook_notice_gathers(const json_t *notice);

/* One notice of many such ones (an array that is not empty, oldest first): the members of the first but
 * `job`, the time of the last, `count`, how many by status, reason and run (at most HOOK_NOTICE_GROUPS each, the
 * most frequent), and the first HOOK_NOTICE_JOBS jobs. A new reference. */
json_t *hook_notice_gather(const json_t *notices);

/* Counts one more of a word in groups, an object: word to {"count", "message"}; the first sentence that came
 * with a word, or NULL, is kept as its example. */
void hook_notice_count(json_t *groups, const char *word, const char *message);

/* The most frequent of groups as an array, each with its word as a member of this name. A new reference. */
json_t *hook_notice_groups(json_t *groups, const char *member);

/* A sentence cut to a length that fits a mail, or NULL for NULL. A new reference. */
json_t *hook_notice_sentence(const char *text);

/* The text that the command reads: the notice, completed with its id and the spool, and a newline. */
void hook_notice_write(struct buffer *out, json_t *notice, const char *id, const char *spool);

enum { HOOK_NOTICE_VARIABLES = 8 };

/* "NAME=value" texts of the caller's own, NULL-terminated: LLMSPOOL_EVENT, LLMSPOOL_DIR, LLMSPOOL_NOTICE_ID,
 * and LLMSPOOL_RUN or LLMSPOOL_ID where the notice is of one run or one job. */
void hook_notice_variables(const json_t *notice, const char *id, const char *spool,
                           char *variables[HOOK_NOTICE_VARIABLES]);

#endif
