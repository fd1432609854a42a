/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader: see reader.h.
 */
#include "client/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

int reader_open(struct reader *reader, const char *path, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;

    *reader = (struct reader){.fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC),
                              .ours = !standard,
                              .label = standard ? "standard input" : path,
                              .line = 1};
    if (reader->fd < 0) {
        error_set(error, ERROR_DATA, "%s cannot be read: %s", path, strerror(errno));
        return -1;
    }
    return 0;
}

void reader_close(struct reader *reader)
{
    if (reader->ours && reader->fd >= 0) {
        close(reader->fd);
    }
    buffer_free(&reader->buffer);
    *reader = (struct reader){.fd = -1};
}

const char *reader_text(const struct reader *reader)
{
    return reader->buffer.bytes != NULL ? reader->buffer.bytes + reader->taken : "";
}

size_t reader_length(const struct reader *reader)
{
    return reader->buffer.length - reader->taken;
}

void reader_take(struct reader *reader, size_t length)
{
    reader->taken += length;
    reader->searched = 0;
}

/* Room doubles with what is kept, so that a long piece is moved and looked at again but a few times. */
static void make_room(struct reader *reader)
{
    size_t kept;

    if (reader->taken > 0) {
        buffer_drop(&reader->buffer, reader->taken);
        reader->taken = 0;
    }
    kept = reader->buffer.length;
    buffer_reserve(&reader->buffer, kept > CHUNK ? kept : CHUNK);
}

static int too_long(const struct reader *reader, size_t limit, struct error *error)
{
    error_set(error, ERROR_DATA, "%s, line %ju: it has more bytes than the limit, which is %zu",
              reader->label, (uintmax_t)reader->line, limit);
    return -1;
}

int reader_more(struct reader *reader, size_t limit, struct error *error)
{
    ssize_t count;

    if (reader->ended) {
        return 0;
    }
    if (reader_length(reader) > limit) {
        return too_long(reader, limit, error);
    }
    make_room(reader);
    do {
        count = read(reader->fd, reader->buffer.bytes + reader->buffer.length,
                     reader->buffer.capacity - reader->buffer.length - 1);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        error_set(error, ERROR_DATA, "%s cannot be read: %s", reader->label, strerror(errno));
        return -1;
    }
    reader->buffer.length += (size_t)count;
    reader->buffer.bytes[reader->buffer.length] = '\0';
    reader->ended = count == 0;
    return count > 0;
}

/* Where the piece at hand ends, or NULL. What was searched before is not searched again. */
static const char *find_end(struct reader *reader, char end)
{
    const char *start = reader_text(reader);
    const char *found =
        memchr(start + reader->searched, end, reader_length(reader) - reader->searched);

    if (found == NULL) {
        reader->searched = reader_length(reader);
    }
    return found;
}

bool reader_ready(struct reader *reader, char end, int timeout_ms)
{
    struct pollfd wanted = {.fd = reader->fd, .events = POLLIN};

    while (!reader->ended && find_end(reader, end) == NULL) {
        if (poll(&wanted, 1, timeout_ms) <= 0) { /* a signal is for others to heed */
            return false;
        }
        /* What goes wrong is told to whom takes the piece. */
        if (reader_more(reader, SIZE_MAX, NULL) < 0) {
            return true;
        }
    }
    return true;
}

int reader_until(struct reader *reader, char end, size_t limit, const char **text, size_t *length,
                 struct error *error)
{
    for (;;) {
        const char *found = find_end(reader, end);
        size_t there = reader_length(reader);
        int result;

        if (found != NULL || (reader->ended && there > 0)) {
            *text = reader_text(reader);
            *length = found != NULL ? (size_t)(found - *text) : there;
            if (*length > limit) {
                return too_long(reader, limit, error);
            }
            reader_take(reader, found != NULL ? *length + 1 : there);
            reader->line++;
            return 1;
        }
        result = reader_more(reader, limit, error);
        if (result < 0 || (result == 0 && there == 0)) {
            return result;
        }
    }
}
