/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_mend_rights: folders that are missing, modes and owners. */
#include "retain/check_mend_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/file.h"

/* --- folders, relative to the spool's own, before the spool is opened --- */

static enum folder folder_of(const char *name)
{
    int folder = 0;

    while (folder < FOLDER_COUNT && strcmp(name, folder_name((enum folder)folder)) != 0) {
        folder++;
    }
    return (enum folder)folder;
}

int mend_folder_mode(struct mending *mending)
{
    int root = mending->check->root;
    const char *name = mending->suspicion->name;
    mode_t mode = layout_folder_mode(folder_of(name), check_layout_shared(root));
    struct stat status;

    if (fchmodat(root, name, mode, 0) < 0 || fstatat(root, name, &status, 0) < 0) {
        return -errno;
    }
    /* The kernel takes setgid away, without a word, from who is not in the group. */
    if ((status.st_mode & ALLPERMS) != mode) {
        return -EPERM;
    }
    mend_done(mending, "its mode is %04o now", (unsigned)mode);
    return file_sync_dir(root);
}

int mend_folder_owner(struct mending *mending)
{
    int root = mending->check->root;
    struct stat status;

    if (fstat(root, &status) < 0 ||
        fchownat(root, mending->suspicion->name, status.st_uid,
                 check_layout_shared(root) ? status.st_gid : (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    mend_done(mending, "belongs to uid %lu now", (unsigned long)status.st_uid);
    return file_sync_dir(root);
}

/* A kill before it has its owner and mode leaves a folder whose owner and mode are mended next. */
int mend_folder_missing(struct mending *mending)
{
    int root = mending->check->root;
    struct stat status;
    int result;

    if (fstat(root, &status) < 0 || mkdirat(root, mending->suspicion->name, S_IRWXU) < 0) {
        return -errno;
    }
    result =
        status.st_uid != geteuid() || check_layout_shared(root) ? mend_folder_owner(mending) : 0;
    if (result == 0) {
        result = mend_folder_mode(mending);
    }
    if (result == 0) {
        mend_done(mending, "made again, empty");
    }
    return result;
}

/* --- files --- */

static int dir_of(const struct mending *mending)
{
    enum folder folder = mending->suspicion->folder;

    return folder != FOLDER_COUNT ? mending->spool->dir[folder] : mending->check->root;
}

/* The mode of our files; a mark stays. */
static mode_t wanted_mode(const struct mending *mending, mode_t mode)
{
    bool shared = check_layout_shared(mending->check->root);
    mode_t wanted = mending->spool != NULL ? mending->spool->job_mode : shared ? 0640 : 0600;
    bool marked = mending->suspicion->folder == FOLDER_CUR && mending->is.kind == ENTRY_JOB &&
                  (mode & S_IXUSR) != 0;

    return marked ? wanted | (mode & (S_IXUSR | S_IXGRP | S_IXOTH)) : wanted;
}

/* Sets a mode of a file that is no link: only the spool's owner changes the folder. */
static int set_mode(struct mending *mending, mode_t mode)
{
    int dir = dir_of(mending);

    if (fchmodat(dir, mending->suspicion->name, mode, 0) < 0) {
        return -errno;
    }
    mend_done(mending, "its mode is %04o now", (unsigned)mode);
    return 0;
}

int mend_file_mode(struct mending *mending)
{
    struct stat status;

    if (fstatat(dir_of(mending), mending->suspicion->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    return S_ISREG(status.st_mode) ? set_mode(mending, wanted_mode(mending, status.st_mode))
                                   : MEND_LEFT;
}

/* A file with another name elsewhere may be anybody's: it is not given away. */
int mend_file_owner(struct mending *mending)
{
    int dir = dir_of(mending);
    const char *name = mending->suspicion->name;
    struct stat root, status;

    if (fstat(mending->check->root, &root) < 0 ||
        fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    if (status.st_nlink != 1) {
        return MEND_LEFT;
    }
    if (fchownat(dir, name, root.st_uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    mend_done(mending, "belongs to uid %lu now", (unsigned long)root.st_uid);
    return 0;
}

/* A mark whose outcome is not recorded is a doubt, which the daemon's next start counts. */
int mend_mark(struct mending *mending)
{
    struct stat status;

    if (fstatat(dir_of(mending), mending->suspicion->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    if (!check_mark_recorded(mending->check, &mending->is.id, status.st_mode)) {
        return MEND_LEFT;
    }
    return set_mode(mending, mending->spool->job_mode);
}
