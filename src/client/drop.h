/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drop: putting files into new/ and ctl/, durably: what every command that asks for something does.
 *
 * Floor: client. Written to tmp/, synced, renamed without replacing, folder synced: acknowledged
 * last.
 */
#ifndef CLIENT_DROP_H
#define CLIENT_DROP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "spool/spool.h"

/* Drops the text of a job as new/ID.UNIQUE.json. name receives that file name. Returns 0 when it is
 * durable, or -1 with an error. */
int drop_job(const struct spool *spool, const struct id *id, const char *text, size_t length,
             char name[NAME_LIMIT], struct error *error);

/* Drops the text of a list (jobs, one a line; at most LIST_SIZE_LIMIT) as new/UNIQUE.jsonl,
 * durably. name receives that file name. */
int drop_list(const struct spool *spool, const char *text, size_t length, char name[NAME_LIMIT],
              struct error *error);

/* Drops the text of a list as new/RUN.jsonl: a batch whose run is named by its file. Refused where a file of
 * that name still lies in new/. */
int drop_batch(const struct spool *spool, const char *run, const char *text, size_t length,
               struct error *error);

/* Writes an order (kind: cancel, retry, rerun, release, flush) as ctl/KIND.UNIQUE, durably; text
 * has a line for each job or gate, and at most ORDER_SIZE_LIMIT bytes. */
int drop_order(const struct spool *spool, const char *kind, const char *text, size_t length,
               struct error *error);

/* Turns a switch of ctl/ (pause, drain, hold.ID) on or off. Returns 1 when it was changed, 0 when
 * it was so already, or -1 with an error. */
int drop_switch(const struct spool *spool, const char *name, bool on, struct error *error);

/* Drops an attachment: copies fd to new/SHA256.blob, durably. One that somebody else drops at the same
 * time will do. Returns 0, or -1 with an error, also when the bytes have another digest by now. */
int drop_blob(const struct spool *spool, int fd, const struct id *blob, struct error *error);

#endif
