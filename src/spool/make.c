/* SPDX-License-Identifier: GPL-2.0-or-later */
/* make: making a spool. */
#include "spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/move.h"
#include "spool/settings.h"

enum {
    PRIVATE_FILE = 0600,
    SHARED_FILE = 0640,
    NEW_FOLDER = 0700, /* until it has its owner and group */
    NEW_PARENT = 0777,
};

static const uid_t SAME_OWNER = (uid_t)-1;
static const gid_t SAME_GROUP = (gid_t)-1;

struct making {
    const struct spool_plan *plan;
    uid_t owner; /* of what is made, or SAME_OWNER */
    gid_t group; /* of a shared spool, or SAME_GROUP */
    int root;
    bool *made;
    struct error *error;
};

static int fail(const struct making *making, int errnum, const char *what, const char *name)
{
    error_system(making->error, errnum, "cannot %s %s/%s", what, making->plan->path, name);
    return -1;
}

static int refuse(const struct making *making, const char *why)
{
    error_set(making->error, ERROR_CREATE, "%s %s", making->plan->path, why);
    return -1;
}

static int find_group(struct making *making)
{
    if (making->plan->group == NULL) {
        return 0;
    }
    errno = 0;
    const struct group *group = getgrnam(making->plan->group);
    if (group != NULL) {
        making->group = group->gr_gid;
        return 0;
    }
    if (errno == 0 || errno == ENOENT) {
        error_set(making->error, ERROR_USAGE, "there is no group %s", making->plan->group);
    } else {
        error_system(making->error, errno, "cannot look up the group %s", making->plan->group);
    }
    return -1;
}

/* Makes the name of path in its parent durable. */
static int sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + 1);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(parent);
    int result = fd < 0 ? -errno : file_sync_dir(fd);
    if (fd >= 0) {
        (void)close(fd);
        return result;
    }
    /* A parent that may be written but not read is synced with all of its file system. */
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    result = syncfs(fd) == 0 ? 0 : -errno;
    (void)close(fd);
    return result;
}

/* As mkdir -p; path has no slash at its end. */
static int make_path(const char *path, mode_t mode, bool *made)
{
    int result = mkdir(path, mode) == 0 ? 0 : -errno;
    const char *slash = strrchr(path, '/');
    if (result == -ENOENT && slash != NULL && slash != path) {
        char *parent = xstrndup(path, (size_t)(slash - path));
        result = make_path(parent, NEW_PARENT, made);
        free(parent);
        if (result == 0) {
            result = mkdir(path, mode) == 0 ? 0 : -errno;
        }
    }
    if (result == 0) {
        *made = true;
        return sync_parent(path);
    }
    return result == -EEXIST ? 0 : result;
}

static int open_root(struct making *making)
{
    char *path = xstrdup(making->plan->path);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--) {
        path[length - 1] = '\0';
    }
    int result = make_path(path, NEW_FOLDER, making->made);
    if (result != 0) {
        error_set(making->error, ERROR_CREATE, "cannot make %s: %s", path, strerror(-result));
    } else {
        making->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (making->root < 0) {
            error_set(making->error, ERROR_CREATE, "cannot open %s: %s", path, strerror(errno));
            result = -1;
        }
    }
    free(path);
    return result == 0 ? 0 : -1;
}

/* Root makes a spool for whom its folder belongs to. */
static int find_owner(struct making *making)
{
    struct stat status;
    if (fstat(making->root, &status) != 0) {
        return fail(making, errno, "look at", "");
    }
    if (status.st_uid != geteuid()) {
        making->owner = status.st_uid;
    }
    return 0;
}

/* Whether a killed call may have left this entry in a folder: only a temporary file in tmp/. */
static bool leftover(enum folder folder, const char *name)
{
    unsigned char bits[(RANDOM_NAME_SIZE - 1) / 2];
    return folder == FOLDER_TMP && hex_read(name, bits, sizeof bits) &&
           name[RANDOM_NAME_SIZE - 1] == '\0';
}

