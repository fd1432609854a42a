/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume_rows: what a volume being written knows of its jobs. */
#include "retain/volume_rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spool/file.h"

void volume_rows_add(struct volume_rows *rows, const struct volume_row *row, const char *begin,
                     const char *end)
{
    buffer_append(&rows->pending, row, sizeof *row);
    buffer_append(&rows->pending, begin, row->begin);
    buffer_append(&rows->pending, end, row->end);
}

int volume_rows_frame(struct volume_rows *rows, uint64_t frame)
{
    struct volume_row row;
    int result;

    for (size_t at = 0; at < rows->pending.length; at += sizeof row + row.begin + row.end) {
        memcpy(&row, rows->pending.bytes + at, sizeof row);
        row.archived.frame = frame;
        memcpy(rows->pending.bytes + at, &row, sizeof row);
    }
    result = file_write(rows->fd, rows->pending.bytes, rows->pending.length);
    buffer_clear(&rows->pending);
    return result;
}

/* Reads exactly so many bytes. Returns 1; 0 at the end of the file; or -errno. */
static int read_exactly(FILE *file, void *bytes, size_t length)
{
    size_t got = fread(bytes, 1, length, file);

    if (got == length) {
        return 1;
    }
    return ferror(file) ? -errno : got == 0 ? 0 : -EIO;
}

static int each_row(FILE *file,
                    int (*visit)(void *context, struct volume_row *row, const char *text),
                    void *context)
{
    struct volume_row row;
    struct buffer text = {0};
    int result;

    while ((result = read_exactly(file, &row, sizeof row)) == 1) {
        buffer_clear(&text);
        buffer_reserve(&text, row.begin + row.end);
        result = read_exactly(file, text.bytes, row.begin + row.end);
        result = result == 1 ? visit(context, &row, text.bytes) : result == 0 ? -EIO : result;
        if (result != 0) {
            break;
        }
    }
    buffer_free(&text);
    return result;
}

int volume_rows_each(const struct volume_rows *rows,
                     int (*visit)(void *context, struct volume_row *row, const char *text),
                     void *context)
{
    int fd = lseek(rows->fd, 0, SEEK_SET) == 0 ? dup(rows->fd) : -1;
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    int result;

    if (file == NULL) {
        result = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return result;
    }
    result = each_row(file, visit, context);
    fclose(file);
    return result;
}

void volume_rows_free(struct volume_rows *rows)
{
    buffer_free(&rows->pending);
}
