/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dialect: what differs between providers around their answers: where a key stands, the form and
 * the wording of errors, and the names of headers.
 *
 * Floor: mock. Constant data.
 */
#ifndef MOCK_DIALECT_H
#define MOCK_DIALECT_H

#include <stdbool.h>

#include "base/buffer.h"

struct dialect_error {
    unsigned status;
    const char *type; /* OpenAI's word for it, as param and code; the latter two may be NULL */
    const char *param;
    const char *code;
    const char *message;
    const char *request_id;
};

struct dialect {
    const char *key_header; /* for the bare key; NULL: Authorization alone, which all understand */
    const char *id_header;  /* that tells the request's id */
    const char *no_key;     /* messages of errors */
    const char *bad_key;
    const char *unknown_model[2]; /* what stands before and after its name */
    bool in_milliseconds;         /* retry-after-ms goes with retry-after */
    bool dated_limits; /* anthropic-ratelimit-* with times, not x-ratelimit-* with durations */
    /* Appends the body of an error. */
    void (*write_error)(struct buffer *out, const struct dialect_error *error);
};

extern const struct dialect dialect_openai;
extern const struct dialect dialect_azure;
extern const struct dialect dialect_anthropic;

#endif
