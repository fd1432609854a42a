/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool: runs llmspool-COMMAND; alone it lists the commands.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/xalloc.h"
#include "client/cli.h"

#define PROGRAM "llmspool"

static const struct {
    const char *name;
    const char *purpose;
} commands[] = {
    {"init", "make a spool"},
    {"submit", "turn prompts into jobs, and wait for their answers"},
    {"status", "the queue at a glance, or one job's story"},
    {"wait", "wait until jobs have finished"},
    {"result", "print what was answered"},
    {"ctl", "pause, cancel, retry, rerun and the like"},
    {"archive", "archives of finished jobs: put away, search, print, bring back"},
    {"prune", "delete finished work that need not be kept"},
    {"check", "prove that a spool is sound, or say what is not"},
    {"mock", "a model server for trying out and testing"},
    {"httpd", "HTTP for a spool: jobs, events, metrics and a page"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int list(FILE *out)
{
    fputs("usage: llmspool COMMAND [argument ...]\n"
          "Runs LLM calls from a spool of files; llmspool(7) is the tour.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].purpose);
    }
    fputs("\nThe daemon is llmspoold. Each command has --help and llmspool-COMMAND(1).\n", out);
    return fflush(out) == 0 ? EXIT_DONE : EXIT_CREATE;
}

/* The command beside this program, so that an uninstalled or relocated tree finds its own; else the one
 * in PATH. */
static void run(char **argv)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *name = xasprintf("llmspool-%s", argv[0]);
    char *slash, *path;

    argv[0] = name;
    if (length > 0) {
        self[length] = '\0';
        slash = strrchr(self, '/');
        *slash = '\0';
        path = xasprintf("%s/%s", self, name);
        execv(path, argv);
        free(path);
    }
    execvp(name, argv);
}

static int unknown(const char *word)
{
    const char *names[COMMANDS];
    const char *near;

    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    near = nearest_word(word, names, COMMANDS);
    if (near != NULL && strcmp(near, word) != 0) {
        return cli_usage(PROGRAM, "no command %s; did you mean %s?", word, near);
    }
    return cli_usage(PROGRAM, "no command %s: %s", word, strerror(errno));
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    cli_start();
    if (word == NULL) {
        return list(stdout);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        return list(stdout);
    }
    if (strcmp(word, "--version") == 0) {
        return cli_version(PROGRAM);
    }
    if (word[0] == '-' || strchr(word, '/') != NULL) {
        return cli_usage(PROGRAM, "%s is no command", word);
    }
    run(argv + 1);
    return unknown(word);
}
