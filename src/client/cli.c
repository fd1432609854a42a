/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli: see cli.h.
 */
#include "client/cli.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void cli_start(void)
{
    xalloc_jansson();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_DFL);
}

int cli_fail(const char *program, const struct error *error)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", program, error->text);
    return error_exit(error->kind);
}

int cli_usage(const char *program, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s: ", program);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (see %s --help)\n", program);
    return EXIT_USAGE;
}

int cli_help(const char *text)
{
    fputs(text, stdout);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_CREATE;
}

int cli_version(const char *program)
{
    printf("%s %s\n", program, PACKAGE_VERSION);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_CREATE;
}

struct spool *cli_spool(const char *given, struct error *error)
{
    char *path = spool_find(given, error);
    struct spool *spool = path != NULL ? spool_open(path, error) : NULL;

    free(path);
    return spool;
}

static int words_of_stdin(int (*each)(void *, const char *), void *context)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int result = 0;

    while (result == 0 && (length = getline(&line, &capacity, stdin)) >= 0) {
        while (length > 0 && strchr(" \t\r\n", line[length - 1]) != NULL) {
            line[--length] = '\0';
        }
        if (length > 0) {
            result = each(context, line);
        }
    }
    free(line);
    return result;
}

int cli_words(char **argv, int (*each)(void *context, const char *word), void *context)
{
    for (; *argv != NULL; argv++) {
        int result =
            strcmp(*argv, "-") == 0 ? words_of_stdin(each, context) : each(context, *argv);

        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int cli_finish(const char *program, int result)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return result;
    }
    fprintf(stderr, "%s: the output cannot be written: %s\n", program, strerror(errno));
    return EXIT_CREATE;
}
