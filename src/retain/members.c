/* SPDX-License-Identifier: GPL-2.0-or-later */
/* members: the jobs of a run, read from its manifest. */
#include "retain/members.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "spool/file.h"

#define FILE_NAME "manifest.jsonl"
#define POSITION "{\"position\":" /* how each line begins */
#define ID_TEXT  ",\"id\":\""     /* what follows the number, for a job */
#define ID_NONE  ",\"id\":null"   /* and for a refused line */

enum { DIGITS = 16 /* more than any position has, and less than overflow */ };

/* --- lines ------------------------------------------------------------------------------------ */

/* Whether text begins with a word; *text is moved behind it. */
static bool skip(const char **text, const char *end, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(end - *text) < length || memcmp(*text, word, length) != 0) {
        return false;
    }
    *text += length;
    return true;
}

static bool skip_number(const char **text, const char *end, uint64_t *number)
{
    const char *start = *text;

    *number = 0;
    while (*text < end && **text >= '0' && **text <= '9' && *text - start < DIGITS) {
        *number = 10 * *number + (uint64_t)(**text - '0');
        ++*text;
    }
    return *text > start;
}

bool member_read(const char *line, size_t length, struct member *member)
{
    const char *text = line;
    const char *end = line + length;
    char hex[ID_TEXT_SIZE];

    *member = (struct member){.length = length};
    if (!skip(&text, end, POSITION) || !skip_number(&text, end, &member->position)) {
        return false;
    }
    if (skip(&text, end, ID_NONE)) {
        member->refused = true;
        return true;
    }
    if (!skip(&text, end, ID_TEXT) || end - text < ID_TEXT_SIZE - 1) {
        return false;
    }
    memcpy(hex, text, ID_TEXT_SIZE - 1);
    hex[ID_TEXT_SIZE - 1] = '\0';
    return id_read(hex, &member->id);
}

/* --- a manifest ------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;

    if (left->position != right->position) {
        return left->position < right->position ? -1 : 1;
    }
    return (left->at > right->at) - (left->at < right->at);
}

/* Leaves the last line of each position. Returns how many there are. */
static size_t keep_last(struct member *members, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || members[i].position != members[i + 1].position) {
            members[kept++] = members[i];
        }
    }
    return kept;
}

struct member *members_of(const char *text, size_t length, size_t *count)
{
    struct member *members = xmalloc(sizeof *members);
    const char *line = text, *stop;
    size_t found = 0, room = 1;

    for (; (stop = memchr(line, '\n', length - (size_t)(line - text))) != NULL; line = stop + 1) {
        if (found == room) {
            room = 2 * room + 64;
            members = xrealloc(members, room * sizeof *members);
        }
        members[found].at = 0;
        if (member_read(line, (size_t)(stop - line), &members[found])) {
            members[found++].at = line - text;
        }
    }
    qsort(members, found, sizeof *members, compare_places);
    *count = keep_last(members, found);
    return members;
}

static int manifest_open(const struct spool *spool, const char *run, struct error *error)
{
    char *path = xasprintf("%s/" FILE_NAME, run);
    int fd = -1;

    if (!layout_name_ok(run)) {
        error_set(error, ERROR_USAGE, "%s is no name of a run", run);
        free(path);
        return -1;
    }
    fd = openat(spool->dir[FOLDER_RUNS], path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        error_set(error, ERROR_ABSENT, "there is no run %s in %s", run, spool->path);
    } else if (fd < 0) {
        error_system(error, errno, "%s/runs/%s cannot be read", spool->path, path);
    }
    free(path);
    return fd;
}