/* 1 when root/name is one of our folders as a killed call leaves it, 0 if not, or -errno. */
static int half_made(int root, const char *name)
{
    int folder = 0;
    while (folder < FOLDER_COUNT && strcmp(name, folder_name((enum folder)folder)) != 0) {
        folder++;
    }
    if (folder == FOLDER_COUNT) {
        return 0;
    }
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
    }
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        int problem = -errno;
        (void)close(fd);
        return problem;
    }
    const struct dirent *entry;
    int result = file_list_next(list, &entry);
    while (result == 0 && entry != NULL && leftover((enum folder)folder, entry->d_name)) {
        result = file_list_next(list, &entry);
    }
    result = result == 0 ? entry == NULL : result;
    (void)closedir(list);
    return result;
}

/* Checks that the folder is empty or what a killed call left. */
static int check_room(const struct making *making)
{
    DIR *list = file_list(making->root);
    if (list == NULL) {
        return fail(making, errno, "list", "");
    }
    const struct dirent *entry;
    int result = file_list_next(list, &entry);
    int ours = 1;
    while (result == 0 && entry != NULL && ours == 1) {
        ours = half_made(making->root, entry->d_name);
        result = ours < 0 ? ours : file_list_next(list, &entry);
    }
    (void)closedir(list);
    if (result < 0) {
        return fail(making, -result, "list", "");
    }
    return ours == 1 ? 0 : refuse(making, "is not empty and no spool: choose another folder");
}

/* Checks that a finished spool has the settings of the plan. */
static int check_same(const struct making *making, const struct settings *settings)
{
    const char *model = making->plan->default_model;
    const char *present = settings->default_model;
    if (model != NULL && (present == NULL || strcmp(model, present) != 0)) {
        error_set(making->error, ERROR_CREATE, "%s is a spool already, with the default model %s",
                  making->plan->path, present != NULL ? present : "unset");
        return -1;
    }
    struct stat status;
    const char *name = folder_name(FOLDER_NEW);
    if (fstatat(making->root, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? 0 : fail(making, errno, "look at", name);
    }
    bool shared = (status.st_mode & S_IWGRP) != 0;
    if (making->plan->group == NULL) {
        return shared ? refuse(making, "is a spool already, shared by a group: name it") : 0;
    }
    if (!shared) {
        return refuse(making, "is a spool already, and a private one");
    }
    return status.st_gid == making->group
               ? 0
               : refuse(making, "is a spool already, shared by another group");
}

/* 1 when there is a finished spool with the settings of the plan, 0 when there is none, or -1. */
static int check_finished(const struct making *making)
{
    struct settings settings;
    int found = settings_read(making->root, making->plan->path, &settings, making->error);
    if (found > 0 && check_same(making, &settings) != 0) {
        found = -1;
    }
    free(settings.default_model);
    return found;
}

/* Gives an opened folder its owner, group and mode, and makes them durable. */
static int settle(const struct making *making, int fd, mode_t mode, const char *name)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail(making, errno, "look at", name);
    }
    uid_t owner = making->owner != status.st_uid ? making->owner : SAME_OWNER;
    gid_t group = making->group != status.st_gid ? making->group : SAME_GROUP;
    bool given = owner == SAME_OWNER && group == SAME_GROUP;
    if (given && (status.st_mode & ALLPERMS) == mode) {
        return 0;
    }
    *making->made = true;
    if (!given && fchown(fd, owner, group) != 0) {
        return fail(making, errno, "give its owner and group to", name);
    }
    if (fchmod(fd, mode) != 0) {
        return fail(making, errno, "set the mode of", name);
    }
    /* The kernel takes setgid away, without a word, from who is not in the group. */
    if (fstat(fd, &status) != 0 || (status.st_mode & ALLPERMS) != mode) {
        return fail(making, EPERM, "make setgid (are you in its group?)", name);
    }
    return fsync(fd) == 0 ? 0 : fail(making, errno, "sync", name);
}

static mode_t folder_mode(const struct making *making, enum folder folder)
{
    return layout_folder_mode(folder, making->plan->group != NULL);
}

