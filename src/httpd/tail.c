/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tail: see tail.h. */
#include "httpd/tail.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/xalloc.h"
#include "httpd/dayfile.h"
#include "httpd/front.h"
#include "retain/eventlog_list.h"
#include "spool/watch.h"

enum {
    KEPT_EVENTS = 1024,
    TICK_MS = 1000,
    LINGER_MS = 30 * 1000,    /* libinotifytools keeps a record of each watch that was removed */
    SOON_MS = 5,              /* hints that come in between are one */
    LEAVE_MS = 2000,          /* so long a day is waited for when the next has begun */
    LATE_MS = 10 * 60 * 1000, /* so long it is looked at afterwards */
    DAY_MS = 24 * 60 * 60 * 1000,
};

struct tail_subscriber {
    LIST_ENTRY(tail_subscriber) entry;
    struct tail *tail;
    tail_told *told;
    void *context;
};

struct tail {
    struct front *front;
    LIST_HEAD(, tail_subscriber) subscribers;
    struct tail_subscriber *next_told; /* while one is told */
    struct watch *watch;               /* NULL: looked each second */
    uv_poll_t hints;
    uv_timer_t tick;
    uv_timer_t soon;
    uv_timer_t linger; /* since the last subscriber left */
    unsigned handles;
    bool reading;
    bool started;

    struct dayfile file;   /* of the day that is being written; not open: there is none yet */
    struct dayfile before; /* the day before, while somebody may be late */
    int64_t before_until_ms;
    struct position position; /* behind the last event */
    int32_t next_day;         /* 0: has not begun */
    int64_t next_since_ms;
    bool look_for_days; /* the folder has to be listed */

    struct event kept[KEPT_EVENTS]; /* by their numbers */
    uint64_t first;                 /* number of the oldest kept */
    uint64_t next;                  /* of the one that comes */
    size_t kept_bytes;
    struct position before_first; /* of the event before the oldest kept */
};

/* --- the newest events --- */

static struct event *slot(struct tail *tail, uint64_t number)
{
    return &tail->kept[number % KEPT_EVENTS];
}

static void drop_oldest(struct tail *tail)
{
    struct event *event = slot(tail, tail->first++);

    tail->kept_bytes -= event->length;
    tail->before_first = event->position;
    event_free(event);
}

static struct event *keep(struct tail *tail, const char *line, size_t length, bool late)
{
    struct event *event;

    while (tail->first < tail->next &&
           (tail->next - tail->first == KEPT_EVENTS || tail->kept_bytes + length > TAIL_KEPT))
        drop_oldest(tail);
    event = slot(tail, tail->next++);
    event_read(event, tail->position, line, length);
    event->late = late;
    tail->kept_bytes += length;
    return event;
}

uint64_t tail_next(const struct tail *tail)
{
    return tail->next;
}

const struct event *tail_event(const struct tail *tail, uint64_t number)
{
    return number >= tail->first && number < tail->next ? &tail->kept[number % KEPT_EVENTS] : NULL;
}

