/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_line: a line of an OpenAI Batch file ({"custom_id", "method", "url", "body"}) as a job.
 *
 * Floor: job. Pure. The mapping is specified in spool-layout/README, section Batch files.
 */
#ifndef JOB_BATCH_LINE_H
#define JOB_BATCH_LINE_H

#include <jansson.h>
#include <stdbool.h>

#include "job/refusal.h"

/* What a request of a batch asks for, and in which form its answer is given back. */
enum batch_form { BATCH_CHAT, BATCH_COMPLETION, BATCH_EMBEDDING, BATCH_RESPONSE };

/* An endpoint that we speak. */
struct batch_endpoint {
    const char *url; /* "/v1/chat/completions" */
    enum batch_form form;
    const char *type; /* of the jobs */
};

/* The endpoint of a URL, with or without its /v1, or NULL when we do not speak it. */
const struct batch_endpoint *batch_endpoint_find(const char *url);

/* Whether a line is meant as one of a batch: an object with a custom_id, or with a url and a body. */
bool batch_line_is(const json_t *line);

/* A line whose envelope is good; all borrowed from the line. */
struct batch_line {
    const char *custom_id;
    const struct batch_endpoint *endpoint;
    const char *model; /* NULL: the body names none */
    json_t *body;
};

/* Reads the envelope. Returns 0, or -1 with what OpenAI's validation refuses a whole file for:
 * missing_required_parameter, invalid_value, invalid_method, url_unsupported. */
int batch_line_read(const json_t *line, struct batch_line *read, struct refusal *refusal);

/* The job that the line asks for, not completed, as a new reference. NULL with *refusal when the body
 * cannot be said as a job: this line alone is no good. */
json_t *batch_line_job(const struct batch_line *line, struct refusal *refusal);

/* The first member of job that is none for all jobs of a batch, whose lines say what is asked: only how and when
 * it is, for whom and by which provider. NULL when there is none. */
const char *batch_foreign_key(json_t *job);

#endif
