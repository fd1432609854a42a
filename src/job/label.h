/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * label: the labels of which an answer has to be one, and which of them it is.
 *
 * Floor: job. A chat says them in its params: "response_format": {"type": "labels", "labels":
 * ["pos", "neg"]}. No provider knows that form: it is ours, and what is sent leaves it out.
 *
 * Two texts are the same label when they are equal without what models put around a word: white
 * space, one pair of quotation marks, a final period; and without regard to the case of the letters
 * A to Z.
 */
#ifndef JOB_LABEL_H
#define JOB_LABEL_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

enum { LABEL_COUNT_LIMIT = 1000, LABEL_SIZE_LIMIT = 200 /* bytes */ };

/* The labels that value lists: an array of texts, or one text with commas between them. Each is
 * trimmed. Returns a new array of 2 to LABEL_COUNT_LIMIT texts of 1 to LABEL_SIZE_LIMIT bytes
 * without control characters, no two of them the same; or NULL with an error of kind ERROR_DATA, a
 * phrase that begins with "labels". */
json_t *label_list(const json_t *value, struct error *error);

/* The labels that a value of response_format holds an answer to, borrowed; NULL when its form is
 * another. */
const json_t *label_format(const json_t *format);

/* The label of an array made by label_list that text is, borrowed, or NULL when it is none. */
const json_t *label_match(const json_t *labels, const char *text, size_t length);

#endif
