/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * question: the types of jobs, and what a job of each asks with: prompt, messages, input, system.
 *
 * Floor: job. Used by job and keys. Specified in llmspool-spool(5).
 */
#ifndef JOB_QUESTION_H
#define JOB_QUESTION_H

#include <jansson.h>

#include "job/refusal.h"

enum { QUESTION_INPUTS_LIMIT = 2048 }; /* texts, or arrays of tokens, in one input */

/* The type that is meant by word, in static storage, or NULL when there is none of that name. */
const char *question_type(const char *word);

/* Whether a job of this type asks with what it must, and with nothing else: a chat with prompt or
 * messages, and system; a completion with prompt; an embed with input. Returns 0, or -1 with
 * *refusal. */
int question_check(const json_t *document, const char *type, struct refusal *refusal);

/* Checks the value of input: a text that is not empty, an array of 1 to QUESTION_INPUTS_LIMIT such
 * texts, an array of tokens (integers of 0 or more), or an array of 1 to QUESTION_INPUTS_LIMIT of
 * these. Returns 0, or -1 with *refusal. */
int question_check_input(const json_t *input, struct refusal *refusal);

#endif
