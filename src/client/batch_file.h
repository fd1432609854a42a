/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_file: handing an OpenAI Batch file over to a spool.
 *
 * Floor: client.
 */
#ifndef CLIENT_BATCH_FILE_H
#define CLIENT_BATCH_FILE_H

#include <stddef.h>

#include "base/error.h"
#include "client/draft.h"
#include "spool/spool.h"

/* Judges the file at path ("-": stdin) as the daemon would, and drops it durably as the batch of a run: run, or
 * where that is NULL the file's own name without .jsonl. The flags of draft are said of all its jobs; those that
 * say what is asked are refused. mail is sent at its end, or NULL. name receives the run's name, *requests how many there are. Returns 0, or -1 with
 * an error. */
int batch_file_drop(const struct spool *spool, const struct draft *draft, const char *path,
                    const char *run, json_t *mail, char name[NAME_LIMIT], size_t *requests, struct error *error);

#endif
