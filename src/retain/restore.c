/* SPDX-License-Identifier: GPL-2.0-or-later */
/* restore: bringing archived jobs back into done/ or failed/. */
#include "retain/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "retain/restore_look.h"
#include "spool/file.h"
#include "spool/move.h"
#include "spool/unit.h"
#include "spool/visible.h"

enum {
    JOBS_AT_ONCE = 384, /* each holds one file open, for its lock */
    FILES_AT_ONCE = 4096,
    FILES_OPEN = 64, /* synced one by one; more are synced together */
    FUSE_MAGIC = 0x65735546, /* of file systems that do not hear of syncfs(2) */
};

/* A file in tmp/, and what becomes of it. */
struct staged {
    struct entry entry;
    char temp[RESTORE_TEMP_SIZE]; /* its name in tmp/; empty when it has left that */
    int fd;                       /* -1: closed, or taken over by the unit */
    bool linked;                  /* it lies in the unit's folder: with the job as ID.gone */
};

/* A job on its way back. */
struct passage {
    struct unit unit; /* its fd carries the lock of the job's file */
    struct staged *files;
    size_t count;
    char **names; /* that it was known by */
    size_t name_count;
    char answer[ENTRY_NAME_SIZE]; /* the file that names lead to */
    enum restore_end end;         /* RESTORE_DONE so far */
    int errnum;                   /* of RESTORE_FAILED */
    const char *tried;
};

struct restore {
    const struct spool *spool;
    void (*temp_name)(char *out);
    void (*ended)(void *context, const struct restored *restored);
    void *context;
    struct passage *list;
    size_t count;
    size_t capacity;
    size_t files;
    bool apart;    /* syncfs(2) is no use here */
    bool together; /* there are so many files that they are synced by it */
};

struct restore *restore_open(const struct spool *spool, void (*temp_name)(char *out),
                             void (*ended)(void *context, const struct restored *restored),
                             void *context)
{
    struct restore *restore = xcalloc(1, sizeof *restore);
    struct statfs status;

    restore->spool = spool;
    restore->temp_name = temp_name;
    restore->ended = ended;
    restore->context = context;
    restore->apart = fstatfs(spool->dir[FOLDER_TMP], &status) < 0 || status.f_type == FUSE_MAGIC;
    return restore;
}

static void fail(struct passage *passage, int errnum, const char *tried)
{
    if (passage->end == RESTORE_DONE) {
        passage->end = RESTORE_FAILED;
        passage->errnum = errnum < 0 ? -errnum : errnum;
        passage->tried = tried;
    }
}

/* --- writing into tmp/ ----------------------------------------------------------------------------------- */

static struct timespec time_of(const json_t *record, const char *key)
{
    const char *text = jsontext_get_text(json_object_get(record, "times"), key, NULL);
    struct wall time;

    if (text == NULL || timetext_read(text, &time) < 0) {
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    }
    return (struct timespec){.tv_sec = time.ms / 1000, .tv_nsec = time.ms % 1000 * 1000000};
}

/* A job has the time when it was submitted first, a record that when it was finished. */
static int stamp(int fd, const struct bundle *bundle, size_t number)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};

    times[1] = number == 0 ? time_of(bundle->files[1].document, "submitted")
                           : time_of(bundle->files[number].document, "finished");
    return futimens(fd, times) == 0 ? 0 : -errno;
}

