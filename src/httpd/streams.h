/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * streams: all Server-Sent Events that this process sends: one subscription to the tail of the log,
 * one heartbeat, one place in the loop for all of them.
 *
 * Floor: httpd.
 */
#ifndef HTTPD_STREAMS_H
#define HTTPD_STREAMS_H

#include <stdbool.h>

struct front;
struct roster_list;
struct streams;

/* After the server was opened, which knows how many connections there may be. */
struct streams *streams_open(struct front *front);

/* After the server was closed, which ends the streams; the loop must run once more. NULL is
 * allowed. */
void streams_close(struct streams *streams);

/* Ends all of them: who may hear what has changed, and is asked when they come again. */
void streams_end(struct streams *streams);

/* The runs that streams tell. */
struct roster_list *streams_rosters(struct streams *streams);

/* Whether there may be one more. */
bool streams_room(const struct streams *streams);

/* Whether the token with this ID, where it is one, may have one more. */
bool streams_share(const struct streams *streams, const char *token_id);

/* Tokens or sessions changed: ends those whose clients would not be let in any more. */
void streams_judge(struct streams *streams);

#endif
