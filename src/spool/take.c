/* SPDX-License-Identifier: GPL-2.0-or-later */
/* take: opening what others dropped, safely. */
#include "spool/take.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/random.h"
#include "base/sha256.h"
#include "spool/file.h"
#include "spool/move.h"

enum {
    LINK_GRACE_MS = 2000,  /* how long a dropper's link and unlink may take */
    TMP_SCAN_MAX = 10000,  /* entries of tmp/ looked at for the other name of one file */
    KEPT_LENGTH_MAX = 200, /* so that ".error.json" can follow */
};

static enum take_verdict decide(struct take *take, enum take_verdict verdict, const char *format,
                                ...) __attribute__((format(printf, 3, 4)));

static enum take_verdict decide(struct take *take, enum take_verdict verdict, const char *format,
                                ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(take->reason, sizeof take->reason, format, arguments);
    va_end(arguments);
    return verdict;
}

/* The environment's trouble, not the file's. */
static enum take_verdict trouble(struct take *take, int errnum)
{
    return decide(take, TAKE_LATER, "cannot open it now: %s", strerror(errnum));
}

static int open_beneath(int dir, const char *name)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    struct open_how how = {
        .flags = (uint64_t)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, dir, name, &how, sizeof how);
    /* EPERM is what older sandboxes answer to calls that they do not know. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        return openat(dir, name, flags);
    }
    return (int)fd;
}

static const char *type_words(mode_t mode)
{
    static const struct {
        mode_t type;
        const char *words;
    } types[] = {
        {S_IFDIR, "a directory"}, {S_IFLNK, "a symbolic link"}, {S_IFIFO, "a FIFO"},
        {S_IFSOCK, "a socket"},   {S_IFCHR, "a device"},        {S_IFBLK, "a device"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if ((mode & S_IFMT) == types[i].type) {
            return types[i].words;
        }
    }
    return "of an unknown type";
}

/* Judges what take->status tells, whether of the opened file or of what lies there. */
static enum take_verdict judge(const struct spool *spool, const struct take_policy *policy,
                               struct take *take)
{
    const struct stat *status = &take->status;
    uid_t own = geteuid();
    take->foreign = status->st_uid != own;
    if (!S_ISREG(status->st_mode)) {
        return decide(take, TAKE_REFUSE, "it is %s, not a regular file",
                      type_words(status->st_mode));
    }
    if (status->st_dev != spool->device) {
        return decide(take, TAKE_REFUSE, "it lies on another file system than the spool");
    }
    if (!policy->shared && take->foreign && status->st_uid != spool->owner && status->st_uid != 0) {
        return decide(take, TAKE_REFUSE,
                      "it belongs to uid %lu, and this private spool takes files of uid %lu only",
                      (unsigned long)status->st_uid, (unsigned long)spool->owner);
    }
    if ((uintmax_t)status->st_size > policy->limit) {
        return decide(take, TAKE_REFUSE, "it has %jd bytes, and the limit is %zu",
                      (intmax_t)status->st_size, policy->limit);
    }
    return TAKE_READY;
}

