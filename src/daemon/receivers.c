/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * receivers: see receivers.h.
 */
#include "daemon/receivers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { FEW = 16 /* debts in memory, of a receiver that has more */ };

static bool debt_before(const void *a, const void *b)
{
    const struct debt *one = a, *other = b;

    if (one->next_try != other->next_try)
        return one->next_try < other->next_try;
    return one->made < other->made;
}

static void debt_place(void *element, size_t position)
{
    ((struct debt *)element)->place = position;
}

static bool receiver_before(const void *a, const void *b)
{
    const struct receiver *one = a, *other = b;

    return one->at != other->at ? one->at < other->at : one->turn < other->turn;
}

static void receiver_place(void *element, size_t position)
{
    ((struct receiver *)element)->place = position;
}

void receivers_init(struct receivers *receivers, size_t most, unsigned in_flight_most,
                    const struct schedule *schedule)
{
    *receivers = (struct receivers){.most = most,
                                    .in_flight_most = in_flight_most,
                                    .window_most = WINDOW_FIRST,
                                    .schedule = schedule};
    heap_init(&receivers->heap, receiver_before, receiver_place);
}

/* --- one receiver ------------------------------------------------------------------------------------ */

bool receivers_unwell(const struct receiver *receiver)
{
    return receiver->failures >= CLOSE_AFTER;
}

/* Of one that bounds itself. */
static size_t share_of_places(const struct receivers *receivers)
{
    size_t share = receivers->most / 2 / receivers->free_count;

    return share > 0 ? share : 1;
}

