/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempt: one request for a job and how it ended.
 *
 * Floor: job. The word of each outcome is the one that output, error and state files hold.
 */
#ifndef JOB_ATTEMPT_H
#define JOB_ATTEMPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* How a request ended. All but OUTCOME_NOT_SENT may have been paid for. */
enum outcome {
    OUTCOME_OK,        /* answered */
    OUTCOME_NOT_SENT,  /* no byte of it left: resolve, connect, TLS set-up; not recorded as an
                          attempt */
    OUTCOME_JOB,       /* the job is at fault: it fails at once */
    OUTCOME_TRANSIENT, /* server trouble: counts, tried again after a backoff */
    OUTCOME_THROTTLED, /* 429, 503, 529: counts nothing, the gate waits */
    OUTCOME_UPSTREAM,  /* key, quota, URL or model name: the gate closes, the job waits */
    OUTCOME_UNKNOWN,   /* the connection broke after something was sent: counts as transient */
    OUTCOME_UNUSABLE,  /* an answer that does not speak the protocol: counts as transient */
    OUTCOME_IN_DOUBT,  /* the daemon died while it was in flight: counts nothing, told */
    OUTCOME_CANCELLED, /* broken off by an order or at the end of a stop */
};

/* "ok", "not_sent", "job", "transient", "throttled", "upstream", "unknown", "unusable",
 * "in_doubt", "cancelled". */
const char *outcome_word(enum outcome outcome);

/* The outcome of a word; false for an unknown one. */
bool outcome_read(const char *word, enum outcome *outcome);

/* Whether it counts towards max_attempts: transient, unknown, unusable. */
bool outcome_counts(enum outcome outcome);

enum { ATTEMPT_RAW_LIMIT = 64 * 1024 };

/* One record. Texts are owned, NULL where there is nothing to say. */
struct attempt {
    unsigned number; /* of the request, from 1 */
    unsigned count;  /* requests that this record stands for: throttled ones in a row are merged */
    enum outcome outcome;
    bool counted;     /* it counted towards max_attempts */
    int64_t started;  /* wall ms */
    int64_t ended;    /* wall ms */
    int http_status;  /* 0: none */
    char *code;       /* machine word: rate_limit_exceeded, http_500, curl_56 … */
    char *message;    /* sentence */
    char *request_id; /* of the provider */
    char *upstream;   /* its gate: PROVIDER/MODEL or with a number behind */
    char *raw;        /* of an unusable answer: its text, at most ATTEMPT_RAW_LIMIT bytes */
};

/* As JSON and back; attempt_from_json returns false when it is none. */
json_t *attempt_json(const struct attempt *attempt);
bool attempt_from_json(const json_t *value, struct attempt *attempt);

/* Frees the texts. */
void attempt_clear(struct attempt *attempt);

#endif
