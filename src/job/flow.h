/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow: jobs that wait for others: the document of a flow, judged, and the outputs of parents put
 * into a job's texts.
 *
 * Floor: job. Pure: shared by the daemon and the commands. A parent is a job that another is `after`;
 * a step is a job of a flow. The keys are specified in llmspool-spool(5).
 */
#ifndef JOB_FLOW_H
#define JOB_FLOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "job/job.h"

enum { FLOW_STEP_LIMIT = 100000 };

#define FLOW_OUTSIDE SIZE_MAX /* a parent that is no step of the flow */

struct flow_step {
    struct job *job;      /* completed, but not resolved: with after and on_failure */
    const char *name;     /* borrowed from it */
    size_t *parents;      /* in the order of after: numbers of steps, or FLOW_OUTSIDE */
    size_t parent_count;
};

/* A flow that was read. Plain data; made by flow_read, freed by flow_free. */
struct flow_plan {
    char *name;
    struct flow_step *steps;
    size_t count;
};

/* What judges a flow. */
struct flow_context {
    struct job_context job; /* completes and judges each step; its reason is where the machine word of
                               a refusal goes: bad_flow, cycle, missing_parent, and those of jobs */
    /* Is a job of this name or ID in the spool, for a job of this user (or NULL). */
    bool (*known)(void *context, const char *word, const char *user);
    void *context;
};

/* Whether a document is a flow and no job. */
bool flow_is(const json_t *document);

/* Reads {"flow": NAME, "steps": [JOB, …]}: each step a job with a name of its own, each parent a step
 * or a known job, no step after itself by any way, each place of a text one of a parent's. The
 * document is not changed. NULL with an error of kind ERROR_DATA that names the way (a -> b -> a). */
struct flow_plan *flow_read(json_t *document, const struct flow_context *context,
                            struct error *error);
void flow_free(struct flow_plan *plan);

/* Whether the places of a lone job's texts all name one of its parents. Returns 0, or -1 with an
 * error, and *reason (unless NULL) is bad_place. */
int flow_check_places(const struct job *job, const char **reason, struct error *error);

/* Gives the output of a parent, borrowed until the next call; NULL: it failed. Returns 0, or -1 with
 * an error. */
typedef int flow_output(void *context, const char *parent, const json_t **output,
                        struct error *error);

/* Resolves a job's document in place: each {{outputs.PARENT}} and {{outputs.PARENT.FIELD}} in prompt,
 * system, input and the texts of messages becomes what it stands for, in one pass: nothing that was
 * put in is looked at again. A text goes in as it is, any other value as JSON, null and what failed as
 * nothing. FIELD is a path of base/jsonpath. after and on_failure leave. Returns 0, or -1 with an
 * error: the output has no such field, or output failed. */
int flow_resolve(json_t *document, flow_output *output, void *context, struct error *error);

#endif
