/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook_child: see hook_child.h.
 */
#include "daemon/hook_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "spool/file.h"

#define DEFAULT_PATH "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

enum {
    GRACE_MS = 2000,           /* between asking it to end and killing it */
    PORTION = 16 * 1024,       /* of its output, read at once */
    READS_A_TURN = 4,
    OUTPUT_LIMIT = 1024 * 1024, /* what it writes beyond closes its output */
    HANDLES = 3,
};

struct hook_child {
    uv_signal_t ended;
    uv_timer_t timeout;
    uv_poll_t output;
    pid_t pid;
    int output_fd; /* -1: closed, or never opened */
    size_t written; /* by the child so far */
    char said[HOOK_CHILD_SAID + 1];
    size_t said_length;
    bool timed_out;
    bool flooded;
    int open; /* handles not closed */
    hook_child_done *done;
    void *context;
};

extern char **environ;

/* --- what it gets ---------------------------------------------------------------------------------------- */

static bool may_pass(const char *variable)
{
    static const char *const names[] = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"};
    size_t length = strcspn(variable, "=");

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == length && memcmp(names[i], variable, length) == 0)
            return true;
    return strncmp(variable, "LC_", 3) == 0;
}

char **hook_child_environment(char *const *environment, const char *const *extra)
{
    char **list;
    size_t count = 0, used = 0;
    bool path = false;

    while (environment != NULL && environment[count] != NULL)
        count++;
    for (size_t i = 0; extra[i] != NULL; i++)
        count++;
    list = xcalloc(count + 2, sizeof *list);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (may_pass(environment[i]))
            list[used++] = xstrdup(environment[i]);
        path = path || strncmp(environment[i], "PATH=", 5) == 0;
    }
    if (!path)
        list[used++] = xstrdup(DEFAULT_PATH);
    for (size_t i = 0; extra[i] != NULL; i++)
        list[used++] = xstrdup(extra[i]);
    return list;
}

