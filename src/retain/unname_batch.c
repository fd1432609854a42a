/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unname_batch: the files of a batch without what they say of some jobs. */
#include "retain/unname_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "job/batch_answer.h"
#include "retain/batch.h"
#include "retain/members.h"
#include "retain/store.h"
#include "spool/visible.h"

#define STUB "{}\n" /* of a line of the input */

/* What becomes of the lines of one file. */
struct stripping {
    const struct idset *jobs;
    const uint64_t *positions; /* whose lines of the input go, in order */
    size_t count;
    uint64_t next;  /* position of the next line of the input that is not blank */
    uint64_t lines; /* that changed */

    /* What stands for a line: itself, a shorter text, or nothing. */
    const char *(*judge)(struct stripping *stripping, const char *line, size_t length);
};

/* --- lines ---------------------------------------------------------------------------------------- */

static int compare_positions(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The positions that ever were one of the jobs'; the caller frees them. */
static uint64_t *positions_of(const struct buffer *manifest, const struct idset *jobs,
                              size_t *count)
{
    const char *line = manifest->bytes, *end = line + manifest->length, *stop;
    uint64_t *positions = xmalloc(sizeof *positions);
    size_t room = 1;

    *count = 0;
    for (; (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1) {
        struct member member;

        if (!member_read(line, (size_t)(stop - line), &member) || member.refused ||
            !idset_has(jobs, &member.id)) {
            continue;
        }
        if (*count == room) {
            room = 2 * room + 16;
            positions = xrealloc(positions, room * sizeof *positions);
        }
        positions[(*count)++] = member.position;
    }
    qsort(positions, *count, sizeof *positions, compare_positions);
    return positions;
}

static const char *judge_input(struct stripping *stripping, const char *line, size_t length)
{
    uint64_t position = stripping->next;

    if (strspn(line, " \t\r\n") >= length) {
        return line;
    }
    stripping->next++;
    return strcmp(line, STUB) != 0 && bsearch(&position, stripping->positions, stripping->count,
                                              sizeof position, compare_positions) != NULL
               ? STUB
               : line;
}

static const char *judge_result(struct stripping *stripping, const char *line, size_t length)
{
    struct id id;
    uint64_t position;

    return batch_answer_place(line, length, &id, &position) && idset_has(stripping->jobs, &id)
               ? ""
               : line;
}

/* --- files ---------------------------------------------------------------------------------------- */

static int copy_lines(struct stripping *stripping, FILE *from, FILE *to)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int result = 0;

    errno = 0;
    while (result == 0 && (length = getline(&line, &size, from)) > 0) {
        const char *kept = stripping->judge(stripping, line, (size_t)length);
        size_t wanted = kept == line ? (size_t)length : strlen(kept);

        stripping->lines += kept != line;
        if (fwrite(kept, 1, wanted, to) != wanted) {
            result = errno != 0 ? -errno : -EIO;
        }
    }
    if (result == 0 && ferror(from)) {
        result = errno != 0 ? -errno : -EIO;
    }
    free(line);
    return result;
}

/* Writes the file anew into fd, which it takes over. */
static int write_new(struct stripping *stripping, const struct spool *spool, FILE *from, int fd)
{
    FILE *to = fdopen(fd, "w");
    int result;

    if (to == NULL) {
        result = -errno;
        close(fd);
        return result;
    }
    result = copy_lines(stripping, from, to);
    if (result == 0 &&
        (fflush(to) != 0 || visible_exact(fd, spool->job_mode) < 0 || fsync(fd) < 0)) {
        result = -errno;
    }
    if (fclose(to) != 0 && result == 0) {
        result = -errno;
    }
    return result;
}

static int strip_opened(struct stripping *stripping, const struct spool *spool, int dir,
                        const char *name, FILE *from)
{
    char temp[STORE_TEMP_SIZE];
    int fd = store_temp_make(spool, temp);
    int result = fd >= 0 ? write_new(stripping, spool, from, fd) : fd;

    if (result == 0 && stripping->lines > 0) {
        result = renameat(spool->dir[FOLDER_TMP], temp, dir, name) == 0 ? 0 : -errno;
    }
    if (fd >= 0 && (result < 0 || stripping->lines == 0)) {
        (void)unlinkat(spool->dir[FOLDER_TMP], temp, 0);
    }
    return result;
}

static int strip(struct stripping stripping, const struct spool *spool, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *from = fd >= 0 ? fdopen(fd, "r") : NULL;
    int result = from != NULL ? 0 : -errno;

    if (from == NULL && fd >= 0) {
        close(fd);
    }
    if (result == 0) {
        result = strip_opened(&stripping, spool, dir, name, from);
        (void)fclose(from);
    }
    return result == -ENOENT ? 0 : result;
}

int unname_batch(const struct spool *spool, int dir, const struct buffer *manifest,
                 const struct idset *jobs)
{
    struct stripping stripping = {.jobs = jobs, .judge = judge_input};
    uint64_t *positions;
    int result;

    if (faccessat(dir, BATCH_RECORD, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    positions = positions_of(manifest, jobs, &stripping.count);
    stripping.positions = positions;
    result = strip(stripping, spool, dir, BATCH_INPUT);
    stripping.judge = judge_result;
    if (result == 0) {
        result = strip(stripping, spool, dir, BATCH_OUTPUT);
    }
    if (result == 0) {
        result = strip(stripping, spool, dir, BATCH_ERRORS);
    }
    free(positions);
    return result;
}