static bool has_window(const struct receiver *receiver)
{
    unsigned most = receiver->all->window_most;
    unsigned window = receivers_unwell(receiver) ? 1 : receiver->window;

    if (receiver->free)
        return receiver->in_flight < share_of_places(receiver->all);
    return receiver->in_flight < (window < most ? window : most);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Puts a receiver in the heap of all where it belongs after something changed. */
static void receiver_arrange(struct receiver *receiver)
{
    struct receivers *all = receiver->all;
    const struct debt *first = heap_first(&receiver->waiting);
    bool may = first != NULL && has_window(receiver);
    bool there = receiver->place != HEAP_NOWHERE;

    if (may)
        receiver->at = later(receiver->served, later(first->next_try, receiver->closed_until));
    if (may && there)
        heap_update(&all->heap, receiver->place);
    else if (may)
        heap_insert(&all->heap, receiver);
    else if (there)
        heap_remove(&all->heap, receiver->place);
}

static void receiver_free(struct receiver *receiver)
{
    if (receiver->place != HEAP_NOWHERE)
        heap_remove(&receiver->all->heap, receiver->place);
    HASH_DEL(receiver->all->by_key, receiver);
    heap_free(&receiver->waiting);
    free(receiver->key);
    free(receiver);
}

/* Those to whom nothing is owed any more: what is known of them is not worth the memory of many. */
static void forget_idle(struct receivers *receivers)
{
    struct receiver *receiver, *next;

    HASH_ITER(hh, receivers->by_key, receiver, next)
        if (receiver->count == 0 && receiver->left_out == 0 && !receiver->free)
            receiver_free(receiver);
}

static struct receiver *receiver_of(struct receivers *receivers, const char *key)
{
    struct receiver *receiver;

    HASH_FIND_STR(receivers->by_key, key, receiver);
    if (receiver != NULL)
        return receiver;
    if (HASH_COUNT(receivers->by_key) >= RECEIVERS_KEPT)
        forget_idle(receivers);
    receiver = xcalloc(1, sizeof *receiver);
    receiver->all = receivers;
    receiver->key = xstrdup(key);
    receiver->window = WINDOW_FIRST;
    receiver->served = INT64_MIN;
    receiver->place = HEAP_NOWHERE;
    heap_init(&receiver->waiting, debt_before, debt_place);
    HASH_ADD_KEYPTR(hh, receivers->by_key, receiver->key, strlen(receiver->key), receiver);
    return receiver;
}

/* --- debts ------------------------------------------------------------------------------------------- */

struct debt *receivers_find(const struct receivers *receivers, const struct id *hash)
{
    struct debt *debt;

    HASH_FIND(hh, receivers->by_hash, hash, sizeof *hash, debt);
    return debt;
}

/* A debt that waits for long, of the receiver that has most of them: a leaf of its heap, which is not its
 * first. */
static struct debt *who_gives_way(const struct receivers *receivers, const struct receiver *newcomer)
{
    const struct receiver *fattest = newcomer;

    for (const struct receiver *other = receivers->by_key; other != NULL; other = other->hh.next)
        if (other->waiting.count > fattest->waiting.count)
            fattest = other;
    return fattest->waiting.count > newcomer->waiting.count + 1
               ? fattest->waiting.slots[fattest->waiting.count - 1]
               : NULL;
}

static void leave_out(struct receiver *receiver)
{
    receiver->left_out++;
    receiver->all->left_out++;
}

static bool make_room(struct receivers *receivers, struct receiver *newcomer)
{
    struct debt *debt;

    if (receivers->count < receivers->most)
        return true;
    debt = who_gives_way(receivers, newcomer);
    if (debt == NULL)
        return false;
    leave_out(debt->receiver);
    receivers_remove(debt);
    return true;
}

struct debt *receivers_add(struct receivers *receivers, const struct debt *debt, const char *key)
{
    struct receiver *receiver = receiver_of(receivers, key);
    struct debt *added;

    if (!make_room(receivers, receiver)) {
        leave_out(receiver);
        return NULL;
    }
    added = xmemdup(debt, sizeof *debt);
    added->receiver = receiver;
    added->phase = DEBT_WAITING;
    HASH_ADD(hh, receivers->by_hash, hash, sizeof added->hash, added);
    receivers->count++;
    receiver->count++;
    heap_insert(&receiver->waiting, added);
    receiver_arrange(receiver);
    return added;
}

/* Takes a debt out of what its receiver waits or is busy with. */
static void debt_leave(struct debt *debt)
{
    struct receiver *receiver = debt->receiver;

    if (debt->phase == DEBT_WAITING) {
        heap_remove(&receiver->waiting, debt->place);
    } else if (debt->phase == DEBT_IN_FLIGHT) {
        receiver->in_flight--;
        receiver->all->in_flight -= receiver->free ? 0 : 1;
    }
}

void receivers_remove(struct debt *debt)
{
    struct receiver *receiver = debt->receiver;
    struct receivers *receivers = receiver->all;

    debt_leave(debt);
    HASH_DEL(receivers->by_hash, debt);
    free(debt);
    receivers->count--;
    receiver->count--;
    receiver_arrange(receiver);
}

void receivers_move(struct debt *debt, const char *key)
{
    struct receiver *from = debt->receiver, *to = receiver_of(from->all, key);

    assert(debt->phase == DEBT_WAITING);
    heap_remove(&from->waiting, debt->place);
    from->count--;
    to->count++;
    debt->receiver = to;
    heap_insert(&to->waiting, debt);
    receiver_arrange(from);
    receiver_arrange(to);
}

void receivers_wait(struct debt *debt, int64_t next_try)
{
    struct receiver *receiver = debt->receiver;

    debt->next_try = next_try;
    debt->at_once = false;
    if (debt->phase == DEBT_WAITING) {
        heap_update(&receiver->waiting, debt->place);
    } else {
        debt_leave(debt);
        debt->phase = DEBT_WAITING;
        heap_insert(&receiver->waiting, debt);
    }
    receiver_arrange(receiver);
}

void receivers_hurry(struct debt *debt, int64_t now)
{
    debt->at_once = debt->phase == DEBT_SETTLING;
    if (debt->phase == DEBT_WAITING)
        receivers_wait(debt, now);
}

void receivers_clear(struct receivers *receivers)
{
    struct debt *debt, *next;
    struct receiver *receiver, *after;

    HASH_ITER(hh, receivers->by_hash, debt, next)
        receivers_remove(debt);
    HASH_ITER(hh, receivers->by_key, receiver, after)
        receiver_free(receiver);
    heap_free(&receivers->heap);
}

/* --- choosing ---------------------------------------------------------------------------------------- */

/* Who bounds itself waits for nobody, though it may have to wait behind one who does. */
static bool has_room(const struct receivers *receivers, const struct receiver *receiver)
{
    return receiver->free || receivers->in_flight < receivers->in_flight_most;
}

struct debt *receivers_take(struct receivers *receivers, int64_t now)
{
    struct receiver *receiver = heap_first(&receivers->heap);
    struct debt *debt;

    if (receiver == NULL || receiver->at > now || !has_room(receivers, receiver))
        return NULL;
    debt = heap_remove(&receiver->waiting, 0);
    debt->phase = DEBT_IN_FLIGHT;
    receiver->in_flight++;
    receivers->in_flight += receiver->free ? 0 : 1;
    receiver->served = now;
    receiver->turn = ++receivers->turns;
    receiver_arrange(receiver);
    return debt;
}

int64_t receivers_wake_ms(const struct receivers *receivers, int64_t now)
{
    const struct receiver *receiver = heap_first(&receivers->heap);

    if (receiver == NULL || !has_room(receivers, receiver))
        return -1;
    return receiver->at > now ? receiver->at - now : 0;
}

/* --- what was learnt --------------------------------------------------------------------------------- */

void receivers_settle(struct debt *debt)
{
    debt_leave(debt);
    debt->phase = DEBT_SETTLING;
    receiver_arrange(debt->receiver);
}

void receivers_paid(struct debt *debt, int64_t took_ms)
{
    struct receiver *receiver = debt->receiver;

    receiver->failures = 0;
    receiver->closed_until = 0;
    receiver->last[0] = '\0';
    if (took_ms > QUICK_MS)
        receiver->window = receiver->window > WINDOW_FIRST ? receiver->window - 1 : WINDOW_FIRST;
    else if (receiver->window < receiver->all->window_most)
        receiver->window++;
    receivers_settle(debt);
}

void receivers_failed(struct debt *debt, int64_t now, bool unwell, int64_t rest_ms,
                      const char *words)
{
    struct receiver *receiver = debt->receiver;
    int64_t pause = rest_ms;

    snprintf(receiver->last, sizeof receiver->last, "%s", words);
    if (unwell) {
        receiver->failures++;
        receiver->window = receiver->window > 1 ? receiver->window / 2 : 1;
    } else {
        receiver->failures = 0; /* it is there and answers */
    }
    if (receivers_unwell(receiver)) {
        int64_t own = schedule_pause(receiver->all->schedule,
                                     receiver->failures - CLOSE_AFTER + 1);

        pause = own > pause ? own : pause;
    }
    if (pause > 0 && now + pause > receiver->closed_until)
        receiver->closed_until = now + pause;
    receivers_settle(debt);
}

void receivers_open_gate(struct receiver *receiver)
{
    receiver->failures = 0;
    receiver->closed_until = 0;
    receiver->window = receiver->window > WINDOW_FIRST ? receiver->window : WINDOW_FIRST;
    receiver_arrange(receiver);
}

void receivers_open_gates(struct receivers *receivers)
{
    for (struct receiver *receiver = receivers->by_key; receiver != NULL;
         receiver = receiver->hh.next)
        receivers_open_gate(receiver);
}

/* All times move by the same, so that no order among debts or receivers changes. */
void receivers_clock_moved(struct receivers *receivers, int64_t moved_ms)
{
    for (struct debt *debt = receivers->by_hash; debt != NULL; debt = debt->hh.next) {
        debt->next_try += moved_ms;
        debt->made += moved_ms;
        debt->since += moved_ms;
    }
    for (struct receiver *receiver = receivers->by_key; receiver != NULL;
         receiver = receiver->hh.next) {
        receiver->closed_until += receiver->closed_until > 0 ? moved_ms : 0;
        receiver->served += receiver->served > 0 ? moved_ms : 0;
        receiver->at += moved_ms;
    }
}

/* --- looking at all ---------------------------------------------------------------------------------- */

size_t receivers_due(const struct receivers *receivers, int64_t now)
{
    size_t due = 0;

    for (const struct debt *debt = receivers->by_hash; debt != NULL; debt = debt->hh.next) {
        bool open = debt->receiver->closed_until <= now;

        due += debt->phase != DEBT_WAITING || (debt->attempts == 0 && open && debt->next_try <= now);
    }
    return due;
}

static size_t most_that_wait(const struct receivers *receivers)
{
    size_t most = 0;

    for (const struct receiver *receiver = receivers->by_key; receiver != NULL;
         receiver = receiver->hh.next)
        most = receiver->waiting.count > most ? receiver->waiting.count : most;
    return most;
}

/* Whether a receiver that has few would get more: there is a place, or make_room finds one. */
static bool would_get_more(const struct receiver *receiver, size_t most_waiting)
{
    const struct receivers *all = receiver->all;

    return receiver->waiting.count < FEW &&
           (all->count < all->most || most_waiting > receiver->waiting.count + 1);
}

bool receivers_hungry(const struct receivers *receivers)
{
    bool room = receivers->count <= receivers->most / 2;
    size_t most_waiting;

    if (receivers->left_out == 0)
        return false;
    most_waiting = most_that_wait(receivers);
    for (const struct receiver *receiver = receivers->by_key; receiver != NULL;
         receiver = receiver->hh.next)
        if (receiver->left_out > 0 && (room || would_get_more(receiver, most_waiting)))
            return true;
    return false;
}

void receivers_count_anew(struct receivers *receivers)
{
    receivers->left_out = 0;
    for (struct receiver *receiver = receivers->by_key; receiver != NULL;
         receiver = receiver->hh.next)
        receiver->left_out = 0;
}

void receivers_set_window(struct receivers *receivers, unsigned most)
{
    receivers->window_most = most;
    for (struct receiver *receiver = receivers->by_key; receiver != NULL;
         receiver = receiver->hh.next)
        receiver_arrange(receiver);
}

void receivers_set_free(struct receivers *receivers, const char *key)
{
    struct receiver *receiver = receiver_of(receivers, key);

    if (receiver->free)
        return;
    assert(receiver->in_flight == 0);
    receiver->free = true;
    receivers->free_count++;
    for (receiver = receivers->by_key; receiver != NULL; receiver = receiver->hh.next)
        receiver_arrange(receiver); /* the shares are smaller */
}
