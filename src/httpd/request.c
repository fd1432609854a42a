/* SPDX-License-Identifier: GPL-2.0-or-later */
/* request: see request.h. */
#include "httpd/request.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "httpd/front.h"
#include "httpd/harden.h"
#include "httpd/traffic.h"
#include "httpd/server.h"

#define TYPE_JSON    "application/json"
#define TYPE_PROBLEM "application/problem+json"

const char *request_query(const struct request *request, const char *name)
{
    const char *value = NULL;
    size_t length;

    if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, &length) == MHD_NO)
        return NULL;
    return value != NULL ? value : "";
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* --- answers --- */

void request_add_header(struct request *request, const char *name, const char *format, ...)
{
    struct buffer value = {0};
    char *text;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    buffer_text(&value, text);
    free(text);
    request->headers =
        xrealloc(request->headers, (request->header_count + 1) * sizeof *request->headers);
    request->headers[request->header_count++] =
        (struct request_header){xstrdup(name), buffer_take(&value)};
}

static void go_on(struct request *request)
{
    if (!request->sleeps)
        return;
    request->sleeps = false;
    MHD_resume_connection(request->connection);
    server_stir(request->front->server);
}

/* The answer is whole: whoever waited is heard. */
static void respond(struct request *request, unsigned status, struct MHD_Response *response)
{
    assert(response != NULL && request->response == NULL);
    request->response = response;
    request->status = status;
    request->gone = NULL;
    request->drain = NULL;
    go_on(request);
}

static void add_type(struct request *request, const char *type)
{
    if (type != NULL)
        request_add_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, "%s", type);
}

void request_reply(struct request *request, unsigned status, const char *type, struct buffer *bytes)
{
    size_t length = bytes != NULL ? bytes->length : 0;

    add_type(request, type);
    if (length == 0)
        respond(request, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
    else
        respond(request, status,
                MHD_create_response_from_buffer(length, buffer_take(bytes), MHD_RESPMEM_MUST_FREE));
    if (bytes != NULL)
        buffer_free(bytes);
}

void request_static(struct request *request, unsigned status, const char *type, const char *bytes,
                    size_t length)
{
    add_type(request, type);
    respond(
        request, status,
        MHD_create_response_from_buffer(length, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT));
}

static void reply_json(struct request *request, unsigned status, const char *type, json_t *value)
{
    struct buffer text = {0};

    jsontext_write(&text, value);
    buffer_byte(&text, '\n');
    json_decref(value);
    request_reply(request, status, type, &text);
}

void request_json(struct request *request, unsigned status, json_t *value)
{
    reply_json(request, status, TYPE_JSON, value);
}

static const char *status_words(unsigned status)
{
    return MHD_get_reason_phrase_for(status);
}

/* What the floors below say names the spool by its path, which is nobody's business outside this machine. */
static void append_without_path(struct buffer *out, const char *text, const char *path)
{
    size_t length = strlen(path);
    const char *found;

    while ((found = strstr(text, path)) != NULL) {
        buffer_append(out, text, (size_t)(found - text));
        buffer_text(out, "the spool");
        text = found + length;
    }
    buffer_text(out, text);
}

__attribute__((format(printf, 5, 0))) static void
problem(struct request *request, unsigned status, const char *kind, json_t *members,
        const char *format, va_list arguments)
{
    json_t *value = json_object();
    struct buffer words = {0}, detail = {0};
    char *text;
    int length = vasprintf(&text, format, arguments);

    assert(length >= 0);
    buffer_printf(&detail, "urn:llmspool:problem:%s", kind);
    json_object_set_new(value, "type", json_string(detail.bytes));
    json_object_set_new(value, "title", json_string(status_words(status)));
    json_object_set_new(value, "status", json_integer(status));
    buffer_clear(&detail);
    append_without_path(&words, text, request->front->spool->path);
    jsontext_write_string(&detail, words.bytes, words.length);
    json_object_set_new(value, "detail",
                        json_loadb(detail.bytes, detail.length, JSON_DECODE_ANY, NULL));
    if (members != NULL)
        json_object_update(value, members);
    json_decref(members);
    free(text);
    buffer_free(&words);
    buffer_free(&detail);
    reply_json(request, status, TYPE_PROBLEM, value);
}

void request_problem(struct request *request, unsigned status, const char *kind, const char *format,
                     ...)
{
    va_list arguments;

    va_start(arguments, format);
    problem(request, status, kind, NULL, format, arguments);
    va_end(arguments);
}

void request_problem_with(struct request *request, unsigned status, const char *kind,
                          json_t *members, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    problem(request, status, kind, members, format, arguments);
    va_end(arguments);
}

void request_wait(struct request *request, request_gone *gone, void *state)
{
    assert(request->response == NULL);
    request->gone = gone;
    request->drain = NULL; /* of the former state */
    request->state = state;
    if (!request->sleeps) {
        request->sleeps = true;
        MHD_suspend_connection(request->connection);
    }
}

void request_on_drain(struct request *request, request_drain *drain)
{
    request->drain = drain;
}

size_t request_body_limit(const struct request *request)
{
    size_t most = (size_t)request->front->options->limits.body;

    if (request->route == NULL)
        return 0;
    return request->route->body_limit < most ? request->route->body_limit : most;
}

/* A body that is allowed alone has room alone. */
bool request_room(const struct request *request, size_t length)
{
    const struct front *front = request->front;
    const struct front_limits *limits = &front->options->limits;
    size_t most = (size_t)(limits->bodies > limits->body ? limits->bodies : limits->body);

    return front->bodies <= most && length <= most - front->bodies;
}

void request_no_room(struct request *request)
{
    request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "full",
                    "too many long bodies come at once; send it again in a moment");
}

