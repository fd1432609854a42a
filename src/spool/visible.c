/* SPDX-License-Identifier: GPL-2.0-or-later */
/* visible: who of the group may read the files of a shared spool. */
#include "spool/visible.h"

#include <acl/libacl.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/acl.h>
#include <sys/stat.h>

enum { PATH_SIZE = 64, LIST_SIZE = 128 };

/* Where prompts, answers and data of a job's own lie. */
static const enum folder folders[] = {
    FOLDER_TMP,    FOLDER_NEW,  FOLDER_CUR,   FOLDER_DONE,      FOLDER_FAILED, FOLDER_CTL,
    FOLDER_OUTBOX, FOLDER_RUNS, FOLDER_FLOWS, FOLDER_TEMPLATES, FOLDER_BLOBS,  FOLDER_ARCHIVE,
};

/* Default lists are had by path alone. */
static void path_of(int fd, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "/proc/self/fd/%d", fd);
}

/* Whether a folder has a default list: 1 or 0, or -errno. */
static int has_default(int dir)
{
    char path[PATH_SIZE];
    acl_t list;
    acl_entry_t entry;
    int found;

    path_of(dir, path);
    list = acl_get_file(path, ACL_TYPE_DEFAULT);
    if (list == NULL)
        return -errno;
    found = acl_get_entry(list, ACL_FIRST_ENTRY, &entry) == 1;
    (void)acl_free(list);
    return found;
}

bool visible_owner_only(int dir)
{
    return has_default(dir) > 0;
}

bool visible_reread(struct spool *spool)
{
    int found = has_default(spool->dir[FOLDER_DONE]);

    if (found < 0 || spool->owner_only == (found > 0)) {
        return false;
    }
    spool->owner_only = found > 0;
    return true;
}

/* Droppers' files are for the daemon's user, too; the rest are its own. */
static int set_default(const struct spool *spool, int dir)
{
    char path[PATH_SIZE], text[LIST_SIZE];
    acl_t list;
    int result;

    path_of(dir, path);
    snprintf(text, sizeof text, "u::rwx,u:%u:rwx,g::---,m::rwx,o::---", (unsigned)spool->owner);
    list = acl_from_text(text);
    result = list != NULL && acl_set_file(path, ACL_TYPE_DEFAULT, list) == 0 ? 0 : -errno;
    (void)acl_free(list);
    return result;
}

static int remove_default(int dir)
{
    char path[PATH_SIZE];

    path_of(dir, path);
    return acl_delete_def_file(path) == 0 || errno == ENOTSUP ? 0 : -errno;
}

int visible_set(struct spool *spool, bool owner_only, struct error *error)
{
    if (!spool->shared) {
        return 0;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        int dir = spool->dir[folders[i]];
        int result = 0;

        if (owner_only != visible_owner_only(dir)) {
            result = owner_only ? set_default(spool, dir) : remove_default(dir);
        }
        if (result < 0) {
            error_system(error, -result,
                         "visibility = %s: the access control list of %s/%s/ cannot be set",
                         owner_only ? "owner" : "group", spool->path, folder_name(folders[i]));
            return -1;
        }
    }
    spool->owner_only = owner_only;
    return 0;
}

uid_t visible_reader(const struct spool *spool, const char *user)
{
    const struct passwd *entry;
    unsigned long number;
    char *end;

    if (!spool->owner_only || user == NULL) {
        return 0;
    }
    entry = getpwnam(user);
    if (entry != NULL) {
        return entry->pw_uid;
    }
    errno = 0;
    number = strtoul(user, &end, 10);
    return errno == 0 && *end == '\0' && number < (uid_t)-1 ? (uid_t)number : 0;
}

int visible_grant(int fd, uid_t reader)
{
    struct stat status;
    char text[LIST_SIZE];
    acl_t list;
    int result;

    if (reader == 0) {
        return 0;
    }
    if (fstat(fd, &status) < 0) {
        return -errno;
    }
    snprintf(text, sizeof text,
             S_ISDIR(status.st_mode) ? "u::rwx,u:%u:r-x,g::---,m::r-x,o::---"
                                     : "u::rw-,u:%u:r--,g::---,m::r--,o::---",
             (unsigned)reader);
    list = acl_from_text(text);
    result = list != NULL && acl_set_fd(fd, list) == 0 ? 0 : -errno;
    (void)acl_free(list);
    return result;
}

/* Whether the list lets a user read it who is not its owner. */
static bool has_reader(acl_t list, uid_t owner)
{
    acl_entry_t entry;
    bool found = false;

    for (int more = acl_get_entry(list, ACL_FIRST_ENTRY, &entry); more == 1 && !found;
         more = acl_get_entry(list, ACL_NEXT_ENTRY, &entry)) {
        acl_tag_t tag;
        uid_t *uid = NULL;

        if (acl_get_tag_type(entry, &tag) == 0 && tag == ACL_USER) {
            uid = acl_get_qualifier(entry);
        }
        found = uid != NULL && *uid != owner;
        (void)acl_free(uid);
    }
    return found;
}

int visible_grant_first(int fd, uid_t reader)
{
    struct stat status;
    acl_t list;
    bool taken;

    if (reader == 0) {
        return 0;
    }
    list = acl_get_fd(fd);
    if (list == NULL || fstat(fd, &status) < 0) {
        int result = -errno;

        (void)acl_free(list);
        return result;
    }
    taken = has_reader(list, status.st_uid);
    (void)acl_free(list);
    return taken ? 0 : visible_grant(fd, reader);
}

int visible_exact(int fd, mode_t mode)
{
    acl_t list = NULL;
    int result = 0;

    if (acl_extended_fd(fd) == 1) {
        list = acl_from_mode(mode);
        result = list != NULL && acl_set_fd(fd, list) == 0 ? 0 : -errno;
        (void)acl_free(list);
    }
    return result == 0 && fchmod(fd, mode) < 0 ? -errno : result;
}
