/* SPDX-License-Identifier: GPL-2.0-or-later */
/* delivery: responses of libmicrohttpd, some of them meant to go wrong. */
#include "mock/delivery.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BLOCK_SIZE = 65536 };

int delivery_socket(const struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info == NULL ? -1 : (int)info->connect_fd;
}

/* Dissolving the association makes Linux send a reset at once and leaves the descriptor valid for
 * the library to close. With SO_LINGER alone the library's shutdown(2) would come first, and the
 * client would see an orderly end. */
static void reset_connection(const struct exchange *exchange)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int fd = delivery_socket(exchange);

    if (fd >= 0) {
        (void)connect(fd, &nobody, sizeof nobody);
    }
}

/* Where the piece of the body that begins at position ends. */
static size_t find_piece(const struct reply *reply, size_t position)
{
    const char *event_end;

    if (reply->delivery == DELIVERY_DRIP) {
        return position + 1;
    }
    if (reply->streamed && reply->every_ms > 0) {
        event_end = strstr(reply->body.bytes + position, "\n\n");
        return event_end == NULL ? reply->body.length : (size_t)(event_end + 2 - reply->body.bytes);
    }
    return reply->delivery == DELIVERY_HALF ? reply->body.length / 2 : reply->body.length;
}

static ssize_t read_filler(char *out, size_t room)
{
    memset(out, 'a', room);
    return (ssize_t)room;
}

/* Moves to the piece at position. Returns whether its time has come; if not, the exchange waits in
 * the room and the library asks again after it was woken. */
static bool start_piece(struct exchange *exchange, size_t position)
{
    struct reply *reply = &exchange->reply;

    if (position > 0 && reply->every_ms > 0 && !exchange->waited) {
        exchange->waited = true;
        if (room_pause(exchange->mock->room, &exchange->guest, delivery_socket(exchange),
                       reply->every_ms)) {
            return false;
        }
    }
    exchange->waited = false;
    exchange->piece_end = find_piece(reply, position);
    return true;
}

/* MHD_ContentReaderCallback: the next bytes of the body. */
static ssize_t read_body(void *context, uint64_t offset, char *out, size_t room)
{
    struct exchange *exchange = context;
    const struct reply *reply = &exchange->reply;
    size_t position = (size_t)offset;
    size_t count;

    if (exchange->guest.gone) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (position >= reply->body.length) {
        return reply->delivery == DELIVERY_ENDLESS ? read_filler(out, room)
                                                   : MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (reply->delivery == DELIVERY_HALF && position >= reply->body.length / 2) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (position >= exchange->piece_end && !start_piece(exchange, position)) {
        return 0;
    }
    count = exchange->piece_end - position < room ? exchange->piece_end - position : room;
    memcpy(out, reply->body.bytes + position, count);
    if (position + count == reply->body.length) {
        exchange_settle(exchange, true);
    }
    return (ssize_t)count;
}

static struct MHD_Response *make_pieces(struct exchange *exchange)
{
    const struct reply *reply = &exchange->reply;
    bool sized = !reply->streamed && reply->delivery != DELIVERY_ENDLESS;

    return MHD_create_response_from_callback(sized ? reply->body.length : MHD_SIZE_UNKNOWN,
                                             BLOCK_SIZE, read_body, exchange, NULL);
}

/* The body stays the exchange's, which outlives the response's last use of it. */
static struct MHD_Response *make_whole(struct exchange *exchange)
{
    struct buffer *body = &exchange->reply.body;

    exchange_settle(exchange, true);
    return MHD_create_response_from_buffer(body->length, body->bytes, MHD_RESPMEM_PERSISTENT);
}

/* The library tells the length of every body that it knows, whatever we say. So it is not told: it
 * then leaves the header to us and ends the body with the connection. */
static struct MHD_Response *make_wrong_length(struct exchange *exchange)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_body, exchange, NULL);
    int64_t length = (int64_t)exchange->reply.body.length;
    int64_t by = exchange->reply.by != 0 ? exchange->reply.by : -(length / 3);
    char text[32];

    if (response == NULL || MHD_set_response_options(response,
                                                     MHD_RF_INSANITY_HEADER_CONTENT_LENGTH |
                                                         MHD_RF_HTTP_1_0_COMPATIBLE_STRICT,
                                                     MHD_RO_END) != MHD_YES) {
        return response;
    }
    (void)snprintf(text, sizeof text, "%lld", (long long)(length + by > 0 ? length + by : 0));
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_LENGTH, text);
    return response;
}

static struct MHD_Response *make_response(struct exchange *exchange)
{
    const struct reply *reply = &exchange->reply;

    if (reply->delivery == DELIVERY_LENGTH && !reply->streamed) {
        return make_wrong_length(exchange);
    }
    if (reply->streamed || reply->delivery == DELIVERY_HALF || reply->delivery == DELIVERY_DRIP ||
        reply->delivery == DELIVERY_ENDLESS) {
        return make_pieces(exchange);
    }
    return make_whole(exchange);
}

/* The headers that every answer has, and the reply's own. */
static void add_headers(const struct exchange *exchange, struct MHD_Response *response)
{
    const struct reply *reply = &exchange->reply;
    const struct dialect *dialect = reply_dialect(reply);
    struct mono now = clock_mono(exchange->mock->clock);
    char text[64];

    (void)MHD_add_response_header(response, "x-llmspool-mock", "1");
    (void)MHD_add_response_header(response, dialect->id_header, reply->request_id);
    if (dialect != &dialect_anthropic) {
        (void)snprintf(text, sizeof text, "%lld", (long long)(now.ms - exchange->started.ms));
        (void)MHD_add_response_header(response, "openai-processing-ms", text);
    }
    if (reply->location.length > 0) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, reply->location.bytes);
    }
    if (reply->media != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->media);
    }
    if (reply->streamed) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    }
    for (size_t i = 0; i < reply->header_count; i++) {
        (void)MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    }
}

enum MHD_Result delivery_send(struct exchange *exchange)
{
    struct MHD_Response *response;
    enum MHD_Result result;

    switch (exchange->reply.delivery) {
    case DELIVERY_RESET:
        reset_connection(exchange);
        return MHD_NO;
    case DELIVERY_CLOSE:
    case DELIVERY_HANG:
        return MHD_NO;
    default:
        break;
    }
    exchange->waited = false;
    response = make_response(exchange);
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(exchange, response);
    result = MHD_queue_response(exchange->connection, exchange->reply.status, response);
    MHD_destroy_response(response);
    return result;
}
