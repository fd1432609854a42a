/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jobs: what the handlers of /v1/jobs share, and how each of them finds the job that is meant.
 *
 * Floor: httpd. Made with the front. File work that may block for long runs in libuv's pool, and is counted in
 * busy until the loop has heard of its end.
 */
#ifndef HTTPD_JOBS_H
#define HTTPD_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpd/asked.h"
#include "httpd/brief.h"
#include "httpd/front.h"
#include "httpd/reasons.h"
#include "httpd/request.h"
#include "httpd/turns.h"
#include "job/templates.h"
#include "spool/publish.h"

struct await;
struct gather;
struct idempotency;
struct kept;
struct listing;
struct lookup;
struct versions;

/* Plain data; each member belongs to the file of its name. */
struct jobs {
    struct front *front;
    struct publish *publish;
    struct templates *templates;
    char *owner; /* of what this process drops, in a shared spool; else NULL */
    struct asked *asked;
    struct reasons *reasons;
    struct await *await;
    struct idempotency *idempotency;
    struct kept *kept;
    struct listing *listing;
    struct lookup *lookup;
    struct versions *versions;
    struct gather *gather;
    struct mono checked; /* when the spool was last found to be there, and its jobs counted */
    uint64_t waiting;    /* jobs in cur/ by then */
    struct turns runs;   /* lists of a run, one after the other */
    size_t lists;        /* that are judged or dropped */
    size_t busy;         /* works in the pool, and whatever else must end before all of this may go */
};

struct jobs *jobs_open(struct front *front);

/* Lets what is under way end, and frees; no request may be left. NULL is allowed. */
void jobs_close(struct jobs *jobs);

/* Reads a job that is in one of the folders, or lies in new/ as far as is known here; with what is asked for
 * again taken into account. */
bool jobs_brief(struct jobs *jobs, const struct id *id, struct brief *brief);

/* Whether the caller may see his own jobs alone. */
bool jobs_restricted(const struct request *request);

/* Whether the caller may see a job. */
bool jobs_visible(const struct request *request, const struct brief *brief);

/* Whether he may give orders for it. */
bool jobs_commanded(const struct request *request, const struct brief *brief);

/* Finds the job that word means (as the path's {id}) and calls found with it, at once or later; the brief is
 * cleared behind it. When there is none, or the caller may not see it, the request is answered. */
typedef void jobs_found(struct request *request, struct brief *brief);
void jobs_find(struct request *request, const char *word, jobs_found *found);

/* Answers with a job: whole, or what an order or a submission tells of it. */
void jobs_answer(struct request *request, unsigned status, const struct brief *brief, bool whole);

/* Answers that the spool cannot be written just now. */
void jobs_unavailable(struct request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Answers that the caller's token has as many of these as one may. */
void jobs_crowded(struct request *request, const char *what);

/* What a failed publication means to a client. */
void jobs_not_durable(struct request *request, int result);

#endif
