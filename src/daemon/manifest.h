/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest: runs/NAME/manifest.jsonl: which jobs a run consists of, in the order of its input, written
 * before the first of them is accepted. The last line of a position counts (retain/members.h).
 *
 * Floor: daemon. File work runs in libuv's thread pool. Writing the same positions or replacements
 * again, after a crash, adds nothing.
 */
#ifndef DAEMON_MANIFEST_H
#define DAEMON_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "daemon/core.h"
#include "job/job.h"

/* The first line of a list that names a run. */
struct manifest_header {
    char name[NAME_LIMIT];
    uint64_t first;        /* position of the list's first job */
    int64_t max_cost_nano; /* the most that the run may cost; -1: not said */
    bool more;             /* further lists of the run follow: it has not ended with this one */
    bool replace;          /* its jobs take the places of others: see manifest_replaced */
    json_t *mail;          /* who is sent a mail at the run's end, the owner's to free; NULL: nobody */
    json_t *job;           /* of a batch: keys for each of its jobs, the owner's to free; NULL: none */
};

/* Whether a line is such a header: 1 and *header, 0 when it is none (a job), or -1 with an error when it
 * is a bad one. */
int manifest_header_read(const char *text, size_t length, struct manifest_header *header,
                         struct error *error);

struct manifest;

/* status is that of the list's file, by which lines that it wrote before a crash are known. */
struct manifest *manifest_new(struct core *core, const struct manifest_header *header,
                              const struct stat *status);

/* The job whose place in the run this one takes: metadata.derived_from. False: it names none. */
bool manifest_replaced(const struct job *job, struct id *old);

/* Adds the next position: a job, or NULL for a line that is refused. In a run whose header says
 * replace: the job at all positions that are the replaced job's when the manifest is written; a
 * refused one leaves them as they are. */
void manifest_add(struct manifest *manifest, const struct job *job);

/* Adds the next position as a line that says this (consumed) behind it, with the "id" first. */
void manifest_add_line(struct manifest *manifest, json_t *line);

/* Makes all that was added durable, then calls done(context, result), 0 or -errno, and frees the
 * manifest. */
void manifest_write(struct manifest *manifest, void (*done)(void *context, int result),
                    void *context);

/* Nobody waits any more for the end of a manifest_write under way: done is not called. */
void manifest_forget(struct manifest *manifest);

/* Frees one that is not being written; NULL is allowed. */
void manifest_free(struct manifest *manifest);

#endif
