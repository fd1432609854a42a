/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deadline: many deadlines on one timer of a libuv loop.
 */
#include "upstream/deadline.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct deadlines {
    struct heap heap;
    uv_timer_t timer;
    int64_t timer_ms; /* when it fires; INT64_MAX: it rests */
    deadline_expired *expired;
};

int64_t deadline_now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

static bool deadline_less(const void *a, const void *b)
{
    return ((const struct deadline *)a)->at_ms < ((const struct deadline *)b)->at_ms;
}

static void deadline_place(void *element, size_t position)
{
    ((struct deadline *)element)->place = position;
}

static void deadlines_fire(uv_timer_t *timer);

/* The timer may fire early and find nothing, but never late, and never when nobody waits. */
static void deadlines_arm(struct deadlines *deadlines)
{
    const struct deadline *first = heap_first(&deadlines->heap);
    if (first == NULL) {
        (void)uv_timer_stop(&deadlines->timer);
        deadlines->timer_ms = INT64_MAX;
    } else if (first->at_ms < deadlines->timer_ms) {
        int64_t delay_ms = first->at_ms - deadline_now_ms();
        uv_update_time(deadlines->timer.loop);
        (void)uv_timer_start(&deadlines->timer, deadlines_fire,
                             delay_ms < 1 ? 1 : (uint64_t)delay_ms, 0);
        deadlines->timer_ms = first->at_ms;
    }
}

static void deadlines_fire(uv_timer_t *timer)
{
    struct deadlines *deadlines = timer->data;
    deadlines->timer_ms = INT64_MAX;
    struct deadline *first;
    while ((first = heap_first(&deadlines->heap)) != NULL && first->at_ms <= deadline_now_ms()) {
        (void)heap_remove(&deadlines->heap, first->place);
        deadlines->expired(first->owner);
    }
    deadlines_arm(deadlines);
}

struct deadlines *deadlines_open(uv_loop_t *loop, deadline_expired *expired)
{
    struct deadlines *deadlines = xmalloc(sizeof *deadlines);
    *deadlines = (struct deadlines){.timer_ms = INT64_MAX, .expired = expired};
    heap_init(&deadlines->heap, deadline_less, deadline_place);
    (void)uv_timer_init(loop, &deadlines->timer); /* always succeeds */
    deadlines->timer.data = deadlines;
    return deadlines;
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, int64_t at_ms)
{
    deadline->at_ms = at_ms;
    if (deadline->place == HEAP_NOWHERE)
        heap_insert(&deadlines->heap, deadline);
    else
        heap_update(&deadlines->heap, deadline->place);
    deadlines_arm(deadlines);
}

void deadline_clear(struct deadlines *deadlines, struct deadline *deadline)
{
    if (deadline->place == HEAP_NOWHERE)
        return;
    (void)heap_remove(&deadlines->heap, deadline->place);
    if (heap_first(&deadlines->heap) == NULL)
        deadlines_arm(deadlines);
}

static void deadlines_on_close(uv_handle_t *handle)
{
    free(handle->data);
}

void deadlines_close(struct deadlines *deadlines)
{
    if (deadlines == NULL)
        return;
    assert(heap_first(&deadlines->heap) == NULL);
    heap_free(&deadlines->heap);
    uv_close((uv_handle_t *)&deadlines->timer, deadlines_on_close);
}
