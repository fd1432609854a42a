/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parameter: the simple members of a request, checked by a table of types and bounds.
 *
 * Floor: mock. Members that the table does not name are left alone, as compatible servers do.
 */
#ifndef MOCK_PARAMETER_H
#define MOCK_PARAMETER_H

#include <jansson.h>
#include <stddef.h>

#include "mock/reply.h"

enum parameter_type {
    PARAMETER_NUMBER,
    PARAMETER_INTEGER,
    PARAMETER_BOOLEAN,
    PARAMETER_STRING,
    PARAMETER_OBJECT,
    PARAMETER_ARRAY,
};

struct parameter {
    const char *name;
    enum parameter_type type;
    double least; /* of numbers and integers */
    double most;
};

/* Checks the members of body that the table names; null counts as absent. Returns 0, or -1 with
 * *reply an error of status 400. */
int parameter_check(const json_t *body, const struct parameter *table, size_t count,
                    struct reply *reply);

/* Checks `stop`, which is a string or up to 4 strings. Returns as parameter_check. */
int parameter_check_stop(const json_t *body, struct reply *reply);

/* The first member of body that is neither in the table nor among the others; NULL: there is none.
 */
const char *parameter_stranger(const json_t *body, const struct parameter *table, size_t count,
                               const char *const *others, size_t other_count);

#endif
