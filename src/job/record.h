/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record: what a finished job leaves: the output file ID.vN.json and the error file ID.error.json.
 *
 * Floor: job. The formats are in spool-layout/schema and llmspool-spool(5).
 */
#ifndef JOB_RECORD_H
#define JOB_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "job/job.h"
#include "job/state.h"

enum { RECORD_RAW_LIMIT = 64 * 1024 }; /* bytes of an unreadable answer in an error file */

/* Tokens; -1: the server did not say. */
struct usage {
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    int64_t reasoning_tokens;
};

/* A model's answer, read by a provider. References are owned. */
struct answer {
    json_t *output;      /* string, parsed value, array, or null */
    json_t *tool_calls;  /* as the provider gave them, or NULL */
    char *refusal;       /* text, or NULL */
    char *finish_reason; /* neutral: stop, length, tool_calls, content_filter, or the provider's
                            word */
    bool truncated;      /* finish_reason says that the answer was cut */
    char *model;         /* that answered, or NULL */
    struct usage usage;
    json_t *response; /* the provider's whole answer */
};

void answer_clear(struct answer *answer);

/* When things happened, wall ms; 0: did not happen. record_* never write one earlier than
 * submitted. */
struct job_times {
    int64_t submitted;
    int64_t accepted;
    int64_t started; /* the last request */
    int64_t first_token;
    int64_t finished;
};

/* What an output file is made of, beside job and state. */
struct record {
    const struct job *job;
    const struct state *state; /* with the ok attempt recorded */
    struct job_times times;
    const char *status;   /* completed; or failed, cancelled, expired for a rerun that ended so */
    const char *in_run;   /* name of the run it was charged to, or NULL */
    const char *provider; /* NULL: none was asked */
    const char *request_id;
    bool mock;
    bool store_response;
    int64_t latency_ms; /* of the last request */
    int64_t cost_nano;  /* of the answer; -1: not known */
    const char *currency; /* of cost_nano; NULL: no cost is told */
    /* error files, and outputs of a status that is not completed */
    const char *reason;  /* machine word; what is not a-z 0-9 _ in a provider's code is made so */
    const char *message; /* sentence */
    const char *raw; /* an answer that could not be read, or NULL; RECORD_RAW_LIMIT of it is kept */
    size_t raw_length;
};

/* Appends the text of ID.v{run}.json: one line and a newline. answer is NULL when status is not
 * "completed". Its `sha256` is the hex SHA-256 of the output: of the bytes of a text (UTF-8), of
 * the RFC 8785 form of any other value, also of null. */
void record_write_output(struct buffer *out, const struct record *record,
                         const struct answer *answer);

/* Appends the text of ID.error.json: one line and a newline. */
void record_write_error(struct buffer *out, const struct record *record);

/* Appends the error file of something refused at the door: name it was dropped under, reason (a
 * machine word: bad_json, unknown_key, bad_value, too_large, not_a_file …), message (sentence),
 * when. */
void record_write_refusal(struct buffer *out, const char *name, const char *reason,
                          const char *message, int64_t submitted, int64_t finished);

/* What is wrong with an output as its own witness. */
enum record_flaw {
    RECORD_WHOLE,
    RECORD_OTHER,  /* it says another id or version, or has no output */
    RECORD_DIGEST, /* its sha256 is not that of its output */
};

/* Judges the document of an output file of this id and version. */
enum record_flaw record_output_flaw(const json_t *document, const struct id *id, unsigned version);

/* Whether text is a whole output file of this id and version (its own sha256 matches). For answers
 * that a crash left: a torn one is not. */
bool record_output_whole(const char *text, size_t length, const struct id *id, unsigned version);

/* The same of one that was parsed; NULL is none. */
bool record_output_is(const json_t *object, const struct id *id, unsigned version);

#endif
