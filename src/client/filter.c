/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter: a command of the user's that gets each finished archive. */
#include "client/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/xalloc.h"

enum { EXEC_FAILED = 127 };

/* Sets one variable; they are for the command alone, but we have no other child. */
static void set(const char *name, const char *value)
{
    char *full = xasprintf("LLMSPOOL_ARCHIVE_%s", name);

    if (setenv(full, value, 1) < 0) {
        abort(); /* no memory */
    }
    free(full);
}

static void set_number(const char *name, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    set(name, text);
}

static void describe(const struct volume_made *made, const char *path)
{
    char name[STORE_NAME_SIZE], place[STORE_PATH_SIZE], index[STORE_NAME_SIZE];
    char hex[SHA256_HEX_SIZE];
    size_t stem = strlen(path) - strlen(".tar.zst");
    char *beside = xasprintf("%.*s.idx.jsonl.zst", (int)stem, path);

    store_name_write(&made->name, STORE_VOLUME, name);
    store_name_write(&made->name, STORE_INDEX, index);
    store_path_write(&made->name, STORE_VOLUME, place);
    hex_write(made->sha256, SHA256_SIZE, hex);
    set("NAME", name);
    set("PLACE", place);
    set("PATH", path);
    set("INDEX_NAME", index);
    set("INDEX_PATH", beside);
    set("SHA256", hex);
    set_number("SIZE", made->size);
    set_number("UNITS", made->units);
    free(beside);
}

/* In the child. */
static _Noreturn void become(const char *command, int volume)
{
    /* As they are for any program that a shell starts. */
    (void)signal(SIGPIPE, SIG_DFL);
    if (dup2(volume, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    }
    _exit(EXEC_FAILED);
}

static int judge(int status, const char *name, struct error *error)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    error_set(error, ERROR_SYSTEM, "the filter %s %d for %s: nothing of it was archived, its jobs "
              "stay where they are",
              WIFEXITED(status) ? "ended with" : "was ended by signal",
              WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), name);
    return -1;
}

int filter_run(const char *command, const struct volume_made *made, const char *path,
               struct error *error)
{
    char name[STORE_NAME_SIZE];
    int volume = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int status;
    pid_t child;

    store_name_write(&made->name, STORE_VOLUME, name);
    if (volume < 0) {
        error_system(error, errno, "cannot read %s", path);
        return -1;
    }
    describe(made, path);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        become(command, volume);
    }
    close(volume);
    while (child > 0 && waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            child = -1;
        }
    }
    if (child < 0) {
        error_system(error, errno, "cannot run the filter");
        return -1;
    }
    return judge(status, name, error);
}
