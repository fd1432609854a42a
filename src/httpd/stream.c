/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream: see stream.h. */
#include "httpd/stream.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/timetext.h"
#include "base/xalloc.h"
#include "httpd/admission.h"
#include "httpd/front.h"
#include "httpd/sse.h"
#include "httpd/tail.h"
#include "httpd/watched.h"

enum {
    FILL = 32 * 1024, /* bytes that are formatted at once, about */
    STEP = 64 * 1024, /* bytes of the log that are read at once */
    BLOCK = 128,     /* of the library's, for each stream; it needs it for HTTP/1.0 alone */
    STALL_MS = 5000,  /* who is behind and takes nothing for so long is cut */
    STUCK_MS = 60000, /* who takes nothing at all for so long is cut off */
    DAY_MS = 24 * 60 * 60 * 1000,
};

static int64_t now_ms(const struct stream *stream)
{
    return clock_mono(streams_front(stream->streams)->clock).ms;
}

static struct tail *tail_of(const struct stream *stream)
{
    return streams_front(stream->streams)->tail;
}

static void stream_free(void *state)
{
    struct stream *stream = state;

    streams_remove(stream->streams, stream);
    replay_close(stream->replay);
    filter_free(&stream->filter);
    watched_close(stream->watched);
    if (stream->held.text != NULL)
        event_free(&stream->held);
    buffer_free(&stream->out);
    free(stream);
}

static bool is_caught_up(const struct stream *stream)
{
    return stream->number != 0 && stream->number == tail_next(tail_of(stream)) &&
           stream->held.text == NULL;
}

/* --- what is sent --- */

static void write_id(struct stream *stream, struct position position, char id[POSITION_SIZE])
{
    position_write(position, id);
    stream->told = position;
}

static void write_event(struct stream *stream, const struct event *event)
{
    char id[POSITION_SIZE];

    write_id(stream, event->position, id);
    sse_event(&stream->out, event->kind, event->late ? NULL : id, event->text, event->length);
}

/* Tells what the client's position became of: all that is kept comes, or what follows the hole. */
static void write_gap(struct stream *stream, struct position from)
{
    struct buffer data = {0};
    char asked[POSITION_SIZE], id[POSITION_SIZE];

    position_write(stream->at, asked);
    write_id(stream, from, id);
    buffer_printf(&data, "{\"behind\":\"%s\",\"from\":\"%s\"}", asked, id);
    sse_event(&stream->out, "gap", id, data.bytes, data.length);
    buffer_free(&data);
    stream->at = from;
}

/* --- what is sent next --- */

/* Takes an event that the filter lets through. One that ends a job is held back while there is more
 * of the job's text. */
static void take(struct stream *stream, const struct event *event)
{
    if (stream->watched != NULL && !stream->asking) {
        watched_hear(stream->watched, event, &stream->out);
        if (watched_is_end(event->kind) && watched_rest(stream->watched, &stream->out)) {
            event_read(&stream->held, event->position, event->text, event->length);
            stream->held.late = event->late;
            return;
        }
    }
    write_event(stream, event);
}

static void take_held(struct stream *stream)
{
    if (watched_rest(stream->watched, &stream->out))
        return;
    write_event(stream, &stream->held);
    event_free(&stream->held);
}

static bool wants_more(const struct stream *stream)
{
    return stream->out.length < FILL && stream->held.text == NULL;
}

static void begin_files(struct stream *stream, bool exact)
{
    stream->number = 0;
    replay_close(stream->replay);
    stream->replay = replay_open(streams_front(stream->streams)->spool,
                                 streams_packed(stream->streams), stream->at, exact);
}

/* What the tail keeps. Whoever is behind that reads files. */
static void fill_from_tail(struct stream *stream)
{
    const struct tail *tail = tail_of(stream);

    while (wants_more(stream) && stream->number < tail_next(tail)) {
        const struct event *event = tail_event(tail, stream->number);

        if (event == NULL) {
            begin_files(stream, true);
            return;
        }
        stream->number++;
        stream->at = event->position;
        if (filter_takes(&stream->filter, event))
            take(stream, event);
    }
}

static void take_line(struct stream *stream, const struct replay_line *line)
{
    struct event event;

    event_read(&event, line->position, line->text, line->length);
    stream->at = line->position;
    if (filter_takes(&stream->filter, &event))
        take(stream, &event);
    event_free(&event);
}

static void start_again(struct stream *stream)
{
    const struct spool *spool = streams_front(stream->streams)->spool;

    write_gap(stream, replay_oldest(spool, tail_position(tail_of(stream))));
    begin_files(stream, false);
}

static void leave_files(struct stream *stream)
{
    struct position end = tail_position(tail_of(stream));

    if (position_compare(stream->at, end) < 0)
        stream->at = end;
    stream->number = tail_find(tail_of(stream), stream->at);
    replay_close(stream->replay);
    stream->replay = NULL;
}

