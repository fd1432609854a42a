/* SPDX-License-Identifier: GPL-2.0-or-later */
/* room: a heap of those who wait, an epoll set that notices who leaves, and one thread. */
#include "mock/room.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/xalloc.h"

enum { EVENTS = 256 };

#define NEVER_MS INT64_MAX

struct room {
    pthread_mutex_t lock;
    pthread_t thread;
    const struct clock *clock;
    struct room_calls calls;
    struct heap heap;         /* everybody who waits, by due_ms; in the queue: NEVER_MS */
    struct guest *queue_head; /* waiting for a slot, longest first */
    struct guest *queue_tail;
    int64_t slots;
    int64_t seated;
    int epoll_fd;
    int event_fd;
    bool closed;
};

static bool due_earlier(const void *a, const void *b)
{
    return ((const struct guest *)a)->due_ms < ((const struct guest *)b)->due_ms;
}

static void note_place(void *element, size_t position)
{
    ((struct guest *)element)->place = position;
}

/* Makes the thread look again. */
static void nudge(struct room *room)
{
    const uint64_t one = 1;
    ssize_t written = write(room->event_fd, &one, sizeof one);

    assert(written == (ssize_t)sizeof one || errno == EAGAIN);
}

static void queue_append(struct room *room, struct guest *guest)
{
    guest->next = NULL;
    if (room->queue_tail != NULL) {
        room->queue_tail->next = guest;
    } else {
        room->queue_head = guest;
    }
    room->queue_tail = guest;
}

static void queue_remove(struct room *room, struct guest *guest)
{
    struct guest *before = NULL;

    for (struct guest *at = room->queue_head; at != NULL; before = at, at = at->next) {
        if (at != guest) {
            continue;
        }
        if (before != NULL) {
            before->next = at->next;
        } else {
            room->queue_head = at->next;
        }
        if (room->queue_tail == at) {
            room->queue_tail = before;
        }
        at->next = NULL;
        return;
    }
}

static bool has_slot(const struct room *room)
{
    return room->slots == 0 || room->seated < room->slots;
}

/* The end of a delay. The clock's milliseconds are cut, so that one more makes it never too short.
 */
static int64_t not_before(const struct room *room, int64_t delay_ms)
{
    return clock_mono(room->clock).ms + delay_ms + 1;
}

/* Gives free slots to those who wait for one. Their time begins now. */
static void seat_waiting(struct room *room)
{
    bool changed = false;

    while (room->queue_head != NULL && has_slot(room)) {
        struct guest *guest = room->queue_head;

        queue_remove(room, guest);
        guest->seated = true;
        room->seated++;
        guest->due_ms = not_before(room, guest->delay_ms);
        heap_update(&room->heap, guest->place);
        changed = true;
    }
    if (changed) {
        nudge(room);
    }
}

/* Where the guest cannot be watched (a socket that is broken already) it still waits its time. */
static void start_waiting(struct room *room, struct guest *guest)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = guest};

    room->calls.sleep(guest);
    (void)epoll_ctl(room->epoll_fd, EPOLL_CTL_ADD, guest->fd, &event);
    heap_insert(&room->heap, guest);
    if (guest->place == 0) {
        nudge(room);
    }
}

bool room_enter(struct room *room, struct guest *guest, int fd, int64_t delay_ms)
{
    bool waits = true;

    (void)pthread_mutex_lock(&room->lock);
    guest->fd = fd;
    guest->delay_ms = delay_ms;
    if (room->closed) {
        guest->gone = true;
        waits = false;
    } else if (has_slot(room) && room->queue_head == NULL) {
        guest->seated = true;
        room->seated++;
        guest->due_ms = delay_ms == 0 ? 0 : not_before(room, delay_ms);
        waits = delay_ms > 0;
    } else {
        guest->due_ms = NEVER_MS;
        queue_append(room, guest);
    }
    if (waits) {
        start_waiting(room, guest);
    }
    (void)pthread_mutex_unlock(&room->lock);
    return waits;
}

bool room_pause(struct room *room, struct guest *guest, int fd, int64_t delay_ms)
{
    bool waits;

    (void)pthread_mutex_lock(&room->lock);
    guest->fd = fd;
    guest->gone = room->closed;
    waits = !room->closed && delay_ms > 0;
    if (waits) {
        guest->due_ms = clock_mono(room->clock).ms + delay_ms;
        start_waiting(room, guest);
    }
    (void)pthread_mutex_unlock(&room->lock);
    return waits;
}

void room_leave(struct room *room, struct guest *guest)
{
    (void)pthread_mutex_lock(&room->lock);
    if (guest->seated) {
        guest->seated = false;
        room->seated--;
        seat_waiting(room);
    }
    (void)pthread_mutex_unlock(&room->lock);
}

