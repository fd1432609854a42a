/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lookup: jobs that cannot be found by their names alone, looked for in folders that must be listed: beginnings of
 * IDs, drops of others in new/, what was refused at the door, what is archived.
 *
 * Floor: httpd. In the pool, one at a time, so that who asks for what is not there slows only others who
 * do.
 */
#ifndef HTTPD_LOOKUP_H
#define HTTPD_LOOKUP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "httpd/jobs.h"

struct lookup;

struct lookup *lookup_new(struct jobs *jobs);
void lookup_free(struct lookup *lookup);

enum lookup_end {
    LOOKUP_ID,      /* the word means this ID, which is in one of the folders */
    LOOKUP_DROPPED, /* job is what lies in new/ */
    LOOKUP_REFUSED, /* job and error are in failed/ */
    LOOKUP_ARCHIVED,
    LOOKUP_ABSENT,
    LOOKUP_UNCLEAR, /* several are meant */
};

/* What was found; the callback may take the buffers. */
struct lookup_result {
    enum lookup_end end;
    struct id id;
    struct buffer job;
    struct buffer error_file;
    struct error error; /* why not: of the last three */
};

/* Called on the loop. */
typedef void lookup_done(void *context, struct lookup_result *result);

/* Looks for the job that word means. Returns false, and nothing will be called, when too many are
 * waiting: then the request, of which only its token counts else, is answered. */
bool lookup_start(struct lookup *lookup, struct request *request, const char *word,
                  lookup_done *done, void *context);

#endif
