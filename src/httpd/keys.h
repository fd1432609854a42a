/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keys: idempotency keys (draft-ietf-httpapi-idempotency-key-header) that were used: by whom, for what, with which
 * answer.
 *
 * Floor: httpd. In memory and as lines of text; knows no file. Bounded: what is older than KEYS_AGE_MS is
 * forgotten, and above a number the oldest.
 */
#ifndef HTTPD_KEYS_H
#define HTTPD_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/sha256.h"

enum {
    KEYS_AGE_MS = 24 * 60 * 60 * 1000,
    KEYS_TEXT_MAX = 255, /* characters of a key */
    KEYS_WHAT_SIZE = 192, /* of what was answered, with its NUL */
};

/* A request with a key. Digests, so that neither keys nor bodies are kept. */
struct key_use {
    unsigned char key[SHA256_SIZE];    /* of its user and the key's text */
    unsigned char request[SHA256_SIZE]; /* of what was asked for */
};

/* How a request was answered. */
struct key_answer {
    unsigned status;
    char what[KEYS_WHAT_SIZE]; /* the work that was acknowledged, in visible characters; "": not known */
};

struct keys;

/* At most limit are kept. */
struct keys *keys_new(size_t limit);
void keys_free(struct keys *keys);

/* Fills *use. user may be NULL; text is the header's value, with the quotes of a structured field or
 * without. False when it is no key: empty, too long, or with other than visible characters. */
bool key_use_make(struct key_use *use, const char *user, const char *text, const char *type,
                  const char *query, const void *body, size_t length);

enum keys_verdict {
    KEYS_NEW,   /* not used yet: it is in use from now on */
    KEYS_SAME,  /* the same was asked before: *answer is how it was answered */
    KEYS_OTHER, /* something else was asked with it */
    KEYS_BUSY,  /* the same is being done just now */
};

enum keys_verdict keys_begin(struct keys *keys, const struct key_use *use, struct wall now,
                             struct key_answer *answer);

/* What was begun was answered so; or came to nothing: the key is free again. */
void keys_end(struct keys *keys, const struct key_use *use, const struct key_answer *answer,
              struct wall now);
void keys_abandon(struct keys *keys, const struct key_use *use);

/* Appends the line of one that has ended; all of those that have. A line has the digests of the key and of the
 * request, the status, the time in ms and what was answered; older ones end with the time. */
void keys_write(const struct keys *keys, const struct key_use *use, struct buffer *out);
size_t keys_write_all(const struct keys *keys, struct buffer *out);

/* Reads lines written so, passing over what is none (a torn end) and what is too old. Returns how many lines there
 * were. */
size_t keys_read(struct keys *keys, const char *text, size_t length, struct wall now);

size_t keys_count(const struct keys *keys);

#endif
