/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call: a request to a model, of whatever kind: read, entered in the ledger, checked, refused by
 * limits or struck by faults, and answered by its kind.
 *
 * Floor: mock.
 */
#ifndef MOCK_CALL_H
#define MOCK_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/random.h"
#include "mock/exchange.h"
#include "mock/marker.h"

enum { CALL_ID_SIZE = 25 };

struct call {
    struct exchange *exchange;
    const struct settings *settings;
    const struct call_kind *kind;
    const json_t *body;     /* an object */
    const char *model;      /* the body's, or the path's */
    bool stream;            /* the answer is wanted as a stream */
    struct buffer text;     /* all text of the prompt in its order, whose SHA-256 is the key */
    struct buffer system;   /* the text of the instructions */
    struct buffer question; /* the text of the last user message or of the inputs */
    char *files; /* the files that the prompt holds, as a JSON array of their SHA-256; NULL: none */
    int64_t prompt_tokens;
    int64_t answer_tokens; /* that the request allows for; 0: it does not say */
    uint64_t nth;          /* how often this prompt was received */
    struct random random;  /* seeded by seed, prompt and nth: faults do not hang on the order in
                            * which prompts arrive */
    struct marker_list markers;
    struct marker marker; /* the one whose turn it is; fault FAULT_NONE without */
    enum fault fault;
    char id[CALL_ID_SIZE]; /* 24 hex digits for the answer's id */
    int64_t created_s;
};

/* A kind of call. */
struct call_kind {
    enum ledger_endpoint endpoint;
    const char *empty;   /* an answer that says nothing: the fault of that name */
    const char *endless; /* how an answer begins that has no end */
    bool tells_failures; /* error200 is told by the answer itself, not by an error */
    /* Gathers text, question and prompt_tokens from a body that may be wrong in any way. */
    void (*read)(struct call *call);
    /* Returns 0, or -1 with *reply an error of status 400. */
    int (*check)(struct call *call, struct reply *reply);
    /* Makes *reply the good answer. */
    void (*answer)(struct call *call, struct reply *reply);
};

/* Serves the exchange, whose body was read: sets its reply and delay_ms. model is what the path
 * names; NULL: the body names it. */
void call_serve(struct exchange *exchange, const struct call_kind *kind, const char *model);

/* Whether the exchange has the key that is wanted: 0, or -1 with *reply an error 401. */
int call_check_key(const struct exchange *exchange, struct reply *reply);

/* Tokens that so many bytes of text make: one for about four bytes. */
int64_t call_tokens(size_t bytes);

#endif