void room_set_slots(struct room *room, int64_t slots)
{
    (void)pthread_mutex_lock(&room->lock);
    room->slots = slots;
    seat_waiting(room);
    (void)pthread_mutex_unlock(&room->lock);
}

/* Takes a guest out of the heap and, if it is there, the queue. Under the lock. */
static void stop_waiting(struct room *room, struct guest *guest, bool gone)
{
    if (guest->due_ms == NEVER_MS) {
        queue_remove(room, guest);
    }
    (void)heap_remove(&room->heap, guest->place);
    (void)epoll_ctl(room->epoll_fd, EPOLL_CTL_DEL, guest->fd, NULL);
    guest->gone = gone;
}

/* The next guest to be woken, or NULL; *timeout_ms becomes how long nobody is due. */
static struct guest *take_due(struct room *room, int *timeout_ms)
{
    struct guest *guest;
    int64_t now_ms = clock_mono(room->clock).ms;

    (void)pthread_mutex_lock(&room->lock);
    guest = heap_first(&room->heap);
    if (guest == NULL || (guest->due_ms == NEVER_MS && !room->closed)) {
        *timeout_ms = -1;
        guest = NULL;
    } else if (guest->due_ms > now_ms && !room->closed) {
        *timeout_ms = guest->due_ms - now_ms > INT_MAX ? INT_MAX : (int)(guest->due_ms - now_ms);
        guest = NULL;
    } else {
        stop_waiting(room, guest, room->closed);
    }
    (void)pthread_mutex_unlock(&room->lock);
    return guest;
}

static void wake_due(struct room *room, int *timeout_ms)
{
    struct guest *guest;

    while ((guest = take_due(room, timeout_ms)) != NULL) {
        room->calls.wake(guest);
    }
}

static void wake_gone(struct room *room, struct guest *guest)
{
    (void)pthread_mutex_lock(&room->lock);
    stop_waiting(room, guest, true);
    (void)pthread_mutex_unlock(&room->lock);
    room->calls.wake(guest);
}

static bool is_over(struct room *room)
{
    bool over;

    (void)pthread_mutex_lock(&room->lock);
    over = room->closed && heap_first(&room->heap) == NULL;
    (void)pthread_mutex_unlock(&room->lock);
    return over;
}

/* Only this thread takes guests out, so an event's guest is always one that still waits. */
static void *run(void *context)
{
    struct room *room = context;
    struct epoll_event events[EVENTS];
    int timeout_ms = -1;
    uint64_t nudges;

    while (wake_due(room, &timeout_ms), !is_over(room)) {
        int count = epoll_wait(room->epoll_fd, events, EVENTS, timeout_ms);

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL) {
                wake_gone(room, events[i].data.ptr);
            } else if (read(room->event_fd, &nudges, sizeof nudges) < 0) {
                assert(errno == EAGAIN);
            }
        }
    }
    return NULL;
}

static int open_descriptors(struct room *room, struct error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    room->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    room->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (room->epoll_fd < 0 || room->event_fd < 0 ||
        epoll_ctl(room->epoll_fd, EPOLL_CTL_ADD, room->event_fd, &event) != 0) {
        error_system(error, errno, "cannot make the waiting room's epoll set");
        return -1;
    }
    return 0;
}

static void free_room(struct room *room)
{
    if (room->epoll_fd >= 0) {
        (void)close(room->epoll_fd);
    }
    if (room->event_fd >= 0) {
        (void)close(room->event_fd);
    }
    heap_free(&room->heap);
    (void)pthread_mutex_destroy(&room->lock);
    free(room);
}

struct room *room_new(const struct clock *clock, struct room_calls calls, struct error *error)
{
    struct room *room = xcalloc(1, sizeof *room);
    int errnum;

    (void)pthread_mutex_init(&room->lock, NULL);
    room->clock = clock;
    room->calls = calls;
    room->epoll_fd = room->event_fd = -1;
    heap_init(&room->heap, due_earlier, note_place);
    if (open_descriptors(room, error) != 0) {
        free_room(room);
        return NULL;
    }
    errnum = pthread_create(&room->thread, NULL, run, room);
    if (errnum != 0) {
        error_system(error, errnum, "cannot start the waiting room's thread");
        free_room(room);
        return NULL;
    }
    return room;
}

void room_close(struct room *room)
{
    (void)pthread_mutex_lock(&room->lock);
    room->closed = true;
    (void)pthread_mutex_unlock(&room->lock);
    nudge(room);
    (void)pthread_join(room->thread, NULL);
}

void room_free(struct room *room)
{
    if (room != NULL) {
        assert(room->closed && heap_first(&room->heap) == NULL);
        free_room(room);
    }
}
