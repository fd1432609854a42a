/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook_child: one command run as a child that gets nothing of this process but what it is given.
 *
 * Floor: daemon. Its environment is built from a list of names that may pass, so no key passes; it has
 * descriptors 0 to 2 only, its own session, default signals and a time-out at which its process group is
 * killed. Its input is a sealed file in memory; its output is read and forgotten but for a bounded end of it.
 * posix_spawn(3) rather than uv_spawn: only it closes descriptors that somebody opened without O_CLOEXEC, and
 * it does not copy the page tables of a daemon with millions of jobs.
 */
#ifndef DAEMON_HOOK_CHILD_H
#define DAEMON_HOOK_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct hook_child;

enum { HOOK_CHILD_SAID = 400 }; /* bytes of its output that are kept, the last */

/* How a child ended. */
struct hook_child_end {
    int status;       /* as of waitpid(2) */
    bool timed_out;   /* it was killed for it */
    bool flooded;     /* it wrote so much that its output was closed */
    const char *said; /* the end of what it wrote, without control characters */
};

typedef void hook_child_done(void *context, const struct hook_child_end *end);

struct hook_child_order {
    char *const *command;     /* absolute path and arguments, NULL-terminated */
    const char *const *extra; /* "NAME=value" beside what passes, NULL-terminated */
    const char *input;
    size_t length;
    int64_t timeout_ms;
};

/* Starts it. done is called once on the loop when it has ended, and the child is freed behind it. NULL with an
 * error when it cannot be started: done is not called. */
struct hook_child *hook_child_start(uv_loop_t *loop, const struct hook_child_order *order,
                                    hook_child_done *done, void *context, struct error *error);

/* Kills it with its process group and frees it; done is not called. */
void hook_child_abandon(struct hook_child *child);

/* The environment that a child gets: what passes of environment, and extra. For tests; the array and its texts
 * are the caller's, see config_list_free. */
char **hook_child_environment(char *const *environment, const char *const *extra);

#endif
