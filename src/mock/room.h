/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room: the waiting room. Requests wait here for a free slot, for their latency to pass, or for
 * the next piece of their answer, thousands at a time and without a thread each; who hangs up
 * while waiting is noticed.
 *
 * Floor: mock. Safe to use from several threads. One thread of its own wakes those whose time has
 * come. Guests belong to the caller and live at least until they are woken.
 */
#ifndef MOCK_ROOM_H
#define MOCK_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct room;

/* Who waits. Zeroed at first; the fields are the room's but for `gone`, which may be read when the
 * guest does not wait. */
struct guest {
    struct guest *next; /* in the queue for a slot */
    int64_t due_ms;
    int64_t delay_ms; /* from getting a slot to being woken */
    size_t place;     /* in the heap */
    int fd;
    bool seated; /* has a slot */
    bool gone;   /* the client hung up, or the room closed, while it waited */
};

/* What the room does to a guest: put it to sleep (before anyone can wake it), wake it. After wake
 * was called the room does not touch the guest. */
struct room_calls {
    void (*sleep)(struct guest *guest);
    void (*wake)(struct guest *guest);
};

/* Starts the room's thread. Returns NULL with *error when the system does not let us. */
struct room *room_new(const struct clock *clock, struct room_calls calls, struct error *error);

/* Wakes everybody, marked as gone, and stops the thread; nobody waits any more from now on, the
 * other calls still work. */
void room_close(struct room *room);

/* Frees a closed room. NULL is allowed. */
void room_free(struct room *room);

/* How many guests may have a slot at once; 0: any number. */
void room_set_slots(struct room *room, int64_t slots);

/* Wants a slot and then delay_ms of time; fd is watched for the client's hanging up. Returns
 * whether the guest waits now; if not, it has its slot and may go on. */
bool room_enter(struct room *room, struct guest *guest, int fd, int64_t delay_ms);

/* Waits delay_ms without a slot. Returns as room_enter. */
bool room_pause(struct room *room, struct guest *guest, int fd, int64_t delay_ms);

/* Gives the slot back, if it has one; the guest does not wait. */
void room_leave(struct room *room, struct guest *guest);

#endif
