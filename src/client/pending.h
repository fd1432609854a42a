/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pending: what was asked of the daemon and not taken yet: drops in new/, orders in ctl/.
 *
 * Floor: client. A job that is asked for again there has not ended, whatever done/ and failed/ say.
 */
#ifndef CLIENT_PENDING_H
#define CLIENT_PENDING_H

#include <jansson.h>
#include <stdbool.h>

#include "spool/spool.h"

/* Told of a job and the file, in new/ or ctl/, that asks for it. */
typedef void pending_job(void *context, const struct id *id, enum folder folder, const char *name);

/* Told of an order for all jobs. */
typedef void pending_all(void *context, const char *name);

/* Names each drop of one of our commands (ID.UNIQUE.json). Returns whether there are others, too,
 * whose names do not say which jobs are in them. */
bool pending_drops(const struct spool *spool, pending_job *job, void *context);

/* The job that was dropped last under a job's name, of those dropped by our commands: by-name/ does
 * not lead to it yet. Returns whether there is one. Reads them all. */
bool pending_name(const struct spool *spool, const char *name, struct id *id);

/* Told of a list in new/ and its first line. Returns whether to go on. */
typedef bool pending_list(void *context, const char *name, const json_t *header);

/* Names each list of a run that lies in new/: its jobs are not all in runs/RUN/manifest.jsonl yet. Returns
 * whether it was always to go on. */
bool pending_lists(const struct spool *spool, const char *run, pending_list *list, void *context);

/* Whether a list of the run lies in new/. */
bool pending_run(const struct spool *spool, const char *run);

/* Names each job of the orders to retry or rerun. */
void pending_orders(const struct spool *spool, pending_job *job, pending_all *all, void *context);

#endif
