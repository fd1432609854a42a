/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drop: see drop.h.
 */
#include "client/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "spool/blob.h"
#include "spool/file.h"
#include "spool/move.h"

/* Files of ours in a shared spool are for the daemon's user, too. */
static mode_t drop_mode(const struct spool *spool)
{
    return spool->shared ? 0640 : 0600;
}

static int drop_file(const struct spool *spool, enum folder folder, const char *name,
                     const char *text, size_t length, struct error *error)
{
    char temp[RANDOM_NAME_SIZE];
    int result = file_make_temp(spool->dir[FOLDER_TMP], temp, drop_mode(spool), text, length, true);

    if (result < 0) {
        error_system(error, -result, "%s/tmp: a file cannot be written", spool->path);
        return -1;
    }
    result = move_noreplace(spool->dir[FOLDER_TMP], temp, spool->dir[folder], name);
    if (result < 0) {
        unlinkat(spool->dir[FOLDER_TMP], temp, 0);
    } else {
        result = file_sync_dir(spool->dir[folder]);
    }
    if (result < 0) {
        error_system(error, -result, "%s/%s/%s cannot be made", spool->path, folder_name(folder),
                     name);
        return -1;
    }
    return 0;
}

int drop_job(const struct spool *spool, const struct id *id, const char *text, size_t length,
             char name[NAME_LIMIT], struct error *error)
{
    char unique[RANDOM_NAME_SIZE], hex[ID_TEXT_SIZE];

    random_name(unique);
    id_write(id, hex);
    snprintf(name, NAME_LIMIT, "%s.%s.json", hex, unique);
    return drop_file(spool, FOLDER_NEW, name, text, length, error);
}

int drop_list(const struct spool *spool, const char *text, size_t length, char name[NAME_LIMIT],
              struct error *error)
{
    char unique[RANDOM_NAME_SIZE];

    random_name(unique);
    snprintf(name, NAME_LIMIT, "%s.jsonl", unique);
    return drop_file(spool, FOLDER_NEW, name, text, length, error);
}

int drop_batch(const struct spool *spool, const char *run, const char *text, size_t length,
               struct error *error)
{
    char name[NAME_LIMIT];

    snprintf(name, sizeof name, "%s.jsonl", run);
    if (faccessat(spool->dir[FOLDER_NEW], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        error_set(error, ERROR_LATER, "new/%s is still waiting to be taken: say another --run", name);
        return -1;
    }
    return drop_file(spool, FOLDER_NEW, name, text, length, error);
}

int drop_order(const struct spool *spool, const char *kind, const char *text, size_t length,
               struct error *error)
{
    char unique[RANDOM_NAME_SIZE], name[NAME_LIMIT];

    random_name(unique);
    snprintf(name, sizeof name, "%s.%s", kind, unique);
    return drop_file(spool, FOLDER_CTL, name, text, length, error);
}

int drop_switch(const struct spool *spool, const char *name, bool on, struct error *error)
{
    int dir = spool->dir[FOLDER_CTL];
    int result;

    if (on && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return 0;
    }
    if (on) {
        return drop_file(spool, FOLDER_CTL, name, "", 0, error) < 0 ? -1 : 1;
    }
    if (unlinkat(dir, name, 0) < 0) {
        if (errno == ENOENT) {
            return 0;
        }
        error_system(error, errno, "%s/ctl/%s cannot be removed", spool->path, name);
        return -1;
    }
    result = file_sync_dir(dir);
    if (result < 0) {
        error_system(error, -result, "%s/ctl cannot be synced", spool->path);
        return -1;
    }
    return 1;
}

/* Fills a file of tmp/ with the bytes. Returns 0, -ESTALE when their digest is another, or -errno. */
static int fill_blob(const struct spool *spool, int to, int fd, const struct id *blob)
{
    struct id digest;
    int result = blob_copy(fd, to, &digest);

    if (result == 0 && !id_equal(&digest, blob)) {
        result = -ESTALE;
    }
    if (result == 0 && (fchmod(to, drop_mode(spool)) < 0 || fsync(to) < 0)) {
        result = -errno;
    }
    if (close(to) < 0 && result == 0) {
        result = -errno;
    }
    return result;
}

int drop_blob(const struct spool *spool, int fd, const struct id *blob, struct error *error)
{
    char temp[RANDOM_NAME_SIZE], name[BLOB_NAME_SIZE];
    int tmp = spool->dir[FOLDER_TMP], result, to;

    random_name(temp);
    blob_drop_write(blob, name);
    to = openat(tmp, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    result = to < 0 ? -errno : fill_blob(spool, to, fd, blob);
    if (result == 0) {
        result = move_noreplace(tmp, temp, spool->dir[FOLDER_NEW], name);
    }
    if (result < 0 && to >= 0) {
        (void)unlinkat(tmp, temp, 0);
    }
    if (result == -EEXIST) {
        result = 0;
    }
    if (result == 0) {
        result = file_sync_dir(spool->dir[FOLDER_NEW]);
    }
    if (result == -ESTALE) {
        error_set(error, ERROR_DATA, "it was changed while it was being attached");
    } else if (result < 0) {
        error_system(error, -result, "%s/new/%s cannot be made", spool->path, name);
    }
    return result < 0 ? -1 : 0;
}
