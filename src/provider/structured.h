/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * structured: answers that a job wants in the form of a JSON Schema of its own.
 *
 * Floor: provider. Shared by all protocols for chats and completions.
 */
#ifndef PROVIDER_STRUCTURED_H
#define PROVIDER_STRUCTURED_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "job/job.h"
#include "job/record.h"

/* Whether the job's params ask for JSON: response_format json_object or json_schema, or the same as
 * Responses (text.format) and Messages (output_config.format) write it. */
bool structured_wanted(const struct job *job);

/* The schema that the params name, borrowed, or NULL. */
const json_t *structured_schema(const struct job *job);

/* The labels of which the answer has to be one (job/label.h), borrowed, or NULL. */
const json_t *structured_labels(const struct job *job);

/* Whether a member of params is for us alone, and no provider knows it. */
bool structured_is_ours(const char *name, const json_t *value);

/* Whether the output of an answer that is good otherwise fits the schema; of several choices each.
 * What calls tools or refuses is held to none. Returns 0, or -1 with an error. */
int structured_check(const struct job *job, const struct answer *answer, struct error *error);

#endif
