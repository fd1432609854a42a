/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spill: see spill.h.
 */
#include "client/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

enum { HOLE = 4 * 1024 * 1024 /* bytes that are worth a call to give back */ };

struct spill {
    int lines, texts; /* descriptors */
    uint64_t count;
    uint64_t length; /* of texts */
    uint64_t lines_given, texts_given; /* bytes given back */
};

static int open_nameless(const char *folder)
{
    char *path;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
        return fd;
    }
    path = xasprintf("%s/llmspool-XXXXXX", folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        unlink(path);
    }
    free(path);
    return fd;
}

static int make_file(struct error *error)
{
    const char *folder = getenv("TMPDIR");
    int fd;

    folder = folder != NULL && folder[0] != '\0' ? folder : "/var/tmp";
    fd = open_nameless(folder);
    if (fd < 0) {
        error_system(error, errno, "no file can be made in %s (set TMPDIR)", folder);
    }
    return fd;
}

struct spill *spill_new(struct error *error)
{
    struct spill *spill = xcalloc(1, sizeof *spill);

    spill->lines = make_file(error);
    spill->texts = spill->lines >= 0 ? make_file(error) : -1;
    if (spill->texts < 0) {
        spill_free(spill);
        return NULL;
    }
    return spill;
}

void spill_free(struct spill *spill)
{
    if (spill == NULL) {
        return;
    }
    if (spill->lines >= 0) {
        close(spill->lines);
    }
    if (spill->texts >= 0) {
        close(spill->texts);
    }
    free(spill);
}

uint64_t spill_count(const struct spill *spill)
{
    return spill->count;
}

static int write_at(int fd, const void *bytes, size_t length, uint64_t at, struct error *error)
{
    const char *from = bytes;

    while (length > 0) {
        ssize_t written = pwrite(fd, from, length, (off_t)at);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            error_system(error, written < 0 ? errno : EIO,
                         "the temporary file in TMPDIR or /var/tmp cannot be written");
            return -1;
        }
        from += written;
        length -= (size_t)written;
        at += (uint64_t)written;
    }
    return 0;
}

static int read_at(int fd, void *bytes, size_t length, uint64_t at, struct error *error)
{
    char *to = bytes;

    while (length > 0) {
        ssize_t got = pread(fd, to, length, (off_t)at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            error_system(error, got < 0 ? errno : EIO,
                         "the temporary file in TMPDIR or /var/tmp cannot be read");
            return -1;
        }
        to += got;
        length -= (size_t)got;
        at += (uint64_t)got;
    }
    return 0;
}

int spill_set(struct spill *spill, uint64_t number, const struct spill_line *line,
              struct error *error)
{
    return write_at(spill->lines, line, sizeof *line, number * sizeof *line, error);
}

int spill_add(struct spill *spill, const struct spill_line *line, struct error *error)
{
    if (spill_set(spill, spill->count, line, error) < 0) {
        return -1;
    }
    spill->count++;
    return 0;
}

int spill_get(const struct spill *spill, uint64_t number, struct spill_line *line,
              struct error *error)
{
    return read_at(spill->lines, line, sizeof *line, number * sizeof *line, error);
}

int spill_keep(struct spill *spill, const char *bytes, size_t length, uint64_t *at,
               struct error *error)
{
    if (write_at(spill->texts, bytes, length, spill->length, error) < 0) {
        return -1;
    }
    *at = spill->length;
    spill->length += length;
    return 0;
}

int spill_read(const struct spill *spill, uint64_t at, size_t length, struct buffer *out,
               struct error *error)
{
    buffer_reserve(out, length);
    if (read_at(spill->texts, out->bytes + out->length, length, at, error) < 0) {
        return -1;
    }
    out->length += length;
    out->bytes[out->length] = '\0';
    return 0;
}

/* What cannot be given back stays: it costs disk, and nothing else. */
static void give_back(int fd, uint64_t *given, uint64_t until)
{
    until -= until % HOLE;
    if (until > *given) {
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)*given,
                        (off_t)(until - *given));
        *given = until;
    }
}

void spill_forget(struct spill *spill, uint64_t number, uint64_t text_at)
{
    give_back(spill->lines, &spill->lines_given, number * sizeof(struct spill_line));
    give_back(spill->texts, &spill->texts_given, text_at);
}
