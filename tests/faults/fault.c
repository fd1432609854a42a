/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault: a preloaded library that makes a call of the C library fail, or kills the process, at a
 * chosen time.
 *
 * FAULT=CALL:WHAT:WHEN[,…] in the environment: the WHEN-th call (from 1, over all threads) of the
 * function CALL ends the process before it takes effect (WHAT is KILL) or after it (AFTER), stops it
 * before that until somebody sends SIGCONT (STOP), or fails with an errno (EIO, ENOSPC, …). With a + behind WHEN, that call and all that follow. openat
 * counts only with O_CREAT, and write not on standard output and error. CALL may be any: each of
 * these functions counts.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAULTS_MAX = 8, KILL_BEFORE = -1, KILL_AFTER = -2, STOP_BEFORE = -3 };

struct fault {
    char call[16];
    int what; /* an errno, KILL_BEFORE, KILL_AFTER or STOP_BEFORE */
    unsigned when;
    bool ever;
    atomic_uint count;
};

static struct fault faults[FAULTS_MAX];
static size_t fault_count;

static int read_what(const char *word)
{
    static const struct {
        const char *word;
        int what;
    } words[] = {{"KILL", KILL_BEFORE}, {"AFTER", KILL_AFTER}, {"STOP", STOP_BEFORE},
                 {"EIO", EIO},
                 {"ENOSPC", ENOSPC},    {"EDQUOT", EDQUOT},    {"EROFS", EROFS},
                 {"EMFILE", EMFILE},    {"EACCES", EACCES},    {"EINVAL", EINVAL},
                 {"EXDEV", EXDEV},      {"EINTR", EINTR},      {"ENOENT", ENOENT},
                 {"EPERM", EPERM}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].what;
    fprintf(stderr, "fault: %s is no fault\n", word);
    _exit(99);
}

__attribute__((constructor)) static void read_faults(void)
{
    const char *text = getenv("FAULT");

    while (text != NULL && *text != '\0' && fault_count < FAULTS_MAX) {
        struct fault *fault = &faults[fault_count++];
        char what[16], plus[2] = "";

        if (sscanf(text, "%15[^:]:%15[^:]:%u%1[+]", fault->call, what, &fault->when, plus) < 3) {
            fprintf(stderr, "fault: not CALL:WHAT:WHEN: %s\n", text);
            _exit(99);
        }
        fault->what = read_what(what);
        fault->ever = plus[0] == '+';
        text = strchr(text, ',');
        text = text != NULL ? text + 1 : NULL;
    }
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* The errno with which this call must fail, KILL_AFTER, or 0. */
static int due(const char *call)
{
    int result = 0;

    for (size_t i = 0; i < fault_count; i++) {
        struct fault *fault = &faults[i];
        unsigned count;

        if (strcmp(fault->call, call) != 0 && strcmp(fault->call, "any") != 0)
            continue;
        count = atomic_fetch_add(&fault->count, 1) + 1;
        if (count != fault->when && !(fault->ever && count > fault->when))
            continue;
        if (fault->what == KILL_BEFORE)
            die();
        if (fault->what == STOP_BEFORE)
            (void)kill(getpid(), SIGSTOP);
        else
            result = fault->what;
    }
    return result;
}

/* The C library's own function of this name. */
#define REAL(function) ((__typeof__(&(function)))dlsym(RTLD_NEXT, #function))

/* Does a call between what is due before and after it. */
#define CALL(function, ...)                                                                        \
    do {                                                                                           \
        int fault = due(#function);                                                                \
        if (fault > 0) {                                                                           \
            errno = fault;                                                                         \
            return -1;                                                                             \
        }                                                                                          \
        __typeof__((function)(__VA_ARGS__)) value = REAL(function)(__VA_ARGS__);                   \
        if (fault == KILL_AFTER)                                                                   \
            die();                                                                                 \
        return value;                                                                              \
    } while (0)

int fsync(int fd)
{
    CALL(fsync, fd);
}

int fdatasync(int fd)
{
    CALL(fdatasync, fd);
}

int syncfs(int fd)
{
    CALL(syncfs, fd);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    CALL(renameat2, from_dir, from, to_dir, to, flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    CALL(renameat, from_dir, from, to_dir, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    CALL(linkat, from_dir, from, to_dir, to, flags);
}

int symlinkat(const char *target, int dir, const char *name)
{
    CALL(symlinkat, target, dir, name);
}

int unlinkat(int dir, const char *name, int flags)
{
    CALL(unlinkat, dir, name, flags);
}

int fchmod(int fd, mode_t mode)
{
    CALL(fchmod, fd, mode);
}

int fchmodat(int dir, const char *name, mode_t mode, int flags)
{
    CALL(fchmodat, dir, name, mode, flags);
}

int fchownat(int dir, const char *name, uid_t owner, gid_t group, int flags)
{
    CALL(fchownat, dir, name, owner, group, flags);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
    CALL(mkdirat, dir, name, mode);
}

int ftruncate(int fd, off_t length)
{
    CALL(ftruncate, fd, length);
}

int futimens(int fd, const struct timespec times[2])
{
    CALL(futimens, fd, times);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    if (fd == STDERR_FILENO || fd == STDOUT_FILENO)
        return REAL(write)(fd, bytes, length);
    CALL(write, fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    CALL(pwrite, fd, bytes, length, offset);
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    if ((flags & O_CREAT) == 0)
        return REAL(openat)(dir, name, flags);
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    CALL(openat, dir, name, flags, mode);
}