/* --- streams --- */

/* MHD_ContentReaderCallback: a stream without bytes sleeps, or the library would ask again and
 * again. */
static ssize_t read_stream(void *context, uint64_t position, char *bytes, size_t room)
{
    struct request *request = context;
    ssize_t length = request->calls.read(request->state, bytes, room);

    (void)position;
    if (length == 0 && request->front->draining)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (length > 0)
        return length;
    if (length < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    request->sleeps = true;
    MHD_suspend_connection(request->connection);
    return 0;
}

void request_stream(struct request *request, unsigned status, const char *type, size_t block,
                    const struct stream_calls *calls, void *state)
{
    add_type(request, type);
    request->streams = true;
    request->calls = *calls;
    traffic_streams(request->front->traffic);
    request->state = state;
    respond(request, status,
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block, read_stream, request, NULL));
}

void request_wake(struct request *request)
{
    go_on(request);
}

/* --- the server's --- */

struct request *request_new(struct front *front, struct MHD_Connection *connection)
{
    struct request *request = xcalloc(1, sizeof *request);

    request->front = front;
    request->began_ns = uv_hrtime();
    request->connection = connection;
    request->began = clock_mono(front->clock);
    return request;
}

void request_end_soon(struct request *request)
{
    request_drain *drain = request->drain;

    request->closing = true;
    request->drain = NULL;
    if (request->streams)
        request_wake(request);
    else if (drain != NULL)
        drain(request->state);
}

static void forget_headers(struct request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        free(request->headers[i].name);
        free(request->headers[i].value);
    }
    free(request->headers);
    request->headers = NULL;
    request->header_count = 0;
}

enum MHD_Result request_send(struct request *request)
{
    enum MHD_Result result = MHD_YES;

    harden_answer(request);
    for (size_t i = 0; i < request->header_count && result == MHD_YES; i++)
        result = MHD_add_response_header(request->response, request->headers[i].name,
                                         request->headers[i].value);
    if (result == MHD_YES)
        result = MHD_queue_response(request->connection, request->status, request->response);
    request->queued = true;
    forget_headers(request); /* the library has copies; a stream may last for days */
    return result;
}

void request_free(struct request *request)
{
    if (request == NULL)
        return;
    traffic_ended(request->front->traffic, request);
    if (request->gone != NULL)
        request->gone(request->state);
    if (request->calls.close != NULL)
        request->calls.close(request->state);
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    forget_headers(request);
    free(request->own_user);
    for (size_t i = 0; i < ROUTE_PARAMS; i++)
        free(request->params[i]);
    buffer_free(&request->body);
    request->front->bodies -= request->held;
    free(request);
}
