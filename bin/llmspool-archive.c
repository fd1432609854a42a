/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-archive: finished jobs in archives: put away, read, brought back.
 */
#include <string.h>

#include "client/archive.h"
#include "client/archive_create.h"
#include "daemon/config.h"

static int read_age(const char *path, int64_t *after_ms, struct error *error)
{
    struct policy policy;

    if (config_read_policy(path, &policy, error) < 0) {
        return -1;
    }
    *after_ms = policy.archive_after_ms;
    policy_clear(&policy);
    return 0;
}

static int create(int argc, char **argv)
{
    return archive_create(argc, argv, read_age);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *purpose;
} commands[] = {
    {"create", create, "move finished jobs into archives"},
    {"verify", archive_verify, "read volumes from end to end and tell what is wrong"},
    {"list", archive_list, "list volumes, or the jobs in them"},
    {"get", archive_get, "print one job's answer"},
    {"restore", archive_restore, "bring jobs back into done/ and failed/"},
    {"search", archive_search, "print the IDs of the jobs that a selection fits"},
    {"cat", archive_cat, "print all of it as JSON Lines"},
    {"reindex", archive_reindex, "make archive/ids again from the indexes"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int list(void)
{
    fputs("usage: llmspool-archive COMMAND [argument ...]\n"
          "Archives of finished jobs: llmspool-archive(1). Each command has --help.\n\n",
          stdout);
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-8s %s\n", commands[i].name, commands[i].purpose);
    }
    fputs("\n      --help, --version (alone)\n", stdout);
    return cli_finish(ARCHIVE_PROGRAM, EXIT_DONE);
}

int main(int argc, char **argv)
{
    cli_start();
    if (argc < 2) {
        return cli_usage(ARCHIVE_PROGRAM, "which command?");
    }
    if (strcmp(argv[1], "--version") == 0) {
        return cli_version(ARCHIVE_PROGRAM);
    }
    if (strcmp(argv[1], "--help") == 0) {
        return list();
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return cli_usage(ARCHIVE_PROGRAM, "there is no command %s", argv[1]);
}