bool members_known(const struct spool *spool, const char *run)
{
    int fd = manifest_open(spool, run, NULL);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* The manifest's text as it is now, mapped; the daemon only appends to it. text is NULL when it is
 * empty. */
static int manifest_map(int fd, char **text, size_t *length)
{
    struct stat status;

    *text = NULL;
    *length = 0;
    if (fstat(fd, &status) < 0) {
        return -errno;
    }
    if (status.st_size == 0) {
        return 0;
    }
    *text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (*text == MAP_FAILED) {
        *text = NULL;
        return -errno;
    }
    *length = (size_t)status.st_size;
    return 0;
}

int members_map(const struct spool *spool, const char *run, char **text, size_t *length,
                struct error *error)
{
    int fd = manifest_open(spool, run, error);
    int result;

    if (fd < 0) {
        return -1;
    }
    result = manifest_map(fd, text, length);
    close(fd);
    if (result < 0) {
        error_system(error, -result, "the manifest of run %s cannot be read", run);
        return -1;
    }
    return 0;
}

void members_unmap(char *text, size_t length)
{
    if (text != NULL) {
        munmap(text, length);
    }
}

/* The places of an opened manifest. NULL with an error. */
static struct member *places(int fd, const char *run, size_t *count, struct error *error)
{
    struct member *members = NULL;
    size_t length;
    char *text;
    int result = manifest_map(fd, &text, &length);

    if (result < 0) {
        error_system(error, -result, "the manifest of run %s cannot be read", run);
        return NULL;
    }
    members = members_of(text != NULL ? text : "", length, count);
    members_unmap(text, length);
    return members;
}

struct member *members_read(const struct spool *spool, const char *run, size_t *count,
                            struct error *error)
{
    int fd = manifest_open(spool, run, error);
    struct member *members = fd >= 0 ? places(fd, run, count, error) : NULL;

    if (fd >= 0) {
        close(fd);
    }
    return members;
}

static int read_at(int fd, char *bytes, size_t length, off_t at)
{
    while (length > 0) {
        ssize_t got = pread(fd, bytes, length, at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : -EIO;
        }
        bytes += got;
        length -= (size_t)got;
        at += got;
    }
    return 0;
}

/* Reads the line of a place; NULL with an error. */
static json_t *line_read(int fd, const char *run, const struct member *member,
                         struct buffer *buffer, struct error *error)
{
    json_t *line;
    int result;

    buffer_clear(buffer);
    buffer_reserve(buffer, member->length);
    result = read_at(fd, buffer->bytes, member->length, member->at);
    if (result < 0) {
        error_system(error, -result, "the manifest of run %s cannot be read", run);
        return NULL;
    }
    line = jsontext_read_object(buffer->bytes, member->length, error);
    if (line == NULL) {
        error_prefix(error, "the manifest of run %s, position %llu", run,
                     (unsigned long long)member->position);
    }
    return line;
}

static int visit_places(int fd, const char *run, const struct member *members, size_t count,
                        int (*visit)(void *context, const struct id *id, const json_t *line),
                        void *context, struct error *error)
{
    struct buffer buffer = {0};
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        json_t *line = line_read(fd, run, &members[i], &buffer, error);

        result =
            line == NULL ? -1 : visit(context, members[i].refused ? NULL : &members[i].id, line);
        json_decref(line);
    }
    buffer_free(&buffer);
    return result;
}

int members_each(const struct spool *spool, const char *run,
                 int (*visit)(void *context, const struct id *id, const json_t *line),
                 void *context, struct error *error)
{
    int fd = manifest_open(spool, run, error);
    struct member *members = NULL;
    size_t count;
    int result = -1;

    if (fd < 0) {
        return -1;
    }
    members = places(fd, run, &count, error);
    if (members != NULL) {
        result = visit_places(fd, run, members, count, visit, context, error);
    }
    free(members);
    close(fd);
    return result;
}

/* --- changing it -------------------------------------------------------------------------------- */

/* Whether the name still is the file that was opened: another may have replaced it meanwhile. */
static int is_current(int dir, int fd)
{
    struct stat opened, named;

    if (fstat(fd, &opened) < 0) {
        return -errno;
    }
    if (fstatat(dir, FILE_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    return file_same(&opened, &named);
}

int members_lock(int dir, int flags, mode_t mode)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd, result;

    for (;;) {
        fd = openat(dir, FILE_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, mode);
        if (fd < 0) {
            return -errno;
        }
        while ((result = fcntl(fd, F_OFD_SETLKW, &lock) < 0 ? -errno : 0) == -EINTR) {
        }
        result = result == 0 ? is_current(dir, fd) : result;
        if (result == 1) {
            return fd;
        }
        close(fd);
        if (result < 0) {
            return result;
        }
    }
}

/* --- selections --------------------------------------------------------------------------------- */

int members_select(const struct spool *spool, struct selection *selection, struct error *error)
{
    struct member *members;
    struct id *ids;
    size_t count, jobs = 0;

    if (selection->run == NULL) {
        return 0;
    }
    members = members_read(spool, selection->run, &count, error);
    if (members == NULL) {
        return -1;
    }
    ids = xmalloc((count + 1) * sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        if (!members[i].refused) {
            ids[jobs++] = members[i].id;
        }
    }
    free(members);
    selection_members(selection, ids, jobs);
    return 0;
}

int members_runs(const struct spool *spool, int (*visit)(void *context, const char *run),
                 void *context, struct error *error)
{
    DIR *list = file_list(spool->dir[FOLDER_RUNS]);
    const struct dirent *found;
    int listed = list != NULL ? 0 : -errno;
    int result = 0;

    while (listed == 0 && result == 0 && (listed = file_list_next(list, &found)) == 0 &&
           found != NULL) {
        if (layout_name_ok(found->d_name)) {
            result = visit(context, found->d_name);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    if (listed < 0) {
        error_system(error, -listed, "%s/runs cannot be listed", spool->path);
        return -1;
    }
    return result;
}