static void free_environment(char **list)
{
    for (size_t i = 0; list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

/* The child's 0 to 2 are made of these, so none of them may be one of those. */
static int above_standard(int fd)
{
    int other;

    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
    return other;
}

/* What it reads, as a file that nobody can change: no pipe that it may leave full, and a child that looks
 * at its input twice can. */
static int make_input(const char *text, size_t length)
{
    int fd = above_standard(memfd_create("notice", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    int result;

    if (fd < 0)
        return -errno;
    result = file_write(fd, text, length);
    if (result == 0 && (lseek(fd, 0, SEEK_SET) < 0 ||
                        fcntl(fd, F_ADD_SEALS,
                              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0))
        result = -errno;
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

/* Both ends of a pipe: ours never blocks, the child's is as programs expect it. */
static int make_output(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    ends[0] = above_standard(ends[0]);
    ends[1] = above_standard(ends[1]);
    if (ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    return -EMFILE;
}

/* Signals that this process ignores would be ignored by the child, too. */
static void set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setflags(attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int set_actions(posix_spawn_file_actions_t *actions, int input, int output)
{
    int result = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

    if (result == 0)
        result = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
    if (result == 0)
        result = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    if (result == 0)
        result = posix_spawn_file_actions_addchdir_np(actions, "/");
    return result;
}

/* Returns 0 or an errno value. */
static int spawn(pid_t *pid, const struct hook_child_order *order, int input, int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = hook_child_environment(environ, order->extra);
    int result = posix_spawn_file_actions_init(&actions);

    if (result == 0 && (result = posix_spawnattr_init(&attributes)) != 0)
        posix_spawn_file_actions_destroy(&actions);
    if (result == 0) {
        set_attributes(&attributes);
        result = set_actions(&actions, input, output);
        if (result == 0)
            result = posix_spawn(pid, order->command[0], &actions, &attributes, order->command,
                                 environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    free_environment(environment);
    return result;
}

/* --- its end --------------------------------------------------------------------------------------------- */

static void handle_closed(uv_handle_t *handle)
{
    struct hook_child *child = handle->data;

    if (--child->open == 0)
        free(child);
}

static void close_output(struct hook_child *child)
{
    if (child->output_fd < 0)
        return;
    uv_poll_stop(&child->output);
    close(child->output_fd);
    child->output_fd = -1;
}

static void close_handles(struct hook_child *child)
{
    close_output(child);
    uv_close((uv_handle_t *)&child->ended, handle_closed);
    uv_close((uv_handle_t *)&child->timeout, handle_closed);
    uv_close((uv_handle_t *)&child->output, handle_closed);
}

/* Keeps the end of what it says. */
static void note_said(struct hook_child *child, const char *bytes, size_t length)
{
    size_t keep = length < HOOK_CHILD_SAID ? length : HOOK_CHILD_SAID;
    size_t before = child->said_length + keep > HOOK_CHILD_SAID ? HOOK_CHILD_SAID - keep
                                                                : child->said_length;

    memmove(child->said, child->said + child->said_length - before, before);
    memcpy(child->said + before, bytes + length - keep, keep);
    child->said_length = before + keep;
}

static void read_output(struct hook_child *child)
{
    char portion[PORTION];

    for (int i = 0; i < READS_A_TURN && child->output_fd >= 0; i++) {
        ssize_t got = read(child->output_fd, portion, sizeof portion);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got > 0) {
            note_said(child, portion, (size_t)got);
            child->written += (size_t)got;
            child->flooded = child->written > OUTPUT_LIMIT;
        }
        if (got <= 0 || child->flooded)
            close_output(child);
    }
}

static void output_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    read_output(poll->data);
}

/* One line of what it said: controls would forge lines of a log. */
static void tidy_said(struct hook_child *child)
{
    size_t used = 0;

    for (size_t i = 0; i < child->said_length; i++) {
        char byte = child->said[i];
        bool blank = (unsigned char)byte <= ' ' || byte == 0x7f;

        if (!blank)
            child->said[used++] = byte;
        else if (used > 0 && child->said[used - 1] != ' ')
            child->said[used++] = ' ';
    }
    while (used > 0 && child->said[used - 1] == ' ')
        used--;
    child->said[used] = '\0';
}

/* Looks before it reaps: while the child is a zombie its process group's number cannot be another's. */
static void look(uv_signal_t *handle, int number)
{
    struct hook_child *child = handle->data;
    siginfo_t info = {0};
    int status = 0;

    (void)number;
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid != child->pid)
        return;
    if (child->timed_out)
        kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    read_output(child);
    tidy_said(child);
    child->done(child->context, &(struct hook_child_end){.status = status,
                                                         .timed_out = child->timed_out,
                                                         .flooded = child->flooded,
                                                         .said = child->said});
    close_handles(child);
}

static void timed_out(uv_timer_t *timer)
{
    struct hook_child *child = timer->data;

    kill(-child->pid, child->timed_out ? SIGKILL : SIGTERM);
    if (!child->timed_out)
        uv_timer_start(timer, timed_out, GRACE_MS, 0);
    child->timed_out = true;
}

void hook_child_abandon(struct hook_child *child)
{
    kill(-child->pid, SIGKILL);
    waitpid(child->pid, NULL, WNOHANG); /* nobody is left to wait longer: init reaps it */
    close_handles(child);
}

/* --- its beginning --------------------------------------------------------------------------------------- */

/* Its handles, before it runs: the signal of its end must find somebody. */
static int open_handles(uv_loop_t *loop, struct hook_child *child)
{
    int result = uv_signal_init(loop, &child->ended);

    child->ended.data = child->timeout.data = child->output.data = child;
    if (result < 0)
        return result;
    child->open++;
    uv_timer_init(loop, &child->timeout);
    child->open++;
    result = uv_poll_init(loop, &child->output, child->output_fd);
    if (result == 0)
        child->open++;
    if (result == 0)
        result = uv_signal_start(&child->ended, look, SIGCHLD);
    if (result == 0)
        result = uv_poll_start(&child->output, UV_READABLE, output_readable);
    return result;
}

/* Frees a child that never ran. */
static void discard(struct hook_child *child)
{
    uv_handle_t *const handles[HANDLES] = {(uv_handle_t *)&child->ended,
                                           (uv_handle_t *)&child->timeout,
                                           (uv_handle_t *)&child->output};
    int open = child->open;

    if (open == HANDLES)
        close_output(child);
    else
        close(child->output_fd);
    for (int i = 0; i < open; i++)
        uv_close(handles[i], handle_closed);
    if (open == 0)
        free(child);
}

struct hook_child *hook_child_start(uv_loop_t *loop, const struct hook_child_order *order,
                                    hook_child_done *done, void *context, struct error *error)
{
    struct hook_child *child = xcalloc(1, sizeof *child);
    int input = make_input(order->input, order->length);
    int output[2] = {-1, -1};
    int result = input < 0 ? input : make_output(output);

    child->output_fd = output[0];
    child->done = done;
    child->context = context;
    if (result == 0) {
        result = open_handles(loop, child);
        if (result == 0)
            result = -spawn(&child->pid, order, input, output[1]);
        close(output[1]);
    }
    if (input >= 0)
        close(input);
    if (result == 0) {
        uv_timer_start(&child->timeout, timed_out, (uint64_t)order->timeout_ms, 0);
        return child;
    }
    error_system(error, -result, "%s cannot be run", order->command[0]);
    if (output[0] >= 0)
        discard(child);
    else
        free(child);
    return NULL;
}
