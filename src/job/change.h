/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * change: what a person wants different in jobs: values at paths, as in params.max_tokens=8000.
 *
 * Floor: job. Knows documents, no files.
 */
#ifndef JOB_CHANGE_H
#define JOB_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* One value. Plain data. */
struct change {
    char *path;    /* for jsonpath_set */
    json_t *value; /* NULL: what is there is taken away */
    bool identity; /* it belongs to what decides the answer */
};

/* Plain data; a zeroed one changes nothing, changes_free makes it one again. */
struct changes {
    struct change *each;
    size_t count;
};

/* Adds PATH=VALUE. The path begins with a key of a job (not name, which stays the job's) and goes on
 * as jsonpath_find knows it. The value is JSON where it is a number, true, false, an object, an array
 * or a text in quotes; null takes away what is there; anything else is the text itself. Returns 0, or
 * -1 with an error (ERROR_USAGE). */
int changes_add(struct changes *changes, const char *text, struct error *error);

/* Whether any of them could change what decides the answer. */
bool changes_identity(const struct changes *changes);

/* Makes the changes in a job's document. Whether it still is a job is for job_read to say. Returns 0, or
 * -1 with an error (ERROR_DATA) where a path leads through what has no members. */
int changes_make(const struct changes *changes, json_t *document, struct error *error);

void changes_free(struct changes *changes);

#endif
