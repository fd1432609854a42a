/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * classify: what an error answer means: the outcome class of each status and error code, and the
 * shapes in which servers write an error.
 *
 * Floor: provider. Shared by all protocols. The table is in classify.c.
 */
#ifndef PROVIDER_CLASSIFY_H
#define PROVIDER_CLASSIFY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "provider/provider.h"

/* A verdict of this outcome with all that the headers of a reply say: request_id, mock, wait_ms. */
struct verdict verdict_begin(const struct provider_reply *reply, struct wall now,
                             enum outcome outcome);

/* Gives a verdict its code and its message; control characters become spaces, and what is too long
 * is cut between characters. */
void verdict_say(struct verdict *verdict, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The error in a document, borrowed from it, or NULL when it holds none: the member "error" (object
 * or text) of an object or of the object in an array of one; or the object itself when it is a flat
 * error: {"object": "error", …}, {"type": "error", …}, {"statusCode": …, "message": …},
 * {"detail": …}. */
const json_t *classify_find_error(const json_t *document);

/* What an error reply means. document is its body as JSON, NULL when that is none; a reply with
 * status 200 has the status that the error in it names. An error that nothing in the table knows is
 * transient. x-should-retry: true makes an error of class job transient, false a transient one the
 * job's; it moves neither throttling nor what is the upstream's own trouble. */
struct verdict classify_error(const struct provider_reply *reply, const json_t *document,
                              struct wall now);

#endif
