/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watched: a job that a stream tells of beside its events: its state, how far it is, its text so
 * far.
 *
 * Floor: httpd. What it appends are Server-Sent Events without an id: state, progress, token, end.
 */
#ifndef HTTPD_WATCHED_H
#define HTTPD_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "httpd/event.h"
#include "httpd/front.h"

struct watched;

struct watched_plan {
    struct id id;
    bool tokens;       /* the text, too */
    uint64_t offset;   /* bytes of it that the client has */
    const char *state; /* of the job now; it lives as long as the program */
};

/* The front must outlive it. */
struct watched *watched_open(struct front *front, const struct watched_plan *plan);

/* Appends the job as it is now. */
void watched_begin(struct watched *watched, struct buffer *out);

/* Appends what is new of how far it is, looked at once a second or anyway, and the next piece of
 * its text. */
void watched_look(struct watched *watched, bool anyway, struct buffer *out);

/* An event of the job is about to be appended: appends what belongs before it. */
void watched_hear(struct watched *watched, const struct event *event, struct buffer *out);

/* Before the event that ends it: appends the next piece of its whole text; false when all was told.
 */
bool watched_rest(struct watched *watched, struct buffer *out);

/* Whether a kind of event ends a job. */
bool watched_is_end(const char *kind);

/* Once all events of the job were heard: whether it has ended; then the end is appended. */
bool watched_end(struct watched *watched, struct buffer *out);

/* Whether the job has ended, by the files. */
bool watched_final(const struct watched *watched);

/* Whether it is to be looked at several times a second. */
bool watched_moves(const struct watched *watched);

/* NULL is allowed. */
void watched_close(struct watched *watched);

#endif