static int fill(int fd, const struct restore *restore, const struct bundle *bundle, size_t number)
{
    int result = file_write(fd, bundle_bytes(bundle, number), bundle->files[number].length);

    if (result == 0 && fchmod(fd, restore->spool->job_mode) < 0) {
        result = -errno;
    }
    if (result == 0 && geteuid() == 0 && restore->spool->owner != 0 &&
        fchown(fd, restore->spool->owner, (gid_t)-1) < 0) {
        result = -errno;
    }
    if (result == 0) {
        result = visible_grant(fd, visible_reader(restore->spool, jsontext_get_text(bundle->files[0].document, "user", NULL)));
    }
    if (result == 0) {
        result = stamp(fd, bundle, number);
    }
    /* Begins the writing of all before the first is waited for; only a hint. */
    if (result == 0 && !restore->together) {
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    return result;
}

static int stage_file(const struct restore *restore, struct passage *passage,
                      const struct bundle *bundle, size_t number)
{
    int tmp = restore->spool->dir[FOLDER_TMP];
    struct staged *file = &passage->files[number];

    file->entry = bundle->files[number].entry;
    restore->temp_name(file->temp);
    file->fd = openat(tmp, file->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        file->temp[0] = '\0';
        return -errno;
    }
    return fill(file->fd, restore, bundle, number);
}

/* Syncs a file, where it is not synced with all others, and closes it; a job's stays open, as it is to
 * carry the lock. */
static int settle(struct passage *passage, size_t number, bool sync)
{
    struct staged *file = &passage->files[number];
    int result = !sync || fsync(file->fd) == 0 ? 0 : -errno;

    if (number == 0) {
        passage->unit.fd = file->fd;
    } else if (close(file->fd) < 0 && result == 0) {
        result = -errno;
    }
    file->fd = -1;
    return result;
}

/* Names come from the archive and are not trusted. */
static void keep_name(struct passage *passage, const char *name)
{
    if (name != NULL && layout_name_ok(name)) {
        passage->names =
            xrealloc(passage->names, (passage->name_count + 1) * sizeof *passage->names);
        passage->names[passage->name_count++] = xstrdup(name);
    }
}

static void keep_names(struct passage *passage, const struct bundle *bundle)
{
    const struct bundle_file *record = bundle_record(bundle, 0);
    const json_t *names = json_object_get(record->document, "names");
    const json_t *name;
    size_t i;

    entry_write(record->entry.kind, &bundle->id, record->entry.version, passage->answer);
    keep_name(passage, jsontext_get_text(bundle->files[0].document, "name", NULL));
    json_array_foreach(names, i, name)
    {
        keep_name(passage, json_string_value(name));
    }
}

static void stage(struct restore *restore, struct passage *passage, const struct bundle *bundle)
{
    bool close_it = restore->together || bundle->count > FILES_OPEN;

    passage->files = xcalloc(bundle->count, sizeof *passage->files);
    for (size_t i = 0; i < bundle->count; i++) {
        passage->files[i].fd = -1;
    }
    for (size_t i = 0; i < bundle->count && passage->end == RESTORE_DONE; i++) {
        int result = stage_file(restore, passage, bundle, i);

        passage->count++;
        if (result == 0 && close_it) {
            result = settle(passage, i, !restore->together);
        }
        if (result < 0) {
            fail(passage, result, "cannot write it in tmp/");
        }
    }
    keep_names(passage, bundle);
}

/* --- into its folder ------------------------------------------------------------------------------------- */

/* Takes back what was put into the folder so far: outputs first, ID.gone last. */
static void unwind(const struct restore *restore, struct passage *passage)
{
    int dir = restore->spool->dir[passage->unit.folder];

    for (size_t i = passage->count; i-- > 0;) {
        struct staged *file = &passage->files[i];
        char name[ENTRY_NAME_SIZE];

        if (file->linked) {
            entry_write(i == 0 ? ENTRY_GONE : file->entry.kind, &file->entry.id,
                        file->entry.version, name);
            if (unlinkat(dir, name, 0) < 0 && errno != ENOENT) {
                return; /* who finds ID.gone finishes it */
            }
            file->linked = false;
        }
    }
}

static int put(const struct restore *restore, struct passage *passage, size_t number)
{
    struct staged *file = &passage->files[number];
    char name[ENTRY_NAME_SIZE];
    int result;

    entry_write(number == 0 ? ENTRY_GONE : file->entry.kind, &file->entry.id, file->entry.version,
                name);
    result = move_noreplace(restore->spool->dir[FOLDER_TMP], file->temp,
                            restore->spool->dir[passage->unit.folder], name);
    if (result == 0) {
        file->temp[0] = '\0';
        file->linked = true;
    }
    return result;
}

/* The job becomes ID.gone, locked from the first moment; then cur/ and the others are looked at again: who
 * brings the job there looks for ID.gone after that, so that one of the two sees the other. */
static void claim(const struct restore *restore, struct passage *passage)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result = fcntl(passage->unit.fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;

    if (result == 0) {
        result = put(restore, passage, 0);
    }
    if (result == -EEXIST) {
        passage->end = RESTORE_BUSY;
    } else if (result < 0) {
        fail(passage, result, "cannot make its ID.gone");
    } else {
        passage->end = restore_look(restore->spool, &passage->unit.id);
    }
}

static void put_records(const struct restore *restore, struct passage *passage)
{
    for (size_t i = 1; i < passage->count && passage->end == RESTORE_DONE; i++) {
        int result = put(restore, passage, i);

        /* The same output lay there before (look_outputs): it stays. */
        if (result < 0 && (result != -EEXIST || passage->files[i].entry.kind != ENTRY_OUTPUT)) {
            fail(passage, result, "cannot put a file of it into its folder");
        }
    }
}

static void appear(const struct restore *restore, struct passage *passage)
{
    int dir = restore->spool->dir[passage->unit.folder];
    char gone[ENTRY_NAME_SIZE], name[ENTRY_NAME_SIZE];
    int result;

    entry_write(ENTRY_GONE, &passage->unit.id, 0, gone);
    entry_write(ENTRY_JOB, &passage->unit.id, 0, name);
    result = move_noreplace(dir, gone, dir, name);
    if (result < 0) {
        fail(passage, result, "cannot rename its ID.gone");
    } else {
        for (size_t i = 0; i < passage->count; i++) {
            passage->files[i].linked = false; /* nothing to be taken back any more */
        }
    }
}

/* The names that are free lead to it again, before it appears: a kill leaves names that lead nowhere until
 * it is restored, and none out. A name is a convenience: failing to make it is no failure. */
static bool link_names(const struct restore *restore, const struct passage *passage)
{
    char *target = xasprintf("../%s/%s", folder_name(passage->unit.folder), passage->answer);
    bool made = false;

    for (size_t i = 0; i < passage->name_count; i++) {
        made = symlinkat(target, restore->spool->dir[FOLDER_BY_NAME], passage->names[i]) == 0 ||
               made;
    }
    free(target);
    return made;
}

/* --- the batch -------------------------------------------------------------------------------------------- */

static void passage_end(const struct restore *restore, struct passage *passage)
{
    char *sentence = NULL;

    unwind(restore, passage);
    for (size_t i = 0; i < passage->count; i++) {
        struct staged *file = &passage->files[i];

        if (file->fd >= 0) {
            close(file->fd);
        }
        if (file->temp[0] != '\0') {
            unlinkat(restore->spool->dir[FOLDER_TMP], file->temp, 0);
        }
    }
    unit_unlock(&passage->unit);
    if (passage->end == RESTORE_FAILED) {
        sentence = xasprintf("%s: %s", passage->tried, strerror(passage->errnum));
    }
    restore->ended(restore->context,
                   &(struct restored){.id = &passage->unit.id,
                                      .folder = passage->unit.folder,
                                      .versions = passage->unit.folder == FOLDER_DONE
                                                      ? (unsigned)passage->count - 1
                                                      : 0,
                                      .end = passage->end,
                                      .sentence = sentence});
    free(sentence);
    for (size_t i = 0; i < passage->name_count; i++) {
        free(passage->names[i]);
    }
    free(passage->names);
    free(passage->files);
}

static void settle_files(struct passage *passage, bool sync)
{
    for (size_t i = 0; i < passage->count && passage->end == RESTORE_DONE; i++) {
        int result = passage->files[i].fd >= 0 ? settle(passage, i, sync) : 0;

        if (result < 0) {
            fail(passage, result, "cannot sync it");
        }
    }
}

/* Syncs the folders of those that are still on their way; a failure is one of all of them. */
static void sync_folders(struct restore *restore)
{
    static const enum folder folders[] = {FOLDER_DONE, FOLDER_FAILED};

    for (size_t f = 0; f < sizeof folders / sizeof folders[0]; f++) {
        bool concerned = false;
        int result = 0;

        for (size_t i = 0; i < restore->count; i++) {
            concerned = concerned || (restore->list[i].end == RESTORE_DONE &&
                                      restore->list[i].unit.folder == folders[f]);
        }
        if (concerned) {
            result = file_sync_dir(restore->spool->dir[folders[f]]);
        }
        for (size_t i = 0; i < restore->count && result < 0; i++) {
            if (restore->list[i].unit.folder == folders[f]) {
                fail(&restore->list[i], result, "cannot sync its folder");
            }
        }
    }
}

/* What is in tmp/ becomes durable. A file whose sync failed is given up, with all that were synced with
 * it. */
static void settle_all(struct restore *restore)
{
    int result = restore->together && syncfs(restore->spool->dir[FOLDER_TMP]) < 0 ? errno : 0;

    for (size_t i = 0; i < restore->count; i++) {
        if (result != 0) {
            fail(&restore->list[i], result, "cannot sync it");
        }
        settle_files(&restore->list[i], !restore->together);
    }
}

static void put_all(struct restore *restore)
{
    settle_all(restore);
    for (size_t i = 0; i < restore->count; i++) {
        struct passage *passage = &restore->list[i];

        if (passage->end == RESTORE_DONE) {
            claim(restore, passage);
        }
        put_records(restore, passage);
    }
}

void restore_flush(struct restore *restore)
{
    bool named = false;

    put_all(restore);
    sync_folders(restore);
    for (size_t i = 0; i < restore->count; i++) {
        if (restore->list[i].end == RESTORE_DONE) {
            named = link_names(restore, &restore->list[i]) || named;
        }
    }
    if (named) {
        (void)file_sync_dir(restore->spool->dir[FOLDER_BY_NAME]);
    }
    for (size_t i = 0; i < restore->count; i++) {
        if (restore->list[i].end == RESTORE_DONE) {
            appear(restore, &restore->list[i]);
        }
    }
    sync_folders(restore);
    for (size_t i = 0; i < restore->count; i++) {
        passage_end(restore, &restore->list[i]);
    }
    restore->count = 0;
    restore->files = 0;
    restore->together = false;
}

void restore_add(struct restore *restore, const struct bundle *bundle)
{
    struct passage passage = {.end = restore_may(restore->spool, bundle),
                              .unit = {.spool = restore->spool,
                                       .folder = bundle->folder,
                                       .id = bundle->id,
                                       .fd = -1}};

    if (passage.end == RESTORE_DONE) {
        stage(restore, &passage, bundle);
    }
    if (passage.end != RESTORE_DONE) {
        passage_end(restore, &passage);
        return;
    }
    if (restore->count == restore->capacity) {
        restore->capacity = 2 * restore->capacity + 16;
        restore->list = xrealloc(restore->list, restore->capacity * sizeof *restore->list);
    }
    restore->list[restore->count++] = passage;
    restore->files += passage.count;
    restore->together = !restore->apart && restore->files >= FILES_OPEN;
    if (restore->files >= (restore->apart ? FILES_OPEN : FILES_AT_ONCE) ||
        restore->count >= JOBS_AT_ONCE) {
        restore_flush(restore);
    }
}

void restore_close(struct restore *restore)
{
    if (restore != NULL) {
        restore_flush(restore);
        free(restore->list);
        free(restore);
    }
}
