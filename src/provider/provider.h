/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * provider: the table of functions that a provider's protocol is: build a request, read an answer,
 * say what an error means.
 *
 * Floor: provider. Knows nothing of files, connections or time of its own. Adding a protocol is one
 * file with one const struct provider, named in provider.c.
 */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "job/attempt.h"
#include "job/job.h"
#include "job/record.h"

/* The code of an OUTCOME_UNUSABLE whose answer spoke the protocol, but whose text is not the JSON
 * that the job asked for: the model's doing, not the upstream's. */
#define PROVIDER_INVALID_JSON "invalid_json"

/* A request as bytes. */
struct provider_request {
    const char *path; /* appended to the base URL: "/chat/completions" */
    char *headers[8]; /* owned "Name: value" without the key's, NULL-terminated */
    struct buffer body;
};

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
    int64_t wait_ms;     /* the server asks to wait this long; -1: it said nothing */
    bool permanent;      /* OUTCOME_UPSTREAM: nothing will change by itself (key, quota) */
    const char *trouble; /* OUTCOME_UPSTREAM: in a few words, "key refused"; static; else NULL */
    bool about_model;    /* OUTCOME_UPSTREAM for model or path: the caller may judge it a job's
                            error when this upstream answered well lately */
    bool moderation;     /* the provider refused the content */
    bool mock;           /* the reply carries x-llmspool-mock */
};

struct provider {
    const char *protocol;   /* as in the configuration: "openai" */
    const char *key_header; /* what stands before the key: "Authorization: Bearer " */

    /* Whether jobs of this type can be asked: "chat" … */
    bool (*speaks)(const char *type);

    /* Builds the request for a job; model is the one to ask (a fallback may differ from the job's).
     * Returns 0, or -1 with an error when the job cannot be expressed. */
    int (*build)(const struct job *job, const char *model, struct provider_request *request,
                 struct error *error);

    /* Reads a reply. OUTCOME_OK fills *answer; every other outcome leaves it empty. now is for
     * headers with absolute times. */
    struct verdict (*read)(const struct job *job, const struct provider_reply *reply,
                           struct wall now, struct answer *answer);
};

/* The header that carries a key, for the caller to wipe and free. */
char *provider_key_header(const struct provider *provider, const char *key);

/* The provider that speaks protocol, or NULL. */
const struct provider *provider_find(const char *protocol);

/* The names of all protocols, NULL-terminated, for messages. */
const char *const *provider_protocols(void);

#endif
