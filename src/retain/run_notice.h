/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_notice: runs/NAME/notice.json: that somebody is to be told when the run has ended, and who asked for a
 * mail of it.
 *
 * Floor: retain. llmspoold writes it with the manifest and removes it when what it owes lies in outbox/. Each
 * function is called under the manifest's lock (members_lock); dir is the folder of the run.
 */
#ifndef RETAIN_RUN_NOTICE_H
#define RETAIN_RUN_NOTICE_H

#include <jansson.h>
#include <stdbool.h>

#include "spool/spool.h"

#define RUN_NOTICE "notice.json"

/* Makes it, or makes it anew with one more mail (job/mail.h, its `to` said), or none where mail is NULL. Its
 * "since" is another each time. Returns 0 or -errno; the folder is not synced. */
int run_notice_add(const struct spool *spool, int dir, const json_t *mail);

/* Its document, {"since": TEXT, "mails": [MAIL …]}, a new reference; NULL: there is none, or none that can be
 * understood. */
json_t *run_notice_read(int dir);

/* Removes the one of this since; a newer one stays. Returns whether none is left, or -errno. */
int run_notice_remove(int dir, const char *since);

/* Whether a run has one. No lock is needed. */
bool run_notice_is_there(const struct spool *spool, const char *run);

#endif
