/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer: what the mock says. Always the same for the same prompt, and useful enough for a first
 * look: a summary when one is asked for, a label out of those that are listed, JSON that fits the
 * schema, and otherwise the question itself.
 *
 * Floor: mock. Knows nothing of HTTP.
 */
#ifndef MOCK_ANSWER_H
#define MOCK_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"

struct answer_prompt {
    const char *system;   /* the instructions, "" for none */
    const char *question; /* the last user message */
    const json_t *format; /* response_format, or NULL */
    bool echo;            /* repeat the question whatever it asks */
};

/* Appends the answer. */
void answer_write(const struct answer_prompt *prompt, struct buffer *out);

/* The function that a chat request demands to be called (tool_choice "required" or a name), or
 * NULL. */
const json_t *answer_tool(const json_t *body);

/* Appends arguments for that function, by its parameters' schema. */
void answer_arguments(const struct answer_prompt *prompt, const json_t *function,
                      struct buffer *out);

#endif
