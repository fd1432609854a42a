/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * provider: the table of functions that a provider's protocol is: build a request, read an answer,
 * say what an error means.
 *
 * Floor: provider. Knows nothing of files, connections or time of its own. Adding a protocol is one
 * file with one const struct provider for each type of jobs, named in provider.c.
 */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "job/attempt.h"
#include "job/job.h"
#include "job/record.h"

/* The codes of an OUTCOME_UNUSABLE whose answer spoke the protocol, but whose text is not what the
 * job asked for: the model's doing, not the upstream's. It is no JSON at all; it is JSON, but does
 * not fit the job's own schema; or it is none of the labels. */
#define PROVIDER_INVALID_JSON "invalid_json"
#define PROVIDER_SCHEMA       "schema_mismatch"
#define PROVIDER_NO_LABEL     "not_a_label"

/* A request as bytes. */
struct provider_request {
    const char *path; /* appended to the base URL: "/chat/completions" */
    char *headers[8]; /* owned "Name: value" without the key's, NULL-terminated */
    struct buffer body;
};

/* Makes a request of a JSON body, which is consumed, with the headers for it: Content-Type, and
 * Accept and Accept-Encoding as a stream of events or one document needs them. */
void provider_request_json(struct provider_request *request, const char *path, bool stream,
                           json_t *body);

void provider_request_clear(struct provider_request *request);

/* One header of an answer, name in lower case. */
struct provider_header {
    const char *name;
    const char *value;
};

/* What came back over HTTP. Borrowed. */
struct provider_reply {
    int status;
    const struct provider_header *headers;
    size_t header_count;
    const char *body;
    size_t body_length;
};

/* What a reply, or the lack of one, means. */
struct verdict {
    enum outcome outcome;
    char code[64];     /* machine word: the provider's code, or http_STATUS, curl_NUMBER */
    char message[500]; /* sentence, from the provider where it gave one; no control characters */
    char request_id[128];
    int64_t wait_ms;     /* the server asks to wait this long, or this error is known to last so
                            long; -1: nothing is said or known */
    bool permanent;      /* OUTCOME_UPSTREAM: nothing will change by itself (key, quota) */
    const char *trouble; /* OUTCOME_UPSTREAM: in a few words, "key refused"; static; else NULL */
    bool about_model;    /* OUTCOME_UPSTREAM for model or path: the caller may judge it a job's
                            error when this upstream answered well lately */
    bool moderation;     /* the provider refused the content */
    bool refused;        /* the content was refused: by the model in an OUTCOME_OK whose answer
                            says so, or by the provider (moderation) */
    bool cut;            /* OUTCOME_UNUSABLE: the answer was cut at its bound of tokens */
    bool unknown;        /* an error that no rule knows: the outcome is a guess. The caller may
                            take it for the job's when it comes again */
    bool mock;           /* the reply carries x-llmspool-mock */
};

/* How a request is to be built, beside the job. */
struct provider_ask {
    const char *model;          /* to ask; a fallback may differ from the job's */
    bool stream;                /* ask for a stream of events */
    int64_t max_tokens;         /* in place of the job's own bound; 0: the job's own */
    int64_t default_max_tokens; /* for protocols that demand a bound where the job names none; 0:
                                   the protocol's own default */
};

struct stream_kind; /* provider/stream.h */

/* One wire format for one type of jobs. */
struct provider {
    const char *protocol;   /* as in the configuration: "openai" */
    const char *type;       /* of the jobs: "chat", "completion", "embed" */
    const char *key_header; /* what stands before the key: "Authorization: Bearer " */
    int64_t usual_max_tokens; /* the bound that a request has where nobody names one; 0: none */

    /* Builds the request for a job. Returns 0, or -1 with an error of kind ERROR_DATA when the job
     * cannot be expressed; the request is then empty. */
    int (*build)(const struct job *job, const struct provider_ask *ask,
                 struct provider_request *request, struct error *error);

    /* Reads a reply. OUTCOME_OK fills *answer; every other outcome leaves it empty. now is for
     * headers with absolute times. */
    struct verdict (*read)(const struct job *job, const struct provider_reply *reply,
                           struct wall now, struct answer *answer);

    const struct stream_kind *stream; /* how its events are read; NULL: it cannot be streamed */
};

/* The header that carries a key, for the caller to wipe and free. */
char *provider_key_header(const struct provider *provider, const char *key);

/* The provider for jobs of this type in this protocol, or NULL. Every protocol has "chat". */
const struct provider *provider_find(const char *protocol, const char *type);

/* The names of all protocols, NULL-terminated: what a configuration may say. */
const char *const *provider_protocols(void);

#endif
