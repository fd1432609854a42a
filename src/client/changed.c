/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * changed: see changed.h.
 */
#include "client/changed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>
#include "retain/members.h"

enum { HEAD_SIZE = 64 * 1024, HEAD_LINES = 16 }; /* of a manifest */

/* A template that jobs of this submission have. */
struct used {
    UT_hash_handle hh;
    char *name;
    char *run;    /* the newest that used it, with another text; NULL: none did, or with this one */
    uint64_t jobs;
    uint64_t fresh; /* of these, jobs that the spool does not have */
};

/* A run, and how new it is. */
struct run {
    char *name;
    struct timespec written;
};

struct changed {
    const struct spool *spool;
    struct used *used;
    struct run *runs; /* newest first; NULL until they are needed */
    size_t run_count;
};

struct changed *changed_new(const struct spool *spool)
{
    struct changed *changed = xcalloc(1, sizeof *changed);

    changed->spool = spool;
    return changed;
}

void changed_free(struct changed *changed)
{
    struct used *used, *next;

    if (changed == NULL) {
        return;
    }
    HASH_ITER(hh, changed->used, used, next)
    {
        HASH_DEL(changed->used, used);
        free(used->name);
        free(used->run);
        free(used);
    }
    for (size_t i = 0; i < changed->run_count; i++) {
        free(changed->runs[i].name);
    }
    free(changed->runs);
    free(changed);
}

/* --- runs --------------------------------------------------------------------------------------- */

static char *manifest_path(const char *run)
{
    return xasprintf("%s/manifest.jsonl", run);
}

static int add_run(void *context, const char *run)
{
    struct changed *changed = context;
    char *path = manifest_path(run);
    struct stat status;

    if (fstatat(changed->spool->dir[FOLDER_RUNS], path, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        size_t count = changed->run_count++;

        changed->runs = xrealloc(changed->runs, (count + 1) * sizeof *changed->runs);
        changed->runs[count] = (struct run){xstrdup(run), status.st_mtim};
    }
    free(path);
    return 0;
}

static int compare_runs(const void *a, const void *b)
{
    const struct timespec *left = &((const struct run *)a)->written;
    const struct timespec *right = &((const struct run *)b)->written;

    if (left->tv_sec != right->tv_sec) {
        return left->tv_sec > right->tv_sec ? -1 : 1;
    }
    return left->tv_nsec > right->tv_nsec ? -1 : left->tv_nsec < right->tv_nsec;
}

/* Runs that cannot be read are none that we know of. */
static void find_runs(struct changed *changed)
{
    if (changed->runs == NULL) {
        changed->runs = xcalloc(1, sizeof *changed->runs);
        (void)members_runs(changed->spool, add_run, changed, NULL);
        qsort(changed->runs, changed->run_count, sizeof *changed->runs, compare_runs);
    }
}

/* The SHA-256 that a line of a manifest tells of a template, or NULL. */
static char *hash_in_line(const char *line, size_t length, const char *name)
{
    json_t *member = jsontext_read_object(line, length, NULL);
    const json_t *template = json_object_get(json_object_get(member, "metadata"), "template");
    char *hash = NULL;

    if (strcmp(jsontext_get_text(template, "name", ""), name) == 0) {
        hash = xstrdup(jsontext_get_text(template, "sha256", ""));
    }
    json_decref(member);
    return hash;
}

/* The SHA-256 of the template that a run used, or NULL when its first lines tell of none. */
static char *hash_in_run(const struct spool *spool, const char *run, const char *name)
{
    char *path = manifest_path(run);
    char *text = xmalloc(HEAD_SIZE);
    char *hash = NULL;
    const char *line = text;
    const char *end;
    int fd = openat(spool->dir[FOLDER_RUNS], path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t length = fd >= 0 ? pread(fd, text, HEAD_SIZE, 0) : -1;

    for (int i = 0; i < HEAD_LINES && length > 0 && hash == NULL; i++) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        if (end == NULL) {
            break;
        }
        hash = hash_in_line(line, (size_t)(end - line), name);
        line = end + 1;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(text);
    free(path);
    return hash;
}

/* Looks for the newest run that used a template, and notes it when the text was another. */
static void compare_with_runs(struct changed *changed, struct used *used, const char *sha256)
{
    find_runs(changed);
    for (size_t i = 0; i < changed->run_count && i < CHANGED_RUNS; i++) {
        char *hash = hash_in_run(changed->spool, changed->runs[i].name, used->name);

        if (hash != NULL) {
            used->run = strcmp(hash, sha256) != 0 ? xstrdup(changed->runs[i].name) : NULL;
            free(hash);
            return;
        }
    }
}

/* --- jobs --------------------------------------------------------------------------------------- */

static bool is_there(const struct spool *spool, const struct id *id)
{
    static const enum folder folders[] = {FOLDER_CUR, FOLDER_DONE};
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (faccessat(spool->dir[folders[i]], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            return true;
        }
    }
    return false;
}

void changed_note(struct changed *changed, const struct job *job)
{
    const json_t *template =
        json_object_get(json_object_get(job->document, "metadata"), "template");
    const char *name = jsontext_get_text(template, "name", NULL);
    const char *sha256 = jsontext_get_text(template, "sha256", NULL);
    struct used *used;

    if (name == NULL || sha256 == NULL) {
        return;
    }
    HASH_FIND_STR(changed->used, name, used);
    if (used == NULL) {
        used = xcalloc(1, sizeof *used);
        used->name = xstrdup(name);
        HASH_ADD_KEYPTR(hh, changed->used, used->name, strlen(used->name), used);
        compare_with_runs(changed, used, sha256);
    }
    used->jobs++;
    used->fresh += used->run != NULL && !is_there(changed->spool, &job->id);
}

void changed_tell(const struct changed *changed, const char *program, FILE *out)
{
    const struct used *used;

    for (used = changed->used; used != NULL; used = used->hh.next) {
        if (used->run != NULL) {
            fprintf(out, "%s: template %s changed since run %s: %" PRIu64 " of %" PRIu64
                    " job%s %s new\n", program, used->name, used->run, used->fresh, used->jobs,
                    used->jobs == 1 ? "" : "s", used->fresh == 1 ? "is" : "are");
        }
    }
}
