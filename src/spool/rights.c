/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rights: see rights.h. */
#include "spool/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "spool/file.h"

#define FILE_NAME "visibility"
#define CONFINED  "owner\n"

/* Adds an entry; id is that of a named user, or NULL. */
static int add_entry(acl_t *acl, acl_tag_t tag, const uid_t *id, bool reads, bool writes)
{
    acl_entry_t entry;
    acl_permset_t set;

    if (acl_create_entry(acl, &entry) < 0 || acl_set_tag_type(entry, tag) < 0 ||
        (id != NULL && acl_set_qualifier(entry, id) < 0) || acl_get_permset(entry, &set) < 0 ||
        acl_clear_perms(set) < 0 || (reads && acl_add_perm(set, ACL_READ) < 0) ||
        (writes && acl_add_perm(set, ACL_WRITE) < 0) || acl_set_permset(entry, set) < 0) {
        return -errno;
    }
    return 0;
}

int rights_give(int fd, uid_t reader)
{
    acl_t acl = acl_init(5);
    int result = acl == NULL ? -errno : 0;

    if (result == 0) {
        result = add_entry(&acl, ACL_USER_OBJ, NULL, true, true);
    }
    if (result == 0) {
        result = add_entry(&acl, ACL_USER, &reader, true, false);
    }
    if (result == 0) {
        result = add_entry(&acl, ACL_GROUP_OBJ, NULL, false, false);
    }
    if (result == 0) {
        result = add_entry(&acl, ACL_MASK, NULL, true, false);
    }
    if (result == 0) {
        result = add_entry(&acl, ACL_OTHER, NULL, false, false);
    }
    if (result == 0 && acl_set_fd(fd, acl) < 0) {
        result = -errno;
    }
    if (acl != NULL) {
        acl_free(acl);
    }
    return result;
}

uid_t rights_reader(const struct spool *spool, const char *user)
{
    const struct passwd *entry = user != NULL ? getpwnam(user) : NULL;
    unsigned long number;
    char *end;

    if (entry != NULL) {
        return entry->pw_uid;
    }
    if (user == NULL || user[0] < '0' || user[0] > '9') {
        return spool->owner;
    }
    errno = 0;
    number = strtoul(user, &end, 10);
    return *end == '\0' && errno == 0 && number < (uid_t)-1 ? (uid_t)number : spool->owner;
}

int rights_apply(const struct spool *spool, int fd, const char *user)
{
    struct stat status;

    if (spool->confined) {
        return rights_give(fd, rights_reader(spool, user));
    }
    if (fstat(fd, &status) < 0) {
        return -errno;
    }
    return (status.st_mode & 07777) == spool->job_mode || fchmod(fd, spool->job_mode) == 0 ? 0
                                                                                           : -errno;
}

/* --- the spool
 * -------------------------------------------------------------------------------------- */

/* Whether ACLs are to be had: asked of a file, because nothing else can tell. */
static int try_out(const struct spool *spool)
{
    char name[RANDOM_NAME_SIZE];
    int result = file_make_temp(spool->dir[FOLDER_TMP], name, 0600, "", 0, false);
    int fd;

    if (result < 0) {
        return result;
    }
    fd = openat(spool->dir[FOLDER_TMP], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    result = fd < 0 ? -errno : rights_give(fd, spool->owner);
    if (fd >= 0) {
        close(fd);
    }
    (void)unlinkat(spool->dir[FOLDER_TMP], name, 0);
    return result;
}

bool rights_confined(const struct spool *spool)
{
    struct buffer text = {0};
    bool confined =
        spool->shared &&
        file_read_at(spool->dir[FOLDER_STATE], FILE_NAME, sizeof CONFINED, &text, NULL) == 0 &&
        text.length == strlen(CONFINED) && memcmp(text.bytes, CONFINED, text.length) == 0;

    buffer_free(&text);
    return confined;
}

int rights_confine(struct spool *spool, bool confined, struct error *error)
{
    int result = 0;

    confined = confined && spool->shared;
    if (confined) {
        result = try_out(spool);
    }
    if (result < 0) {
        error_system(error, -result,
                     "visibility = owner needs POSIX ACLs, which %s cannot have; mount its file "
                     "system with them",
                     spool->path);
        return -1;
    }
    if (confined && !rights_confined(spool)) {
        result = file_replace(spool->dir[FOLDER_TMP], spool->dir[FOLDER_STATE], FILE_NAME,
                              spool->job_mode, CONFINED, strlen(CONFINED), true);
    } else if (!confined && unlinkat(spool->dir[FOLDER_STATE], FILE_NAME, 0) < 0 &&
               errno != ENOENT) {
        result = -errno;
    }
    if (result < 0) {
        error_system(error, -result, "%s/state/" FILE_NAME " cannot be written", spool->path);
        return -1;
    }
    spool->confined = confined;
    return 0;
}
