/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deadline: many deadlines on one timer of a libuv loop.
 *
 * Floor: upstream. Setting and clearing costs O(log n). Times are those of deadline_now_ms.
 */
#ifndef UPSTREAM_DEADLINE_H
#define UPSTREAM_DEADLINE_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/heap.h"

struct deadlines;

/* Part of what it is for; begun with DEADLINE_NONE, changed by the calls below only. */
struct deadline {
    int64_t at_ms;
    size_t place; /* in the heap */
    void *owner;
};

#define DEADLINE_NONE(of) ((struct deadline){.place = HEAP_NOWHERE, .owner = (of)})

/* A deadline came; it is cleared already and may be set anew. Others may be set and cleared. */
typedef void deadline_expired(void *owner);

/* Monotonic. */
int64_t deadline_now_ms(void);

/* Without a deadline it neither holds nor wakes the loop. */
struct deadlines *deadlines_open(uv_loop_t *loop, deadline_expired *expired);

/* Sets it, or moves it when it is set. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, int64_t at_ms);

/* Nothing happens when it is not set. */
void deadline_clear(struct deadlines *deadlines, struct deadline *deadline);

/* Frees; no deadline may be set. The loop must run once more afterwards. NULL is allowed. */
void deadlines_close(struct deadlines *deadlines);

#endif
