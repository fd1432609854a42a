/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_body: an answer in the form in which OpenAI's endpoint would have given it, whoever gave it.
 *
 * Floor: job. Pure.
 */
#ifndef JOB_BATCH_BODY_H
#define JOB_BATCH_BODY_H

#include <jansson.h>

#include "job/batch_line.h"

/* The provider's own answer that an output file (schema output) keeps, where it has that form; else NULL:
 * it is another provider's, or was not stored. Borrowed. */
json_t *batch_body_given(enum batch_form form, const json_t *output);

/* The body made of an output file and the job's file (NULL: it cannot be read); a new reference. */
json_t *batch_body_made(enum batch_form form, const json_t *output, const json_t *job);

#endif
