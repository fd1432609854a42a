/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit: what every unit test begins with.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Writes a line of TAP. cmocka calls a skipped test "not ok # SKIP", which readers of TAP take for
 * a failure. */
static inline ssize_t unit_print(void *context, const char *bytes, size_t size)
{
    static const char wrong[] = "not ok ";
    const char *skip = memmem(bytes, size, "# SKIP", 6);
    size_t cut = 0;
    (void)context;
    if (skip != NULL && size > sizeof wrong && memcmp(bytes, wrong, sizeof wrong - 1) == 0) {
        cut = 4;
    }
    for (size_t written = cut; written < size;) {
        ssize_t count = write(STDOUT_FILENO, bytes + written, size - written);
        if (count <= 0) {
            return 0;
        }
        written += (size_t)count;
    }
    return (ssize_t)size;
}

static inline void unit_begin(void)
{
    FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = unit_print});
    if (out == NULL || setvbuf(out, NULL, _IOLBF, BUFSIZ) != 0) {
        abort();
    }
    stdout = out;
    cmocka_set_message_output(CM_OUTPUT_TAP);
}

static inline int unit_end(int result)
{
    fclose(stdout);
    return result;
}

/* Runs an array of struct CMUnitTest and reports in TAP; main returns its value. */
#define UNIT_RUN(tests) (unit_begin(), unit_end(cmocka_run_group_tests(tests, NULL, NULL)))

/* The number of elements of an array. */
#define UNIT_COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Opens a file for reading by its path from the top of the source. */
static inline FILE *unit_data(const char *path)
{
    char name[4096];
    const char *source = getenv("LLMSPOOL_SOURCE");
    snprintf(name, sizeof name, "%s/%s", source != NULL ? source : ".", path);
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        fail_msg("cannot open %s: run by make check, or set LLMSPOOL_SOURCE", name);
    }
    return file;
}

#endif
