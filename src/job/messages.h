/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * messages: the conversation that a job may ask with: an array of messages in the shape of Chat
 * Completions.
 *
 * Floor: job. Checks what every provider needs; further keys of a message pass through.
 */
#ifndef JOB_MESSAGES_H
#define JOB_MESSAGES_H

#include <jansson.h>

#include "job/refusal.h"

/* Checks the value of "messages": a non-empty array of objects, each with a known role and a
 * content that is text, null or an array of parts (the assistant's may be left out, as beside tool
 * calls). Returns 0, or -1 with *refusal naming the message. */
int messages_check(const json_t *messages, struct refusal *refusal);

#endif