/* The client comes again, with the id that it has. */
static void send_away(struct stream *stream)
{
    sse_retry(&stream->out, stream->retry_ms);
    stream->over = true;
}

/* One step. */
static void fill_from_files(struct stream *stream)
{
    size_t room = STEP;
    struct replay_line line;

    stream->waits = false;
    while (wants_more(stream)) {
        switch (replay_next(stream->replay, tail_position(tail_of(stream)), &room, &line)) {
        case REPLAY_LINE:
            take_line(stream, &line);
            break;
        case REPLAY_END:
            leave_files(stream);
            return;
        case REPLAY_LATER:
            return;
        case REPLAY_GAP:
            start_again(stream);
            break;
        case REPLAY_FAILED:
            write_gap(stream, line.position);
            break;
        case REPLAY_WAIT:
            stream->waits = true;
            return;
        case REPLAY_RETRY:
            send_away(stream);
            return;
        }
    }
}

/* Who heard everything at once, fell behind and took nothing for long comes again when he can; who
 * is told what was before he came may take his time. */
static bool is_to_be_cut(const struct stream *stream)
{
    const struct tail *tail = tail_of(stream);

    return stream->live && stream->slow &&
           (stream->number == 0 ||
            (stream->number < tail_next(tail) && tail_event(tail, stream->number) == NULL));
}

/* Formats what comes next into the empty buffer, if there is anything. */
static void fill(struct stream *stream)
{
    buffer_clear(&stream->out);
    stream->taken = 0;
    if (stream->over)
        return;
    if (is_to_be_cut(stream)) {
        send_away(stream);
        return;
    }
    if (stream->held.text != NULL)
        take_held(stream);
    else if (stream->number != 0)
        fill_from_tail(stream);
    else
        fill_from_files(stream);
    stream->live |= is_caught_up(stream);
    if (stream->watched != NULL && !stream->asking && is_caught_up(stream)) {
        watched_look(stream->watched, false, &stream->out);
        stream->over = watched_end(stream->watched, &stream->out);
        streams_look(stream->streams, stream, !stream->over && watched_moves(stream->watched));
    }
}

static bool is_pending(const struct stream *stream)
{
    return stream->taken < stream->out.length || stream->over;
}

/* --- to the client --- */

/* struct stream_calls */
static ssize_t stream_read(void *state, char *bytes, size_t room)
{
    struct stream *stream = state;
    int64_t now = now_ms(stream);

    stream->hungry = false; /* the server may wake it, too */
    stream->slow |= now - stream->taken_ms >= STALL_MS;
    stream->taken_ms = now;
    if (stream->taken == stream->out.length) {
        fill(stream);
        stream->slow = false;
    }
    if (!is_pending(stream)) {
        buffer_free(&stream->out);
        stream->taken = 0;
        stream->hungry = true;
        if (stream->number == 0)
            streams_queue(stream->streams, stream);
        return 0;
    }
    if (stream->taken == stream->out.length)
        return -1;
    if (room > stream->out.length - stream->taken)
        room = stream->out.length - stream->taken;
    memcpy(bytes, stream->out.bytes + stream->taken, room);
    stream->taken += room;
    return (ssize_t)room;
}

static void wake(struct stream *stream)
{
    if (!stream->hungry)
        return;
    stream->hungry = false;
    stream->taken_ms = now_ms(stream);
    request_wake(stream->request);
}

static void write_head(struct stream *stream, bool fresh)
{
    char id[POSITION_SIZE], data[64];

    sse_retry(&stream->out, stream->retry_ms);
    if (fresh) {
        write_id(stream, stream->at, id);
        (void)snprintf(data, sizeof data, "{\"position\":\"%s\"}", id);
        sse_event(&stream->out, "begin", id, data, strlen(data));
    }
    if (stream->watched != NULL)
        watched_begin(stream->watched, &stream->out);
}

static void answer(struct stream *stream, bool fresh)
{
    static const struct stream_calls calls = {.read = stream_read, .close = stream_free};
    struct request *request = stream->request;

    stream->asking = false;
    write_head(stream, fresh);
    request_add_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store, no-transform");
    request_add_header(request, "X-Accel-Buffering", "no");
    request_stream(request, MHD_HTTP_OK, SSE_TYPE, BLOCK, &calls, stream);
}

/* A client that comes again after the end of a job is told to stop. */
static void answer_nothing(struct stream *stream)
{
    struct request *request = stream->request;

    stream_free(stream);
    request_add_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    request_reply(request, MHD_HTTP_NO_CONTENT, NULL, NULL);
}

/* --- where it begins --- */

static void begin_now(struct stream *stream)
{
    stream->at = tail_position(tail_of(stream));
    stream->number = tail_next(tail_of(stream));
}

static void begin_at(struct stream *stream, struct position position, bool exact)
{
    stream->at = stream->from = position;
    begin_files(stream, exact);
}

/* With what was written since the time. What could not be written in time stands in the next day.
 */
