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

/* Runs an array of struct CMUnitTest and reports in TAP; main returns its value. */
#define UNIT_RUN(tests)                                                                            \
    (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

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
