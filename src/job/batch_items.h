/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_items: the input items of OpenAI's Responses as the messages of a job.
 *
 * Floor: job. Used by batch_line.
 */
#ifndef JOB_BATCH_ITEMS_H
#define JOB_BATCH_ITEMS_H

#include <jansson.h>

#include "job/refusal.h"

/* The messages, a new reference, or NULL with *refusal where an item has no counterpart. */
json_t *batch_items_messages(const json_t *items, struct refusal *refusal);

#endif
