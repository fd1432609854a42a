/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unname: manifests of runs without what they say of some jobs. */
#include "retain/unname.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "retain/members.h"
#include "retain/store.h"
#include "retain/unname_batch.h"
#include "spool/file.h"
#include "spool/visible.h"

#define FILE_NAME "manifest.jsonl"

struct unnaming {
    const struct spool *spool;
    const struct idset *jobs;
    void (*found)(void *context, const struct id *id);
    void *context;
    uint64_t *lines;
    struct error *error;
};

/* --- text ----------------------------------------------------------------------------------------- */

/* Appends the line as it stays, with position first as readers of the file expect it. */
static void write_line(struct buffer *out, const struct member *member, const char *text)
{
    json_t *line = jsontext_read_object(text, member->length, NULL);
    json_t *replaced = json_object_get(line, "replaces");
    char id[ID_TEXT_SIZE];

    id_write(&member->id, id);
    buffer_printf(out, "{\"position\":%llu,\"id\":\"%s\"", (unsigned long long)member->position,
                  id);
    if (json_is_string(replaced)) {
        buffer_text(out, ",\"replaces\":");
        jsontext_write(out, replaced);
    }
    buffer_text(out, "}\n");
    json_decref(line);
}

/* Rewrites text into out, without what is behind the last newline: that is torn, and llmspoold would cut
 * it off. Returns how many lines are others than before. */
static uint64_t rewrite(const struct unnaming *unnaming, const struct buffer *text,
                        struct buffer *out)
{
    const char *line = text->bytes, *end = text->bytes + text->length, *stop;
    uint64_t changed = 0;

    for (; (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1) {
        size_t length = (size_t)(stop - line), before = out->length;
        struct member member;

        if (!member_read(line, length, &member) || member.refused ||
            !idset_has(unnaming->jobs, &member.id)) {
            buffer_append(out, line, length + 1);
            continue;
        }
        write_line(out, &member, line);
        if (out->length - before != length + 1 ||
            memcmp(out->bytes + before, line, length + 1) != 0) {
            changed++;
            if (unnaming->found != NULL) {
                unnaming->found(unnaming->context, &member.id);
            }
        }
    }
    return changed;
}

/* --- files ---------------------------------------------------------------------------------------- */

/* Puts a new file in the place of the one that is locked. Returns 0 or -errno. */
static int replace(const struct spool *spool, int dir, const struct buffer *text)
{
    char name[STORE_TEMP_SIZE];
    int fd = store_temp_make(spool, name);
    int result = fd >= 0 ? file_write(fd, text->bytes, text->length) : fd;

    if (result == 0 && (visible_exact(fd, spool->job_mode) < 0 || fsync(fd) < 0)) {
        result = -errno;
    }
    if (fd >= 0 && close(fd) < 0 && result == 0) {
        result = -errno;
    }
    if (result == 0 && renameat(spool->dir[FOLDER_TMP], name, dir, FILE_NAME) < 0) {
        result = -errno;
    }
    if (fd >= 0 && result < 0) {
        (void)unlinkat(spool->dir[FOLDER_TMP], name, 0);
    }
    return result == 0 ? file_sync_dir(dir) : result;
}

static int unname_locked(const struct unnaming *unnaming, int dir, int fd)
{
    struct buffer text = {0}, out = {0};
    uint64_t changed = 0;
    int result = file_read(fd, SIZE_MAX, &text);

    if (result == 0 && text.length > 0) {
        changed = rewrite(unnaming, &text, &out);
    }
    if (changed > 0 && unnaming->found == NULL) {
        result = unname_batch(unnaming->spool, dir, &text, unnaming->jobs);
        result = result == 0 ? replace(unnaming->spool, dir, &out) : result;
    }
    *unnaming->lines += result == 0 ? changed : 0;
    buffer_free(&text);
    buffer_free(&out);
    return result;
}

/* Looks without the lock first: most runs have nothing of the jobs, and nobody is to wait for that. */
static int unname_in(const struct unnaming *unnaming, int dir)
{
    struct buffer text = {0}, out = {0};
    uint64_t changed = 0;
    int fd, result = file_read_at(dir, FILE_NAME, SIZE_MAX, &text, NULL);

    if (result == 0 && text.length > 0) {
        changed = rewrite(unnaming, &text, &out);
    }
    buffer_free(&text);
    buffer_free(&out);
    if (unnaming->found != NULL) {
        *unnaming->lines += changed;
        return result;
    }
    if (result < 0 || changed == 0) {
        return result;
    }
    fd = members_lock(dir, 0, 0);
    if (fd < 0) {
        return fd;
    }
    result = unname_locked(unnaming, dir, fd);
    close(fd);
    return result;
}

static int unname_run(void *context, const char *run)
{
    const struct unnaming *unnaming = context;
    int dir = openat(unnaming->spool->dir[FOLDER_RUNS], run,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result = dir >= 0 ? unname_in(unnaming, dir) : -errno;

    if (dir >= 0) {
        close(dir);
    }
    /* What is no folder, or has no manifest yet, is no run. */
    if (result == 0 || result == -ENOENT || result == -ENOTDIR || result == -ELOOP) {
        return 0;
    }
    error_system(unnaming->error, -result, "cannot take jobs out of %s/runs/%s/" FILE_NAME,
                 unnaming->spool->path, run);
    return -1;
}

int unname(const struct spool *spool, const struct idset *jobs,
           void (*found)(void *context, const struct id *id), void *context, uint64_t *lines,
           struct error *error)
{
    struct unnaming unnaming = {.spool = spool,
                                .jobs = jobs,
                                .found = found,
                                .context = context,
                                .lines = lines,
                                .error = error};

    return members_runs(spool, unname_run, &unnaming, error);
}
