/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pending: see pending.h.
 */
#include "client/pending.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/sha256.h"
#include "spool/file.h"
#include "job/job.h"

enum { ORDER_LIMIT = 64 * 1024 * 1024, RUN_LINE_LIMIT = 4096 };

bool pending_drops(const struct spool *spool, pending_job *job, void *context)
{
    DIR *list = file_list(spool->dir[FOLDER_NEW]);
    const struct dirent *entry = NULL;
    bool hidden = false;

    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        enum drop_kind kind = drop_read(entry->d_name);
        struct id id;

        if (kind == DROP_JOB && hex_read(entry->d_name, id.bytes, ID_SIZE)) {
            job(context, &id, FOLDER_NEW, entry->d_name);
        } else if (kind == DROP_JOB || kind == DROP_LIST) {
            hidden = true;
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    return hidden;
}

struct named {
    const struct spool *spool;
    const char *name;
    struct id *id;
    struct timespec time; /* of the newest so far */
    bool found;
};

static bool is_later(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec >= b.tv_nsec;
}

static void match_name(void *context, const struct id *id, enum folder folder, const char *file)
{
    struct named *named = context;
    struct buffer text = {0};
    struct stat status;
    json_t *job = NULL;

    if (file_read_at(named->spool->dir[folder], file, JOB_SIZE_LIMIT, &text, &status) == 0) {
        job = jsontext_read_object(text.bytes != NULL ? text.bytes : "", text.length, NULL);
    }
    if (strcmp(jsontext_get_text(job, "name", ""), named->name) == 0 &&
        (!named->found || is_later(status.st_ctim, named->time))) {
        named->found = true;
        named->time = status.st_ctim;
        *named->id = *id;
    }
    json_decref(job);
    buffer_free(&text);
}

bool pending_name(const struct spool *spool, const char *name, struct id *id)
{
    struct named named = {.spool = spool, .name = name, .id = id};

    pending_drops(spool, match_name, &named);
    return named.found;
}

/* The first line of a list, as far as it can be one that names a run. */
static json_t *first_line(const struct spool *spool, const char *name)
{
    int fd = openat(spool->dir[FOLDER_NEW], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char text[RUN_LINE_LIMIT];
    const char *end;
    ssize_t got;

    if (fd < 0) {
        return NULL;
    }
    got = pread(fd, text, sizeof text, 0);
    close(fd);
    end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    return end != NULL ? jsontext_read_object(text, (size_t)(end - text), NULL) : NULL;
}

bool pending_lists(const struct spool *spool, const char *run, pending_list *list, void *context)
{
    DIR *folder = file_list(spool->dir[FOLDER_NEW]);
    const struct dirent *entry = NULL;
    bool more = true;

    while (folder != NULL && more && file_list_next(folder, &entry) == 0 && entry != NULL) {
        if (drop_read(entry->d_name) == DROP_LIST) {
            json_t *line = first_line(spool, entry->d_name);

            if (strcmp(jsontext_get_text(line, "run", ""), run) == 0) {
                more = list(context, entry->d_name, line);
            }
            json_decref(line);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return more;
}

static bool stop_at_first(void *context, const char *name, const json_t *header)
{
    (void)context;
    (void)name;
    (void)header;
    return false;
}

bool pending_run(const struct spool *spool, const char *run)
{
    return !pending_lists(spool, run, stop_at_first, NULL);
}

static bool runs_again(const char *name)
{
    return strncmp(name, "retry.", 6) == 0 || strncmp(name, "rerun.", 6) == 0;
}

static void read_order(const struct spool *spool, const char *name, pending_job *job,
                       pending_all *all, void *context)
{
    struct buffer text = {0};
    char *rest, *line;
    struct id id;

    if (file_read_at(spool->dir[FOLDER_CTL], name, ORDER_LIMIT, &text, NULL) == 0) {
        rest = text.bytes;
        while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
            if (strcmp(line, "ALL") == 0) {
                all(context, name);
            } else if (id_read(line, &id)) {
                job(context, &id, FOLDER_CTL, name);
            }
        }
    }
    buffer_free(&text);
}

void pending_orders(const struct spool *spool, pending_job *job, pending_all *all, void *context)
{
    DIR *list = file_list(spool->dir[FOLDER_CTL]);
    const struct dirent *entry = NULL;

    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        if (runs_again(entry->d_name)) {
            read_order(spool, entry->d_name, job, all, context);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}
