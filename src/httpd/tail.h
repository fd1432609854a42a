/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tail: the end of the log of events: each line that is added is read once, for all who want to
 * hear.
 *
 * Floor: httpd. Wakes up while somebody subscribes, and half a minute longer: by inotify's hint,
 * and once a second where that is not heard. Only whole lines that stay are told: a line without
 * its newline is left until its writer, or whoever mends the log, is done with it. The newest
 * events are kept in memory, so that those who are a little behind find them there.
 */
#ifndef HTTPD_TAIL_H
#define HTTPD_TAIL_H

#include <stdint.h>

#include "httpd/event.h"
#include "httpd/position.h"

struct front;
struct tail;
struct tail_subscriber;

enum { TAIL_KEPT = 256 * 1024 }; /* bytes of lines in memory */

/* Is told each new line on the loop, in their order; what is no event has no kind. It may subscribe
 * and unsubscribe. */
typedef void tail_told(void *context, const struct event *event);

/* Opens it; nothing is read yet. Before many descriptors are open (see spool/watch.h). */
struct tail *tail_open(struct front *front);

/* From now on told is called for each event that is added. Returns a handle that the caller ends by
 * tail_unsubscribe. */
struct tail_subscriber *tail_subscribe(struct tail *tail, tail_told *told, void *context);

/* NULL is allowed. */
void tail_unsubscribe(struct tail_subscriber *subscriber);

/* While somebody subscribes: the position behind the last event that was told. */
struct position tail_position(const struct tail *tail);

/* Events are counted from 1 while this process runs. tail_next is the number of the next one that
 * comes; tail_event gives the one with a number, or NULL when it is not kept any more or not there
 * yet. */
uint64_t tail_next(const struct tail *tail);
const struct event *tail_event(const struct tail *tail, uint64_t number);

/* The number of the first event behind a position; 0 when those that follow it are not all kept. */
uint64_t tail_find(const struct tail *tail, struct position position);

/* Frees it, with the subscribers that are left; the loop must run once more so that handles close.
 * NULL is allowed. */
void tail_close(struct tail *tail);

#endif
