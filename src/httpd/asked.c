/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asked: see asked.h. */
#include "httpd/asked.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/xalloc.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum { LOOKS = 4 /* at files, for each that is added */ };

struct asked_job {
    UT_hash_handle hh;
    struct id id;
    struct asked_file *file;
    LIST_ENTRY(asked_job) entry; /* of the file's jobs */
    size_t at;
    size_t length;
    bool again;
};

struct asked_file {
    TAILQ_ENTRY(asked_file) entry; /* oldest first */
    LIST_HEAD(, asked_job) jobs;
    enum folder folder;
    char name[];
};

struct asked {
    const struct spool *spool;
    size_t limit;
    struct asked_job *jobs; /* by ID */
    TAILQ_HEAD(, asked_file) files;
};

struct asked *asked_new(const struct spool *spool, size_t limit)
{
    struct asked *asked = xcalloc(1, sizeof *asked);

    asked->spool = spool;
    asked->limit = limit;
    TAILQ_INIT(&asked->files);
    return asked;
}

static void forget_job(struct asked *asked, struct asked_job *job)
{
    LIST_REMOVE(job, entry);
    HASH_DEL(asked->jobs, job);
    free(job);
}

static void forget_file(struct asked *asked, struct asked_file *file)
{
    while (!LIST_EMPTY(&file->jobs))
        forget_job(asked, LIST_FIRST(&file->jobs));
    TAILQ_REMOVE(&asked->files, file, entry);
    free(file);
}

void asked_free(struct asked *asked)
{
    if (asked == NULL)
        return;
    while (!TAILQ_EMPTY(&asked->files))
        forget_file(asked, TAILQ_FIRST(&asked->files));
    free(asked);
}

static bool lies_there(const struct asked *asked, const struct asked_file *file)
{
    return faccessat(asked->spool->dir[file->folder], file->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The oldest go while there are too many; some are looked at in turn, those that still lie there go behind
 * all others. */
void asked_look(struct asked *asked)
{
    struct asked_file *file;

    while (HASH_COUNT(asked->jobs) > asked->limit)
        forget_file(asked, TAILQ_FIRST(&asked->files));
    for (size_t i = 0; i < LOOKS && (file = TAILQ_FIRST(&asked->files)) != NULL; i++) {
        if (LIST_EMPTY(&file->jobs) || !lies_there(asked, file)) {
            forget_file(asked, file);
        } else {
            TAILQ_REMOVE(&asked->files, file, entry);
            TAILQ_INSERT_TAIL(&asked->files, file, entry);
        }
    }
}

static struct asked_job *find(const struct asked *asked, const struct id *id)
{
    struct asked_job *job;

    HASH_FIND(hh, asked->jobs, id, sizeof *id, job);
    return job;
}

static void add_job(struct asked *asked, struct asked_file *file, const struct asked_for *wanted)
{
    struct asked_job *job = find(asked, &wanted->id);

    if (job != NULL) {
        LIST_REMOVE(job, entry);
    } else {
        job = xcalloc(1, sizeof *job);
        job->id = wanted->id;
        HASH_ADD(hh, asked->jobs, id, sizeof job->id, job);
    }
    job->file = file;
    job->at = wanted->at;
    job->length = wanted->length;
    job->again = wanted->again;
    LIST_INSERT_HEAD(&file->jobs, job, entry);
}

void asked_add(struct asked *asked, enum folder folder, const char *name,
               const struct asked_for *jobs, size_t count)
{
    size_t length = strlen(name);
    struct asked_file *file = xmalloc(sizeof *file + length + 1);

    asked_look(asked);
    file->folder = folder;
    memcpy(file->name, name, length + 1);
    LIST_INIT(&file->jobs);
    TAILQ_INSERT_TAIL(&asked->files, file, entry);
    for (size_t i = 0; i < count; i++)
        add_job(asked, file, &jobs[i]);
}

bool asked_has(struct asked *asked, const struct id *id, bool *again)
{
    struct asked_job *job = find(asked, id);

    if (job == NULL)
        return false;
    if (!lies_there(asked, job->file)) {
        forget_file(asked, job->file);
        return false;
    }
    *again = job->again;
    return true;
}

static bool read_part(int fd, const struct asked_job *job, struct buffer *text)
{
    ssize_t got;

    buffer_reserve(text, job->length);
    got = pread(fd, text->bytes + text->length, job->length, (off_t)job->at);
    if (got < 0 || (size_t)got != job->length)
        return false;
    text->length += job->length;
    text->bytes[text->length] = '\0';
    return true;
}

bool asked_read(const struct asked *asked, const struct id *id, struct buffer *text)
{
    const struct asked_job *job = find(asked, id);
    bool read;
    int fd;

    if (job == NULL || job->length == 0)
        return false;
    fd = openat(asked->spool->dir[job->file->folder], job->file->name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    read = read_part(fd, job, text);
    (void)close(fd);
    return read;
}

size_t asked_count(const struct asked *asked)
{
    return HASH_COUNT(asked->jobs);
}