uint64_t tail_find(const struct tail *tail, struct position position)
{
    uint64_t low = tail->first, high = tail->next;

    if (position_compare(position, tail->before_first) < 0)
        return 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (position_compare(tail->kept[middle % KEPT_EVENTS].position, position) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct position tail_position(const struct tail *tail)
{
    return tail->position;
}

/* --- telling --- */

static void tell(struct tail *tail, const char *line, size_t length, bool late)
{
    const struct event *event = keep(tail, line, length, late);
    struct tail_subscriber *subscriber = LIST_FIRST(&tail->subscribers);

    for (; subscriber != NULL; subscriber = tail->next_told) {
        tail->next_told = LIST_NEXT(subscriber, entry);
        subscriber->told(subscriber->context, event);
    }
}

/* Tells what a file has more. Returns 0, -EAGAIN while somebody writes to it, or -errno. */
static int read_file(struct tail *tail, struct dayfile *file, bool late)
{
    const char *line;
    size_t length;
    int result = dayfile_settle(file);

    if (result < 0)
        return result;
    while ((result = dayfile_next(file, &line, &length)) == 1) {
        if (!late)
            tail->position = (struct position){file->day, file->at};
        tell(tail, line, length, late);
    }
    return result;
}

/* --- days --- */

static int32_t today(const struct tail *tail)
{
    return (int32_t)(clock_wall(tail->front->clock).ms / DAY_MS);
}

static void complain(const struct tail *tail, int problem)
{
    log_warning(&tail->front->log, "events of %s cannot be read: %s", tail->front->spool->path,
                strerror(-problem));
}

/* The first day, not compressed, behind the one that is read; 0 for none. */
static int32_t find_next_day(const struct tail *tail)
{
    struct eventlog_list list;
    int32_t found = 0;

    if (eventlog_list(tail->front->spool, &list, NULL) < 0)
        return 0;
    for (size_t i = 0; i < list.count && found == 0; i++) {
        int32_t day = list.entries[i].day;

        if (list.entries[i].plain &&
            (day > tail->position.day || (tail->file.fd < 0 && day == tail->position.day)))
            found = day;
    }
    free(list.entries);
    return found;
}

/* Whoever writes after this to the day that is left is late. */
static void leave_day(struct tail *tail)
{
    const char *line;
    size_t length;

    if (tail->file.fd < 0)
        return;
    if (dayfile_rest(&tail->file, &line, &length) && event_is(line, length)) {
        tail->position.at += length + 1;
        tell(tail, line, length, false);
        dayfile_take_rest(&tail->file);
    }
    dayfile_close(&tail->before);
    tail->before = tail->file;
    tail->before_until_ms = clock_mono(tail->front->clock).ms + LATE_MS;
    tail->file = DAYFILE_NONE;
}

/* Goes on to the next day when it has begun a while ago. Returns whether it did. */
static bool next_day(struct tail *tail)
{
    int64_t now_ms = clock_mono(tail->front->clock).ms;

    if (tail->next_day == 0 && tail->look_for_days) {
        tail->next_day = find_next_day(tail);
        tail->next_since_ms = now_ms;
        tail->look_for_days = false;
    }
    if (tail->next_day == 0 || (tail->file.fd >= 0 && now_ms - tail->next_since_ms < LEAVE_MS))
        return false;
    leave_day(tail);
    if (dayfile_open(&tail->file, tail->front->spool, tail->next_day, 0) == 0)
        tail->position = (struct position){tail->next_day, 0};
    tail->next_day = 0;
    tail->look_for_days = true;
    return tail->file.fd >= 0;
}

static int read_before(struct tail *tail)
{
    if (tail->before.fd < 0)
        return 0;
    if (clock_mono(tail->front->clock).ms > tail->before_until_ms) {
        dayfile_close(&tail->before);
        return 0;
    }
    return read_file(tail, &tail->before, true);
}

/* --- from now on --- */

/* The end of the newest day that is written to, or the beginning of today. */
static void begin(struct tail *tail)
{
    struct eventlog_list list;
    int result = 0;

    tail->position = (struct position){today(tail), 0};
    if (eventlog_list(tail->front->spool, &list, NULL) == 0 && list.count > 0) {
        const struct eventlog_entry *newest = &list.entries[list.count - 1];

        if (newest->plain && !newest->packed)
            result = dayfile_open(&tail->file, tail->front->spool, newest->day, 0);
        else if (newest->day >= tail->position.day)
            tail->position.day = newest->day + 1;
    }
    free(list.entries);
    if (tail->file.fd >= 0) {
        result = dayfile_settle_soon(&tail->file);
        result = result == 0 ? dayfile_to_end(&tail->file) : result;
        tail->position = (struct position){tail->file.day, tail->file.at};
    }
    if (result < 0)
        complain(tail, result);
    tail->before_first = tail->position;
    tail->look_for_days = true;
}

static void forget(struct tail *tail)
{
    while (tail->first < tail->next)
        drop_oldest(tail);
    dayfile_close(&tail->file);
    dayfile_close(&tail->before);
    tail->next_day = 0;
}

/* --- waking up --- */

static void look(struct tail *tail);

static void look_soon(uv_timer_t *timer)
{
    look(timer->data);
}

static void look_now_and_then(uv_timer_t *timer)
{
    struct tail *tail = timer->data;

    tail->look_for_days = true;
    look(tail);
}

static void watch_folder(struct tail *tail)
{
    char *path = xasprintf("%s/%s", tail->front->spool->path, folder_name(FOLDER_EVENTS));

    (void)watch_add_writes(tail->watch, path, FOLDER_EVENTS); /* each second is looked anyway */
    free(path);
}

/* Not heard again before it was looked: a busy log would wake us for each write. */
static void hinted(uv_poll_t *poll, int status, int events)
{
    struct tail *tail = poll->data;
    struct watch_event event;

    (void)status;
    (void)events;
    while (watch_next(tail->watch, &event)) {
        tail->look_for_days |= event.kind != WATCH_WRITTEN;
        if (event.kind == WATCH_LOST)
            watch_folder(tail);
    }
    (void)uv_poll_stop(&tail->hints);
    if (!uv_is_active((uv_handle_t *)&tail->soon))
        (void)uv_timer_start(&tail->soon, look_soon, SOON_MS, 0);
}

static void start(struct tail *tail)
{
    tail->started = true;
    begin(tail);
    (void)uv_timer_start(&tail->tick, look_now_and_then, TICK_MS, TICK_MS);
    if (tail->watch != NULL) {
        watch_folder(tail);
        (void)uv_poll_start(&tail->hints, UV_READABLE, hinted);
    }
}

static void stop(struct tail *tail)
{
    char *path = xasprintf("%s/%s", tail->front->spool->path, folder_name(FOLDER_EVENTS));

    tail->started = false;
    (void)uv_timer_stop(&tail->tick);
    (void)uv_timer_stop(&tail->soon);
    (void)uv_timer_stop(&tail->linger);
    if (tail->watch != NULL) {
        (void)uv_poll_stop(&tail->hints);
        watch_remove(tail->watch, path);
    }
    free(path);
    forget(tail);
}

static void stop_at_last(uv_timer_t *timer)
{
    stop(timer->data);
}

static void look(struct tail *tail)
{
    int result, late;

    tail->reading = true;
    late = read_before(tail);
    do {
        result = tail->file.fd >= 0 ? read_file(tail, &tail->file, false) : 0;
    } while (result == 0 && next_day(tail));
    tail->reading = false;
    if (result == -EAGAIN || late == -EAGAIN)
        (void)uv_timer_start(&tail->soon, look_soon, SOON_MS, 0);
    else if (result < 0)
        complain(tail, result);
    if (tail->watch != NULL)
        (void)uv_poll_start(&tail->hints, UV_READABLE, hinted);
}

/* --- subscribers --- */

struct tail_subscriber *tail_subscribe(struct tail *tail, tail_told *told, void *context)
{
    struct tail_subscriber *subscriber = xmalloc(sizeof *subscriber);

    *subscriber = (struct tail_subscriber){.tail = tail, .told = told, .context = context};
    (void)uv_timer_stop(&tail->linger);
    if (!tail->started)
        start(tail);
    else if (LIST_EMPTY(&tail->subscribers) && !tail->reading)
        look(tail);
    LIST_INSERT_HEAD(&tail->subscribers, subscriber, entry);
    return subscriber;
}

void tail_unsubscribe(struct tail_subscriber *subscriber)
{
    struct tail *tail;

    if (subscriber == NULL)
        return;
    tail = subscriber->tail;
    if (tail->next_told == subscriber)
        tail->next_told = LIST_NEXT(subscriber, entry);
    LIST_REMOVE(subscriber, entry);
    free(subscriber);
    if (LIST_EMPTY(&tail->subscribers))
        (void)uv_timer_start(&tail->linger, stop_at_last, LINGER_MS, 0);
}

/* --- */

struct tail *tail_open(struct front *front)
{
    struct tail *tail = xcalloc(1, sizeof *tail);
    int problem = 0;

    tail->front = front;
    LIST_INIT(&tail->subscribers);
    tail->file = tail->before = DAYFILE_NONE;
    tail->first = tail->next = 1;
    tail->handles = 3;
    (void)uv_timer_init(front->loop, &tail->tick);
    (void)uv_timer_init(front->loop, &tail->soon);
    (void)uv_timer_init(front->loop, &tail->linger);
    tail->tick.data = tail->soon.data = tail->linger.data = tail->hints.data = tail;
    tail->watch = watch_open(&problem);
    if (tail->watch != NULL &&
        uv_poll_init(front->loop, &tail->hints, watch_descriptor(tail->watch)) != 0) {
        watch_close(tail->watch);
        tail->watch = NULL;
    }
    tail->handles += tail->watch != NULL;
    return tail;
}

static void closed(uv_handle_t *handle)
{
    struct tail *tail = handle->data;

    if (--tail->handles == 0) {
        watch_close(tail->watch);
        free(tail);
    }
}

void tail_close(struct tail *tail)
{
    struct tail_subscriber *subscriber;

    if (tail == NULL)
        return;
    assert(!tail->reading);
    while ((subscriber = LIST_FIRST(&tail->subscribers)) != NULL) {
        LIST_REMOVE(subscriber, entry);
        free(subscriber);
    }
    stop(tail);
    uv_close((uv_handle_t *)&tail->tick, closed);
    uv_close((uv_handle_t *)&tail->soon, closed);
    uv_close((uv_handle_t *)&tail->linger, closed);
    if (tail->watch != NULL)
        uv_close((uv_handle_t *)&tail->hints, closed);
}
