/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wake: see wake.h.
 */
#include "client/wake.h"

#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/xalloc.h"

enum { TOLD_MS = 60 * 1000, UNTOLD_MS = 5 * 1000, POLL_FIRST_MS = 100, POLL_LAST_MS = 1000, HANDED_OUT = 64 };

struct wake {
    const struct spool *spool;
    struct watch *watch; /* NULL: there is no inotify */
    bool leaving;
    bool untold;     /* others may change the file system without inotify's knowledge */
    int signals;     /* signalfd, or -1 */
    sigset_t before; /* the mask to go back to */
    unsigned handed_out; /* events since signals were asked for */
};

/* Whether changes may be made elsewhere, of which inotify does not tell. */
static bool is_remote(const struct spool *spool)
{
    static const unsigned long remote[] = {
        NFS_SUPER_MAGIC,   FUSE_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
        V9FS_MAGIC,        AFS_SUPER_MAGIC,  CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC,
        OCFS2_SUPER_MAGIC, 0x0bd00bd0, /* Lustre */
        0x47504653,                    /* GPFS */
        0x01161970,                    /* GFS2 */
    };
    struct statfs status;

    if (fstatfs(spool->root, &status) < 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++) {
        if (((unsigned long)status.f_type & 0xffffffff) == remote[i]) {
            return true;
        }
    }
    return false;
}

static bool watch_folder(const struct wake *wake, enum folder folder, bool leaving)
{
    char *path = xasprintf("%s/%s", wake->spool->path, folder_name(folder));
    int result = watch_add(wake->watch, path, (int)folder, leaving);

    free(path);
    return result == 0;
}

/* Watches the folders, again where a watch died. Without all of them it is better to poll. */
static void watch_folders(struct wake *wake)
{
    if (wake->watch == NULL) {
        return;
    }
    if (!watch_folder(wake, FOLDER_DONE, false) || !watch_folder(wake, FOLDER_FAILED, false) ||
        (wake->leaving &&
         (!watch_folder(wake, FOLDER_NEW, true) || !watch_folder(wake, FOLDER_CTL, true)))) {
        watch_close(wake->watch);
        wake->watch = NULL;
    }
}

static void add_unless_ignored(sigset_t *set, int number)
{
    struct sigaction action;

    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
        sigaddset(set, number);
    }
}

/* Blocked signals are kept for the descriptor; where there is none to be had they do what they
 * always did. */
static void catch_signals(struct wake *wake)
{
    sigset_t set;

    sigemptyset(&set);
    add_unless_ignored(&set, SIGINT);
    add_unless_ignored(&set, SIGTERM);
    add_unless_ignored(&set, SIGHUP);
    wake->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (wake->signals >= 0) {
        sigprocmask(SIG_BLOCK, &set, &wake->before);
    }
}

struct wake *wake_open(const struct spool *spool, bool leaving)
{
    struct wake *wake = xcalloc(1, sizeof *wake);
    int problem;

    wake->spool = spool;
    wake->leaving = leaving;
    wake->untold = is_remote(spool);
    wake->watch = watch_open(&problem);
    watch_folders(wake);
    catch_signals(wake);
    return wake;
}

void wake_close(struct wake *wake)
{
    if (wake == NULL) {
        return;
    }
    if (wake->signals >= 0) {
        close(wake->signals);
        sigprocmask(SIG_SETMASK, &wake->before, NULL);
    }
    watch_close(wake->watch);
    free(wake);
}

int64_t wake_interval(const struct wake *wake, int64_t last_ms)
{
    int64_t grown = last_ms + last_ms / 2;

    if (wake->watch != NULL) {
        return wake->untold ? UNTOLD_MS : TOLD_MS;
    }
    if (last_ms < POLL_FIRST_MS) {
        return POLL_FIRST_MS;
    }
    return grown < POLL_LAST_MS ? grown : POLL_LAST_MS;
}

static bool next_event(struct wake *wake, struct watch_event *event)
{
    return wake->watch != NULL && watch_next(wake->watch, event);
}

static enum wake_cause cause_of(struct wake *wake, const struct watch_event *event)
{
    if (event->kind != WATCH_LOST) {
        return WAKE_ENTRY;
    }
    watch_folders(wake);
    return WAKE_LOST;
}

/* Takes a signal that is pending, so that it does not kill when signals are given back. */
static bool take_signal(const struct wake *wake)
{
    struct signalfd_siginfo signal;

    return wake->signals >= 0 &&
           read(wake->signals, &signal, sizeof signal) == (ssize_t)sizeof signal;
}

/* Events that are there are handed out without asking the system for signals each time. */
static bool hand_out(struct wake *wake, struct watch_event *event)
{
    return wake->handed_out < HANDED_OUT && next_event(wake, event) && ++wake->handed_out > 0;
}

/* The library reads events into a buffer of its own, so it is asked before the descriptor is
 * polled. */
enum wake_cause wake_sleep(struct wake *wake, int64_t ms, int input, struct watch_event *event)
{
    struct pollfd fds[3] = {
        {.fd = wake->signals, .events = POLLIN},
        {.fd = wake->watch != NULL ? watch_descriptor(wake->watch) : -1, .events = POLLIN},
        {.fd = input, .events = POLLIN},
    };
    bool pending;
    int timeout;

    if (hand_out(wake, event)) {
        return cause_of(wake, event);
    }
    wake->handed_out = 0;
    pending = next_event(wake, event);
    timeout = pending || ms < 0 ? 0 : ms < INT_MAX ? (int)ms : INT_MAX;
    (void)poll(fds, 3, timeout);
    if (take_signal(wake)) {
        return WAKE_SIGNAL;
    }
    if (pending || next_event(wake, event)) {
        return cause_of(wake, event);
    }
    return fds[2].revents != 0 ? WAKE_INPUT : WAKE_TIME;
}
