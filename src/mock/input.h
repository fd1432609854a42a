/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input: what requests ask, gathered into a call: turns of a conversation, and the texts or lists
 * of tokens that completions and embeddings take.
 *
 * Floor: mock. Takes bodies that may be wrong in any way.
 */
#ifndef MOCK_INPUT_H
#define MOCK_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "mock/call.h"

enum { INPUT_TURN_TOKENS = 3, INPUT_PICTURE_TOKENS = 85 };

/* Appends a string; anything else is nothing. */
void input_append_string(struct buffer *out, const json_t *string);

/* Takes a file that is part of the prompt: its digest goes into the call's files. A URL that is no data in
 * base64 holds none. */
void input_take_url(struct call *call, const json_t *url);
void input_take_base64(struct call *call, const json_t *data);
void input_take_bytes(struct call *call, const char *bytes, size_t length);

/* Takes what was appended to the call's text from position `before` on as a turn of that role: it
 * costs tokens, and is the question when the user says it, or belongs to the instructions. */
void input_take_turn(struct call *call, const char *role, size_t before);

/* How many inputs there are: a list of integers is one input of tokens, any other list several
 * inputs. */
size_t input_count(const json_t *input);

/* One of them. */
const json_t *input_at(const json_t *input, size_t index);

int64_t input_tokens(const json_t *one);

/* Appends the text of one; tokens become their numbers. */
void input_append(struct buffer *out, const json_t *one);

/* Whether it is a string or a list of tokens. */
bool input_is_good(const json_t *one);

/* Takes all of them as the call's text and question. */
void input_take(struct call *call, const json_t *input);

#endif