/* Makes one folder; finished: one that is there already stays as it is. */
static int make_folder(const struct making *making, enum folder folder, bool finished)
{
    const char *name = folder_name(folder);
    if (mkdirat(making->root, name, NEW_FOLDER) == 0) {
        *making->made = true;
    } else if (errno != EEXIST) {
        return fail(making, errno, "make", name);
    } else if (finished) {
        return 0;
    }
    int fd = openat(making->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return fail(making, errno, "open", name);
    }
    int result = settle(making, fd, folder_mode(making, folder), name);
    (void)close(fd);
    return result;
}

static int make_folders(const struct making *making, bool finished)
{
    for (int i = 0; i < FOLDER_COUNT; i++) {
        if (make_folder(making, (enum folder)i, finished) != 0) {
            return -1;
        }
    }
    int result = file_sync_dir(making->root);
    return result == 0 ? 0 : fail(making, -result, "sync", "");
}

/* Writes spool.json in tmp/ and moves it to its place. 0, or -errno: -EEXIST
 * when another call was faster. */
static int write_settings(const struct making *making, int tmp, const struct buffer *text)
{
    char temp[RANDOM_NAME_SIZE];
    mode_t mode = making->plan->group != NULL ? SHARED_FILE : PRIVATE_FILE;
    int result = file_make_temp(tmp, temp, mode, text->bytes, text->length, false);
    if (result != 0) {
        return result;
    }
    int fd = openat(tmp, temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    result = fd < 0 ? -errno : 0;
    if (result == 0 && fchown(fd, making->owner, making->group) != 0) {
        result = -errno;
    }
    if (result == 0 && fsync(fd) != 0) {
        result = -errno;
    }
    if (fd >= 0 && close(fd) != 0 && result == 0) {
        result = -errno;
    }
    if (result == 0) {
        result = move_noreplace(tmp, temp, making->root, SETTINGS_NAME);
    }
    if (result != 0) {
        (void)unlinkat(tmp, temp, 0);
    }
    return result;
}

/* The last step: with spool.json in place the folder is a spool. Another call may have been faster,
 * with the same plan or not. */
static int finish(const struct making *making, const struct buffer *text)
{
    int tmp = openat(making->root, folder_name(FOLDER_TMP), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = tmp < 0 ? -errno : write_settings(making, tmp, text);
    if (tmp >= 0) {
        (void)close(tmp);
    }
    if (result == -EEXIST) {
        return check_finished(making) < 0 ? -1 : 0;
    }
    *making->made = *making->made || result == 0;
    if (result == 0) {
        result = file_sync_dir(making->root);
    }
    return result == 0 ? 0 : fail(making, -result, "write", SETTINGS_NAME);
}

static int make_in_root(struct making *making, const struct buffer *text)
{
    int finished = check_finished(making);
    if (finished != 0) {
        return finished < 0 ? -1 : make_folders(making, true);
    }
    if (check_room(making) != 0) {
        return -1;
    }
    mode_t mode = folder_mode(making, FOLDER_COUNT);
    if (settle(making, making->root, mode, "") != 0 || make_folders(making, false) != 0) {
        return -1;
    }
    return finish(making, text);
}

int spool_make(const struct spool_plan *plan, bool *made, struct error *error)
{
    struct making making = {
        .plan = plan,
        .owner = SAME_OWNER,
        .group = SAME_GROUP,
        .root = -1,
        .made = made,
        .error = error,
    };
    struct buffer text = {0};
    *made = false;
    int result = -1;
    /* A umask that takes rights from the owner would lock us out of what we make. */
    mode_t mask = umask(S_IRWXG | S_IRWXO);
    (void)umask(mask & (S_IRWXG | S_IRWXO));
    if (plan->path[0] == '\0') {
        error_set(error, ERROR_USAGE, "the spool's path is empty");
    } else if (settings_write(&text, plan->default_model) != 0) {
        error_set(error, ERROR_USAGE, "the default model is no model's name");
    } else if (find_group(&making) == 0 && open_root(&making) == 0 && find_owner(&making) == 0) {
        result = make_in_root(&making, &text);
    }
    if (making.root >= 0) {
        (void)close(making.root);
    }
    (void)umask(mask);
    buffer_free(&text);
    return result;
}
