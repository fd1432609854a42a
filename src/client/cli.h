/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli: what all commands have in common: their last words, the spool they work on, lines from stdin.
 *
 * Floor: client.
 */
#ifndef CLIENT_CLI_H
#define CLIENT_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "spool/spool.h"

/* Exit codes of all commands, beside error_exit(): sysexits(3) where it has one. */
enum cli_exit {
    EXIT_DONE = 0,
    EXIT_SOME_FAILED = 1,
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_ABSENT = 69,
    EXIT_CREATE = 73,
    EXIT_LATER = 75,
    EXIT_INTERRUPTED = 130,
};

/* First thing in each main: memory for jansson, the locale's characters, SIGPIPE as in coreutils. */
void cli_start(void);

/* Prints "PROGRAM: sentence" on stderr and returns the exit code of the error's kind. */
int cli_fail(const char *program, const struct error *error);

/* Prints "PROGRAM: sentence (see PROGRAM --help)" and returns EXIT_USAGE. */
int cli_usage(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the usage text, or the version, on stdout; returns 0, or EXIT_CREATE when stdout cannot be
 * written. */
int cli_help(const char *text);
int cli_version(const char *program);

/* Opens the spool that is meant (see spool_find). NULL with an error. */
struct spool *cli_spool(const char *given, struct error *error);

/* Calls each(context, word) for the arguments from argv[0] on, "-" standing for the lines of stdin (blank
 * ones are passed over). Stops at the first that returns not 0, and returns that. */
int cli_words(char **argv, int (*each)(void *context, const char *word), void *context);

/* Flushes stdout: what was printed was printed. Returns result, or EXIT_CREATE with a message. */
int cli_finish(const char *program, int result);

#endif
