/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bulk: jobs gathered until they are worth a sync, and then dropped together.
 *
 * Floor: client. One job that belongs to no run is dropped as a file by itself, all others as lists
 * (spool-layout/README, section 4).
 */
#ifndef CLIENT_BULK_H
#define CLIENT_BULK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "client/making.h"
#include "spool/spool.h"

enum { BULK_JOBS = 1000, BULK_BYTES = 4 * 1024 * 1024 }; /* of one list */

/* A job that was gathered. */
struct bulk_item {
    struct job *job;
    char *name;      /* of its file, or NULL */
    json_t *columns; /* or NULL */
    uint64_t position;
    uint64_t sample;
};

/* Read it freely. A zeroed one is ready. */
struct bulk {
    struct bulk_item *items; /* BULK_JOBS of them, or NULL */
    size_t count;
    struct buffer text;
    char drop[NAME_LIMIT]; /* the file of the last drop in new/ */
    bool list;             /* which is a list */
};

/* Gathers a job, which it takes over. */
void bulk_add(struct bulk *bulk, const struct made *made);

/* Whether it should be dropped before more is added. */
bool bulk_full(const struct bulk *bulk);

/* What a list says before its jobs. Borrowed. */
struct bulk_header {
    const char *run;      /* NULL: it is one job, of no run */
    const char *max_cost; /* of the run, as text, or NULL */
    json_t *mail;         /* who is sent a mail at the end of the run, or of that job; NULL: nobody */
    bool more;            /* further lists of the run follow */
};

/* Drops all durably, as jobs of a run from the first one's position on. The items stay until bulk_clear.
 * Returns 0, or -1 with an error. */
int bulk_drop(struct bulk *bulk, const struct spool *spool, const struct bulk_header *header,
              struct error *error);

/* Drops a list without jobs: no further list of the run follows. */
int bulk_close(const struct spool *spool, const struct bulk_header *header, struct error *error);

/* Forgets the jobs. */
void bulk_clear(struct bulk *bulk);

/* Frees what it holds. */
void bulk_free(struct bulk *bulk);

#endif
