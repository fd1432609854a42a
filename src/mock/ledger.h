/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger: what was asked of the mock and what became of it, for each distinct prompt and in all.
 *
 * Floor: mock. Safe to use from several threads. A prompt is known by the SHA-256 of its text.
 */
#ifndef MOCK_LEDGER_H
#define MOCK_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/sha256.h"
#include "mock/fault.h"

enum { LEDGER_PROMPT_BYTES = 200 };

struct ledger;

/* What a request was sent to. */
enum ledger_endpoint {
    LEDGER_CHAT,
    LEDGER_COMPLETIONS,
    LEDGER_EMBEDDINGS,
    LEDGER_RESPONSES,
    LEDGER_MESSAGES,
    LEDGER_ENDPOINTS
};

/* Its name. */
const char *ledger_endpoint_name(enum ledger_endpoint endpoint);

/* A request whose body was read. */
struct ledger_receipt {
    const unsigned char *digest; /* SHA256_SIZE bytes; NULL: no prompt could be made out */
    const char *prompt;          /* the question; its first LEDGER_PROMPT_BYTES are kept */
    size_t prompt_length;
    const char *files;  /* a JSON array of the SHA-256 of the files in it; NULL: there are none */
    int64_t arrived_us; /* wall clock, when its head was read */
    enum ledger_endpoint endpoint;
};

/* How many of a prompt's first length bytes are kept: at most LEDGER_PROMPT_BYTES, no character cut
 * in two. */
size_t ledger_prompt_length(const char *prompt, size_t length);

struct ledger *ledger_new(void);
void ledger_free(struct ledger *ledger);

/* Forgets everything but what is in flight. */
void ledger_clear(struct ledger *ledger);

/* Counts a request as received and in flight. Returns how often this prompt was received, with
 * this time: from 1; 0 when it has no digest. */
uint64_t ledger_receive(struct ledger *ledger, const struct ledger_receipt *receipt);

/* A request's answer is ready to go out, or will never be: it is no longer in flight. */
void ledger_release(struct ledger *ledger);

/* How many are in flight now. */
uint64_t ledger_in_flight(struct ledger *ledger);

/* Counts a fault of that kind; digest may be NULL. */
void ledger_fault(struct ledger *ledger, const unsigned char *digest, enum fault fault);

/* Counts a good answer handed over (by = 1) to a request that came then, or takes back that count
 * (by = -1) because the client left before its last byte. */
void ledger_answer(struct ledger *ledger, const unsigned char *digest, int64_t arrived_us, int by);

/* Counts an answer of status 429 to a request that came then. */
void ledger_refuse(struct ledger *ledger, int64_t arrived_us);

/* Counts a request whose body never came wholly. */
void ledger_partial(struct ledger *ledger);

/* Uses up one of the limit faults that a prompt's markers ask for. Returns how many had been used
 * before; limit when none is left. */
uint64_t ledger_spend(struct ledger *ledger, const unsigned char *digest, uint64_t limit);

/* Appends one JSON object a line for each prompt, or for the one with that digest only. */
void ledger_write(struct ledger *ledger, const unsigned char *digest, struct buffer *out);

/* Appends the totals as one JSON object. */
void ledger_write_summary(struct ledger *ledger, struct buffer *out);

/* Appends what came in each second as one JSON object. */
void ledger_write_rate(struct ledger *ledger, struct buffer *out);

#endif
