/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream: one stream of Server-Sent Events. Inner side of streams.h.
 *
 * Floor: httpd. A stream is a place in the log. Behind the newest events, which the tail keeps, it
 * reads files in small steps, each when the client took what the last one gave; so a slow reader
 * costs no memory. Who falls behind the newest and does not take anything for a while is cut: he
 * comes again with the id of the last event that he has.
 *
 * It belongs to its request, which frees it.
 */
#ifndef HTTPD_STREAM_H
#define HTTPD_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "httpd/filter.h"
#include "httpd/position.h"
#include "httpd/replay.h"
#include "httpd/request.h"

struct streams;
struct watched;

struct stream {
    struct streams *streams;
    struct request *request;
    LIST_ENTRY(stream) entry;
    LIST_ENTRY(stream) beat;
    STAILQ_ENTRY(stream) turn; /* while it is_busy */
    LIST_ENTRY(stream) glance; /* while glances */
    struct filter filter;
    struct buffer out;    /* formatted, not taken by the client */
    size_t taken;         /* of out */
    struct position from; /* where it began to read files */
    struct position at;   /* behind the last event that was looked at */
    struct position told; /* the last id that was sent */
    uint64_t number;      /* of the next event of the tail; 0: it is read from files */
    struct replay *replay;
    struct watched *watched; /* of a job's stream, else NULL */
    struct event held; /* the job's end, while more of its text comes; its text is NULL: none */
    int64_t taken_ms;  /* when the client took something, or was offered something anew */
    unsigned retry_ms;
    bool live;    /* was told all that there was, once */
    bool slow;    /* took nothing for long while there was something */
    bool hungry;  /* the client was given all there is */
    bool busy;    /* waits for its turn to read files */
    bool glances; /* its job is looked at now and then, or it waits */
    bool waits;   /* for others to be done with compressed days */
    bool asking;  /* nothing was answered yet: is there anything to be told at all? */
    bool over;    /* nothing comes behind out */
};

/* What a stream begins with. */
struct stream_plan {
    const char *last_id; /* as the client sent it, or NULL */
    const char *since;   /* a position, a time or start; NULL: from now on */
    unsigned retry_ms;
    struct filter filter;    /* taken over */
    struct watched *watched; /* taken over */
};

/* Answers a request by a stream, now or later; by a problem where since says nothing. */
void stream_start(struct streams *streams, struct request *request, struct stream_plan *plan);

/* An event came, with this number. */
void stream_hear(struct stream *stream, uint64_t number, const struct event *event);

/* Its turn to read files. */
void stream_work(struct stream *stream);

/* Something is sent, so that everybody between us and the client, and we, know that he is there. */
void stream_beat(struct stream *stream);

/* Ends it where its client would not be let in any more. What he did not take is not sent. */
void stream_judge(struct stream *stream);

/* A moment after the beat: whether its client has gone, which the answer to the beat says. */
void stream_check(struct stream *stream);

/* Nothing more comes: the client comes again with the last id that it has. */
void stream_end(struct stream *stream);

/* Looks at its job. */
void stream_glance(struct stream *stream);

/* --- the streams' --- */

void streams_add(struct streams *streams, struct stream *stream);
void streams_remove(struct streams *streams, struct stream *stream);

/* Has stream_work called (in a while, where it waits), or stream_glance now and then. */
void streams_queue(struct streams *streams, struct stream *stream);
void streams_look(struct streams *streams, struct stream *stream, bool wanted);

struct front *streams_front(const struct streams *streams);

/* How many compressed days are open for all of them (see replay_open). */
unsigned *streams_packed(struct streams *streams);

#endif
