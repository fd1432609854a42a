/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal: why a document is no job: a machine word for the error file and a sentence for a person.
 *
 * Floor: job. Used by what reads jobs: job, keys, messages.
 */
#ifndef JOB_REFUSAL_H
#define JOB_REFUSAL_H

#include <stdbool.h>

#include "base/error.h"

struct refusal {
    const char *reason; /* of static storage: bad_value, unknown_key … */
    struct error *error;
};

/* Fills *refusal; the error gets kind ERROR_DATA. Returns -1. */
int refuse(struct refusal *refusal, const char *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether text (valid UTF-8) has a control character: C0, DEL or C1. */
bool refusal_has_control(const char *text);

enum { REFUSAL_QUOTE_SIZE = 64 };

/* Writes text (valid UTF-8) for use in a sentence: cut where it is long, control characters as
 * question marks. Returns out. */
const char *refusal_quote(const char *text, char out[REFUSAL_QUOTE_SIZE]);

#endif