/* Tells from what lies there why it could not be opened. */
static enum take_verdict judge_unopened(const struct spool *spool, enum folder folder,
                                        const char *name, const struct take_policy *policy,
                                        int errnum, struct take *take)
{
    if (errnum == ENOENT) {
        return TAKE_GONE;
    }
    if (fstatat(spool->dir[folder], name, &take->status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? TAKE_GONE : trouble(take, errnum);
    }
    enum take_verdict verdict = judge(spool, policy, take);
    if (verdict != TAKE_READY) {
        return verdict;
    }
    if (errnum != EACCES) {
        return trouble(take, errnum);
    }
    if (take->foreign && !policy->shared) {
        return decide(take, TAKE_LATER, "cannot read: chown to uid %lu", (unsigned long)geteuid());
    }
    return decide(take, TAKE_LATER, "cannot read: chmod %s", take->foreign ? "g+r" : "u+r");
}

/* Unlinks tmp/name when it is the file; 1 if it was, 0 if not, or -errno. */
static int unlink_temp(int tmp, const char *name, const struct stat *file)
{
    struct stat found;
    if (fstatat(tmp, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT || errno == ENAMETOOLONG ? 0 : -errno;
    }
    if (!file_same(&found, file)) {
        return 0;
    }
    return unlinkat(tmp, name, 0) == 0 || errno == ENOENT ? 1 : -errno;
}

static int unlink_temp_scan(int tmp, const struct stat *file)
{
    DIR *list = file_list(tmp);
    if (list == NULL) {
        return -errno;
    }
    const struct dirent *found;
    int result = file_list_next(list, &found);
    for (int i = 0; result == 0 && found != NULL && i < TMP_SCAN_MAX; i++) {
        result = unlink_temp(tmp, found->d_name, file);
        if (result == 0) {
            result = file_list_next(list, &found);
        }
    }
    (void)closedir(list);
    return result;
}

/* Unlinks the file's name in tmp/: where the protocol puts it, else wherever it is there. */
static int unlink_other_name(const struct spool *spool, const char *name, const struct stat *file)
{
    int tmp = spool->dir[FOLDER_TMP];
    char stem[NAME_LIMIT];
    snprintf(stem, sizeof stem, "%s", name);
    char *dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem) {
        *dot = '\0';
    }
    int result = unlink_temp(tmp, stem, file);
    return result == 0 ? unlink_temp_scan(tmp, file) : result;
}

static enum take_verdict refuse_linked(struct take *take)
{
    return decide(take, TAKE_REFUSE,
                  "it has another name (a hard link) by which it could change: drop a copy");
}

static enum take_verdict judge_links(const struct spool *spool, enum folder folder,
                                     const char *name, struct wall now, struct take *take)
{
    int64_t age_ms = now.ms - clock_ms(take->status.st_ctim);
    /* A ctime that lies far ahead is old too: somebody set the clock back. */
    if (age_ms < LINK_GRACE_MS && age_ms > -LINK_GRACE_MS) {
        return decide(take, TAKE_LATER, "it has two names: its dropper may be about to remove one");
    }
    int result = unlink_other_name(spool, name, &take->status);
    if (result < 0) {
        return trouble(take, -result);
    }
    if (fstat(take->fd, &take->status) != 0) {
        return trouble(take, errno);
    }
    if (take->status.st_nlink <= 1) {
        return take->status.st_nlink == 1 ? TAKE_READY : TAKE_GONE;
    }
    return folder == FOLDER_NEW && !take->foreign ? TAKE_LINKED : refuse_linked(take);
}

static enum take_verdict judge_opened(const struct spool *spool, enum folder folder,
                                      const char *name, const struct take_policy *policy,
                                      struct wall now, struct take *take)
{
    if (fstat(take->fd, &take->status) != 0) {
        return trouble(take, errno);
    }
    enum take_verdict verdict = judge(spool, policy, take);
    if (verdict != TAKE_READY || take->status.st_nlink == 1) {
        return verdict;
    }
    return take->status.st_nlink == 0 ? TAKE_GONE : judge_links(spool, folder, name, now, take);
}

enum take_verdict take_open(const struct spool *spool, enum folder folder, const char *name,
                            const struct take_policy *policy, struct wall now, struct take *take)
{
    /* An entry's name comes from a folder or from a hint, and is one path component. */
    assert(name[0] != '\0' && strchr(name, '/') == NULL);
    *take = (struct take){.fd = open_beneath(spool->dir[folder], name)};
    if (take->fd < 0) {
        return judge_unopened(spool, folder, name, policy, errno, take);
    }
    enum take_verdict verdict = judge_opened(spool, folder, name, policy, now, take);
    if (verdict != TAKE_READY && verdict != TAKE_LINKED) {
        take_close(take);
    }
    return verdict;
}

enum take_verdict take_linked(const struct spool *spool, const char *name, const struct id *id,
                              struct take *take)
{
    static const enum folder later[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};
    char entry[ENTRY_NAME_SIZE];
    entry_write(ENTRY_JOB, id, 0, entry);
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        struct stat found;
        if (fstatat(spool->dir[later[i]], entry, &found, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT) {
                return trouble(take, errno);
            }
        } else if (file_same(&found, &take->status)) {
            int result = move_out(spool, FOLDER_NEW, name, &take->status);
            bool left = result == 0 || result == -ENOENT || result == -ESTALE;
            return left ? TAKE_GONE : trouble(take, -result);
        }
    }
    return refuse_linked(take);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Reads until the end or one byte more than there should be; returns 0 or -errno. */
static int read_expected(int fd, size_t expected, struct buffer *out)
{
    size_t total = 0;
    buffer_reserve(out, expected + 1);
    while (total <= expected) {
        ssize_t count = pread(fd, out->bytes + out->length, expected + 1 - total, (off_t)total);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -errno;
        }
        total += (size_t)count;
        out->length += (size_t)count;
        /* One byte more was asked for: a short answer at the expected end is the end. */
        if (count == 0 || total == expected) {
            break;
        }
    }
    return total == expected ? 0 : -ESTALE;
}