static void begin_since(struct stream *stream, struct wall time, struct position oldest)
{
    char text[TIMETEXT_SIZE];
    struct position day = {(int32_t)(time.ms / DAY_MS), 0};

    timetext_write(time, text);
    stream->filter.since = xstrdup(text);
    if (position_compare(day, tail_position(tail_of(stream))) > 0)
        begin_now(stream);
    else
        begin_at(stream, position_compare(day, oldest) < 0 ? oldest : day, false);
}

/* Returns false when since says nothing. */
static bool begin(struct stream *stream, const struct stream_plan *plan)
{
    struct position end = tail_position(tail_of(stream)), position = {0, 0};
    struct position oldest = replay_oldest(streams_front(stream->streams)->spool, end);
    struct wall time;

    if (plan->last_id != NULL) {
        (void)position_read(plan->last_id, &position); /* what is none is before all days: a gap */
        begin_at(stream, position, true);
    } else if (plan->since == NULL) {
        begin_now(stream);
    } else if (strcmp(plan->since, "start") == 0) {
        begin_at(stream, oldest, false);
    } else if (position_read(plan->since, &position)) {
        begin_at(stream, position, true);
    } else if (timetext_read(plan->since, &time) == 0) {
        begin_since(stream, time, oldest);
    } else {
        return false;
    }
    return true;
}

static void ask_on(struct stream *stream)
{
    if (stream->out.length > 0) {
        buffer_clear(&stream->out);
        begin_at(stream, stream->from, true);
        answer(stream, false);
    } else if (stream->number != 0) {
        answer_nothing(stream);
    } else {
        streams_queue(stream->streams, stream);
    }
}

/* --- the streams' --- */

void stream_work(struct stream *stream)
{
    if (stream->taken == stream->out.length)
        fill(stream);
    if (stream->asking)
        ask_on(stream);
    else if (is_pending(stream))
        wake(stream);
    else if (stream->number == 0)
        streams_queue(stream->streams, stream);
}

void stream_hear(struct stream *stream, uint64_t number, const struct event *event)
{
    if (stream->number != number)
        return;
    if (stream->held.text == NULL && !filter_takes(&stream->filter, event)) {
        stream->number++;
        stream->at = event->position;
        return;
    }
    wake(stream);
}

static int descriptor(const struct stream *stream)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(stream->request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info != NULL ? info->connect_fd : -1;
}

/* Nobody watches the connection of a stream that has nothing to send. */
void stream_check(struct stream *stream)
{
    struct pollfd fd = {.fd = stream->hungry ? descriptor(stream) : -1};

    if (fd.fd < 0 || poll(&fd, 1, 0) != 1 || (fd.revents & (POLLERR | POLLHUP)) == 0)
        return;
    sse_comment(&stream->out, ""); /* the library hears of it when it sends */
    wake(stream);
}

void stream_judge(struct stream *stream)
{
    if (stream->asking || stream->over || admission_holds(stream->request))
        return;
    buffer_clear(&stream->out);
    stream->taken = 0;
    stream->over = true;
    wake(stream);
}

void stream_beat(struct stream *stream)
{
    char id[POSITION_SIZE];

    stream_judge(stream);
    if (!stream->hungry) {
        if (!stream->asking && now_ms(stream) - stream->taken_ms > STUCK_MS)
            (void)shutdown(descriptor(stream), SHUT_RDWR); /* the library hears of it */
        return;
    }
    if (stream->watched != NULL)
        watched_look(stream->watched, true, &stream->out);
    if (stream->number != 0 && position_compare(stream->told, stream->at) < 0) {
        write_id(stream, stream->at, id);
        sse_id(&stream->out, id);
    } else {
        sse_comment(&stream->out, "");
    }
    wake(stream);
}

void stream_end(struct stream *stream)
{
    if (stream->asking)
        return;
    stream->over = true;
    wake(stream);
}

void stream_glance(struct stream *stream)
{
    if (!stream->hungry)
        return;
    fill(stream);
    if (is_pending(stream))
        wake(stream);
    else if (stream->number == 0)
        streams_queue(stream->streams, stream);
}

void stream_start(struct streams *streams, struct request *request, struct stream_plan *plan)
{
    struct stream *stream = xcalloc(1, sizeof *stream);
    bool fresh = plan->last_id == NULL;

    stream->streams = streams;
    stream->request = request;
    stream->filter = plan->filter;
    stream->watched = plan->watched;
    stream->retry_ms = plan->retry_ms;
    streams_add(streams, stream);
    stream->taken_ms = now_ms(stream);
    if (!begin(stream, plan)) {
        stream_free(stream);
        request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request",
                        "since wants an event's id, a time such as 2026-11-30T08:00:00Z, or start");
    } else if (!fresh && stream->watched != NULL && watched_final(stream->watched)) {
        stream->asking = true;
        request_wait(request, stream_free, stream);
        streams_queue(streams, stream);
    } else {
        answer(stream, fresh);
    }
}
