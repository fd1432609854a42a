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

enum answer_form {
    ANSWER_TEXT,
    ANSWER_OBJECT, /* any JSON object */
    ANSWER_SCHEMA, /* JSON that fits a schema */
};

struct answer_prompt {
    const char *system;   /* the instructions, "" for none */
    const char *question; /* the last user message */
    enum answer_form form;
    const json_t *schema; /* of ANSWER_SCHEMA */
    bool echo;            /* repeat the question whatever it asks */
};

/* Appends the answer. */
void answer_write(const struct answer_prompt *prompt, struct buffer *out);

/* The form that a description of OpenAI's or Anthropic's asks for by its type; NULL is text. The
 * schema is a member of `holder`, which is the description itself or a member of it. */
void answer_set_form(struct answer_prompt *prompt, const json_t *format, const json_t *holder);

/* The first tool of a list, or the first of that name where name is not NULL; NULL when there is
 * none. Tools are described in their member `wrapper`, or without one when that is NULL. */
const json_t *answer_tool(const json_t *tools, const char *wrapper, const char *name);

/* Appends arguments that fit a tool's schema; NULL takes none. */
void answer_arguments(const struct answer_prompt *prompt, const json_t *schema, struct buffer *out);

#endif