int take_read(const struct take *take, struct buffer *out)
{
    size_t before = out->length;
    int result = read_expected(take->fd, (size_t)take->status.st_size, out);
    struct stat after;
    if (result == 0 && fstat(take->fd, &after) != 0) {
        result = -errno;
    }
    if (result == 0 && (after.st_size != take->status.st_size ||
                        !same_time(&after.st_mtim, &take->status.st_mtim))) {
        result = -ESTALE;
    }
    if (result != 0) {
        out->length = before;
    }
    out->bytes[out->length] = '\0';
    return result;
}

void take_close(struct take *take)
{
    if (take->fd >= 0) {
        /* It was only read. */
        (void)close(take->fd);
        take->fd = -1;
    }
}

/* Whether failed/ may keep an entry under the name that it was dropped with: one that can be shown,
 * leaves room for its error file's, and cannot be mistaken for a job or an error file. */
static bool keepable(const char *name)
{
    static const char error_end[] = ".error.json";
    size_t length = strlen(name);
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            return false;
        }
    }
    if (length >= sizeof error_end - 1 &&
        strcmp(name + length - (sizeof error_end - 1), error_end) == 0) {
        return false;
    }
    unsigned char digest[SHA256_SIZE];
    return length <= KEPT_LENGTH_MAX && !hex_read(name, digest, sizeof digest);
}

/* Gives our own directory u+w, without which it cannot move, because its ".." changes. */
static bool unlock_directory(int dir, const char *name)
{
    struct stat status;
    return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
           (status.st_mode & S_IWUSR) == 0 &&
           fchmodat(dir, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Renames to a name that is free: a look before is enough, because only the spool's owner changes
 * failed/. */
static int rename_to_free(int from_dir, const char *from, int to_dir, const char *to)
{
    struct stat status;
    if (fstatat(to_dir, to, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return -EEXIST;
    }
    if (errno != ENOENT) {
        return -errno;
    }
    return renameat(from_dir, from, to_dir, to) == 0 ? 0 : -errno;
}

void take_kept_name(const struct spool *spool, enum folder folder, const char *name,
                    char kept[NAME_LIMIT])
{
    struct stat status;
    int failed = spool->dir[FOLDER_FAILED];
    if (keepable(name) && fstatat(failed, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        snprintf(kept, NAME_LIMIT, "%s", name);
        return;
    }
    if (fstatat(spool->dir[folder], name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        status = (struct stat){0};
    }
    snprintf(kept, NAME_LIMIT, "refused-%jx-%jx-%lx.json", (uintmax_t)status.st_ino,
             (uintmax_t)status.st_ctim.tv_sec, (unsigned long)status.st_ctim.tv_nsec);
}

/* Moves an entry of any type. Where renaming without replacing is refused, a directory cannot be
 * linked instead, nor a file of others where hard links are protected (proc(5)): EPERM. */
int take_refuse(const struct spool *spool, enum folder folder, const char *name, const char *kept)
{
    int from = spool->dir[folder];
    int failed = spool->dir[FOLDER_FAILED];
    int result = move_noreplace(from, name, failed, kept);
    if (result == -EACCES && unlock_directory(from, name)) {
        result = move_noreplace(from, name, failed, kept);
    }
    return result == -EPERM ? rename_to_free(from, name, failed, kept) : result;
}
