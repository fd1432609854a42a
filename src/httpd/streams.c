/* SPDX-License-Identifier: GPL-2.0-or-later */
/* streams: see streams.h. */
#include "httpd/streams.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "httpd/connections.h"
#include "httpd/front.h"
#include "httpd/share.h"
#include "httpd/stream.h"
#include "httpd/tail.h"

enum {
    STREAMS_MAX = 12288,
    BEAT_S = 15, /* proxies give up connections that are silent for some 30 s and more */
    GLANCE_MS = 250,
};

LIST_HEAD(stream_list, stream);

struct streams {
    struct front *front;
    struct tail_subscriber *subscriber; /* while there are streams */
    struct stream_list all;
    struct stream_list beats[BEAT_S]; /* those that are told each second, in turn */
    struct stream_list glances;
    struct roster_list rosters;
    STAILQ_HEAD(, stream) turns;
    struct stream *next; /* while all are gone through */
    unsigned second;
    unsigned joins;
    unsigned count;
    unsigned max;
    unsigned packed;
    struct share *share;
    unsigned handles;
    uv_timer_t beat;
    uv_timer_t glance;
    uv_idle_t work;
};

struct front *streams_front(const struct streams *streams)
{
    return streams->front;
}

unsigned *streams_packed(struct streams *streams)
{
    return &streams->packed;
}

struct roster_list *streams_rosters(struct streams *streams)
{
    return &streams->rosters;
}

bool streams_room(const struct streams *streams)
{
    return streams->count < streams->max;
}

bool streams_share(const struct streams *streams, const char *token_id)
{
    return share_room(streams->share, token_id);
}

/* --- for each --- */

static void hear(void *context, const struct event *event)
{
    struct streams *streams = context;
    uint64_t number = tail_next(streams->front->tail) - 1;

    for (struct stream *stream = LIST_FIRST(&streams->all); stream != NULL;
         stream = streams->next) {
        streams->next = LIST_NEXT(stream, entry);
        stream_hear(stream, number, event);
    }
    streams->next = NULL;
}

static void beat(uv_timer_t *timer)
{
    struct streams *streams = timer->data;
    struct stream *stream;

    LIST_FOREACH(stream, &streams->beats[streams->second], beat)
    stream_check(stream);
    streams->second = (streams->second + 1) % BEAT_S;
    LIST_FOREACH(stream, &streams->beats[streams->second], beat)
    stream_beat(stream);
}

static void wait_no_more(struct streams *streams, struct stream *stream)
{
    stream->waits = false;
    streams_look(streams, stream, false);
    streams_queue(streams, stream);
}

static void glance(uv_timer_t *timer)
{
    struct streams *streams = timer->data;
    struct stream *stream = LIST_FIRST(&streams->glances), *next;

    for (; stream != NULL; stream = next) {
        next = LIST_NEXT(stream, glance);
        if (stream->waits)
            wait_no_more(streams, stream);
        else
            stream_glance(stream);
    }
}

void streams_judge(struct streams *streams)
{
    struct stream *stream;

    LIST_FOREACH(stream, &streams->all, entry)
    stream_judge(stream);
}

/* One stream for each turn of the loop, so that requests are served in between. */
static void work(uv_idle_t *idle)
{
    struct streams *streams = idle->data;
    struct stream *stream = STAILQ_FIRST(&streams->turns);

    if (stream == NULL) {
        (void)uv_idle_stop(idle);
        return;
    }
    STAILQ_REMOVE_HEAD(&streams->turns, turn);
    stream->busy = false;
    stream_work(stream);
}

void streams_queue(struct streams *streams, struct stream *stream)
{
    if (stream->waits)
        streams_look(streams, stream, true);
    if (stream->waits || stream->busy)
        return;
    stream->busy = true;
    STAILQ_INSERT_TAIL(&streams->turns, stream, turn);
    (void)uv_idle_start(&streams->work, work);
}

void streams_look(struct streams *streams, struct stream *stream, bool wanted)
{
    if (stream->glances == wanted)
        return;
    stream->glances = wanted;
    if (wanted)
        LIST_INSERT_HEAD(&streams->glances, stream, glance);
    else
        LIST_REMOVE(stream, glance);
    if (LIST_EMPTY(&streams->glances))
        (void)uv_timer_stop(&streams->glance);
    else if (!uv_is_active((uv_handle_t *)&streams->glance))
        (void)uv_timer_start(&streams->glance, glance, GLANCE_MS, GLANCE_MS);
}

/* --- joining and leaving --- */

void streams_add(struct streams *streams, struct stream *stream)
{
    struct stream_list *slot = &streams->beats[streams->joins++ % BEAT_S];

    if (streams->count++ == 0) {
        streams->subscriber = tail_subscribe(streams->front->tail, hear, streams);
        (void)uv_timer_start(&streams->beat, beat, 1000, 1000);
    }
    LIST_INSERT_HEAD(&streams->all, stream, entry);
    LIST_INSERT_HEAD(slot, stream, beat);
    share_take(streams->share, stream->request->token_id);
}

void streams_remove(struct streams *streams, struct stream *stream)
{
    if (streams->next == stream)
        streams->next = LIST_NEXT(stream, entry);
    LIST_REMOVE(stream, entry);
    LIST_REMOVE(stream, beat);
    share_give(streams->share, stream->request->token_id);
    streams_look(streams, stream, false);
    if (stream->busy)
        STAILQ_REMOVE(&streams->turns, stream, stream, turn);
    if (--streams->count == 0) {
        tail_unsubscribe(streams->subscriber);
        streams->subscriber = NULL;
        (void)uv_timer_stop(&streams->beat);
    }
}

void streams_end(struct streams *streams)
{
    struct stream *stream;

    LIST_FOREACH(stream, &streams->all, entry)
    stream_end(stream);
}

/* --- */

/* A quarter of the connections is left for other requests. */
static unsigned most(const struct connections *connections)
{
    int64_t streams = connections_most(connections) / 4 * 3;

    return streams < STREAMS_MAX ? (unsigned)streams : STREAMS_MAX;
}

struct streams *streams_open(struct front *front)
{
    struct streams *streams = xcalloc(1, sizeof *streams);

    streams->front = front;
    streams->max = most(front->connections);
    streams->share = share_new(streams->max);
    LIST_INIT(&streams->all);
    LIST_INIT(&streams->glances);
    LIST_INIT(&streams->rosters);
    for (size_t i = 0; i < BEAT_S; i++)
        LIST_INIT(&streams->beats[i]);
    STAILQ_INIT(&streams->turns);
    (void)uv_timer_init(front->loop, &streams->beat);
    (void)uv_timer_init(front->loop, &streams->glance);
    (void)uv_idle_init(front->loop, &streams->work);
    streams->beat.data = streams->glance.data = streams->work.data = streams;
    streams->handles = 3;
    return streams;
}

static void closed(uv_handle_t *handle)
{
    struct streams *streams = handle->data;

    if (--streams->handles == 0)
        free(streams);
}

void streams_close(struct streams *streams)
{
    if (streams == NULL)
        return;
    tail_unsubscribe(streams->subscriber);
    share_free(streams->share);
    uv_close((uv_handle_t *)&streams->beat, closed);
    uv_close((uv_handle_t *)&streams->glance, closed);
    uv_close((uv_handle_t *)&streams->work, closed);
}
