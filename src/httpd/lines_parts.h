/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines_parts: what lines (on the loop) and lines_judge (in the pool) share of a post of many jobs.
 *
 * Floor: httpd. Private to them.
 */
#ifndef HTTPD_LINES_PARTS_H
#define HTTPD_LINES_PARTS_H

#include <jansson.h>
#include <uv.h>

#include "base/sha256.h"
#include "httpd/idempotency.h"
#include "httpd/submit.h"

enum {
    LINES_MAX = 100 * 1000,
    LIST_JOBS = 1000,
    LIST_BYTES = 4 * 1024 * 1024,
    IDS_TOLD = 10 * 1000, /* above, the answer names a run only */
};

/* One file for new/. */
struct list {
    char name[NAME_LIMIT];
    struct buffer text;
    struct asked_for jobs[LIST_JOBS];
    size_t count;
};

struct lines {
    struct jobs *jobs;
    struct request *request; /* NULL: it is gone */
    struct idempotency_use use;
    struct key_answer before; /* to the same request; status 0: it is the first */
    struct turn turn;         /* of the run */
    uv_work_t work;
    struct buffer body;
    size_t held; /* of it, of front->bodies */
    char *user;
    bool own;             /* he may add to his own runs alone */
    char run[NAME_LIMIT]; /* "": none */
    json_t *max_cost;
    uint64_t first;
    bool headed; /* the first line was no job */

    /* What the pool made of it. */
    struct list **lists;
    size_t list_count;
    size_t count; /* of jobs */
    struct submit_problem problem;
    size_t bad_line; /* 0: none */
    bool refused;
    bool unclear; /* it may be taken later */
    bool untaken; /* whose the run is has to be seen on the loop, by its */
    struct id member; /* … job */
    char digest[SHA256_HEX_SIZE];
    json_t *told; /* array of {id, state}; NULL: too many, or not known */
};

/* In the pool: makes lists of the body, or finds what is wrong with it. */
void lines_judge(uv_work_t *work);

/* Refuses to add to a run that is not the user's. */
void lines_refuse_run(struct lines *lines);

/* In the pool: whether the user may add to the run, and whether a run that is there, or will be by what lies in new/, has other jobs at its positions. */
void lines_check_run(uv_work_t *work);

#endif
