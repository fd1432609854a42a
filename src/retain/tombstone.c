/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tombstone: archive/forgotten.jsonl. */
#include "retain/tombstone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/file.h"

#define FILE_NAME "forgotten.jsonl"

static int complain(const struct spool *spool, int problem, const char *what, struct error *error)
{
    error_system(error, -problem, "cannot %s %s/archive/" FILE_NAME, what, spool->path);
    return -1;
}

static bool read_line(const char *text, size_t length, struct tombstone *stone)
{
    json_t *line = jsontext_read_object(text, length, NULL);
    struct wall time;
    bool good = id_read(jsontext_get_text(line, "id", ""), &stone->id) &&
                timetext_read(jsontext_get_text(line, "time", ""), &time) == 0;

    stone->ms = good ? time.ms : 0;
    json_decref(line);
    return good;
}

/* By ID, the newest first. */
static int compare(const void *a, const void *b)
{
    const struct tombstone *first = a, *second = b;
    int order = memcmp(first->id.bytes, second->id.bytes, ID_SIZE);

    return order != 0 ? order : (first->ms < second->ms) - (first->ms > second->ms);
}

static void take_lines(struct tombstones *tombstones, const char *text, size_t length)
{
    const char *end = text + length, *stop;
    size_t room = 0, kept = 0;

    for (; (stop = memchr(text, '\n', (size_t)(end - text))) != NULL; text = stop + 1) {
        if (tombstones->count == room) {
            room = 2 * room + 64;
            tombstones->stones = xrealloc(tombstones->stones, room * sizeof *tombstones->stones);
        }
        tombstones->count +=
            read_line(text, (size_t)(stop - text), &tombstones->stones[tombstones->count]);
    }
    if (tombstones->count > 0) {
        qsort(tombstones->stones, tombstones->count, sizeof *tombstones->stones, compare);
    }
    for (size_t i = 0; i < tombstones->count; i++) {
        if (i == 0 || !id_equal(&tombstones->stones[kept - 1].id, &tombstones->stones[i].id)) {
            tombstones->stones[kept++] = tombstones->stones[i];
        }
    }
    tombstones->count = kept;
}

int tombstones_read(const struct spool *spool, struct tombstones *tombstones, struct error *error)
{
    struct buffer text = {0};
    int result =
        file_read_at(spool->dir[FOLDER_ARCHIVE], FILE_NAME, SIZE_MAX, &text, NULL);

    if (result == 0 && text.length > 0) {
        take_lines(tombstones, text.bytes, text.length);
    }
    buffer_free(&text);
    return result == 0 || result == -ENOENT ? 0 : complain(spool, result, "read", error);
}

const struct tombstone *tombstones_find(const struct tombstones *tombstones, const struct id *id)
{
    size_t low = 0, high = tombstones->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(tombstones->stones[middle].id.bytes, id->bytes, ID_SIZE);

        if (order == 0) {
            return &tombstones->stones[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* What a crash left behind the last newline goes. */
static int cut_torn_line(int fd)
{
    struct buffer text = {0};
    int result = file_read(fd, SIZE_MAX, &text);
    size_t whole = text.length;

    while (whole > 0 && text.bytes[whole - 1] != '\n') {
        whole--;
    }
    if (result == 0 && whole < text.length && ftruncate(fd, (off_t)whole) < 0) {
        result = -errno;
    }
    buffer_free(&text);
    return result;
}

static int append(int fd, const struct id *ids, size_t count, struct wall now)
{
    char id[ID_TEXT_SIZE], time[TIMETEXT_SIZE];
    struct buffer text = {0};
    int result = cut_torn_line(fd);

    timetext_write(now, time);
    for (size_t i = 0; i < count; i++) {
        id_write(&ids[i], id);
        buffer_printf(&text, "{\"id\":\"%s\",\"time\":\"%s\"}\n", id, time);
    }
    result = result == 0 ? file_write(fd, text.bytes, text.length) : result;
    if (result == 0 && fsync(fd) < 0) {
        result = -errno;
    }
    buffer_free(&text);
    return result;
}

int tombstones_add(const struct spool *spool, const struct id *ids, size_t count, struct wall now,
                   struct error *error)
{
    int dir = spool->dir[FOLDER_ARCHIVE];
    int fd = openat(dir, FILE_NAME, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                    spool->job_mode);
    int result = fd >= 0 ? append(fd, ids, count, now) : -errno;

    if (fd >= 0 && close(fd) < 0 && result == 0) {
        result = -errno;
    }
    result = result == 0 ? file_sync_dir(dir) : result;
    return result == 0 ? 0 : complain(spool, result, "write", error);
}

void tombstones_free(struct tombstones *tombstones)
{
    free(tombstones->stones);
    *tombstones = (struct tombstones){0};
}
