/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finished: the finished work of a spool: the units of done/ and failed/, listed and read.
 *
 * Floor: retain. Reads only and takes no lock: what is decided by it and cannot be undone is looked
 * at again under the unit lock (spool/unit.h).
 */
#ifndef RETAIN_FINISHED_H
#define RETAIN_FINISHED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sha256.h"
#include "job/selection.h"
#include "spool/spool.h"

/* A unit that was read. Plain data; freed by finished_clear. */
struct finished {
    enum folder folder; /* FOLDER_DONE or FOLDER_FAILED */
    struct id id;
    unsigned lowest;  /* versions that are there; both 0 in failed/ or when there is none */
    unsigned highest;
    const char *state;   /* completed (done/); failed, cancelled or expired */
    int64_t finished_ms; /* of the newest version of any status, or of the error file; wall; 0: it
                            cannot be read */
    int64_t expires_ms;  /* expires_at of that record: `keep` of the job; 0: it says none */
    unsigned version;    /* of record: the newest good one, or the newest where none is good */
    json_t *record;      /* that output, or the error file; NULL: it cannot be read */
    json_t *newest;      /* the newest version of any status; often the same as record */
    json_t *job;         /* the job's file, when asked for; NULL: it cannot be read */
    unsigned char digest[SHA256_SIZE]; /* of the bytes of the newest output, or of the error file */
};

/* Calls visit for each ID.json of done/ or failed/, in the folder's own order, until it returns not
 * 0; returns that, 0 at the end, or -errno. Entries that come or go meanwhile may be seen or not. */
int finished_each(const struct spool *spool, enum folder folder,
                  int (*visit)(void *context, const struct id *id), void *context);

/* Reads a unit; with_job: its job file, too. Returns 0; -ENOENT when ID.json is not in the folder;
 * or another -errno. Documents that are damaged are NULL in *finished. */
int finished_read(const struct spool *spool, enum folder folder, const struct id *id,
                  bool with_job, struct finished *finished);

/* What a selection is matched against; borrows from *finished. */
struct facts finished_facts(const struct finished *finished);

/* Frees the documents. */
void finished_clear(struct finished *finished);

#endif
