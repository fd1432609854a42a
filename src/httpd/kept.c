/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kept: see kept.h. */
#include "httpd/kept.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum {
    ENDED_MS = 10 * 1000,
    MOVING_MS = 200, /* of a job that has not ended */
    ENTRIES_MAX = 16 * 1024,
    BYTES_MAX = 64 * 1024 * 1024,
    ANSWER_MAX = 64 * 1024, /* larger ones are read anew */
};

struct kept_job {
    UT_hash_handle hh;
    TAILQ_ENTRY(kept_job) entry; /* oldest first */
    struct id id;
    enum folder folder;
    struct stat status;
    struct mono made;
    struct kept_answer answer;
};

struct kept {
    const struct spool *spool;
    struct kept_job *jobs; /* by ID */
    TAILQ_HEAD(, kept_job) order;
    size_t bytes;
};

struct kept *kept_new(const struct spool *spool)
{
    struct kept *kept = xcalloc(1, sizeof *kept);

    kept->spool = spool;
    TAILQ_INIT(&kept->order);
    return kept;
}

static void forget(struct kept *kept, struct kept_job *job)
{
    HASH_DEL(kept->jobs, job);
    TAILQ_REMOVE(&kept->order, job, entry);
    kept->bytes -= job->answer.text.length;
    buffer_free(&job->answer.text);
    free(job);
}

void kept_clear(struct kept *kept)
{
    while (!TAILQ_EMPTY(&kept->order))
        forget(kept, TAILQ_FIRST(&kept->order));
}

void kept_free(struct kept *kept)
{
    if (kept == NULL)
        return;
    kept_clear(kept);
    free(kept);
}

static struct kept_job *find(const struct kept *kept, const struct id *id)
{
    struct kept_job *job;

    HASH_FIND(hh, kept->jobs, id, sizeof *id, job);
    return job;
}

/* A job's file changes its status with each move and each mark. */
static bool unchanged(const struct kept *kept, const struct kept_job *job)
{
    char name[ENTRY_NAME_SIZE];
    struct stat now;

    entry_write(ENTRY_JOB, &job->id, 0, name);
    return fstatat(kept->spool->dir[job->folder], name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           now.st_ino == job->status.st_ino && now.st_mode == job->status.st_mode &&
           now.st_ctim.tv_sec == job->status.st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == job->status.st_ctim.tv_nsec;
}

const struct kept_answer *kept_find(struct kept *kept, const struct id *id, struct mono now)
{
    struct kept_job *job = find(kept, id);

    if (job == NULL)
        return NULL;
    if (now.ms - job->made.ms < (job->answer.ended ? ENDED_MS : MOVING_MS) && unchanged(kept, job))
        return &job->answer;
    forget(kept, job);
    return NULL;
}

void kept_add(struct kept *kept, const struct brief *brief, const struct buffer *text,
              struct mono now)
{
    struct kept_job *job = find(kept, &brief->id);

    if (job != NULL)
        forget(kept, job);
    if (text->length > ANSWER_MAX)
        return;
    while (HASH_COUNT(kept->jobs) >= ENTRIES_MAX || kept->bytes + text->length > BYTES_MAX)
        forget(kept, TAILQ_FIRST(&kept->order));
    job = xcalloc(1, sizeof *job);
    job->id = brief->id;
    job->folder = brief->folder;
    job->status = brief->status;
    job->made = now;
    job->answer.ended = brief_ended(brief);
    if (job->answer.ended)
        brief_tag(brief, job->answer.tag);
    buffer_append(&job->answer.text, text->bytes, text->length);
    kept->bytes += text->length;
    HASH_ADD(hh, kept->jobs, id, sizeof job->id, job);
    TAILQ_INSERT_TAIL(&kept->order, job, entry);
}
