/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream: an answer that arrives as a stream of events. */
#include "provider/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/classify.h"
#include "provider/fold.h"
#include "provider/ratelimit.h"
#include "provider/sse.h"

struct stream {
    const struct provider *provider;
    struct sse sse;
    struct fold fold;
    json_t *error; /* a document with the error that an event told; NULL: none */
    bool events;   /* at least one event came */
    bool bad;      /* an event is not of the protocol */
    bool cut;      /* the body ended within an event */
};

/* The document of an error event. What an event of that name holds is an error, whatever its shape.
 */
static json_t *find_error(const char *name, json_t *data)
{
    if (classify_find_error(data) != NULL) {
        return json_incref(data);
    }
    return strcmp(name, "error") == 0 ? json_pack("{s:O}", "error", data) : NULL;
}

/* The data of an event as JSON; what is none, as the text that it is. */
static json_t *read_data(const struct sse_event *event)
{
    json_t *data = jsontext_read_lenient(event->data, event->length, NULL);
    data = data != NULL ? data : json_stringn(event->data, event->length);
    return data != NULL ? data : json_string("unreadable");
}

/* Takes the data of an event that is not the last word. false: it is not of the protocol. */
static bool take_data(struct stream *stream, const struct sse_event *event)
{
    json_t *data = read_data(event);
    stream->error = find_error(event->name, data);
    bool good =
        stream->error != NULL ||
        (json_is_object(data) && stream->provider->stream->take(&stream->fold, event->name, data));
    json_decref(data);
    return good;
}

/* Every kind of server ends a stream as OpenAI does, if only by its proxy. */
static bool is_last_word(const struct sse_event *event)
{
    static const char word[] = "[DONE]";
    return strncmp(event->data, word, sizeof word - 1) == 0;
}

static bool on_event(void *context, const struct sse_event *event)
{
    struct stream *stream = context;
    bool idle = event->length == 0 || strcmp(event->name, "ping") == 0;
    stream->events = true;
    if (idle || stream->fold.done || stream->fold.last_word || stream->error != NULL) {
        return true;
    }
    if (is_last_word(event)) {
        stream->fold.last_word = true;
        return true;
    }
    bool good = take_data(stream, event);
    stream->cut = !good && event->open;
    stream->bad = !good && !event->open;
    return good;
}

struct stream *stream_new(const struct provider *provider)
{
    assert(provider->stream != NULL);
    struct stream *stream = xcalloc(1, sizeof *stream);
    stream->provider = provider;
    sse_init(&stream->sse, STREAM_EVENT_LIMIT, on_event, stream);
    return stream;
}

void stream_free(struct stream *stream)
{
    if (stream == NULL) {
        return;
    }
    sse_free(&stream->sse);
    fold_clear(&stream->fold);
    json_decref(stream->error);
    free(stream);
}

bool stream_feed(struct stream *stream, const char *bytes, size_t length)
{
    return sse_feed(&stream->sse, bytes, length);
}

const struct buffer *stream_text(const struct stream *stream)
{
    return &stream->fold.text;
}

/* Reads a document as if it had come without a stream. */
static struct verdict read_document(const struct stream *stream, const json_t *document,
                                    const struct job *job, const struct provider_reply *reply,
                                    struct wall now, struct answer *answer)
{
    struct buffer text = {0};
    struct provider_reply whole = *reply;
    jsontext_write(&text, document);
    whole.body = text.bytes;
    whole.body_length = text.length;
    struct verdict verdict = stream->provider->read(job, &whole, now, answer);
    buffer_free(&text);
    return verdict;
}

static struct verdict judge_cut(const struct provider_reply *reply, struct wall now)
{
    struct verdict verdict = verdict_begin(reply, now, OUTCOME_TRANSIENT);
    verdict_say(&verdict, STREAM_CUT, "the stream ended before the answer did");
    return verdict;
}

static struct verdict judge_bad(const struct stream *stream, const struct provider_reply *reply,
                                struct wall now)
{
    struct verdict verdict = verdict_begin(reply, now, OUTCOME_UNUSABLE);
    if (stream->sse.too_large) {
        verdict_say(&verdict, "event_too_large", "the stream has an event of more than %d bytes",
                    STREAM_EVENT_LIMIT);
    } else {
        verdict_say(&verdict, "bad_event", "the stream has an event that is none of the protocol");
    }
    return verdict;
}

/* Whether the body is no stream, but one document, or an error. */
static bool is_plain(const struct stream *stream, const struct provider_reply *reply)
{
    const char *end = reply->body + reply->body_length;
    const char *at = reply->body;
    while (at < end && strchr(" \t\r\n", *at) != NULL) {
        at++;
    }
    bool document = !stream->events && at < end && *at == '{';
    return document || (reply->status != 200 && stream->error == NULL);
}

/* Whether all of the answer came; the document is then complete. */
static bool complete(struct stream *stream, const struct job *job)
{
    fold_settle(&stream->fold);
    return !stream->cut && stream->fold.document != NULL &&
           stream->provider->stream->complete(&stream->fold, job);
}

struct verdict stream_end(struct stream *stream, const struct job *job,
                          const struct provider_reply *reply, struct wall now,
                          struct answer *answer)
{
    *answer = (struct answer){.output = NULL};
    sse_end(&stream->sse);
    if (is_plain(stream, reply)) {
        return stream->provider->read(job, reply, now, answer);
    }
    if (stream->error != NULL) {
        return read_document(stream, stream->error, job, reply, now, answer);
    }
    if (stream->bad || stream->sse.too_large) {
        return judge_bad(stream, reply, now);
    }
    if (!complete(stream, job)) {
        return judge_cut(reply, now);
    }
    return read_document(stream, stream->fold.document, job, reply, now, answer);
}

bool stream_is(const struct provider_reply *reply)
{
    static const char type[] = "text/event-stream";
    const char *value = provider_reply_header(reply, "content-type");
    if (value == NULL) {
        return false;
    }
    value += strspn(value, " \t");
    return strncasecmp(value, type, sizeof type - 1) == 0 &&
           strchr(" \t;", value[sizeof type - 1]) != NULL;
}
