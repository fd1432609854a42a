/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * submit: POST /v1/jobs: one job, or many as JSON Lines.
 *
 * Floor: httpd. A job is completed as llmspool-submit does it, so that the ID that is answered is the one
 * that the daemon will compute.
 */
#ifndef HTTPD_SUBMIT_H
#define HTTPD_SUBMIT_H

#include "httpd/jobs.h"
#include "job/job.h"

/* The job that a text means when this caller posts it. NULL with a problem. templates and owner are those that
 * complete it. */
struct submit_problem {
    unsigned status;
    const char *kind;     /* the problem's */
    const char *reason;   /* the daemon's word for it */
    char pointer[80];     /* to the member that is wrong (RFC 6901); "" where that is not known */
    struct error error;
};

struct submit_context {
    const struct spool *spool;
    struct templates *templates;
    const char *owner; /* of what is dropped, in a shared spool */
    const char *user;  /* the caller's, or NULL */
    struct wall now;
};

struct job *submit_read(const struct submit_context *context, const char *text, size_t length,
                        struct submit_problem *problem);

/* Answers with the problem; line: of a list, from 1; 0: none. */
void submit_refuse(struct request *request, const struct submit_problem *problem, size_t line);

/* Whether the spool is there and has room for so many jobs; otherwise the request is answered. */
bool submit_has_room(struct request *request, size_t count);

/* Many jobs, a line each. */
void lines_post(struct request *request);

#endif
