/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_system: room, mount options, and what the file system and the kernel can do. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "spool/file.h"

enum {
    LOW_PART = 20, /* a twentieth free is little … */
    LEAST_WATCHES = 64,
    LEAST_INSTANCES = 16,
};

static const uint64_t low_bytes = (uint64_t)10 << 30; /* … unless it is so much */
static const uint64_t low_inodes = 1000000;

/* --- room --- */

static void look_at_room(struct check *check)
{
    struct statvfs status;
    uint64_t free_bytes;

    if (fstatvfs(check->spool->root, &status) < 0) {
        check_unreadable(check, errno);
        return;
    }
    free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    if (status.f_bavail < status.f_blocks / LOW_PART && free_bytes < low_bytes) {
        check_suspect(check, CHECK_SPACE_LOW, "has %llu MB free, %llu %%",
                      (unsigned long long)(free_bytes / 1000000),
                      (unsigned long long)(status.f_bavail * 100 / status.f_blocks));
    }
    if (status.f_files != 0 && status.f_favail < status.f_files / LOW_PART &&
        status.f_favail < low_inodes) {
        check_suspect(check, CHECK_INODES_LOW, "has %llu inodes free",
                      (unsigned long long)status.f_favail);
    }
    if ((status.f_flag & ST_RDONLY) != 0) {
        check_suspect(check, CHECK_READ_ONLY, "is mounted read-only");
    }
}

/* --- the mount --- */

/* The mount point of a device as /proc/self/mountinfo has it: its type and all its options. */
static bool find_mount(dev_t device, char type[64], char options[520])
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (file != NULL && getline(&line, &size, file) > 0) {
        unsigned major_number, minor_number;
        char mount_options[256], super_options[256];
        const char *rest = strstr(line, " - ");

        if (rest == NULL ||
            sscanf(line, "%*s %*s %u:%u %*s %*s %255s", &major_number, &minor_number,
                   mount_options) != 3 ||
            makedev(major_number, minor_number) != device ||
            sscanf(rest, " - %63s %*s %255s", type, super_options) != 2) {
            continue;
        }
        snprintf(options, 520, ",%s,%s,", mount_options, super_options);
        found = true;
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

#define WORDS(table) table, sizeof(table) / sizeof(table)[0]

static void look_at_mount(struct check *check)
{
    static const char *const networks[] = {"nfs",    "nfs4",       "cifs",          "smb3",
                                           "ceph",   "9p",         "afs",           "glusterfs",
                                           "lustre", "fuse.sshfs", "fuse.glusterfs"};
    static const char *const memories[] = {"tmpfs", "ramfs"};
    static const char *const careless[] = {",nobarrier,", ",barrier=0,", ",volatile,"};
    char type[64], options[520];

    if (!find_mount(check->spool->device, type, options)) {
        return;
    }
    if (is_one_of(type, WORDS(networks))) {
        check_suspect(check, CHECK_NETWORK, "is of type %s", type);
    }
    if (is_one_of(type, WORDS(memories))) {
        check_suspect(check, CHECK_VOLATILE, "is of type %s", type);
    }
    for (size_t i = 0; i < sizeof careless / sizeof careless[0]; i++) {
        if (strstr(options, careless[i]) != NULL) {
            check_suspect(check, CHECK_NO_BARRIER, "is mounted with %.*s",
                          (int)strlen(careless[i]) - 2, careless[i] + 1);
        }
    }
}

/* --- abilities: tried with a file in tmp/ under a name of the owner's, which whoever owns the
 * spool removes if this is killed --- */

static void try_noreplace(struct check *check, int tmp, const char *one, const char *two)
{
    if (renameat2(tmp, one, tmp, two, RENAME_NOREPLACE) == 0) {
        (void)renameat(tmp, two, tmp, one);
    } else if (errno == EINVAL || errno == ENOSYS) {
        check_suspect(check, CHECK_NO_NOREPLACE, "refuses RENAME_NOREPLACE");
    }
}

static void try_link(struct check *check, int tmp, const char *one, const char *two)
{
    if (linkat(tmp, one, tmp, two, 0) == 0) {
        (void)unlinkat(tmp, two, 0);
    } else if (errno == EPERM || errno == ENOTSUP || errno == ENOSYS) {
        check_suspect(check, CHECK_NO_LINK, "refuses link(2): %s", strerror(errno));
    }
}

/* Two open file descriptions, of which one must see the other's lock. */
static void try_locks(struct check *check, int tmp, const char *one)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct flock seen = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int first = openat(tmp, one, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    int second = openat(tmp, one, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    if (first >= 0 && second >= 0) {
        if (fcntl(first, F_OFD_SETLK, &lock) < 0) {
            check_suspect(check, CHECK_NO_LOCKS, "refuses locks: %s", strerror(errno));
        } else if (fcntl(second, F_OFD_GETLK, &seen) == 0 && seen.l_type == F_UNLCK) {
            check_suspect(check, CHECK_NO_LOCKS, "does not show one lock to another");
        }
    }
    if (first >= 0) {
        (void)close(first);
    }
    if (second >= 0) {
        (void)close(second);
    }
}

static void try_abilities(struct check *check)
{
    int tmp = check->spool->dir[FOLDER_TMP];
    char one[TEMP_NAME_SIZE], two[TEMP_NAME_SIZE];
    int result;

    temp_name_write(one);
    temp_name_write(two);
    result = file_make(tmp, one, S_IRUSR | S_IWUSR, "", 0, true);
    if (result < 0) {
        if (result != -EROFS && result != -EACCES) {
            check_suspect(check, CHECK_UNREADABLE, "tmp/ cannot be written: %s", strerror(-result));
        }
        return;
    }
    try_noreplace(check, tmp, one, two);
    try_link(check, tmp, one, two);
    try_locks(check, tmp, one);
    (void)unlinkat(tmp, one, 0);
}

/* --- the kernel --- */

static void look_at_limit(struct check *check, const char *name, long least)
{
    char path[100];
    FILE *file;
    long limit;

    snprintf(path, sizeof path, "/proc/sys/fs/inotify/%s", name);
    file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%ld", &limit) == 1 && limit < least) {
        check_suspect(check, CHECK_INOTIFY_LIMIT, "fs.inotify.%s is %ld", name, limit);
    }
    (void)fclose(file);
}

void check_look_system(struct check *check, const struct check_entry *entry)
{
    (void)entry;
    look_at_room(check);
    look_at_mount(check);
    try_abilities(check);
    look_at_limit(check, "max_user_watches", LEAST_WATCHES);
    look_at_limit(check, "max_user_instances", LEAST_INSTANCES);
}
