/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool: an opened spool. */
#include "spool/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/settings.h"
#include "spool/visible.h"

enum {
    STATUS_LIMIT = 16 * 1024 * 1024,
    MODE_PRIVATE = 0600,
    MODE_SHARED = 0640,
};

/* The path from the root folder on, without slashes at its end; NULL with errno set. */
static char *absolute(const char *path)
{
    char *whole;
    if (path[0] == '/') {
        whole = xstrdup(path);
    } else {
        char *here = getcwd(NULL, 0);
        if (here == NULL) {
            return NULL;
        }
        whole = xasprintf("%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
        free(here);
    }
    size_t length = strlen(whole);
    while (length > 1 && whole[length - 1] == '/') {
        whole[--length] = '\0';
    }
    return whole;
}

static struct spool *spool_new(void)
{
    struct spool *spool = xcalloc(1, sizeof *spool);
    spool->root = -1;
    spool->lock = -1;
    for (int i = 0; i < FOLDER_COUNT; i++) {
        spool->dir[i] = -1;
    }
    return spool;
}

static int open_root(struct spool *spool, const char *path, struct error *error)
{
    spool->path = absolute(path);
    if (spool->path == NULL) {
        error_system(error, errno, "cannot tell which folder %s is", path);
        return -1;
    }
    spool->root = open(spool->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->root < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        error_set(error, ERROR_ABSENT, "there is no spool at %s; make one with: llmspool-init %s",
                  spool->path, spool->path);
        return -1;
    }
    struct stat status;
    if (spool->root < 0 || fstat(spool->root, &status) != 0) {
        error_system(error, errno, "cannot open the spool %s", spool->path);
        return -1;
    }
    spool->device = status.st_dev;
    spool->owner = status.st_uid;
    return 0;
}

static int read_settings(struct spool *spool, struct error *error)
{
    struct settings settings;
    int result = settings_read(spool->root, spool->path, &settings, error);
    if (result == 0) {
        error_set(error, ERROR_ABSENT,
                  "%s is no spool: it has no %s; make one with: llmspool-init %s", spool->path,
                  SETTINGS_NAME, spool->path);
    }
    if (result <= 0) {
        return -1;
    }
    spool->spool_json = settings.status.st_ino;
    spool->default_model = settings.default_model;
    return 0;
}

static int open_folder(struct spool *spool, enum folder folder, struct error *error)
{
    const char *name = folder_name(folder);
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat status;
    spool->dir[folder] = openat(spool->root, name, flags);
    if (spool->dir[folder] < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
        error_set(error, ERROR_ABSENT,
                  "the spool %s lacks its folder %s/; llmspool-init makes it again", spool->path,
                  name);
        return -1;
    }
    if (spool->dir[folder] < 0 || fstat(spool->dir[folder], &status) != 0) {
        error_system(error, errno, "cannot open %s/%s", spool->path, name);
        return -1;
    }
    if (status.st_dev != spool->device) {
        error_set(error, ERROR_ABSENT,
                  "%s/%s is on another file system than the spool; all of it must be on one",
                  spool->path, name);
        return -1;
    }
    if (folder == FOLDER_DONE) {
        spool->owner_only = visible_owner_only(spool->dir[folder]);
    }
    if (folder == FOLDER_NEW) {
        spool->group = status.st_gid;
        spool->shared = (status.st_mode & S_IWGRP) != 0;
        spool->job_mode = spool->shared ? MODE_SHARED : MODE_PRIVATE;
    }
    return 0;
}

static int open_all(struct spool *spool, const char *path, struct error *error)
{
    if (open_root(spool, path, error) != 0 || read_settings(spool, error) != 0) {
        return -1;
    }
    for (int i = 0; i < FOLDER_COUNT; i++) {
        if (open_folder(spool, (enum folder)i, error) != 0) {
            return -1;
        }
    }
    return 0;
}

struct spool *spool_open(const char *path, struct error *error)
{
    struct spool *spool = spool_new();
    if (open_all(spool, path, error) != 0) {
        spool_close(spool);
        return NULL;
    }
    return spool;
}

/* Says who owns the spool, as far as its status file tells. */
static void tell_owner(const struct spool *spool, struct error *error)
{
    struct buffer text = {0};
    json_int_t pid = 0;
    int state = spool->dir[FOLDER_STATE];
    if (file_read_at(state, "status.json", STATUS_LIMIT, &text, NULL) == 0) {
        json_t *status = jsontext_read_object(text.bytes, text.length, NULL);
        pid = status != NULL ? jsontext_get_int(status, "pid", 0) : 0;
        json_decref(status);
    }
    buffer_free(&text);
    if (pid > 0) {
        error_set(error, ERROR_LATER,
                  "another llmspoold (process %" JSON_INTEGER_FORMAT ") owns the spool %s", pid,
                  spool->path);
    } else {
        error_set(error, ERROR_LATER, "another llmspoold owns the spool %s", spool->path);
    }
}

/* Checks that spool.json still is the file that was read when the spool was opened. */
static int check_settings(const struct spool *spool, struct error *error)
{
    struct stat status;
    if (fstatat(spool->root, SETTINGS_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        error_set(error, ERROR_ABSENT, "cannot find %s/%s any more: %s", spool->path, SETTINGS_NAME,
                  strerror(errno));
        return -1;
    }
    if (status.st_ino != spool->spool_json || status.st_dev != spool->device) {
        error_set(error, ERROR_DATA, "%s/%s was replaced", spool->path, SETTINGS_NAME);
        return -1;
    }
    return 0;
}

int spool_own(struct spool *spool, struct error *error)
{
    assert(spool->lock < 0);
    int fd = openat(spool->root, SETTINGS_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        error_system(error, errno, "cannot lock %s/%s", spool->path, SETTINGS_NAME);
        return -1;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat locked;
    int result = -1;
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            tell_owner(spool, error);
        } else {
            error_system(error, errno, "cannot lock %s/%s", spool->path, SETTINGS_NAME);
        }
    } else if (fstat(fd, &locked) != 0) {
        error_system(error, errno, "cannot look at %s/%s", spool->path, SETTINGS_NAME);
    } else if (locked.st_ino != spool->spool_json || locked.st_dev != spool->device) {
        error_set(error, ERROR_SYSTEM, "%s/%s was replaced", spool->path, SETTINGS_NAME);
    } else {
        result = check_settings(spool, error);
    }
    if (result != 0) {
        (void)close(fd);
        return -1;
    }
    spool->lock = fd;
    return 0;
}

bool spool_owned(const struct spool *spool)
{
    int fd = openat(spool->root, SETTINGS_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    /* Asks whether a read lock would meet a write lock; asking needs no right to write. */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    bool owned = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return owned;
}

/* Checks that dir/name (dir AT_FDCWD for a path) leads to the folder that is held open. */
static int check_folder(int dir, const char *name, int held, const char *shown, struct error *error)
{
    struct stat named;
    struct stat own;
    if (fstat(held, &own) != 0) {
        error_system(error, errno, "cannot look at %s", shown);
        return -1;
    }
    if (fstatat(dir, name, &named, dir == AT_FDCWD ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        error_set(error, ERROR_ABSENT, "cannot find %s any more: %s", shown, strerror(errno));
        return -1;
    }
    if (!file_same(&named, &own)) {
        error_set(error, ERROR_DATA, "%s was replaced by another", shown);
        return -1;
    }
    return 0;
}

int spool_check(const struct spool *spool, struct error *error)
{
    if (check_folder(AT_FDCWD, spool->path, spool->root, spool->path, error) != 0 ||
        check_settings(spool, error) != 0) {
        return -1;
    }
    for (int i = 0; i < FOLDER_COUNT; i++) {
        const char *name = folder_name((enum folder)i);
        if (check_folder(spool->root, name, spool->dir[i], name, error) != 0) {
            error_prefix(error, "spool %s", spool->path);
            return -1;
        }
    }
    return 0;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

void spool_close(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    for (int i = 0; i < FOLDER_COUNT; i++) {
        close_if_open(spool->dir[i]);
    }
    close_if_open(spool->root);
    close_if_open(spool->lock);
    free(spool->default_model);
    free(spool->path);
    free(spool);
}
