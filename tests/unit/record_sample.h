/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_sample: a finished job as tests of its records need it: everything set, to be changed.
 */
#ifndef RECORD_SAMPLE_H
#define RECORD_SAMPLE_H

#include <assert.h>
#include <string.h>

#include "base/xalloc.h"
#include "job/record.h"

/* 2026-12-01T03:00:00Z */
#define SAMPLE_NOON INT64_C(1796094000000)

struct sample {
    struct job *job;
    struct state *state;
    struct answer answer;
    struct record record; /* of the three above */
};

static inline void sample_attempt(struct sample *sample, enum outcome outcome, int http_status,
                                  const char *code)
{
    struct attempt attempt = {
        .outcome = outcome,
        .counted = outcome_counts(outcome),
        .started = SAMPLE_NOON + 2000,
        .ended = SAMPLE_NOON + 2500,
        .http_status = http_status,
        .code = xstrdup(code),
        .message = code != NULL ? xstrdup("It did not work.") : NULL,
        .request_id = xstrdup("req_7"),
        .upstream = xstrdup("openai/gpt-4o-mini"),
    };
    state_record(sample->state, &attempt);
}

/* A job that asks with these further members, completed in one request. */
static inline void sample_start(struct sample *sample, const char *members)
{
    char text[600];
    const struct job_context context = {.submitted = {SAMPLE_NOON}};
    snprintf(text, sizeof text, "{\"model\":\"gpt-4o-mini\",\"prompt\":\"Hello\"%s}", members);
    *sample = (struct sample){.job = job_read(text, strlen(text), &context, NULL)};
    assert(sample->job != NULL);
    sample->state = state_new(&sample->job->id);
    sample->answer = (struct answer){
        .output = json_string("Good morning."),
        .finish_reason = xstrdup("stop"),
        .model = xstrdup("gpt-4o-mini-2024-07-18"),
        .usage = {12, 3, 0, -1},
        .response = json_pack("{s:s, s:[]}", "id", "chatcmpl-9", "choices"),
    };
    sample->record = (struct record){
        .job = sample->job,
        .state = sample->state,
        .times = {.submitted = SAMPLE_NOON,
                  .accepted = SAMPLE_NOON + 1,
                  .started = SAMPLE_NOON + 2000,
                  .first_token = SAMPLE_NOON + 2400,
                  .finished = SAMPLE_NOON + 2501},
        .status = "completed",
        .provider = "openai",
        .request_id = "req_7",
        .store_response = true,
        .latency_ms = 500,
    };
}

static inline void sample_output(struct sample *sample, json_t *output)
{
    json_decref(sample->answer.output);
    sample->answer.output = output;
}

/* Makes it one that ended otherwise. */
static inline void sample_ending(struct sample *sample, const char *status, const char *reason)
{
    sample->record.status = status;
    sample->record.reason = reason;
    sample->record.message = "It ended.";
}

static inline void sample_end(struct sample *sample)
{
    job_free(sample->job);
    state_free(sample->state);
    answer_clear(&sample->answer);
}

#endif
