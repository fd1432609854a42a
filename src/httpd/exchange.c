/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange: see exchange.h. */
#include "httpd/exchange.h"

#include <string.h>

#include "httpd/admission.h"
#include "httpd/connections.h"
#include "httpd/front.h"
#include "httpd/head.h"
#include "httpd/request.h"
#include "httpd/route.h"

enum {
    /* What a refused request may still send: to close on a client that is sending loses it the
       answer. */
    DISCARDED_MAX = 64 * 1024,
    /* This version of the library takes heads apart in place, and lets pass what head looks for
       there. */
    LIBRARY_IN_PLACE = 0x00097500,
};

void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection)
{
    struct exchange *exchange = context;
    struct request *request = request_new(exchange->front, connection);

    LIST_INSERT_HEAD(&exchange->requests, request, entry);
    connection_phase(connection_of(connection), PHASE_HEAD);
    request->target = target;
    request->target_length = target != NULL ? strlen(target) : 0;
    request->target_problem = head_target_problem(target);
    return request;
}

/* --- the head --- */

static enum MHD_Result take_field(void *context, enum MHD_ValueKind kind, const char *name,
                                  size_t name_length, const char *value, size_t value_length)
{
    (void)kind;
    head_field(context, name, name_length, value, value_length);
    return MHD_YES;
}

static void read_head(const struct request *request, const char *version, struct head *head)
{
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    bool in_place = MHD_VERSION == LIBRARY_IN_PLACE && strncmp(MHD_get_version(), "0.9.75", 6) == 0;

    head_start(head, request->method, request->target, request->target_length, version, in_place);
    (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, take_field, head);
    (void)head_end(head, size != NULL ? request->method + size->header_size : NULL);
    if (request->target_problem != NULL)
        head->wrong = request->target_problem;
}

/* Whether the rest of a refused request is read before it is answered: an answer that comes earlier
 * ends the connection. */
static bool is_read_out(const struct head *head)
{
    return head->wrong == NULL && !head->expects && !head->chunked && head->length <= DISCARDED_MAX;
}

static enum MHD_Result judge(struct request *request, const char *method, const char *path,
                             const char *version)
{
    struct connection *connection = connection_of(request->connection);
    struct head head;

    request->judged = true;
    request->method = method;
    request->path = path;
    read_head(request, version, &head);
    /* Where the library finds the ends of chunks at bare LF, a next request could hide. */
    request->closing = head.wrong != NULL || head.chunked || request->front->draining;
    if (head.wrong == NULL)
        (void)route_find(request);
    connection_phase(connection, PHASE_BODY);
    if (admission_judge(request, &head) || is_read_out(&head))
        return MHD_YES;
    connection_phase(connection, PHASE_ANSWER);
    request->closing = true;
    return request_send(request);
}

/* --- the body --- */

static void drop_body(struct request *request)
{
    buffer_free(&request->body);
    request->front->bodies -= request->held;
    request->held = 0;
}

/* How much is read of a body that nobody wants: all of one that there was no room for, so that its
 * client hears that he may come again. */
static size_t discarded_max(const struct request *request)
{
    return request->crowded ? request_body_limit(request) : DISCARDED_MAX;
}

static enum MHD_Result append_body(struct request *request, const char *bytes, size_t length)
{
    bool wanted = request->response == NULL && !request->oversized && !request->crowded;
    bool fits = length <= request_body_limit(request) - request->body.length;

    if (wanted && fits && request_room(request, length)) {
        buffer_append(&request->body, bytes, length);
        request->held += length;
        request->front->bodies += length;
        return MHD_YES;
    }
    if (wanted && fits)
        request->crowded = true;
    else if (!request->crowded)
        request->oversized = true;
    drop_body(request);
    request->discarded += length;
    return request->discarded <= discarded_max(request) ? MHD_YES : MHD_NO;
}

static void serve(struct request *request)
{
    connection_phase(connection_of(request->connection), PHASE_SERVED);
    request->whole = true;
    if (request->response == NULL && request->crowded)
        request_no_room(request);
    else if (request->response == NULL)
        route_serve(request);
}

enum MHD_Result exchange_step(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **state)
{
    struct request *request = *state;

    (void)context;
    if (!request->judged)
        return judge(request, method, path, version);
    if (*length > 0) {
        enum MHD_Result result = append_body(request, bytes, *length);

        *length = 0;
        return result;
    }
    if (!request->whole)
        serve(request);
    if (request->response == NULL || request->queued)
        return MHD_YES;
    if (!request->streams)
        connection_phase(connection_of(connection), PHASE_ANSWER);
    return request_send(request);
}

/* --- the end --- */

/* Nothing that came with the request but its path, which the log writes without control characters.
 */
static void tell(const struct request *request, enum MHD_RequestTerminationCode code)
{
    char from[PEER_TEXT_SIZE];
    char to[PEER_TEXT_SIZE];
    const struct log *log = &request->front->log;
    long long ms = clock_mono(request->front->clock).ms - request->began.ms;

    if (request->status < 500 && log->level < LOG_LEVEL_DEBUG)
        return;
    connection_texts(request->connection, from, to);
    (request->status >= 500 ? log_warning : log_debug)(
        log, "%s %s %s %u %lldms%s%s%s", from, request->method != NULL ? request->method : "-",
        request->path != NULL ? request->path : "-", request->status, ms,
        request->caller.user != NULL ? " user=" : "",
        request->caller.user != NULL ? request->caller.user : "",
        code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : " cut");
}

void exchange_end(void *context, struct MHD_Connection *connection, void **state,
                  enum MHD_RequestTerminationCode code)
{
    struct request *request = *state;

    (void)context;
    if (request == NULL)
        return;
    tell(request, code);
    connection_rest(connection_of(connection));
    LIST_REMOVE(request, entry);
    request_free(request);
    *state = NULL;
}
