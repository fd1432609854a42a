/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gates: all that status.json tells of each gate, for a person.
 *
 * Floor: client.
 */
#ifndef CLIENT_GATES_H
#define CLIENT_GATES_H

#include <jansson.h>

#include "base/clock.h"
#include "client/screen.h"

/* Prints the gates of an overview: a table of their states and counts, and one of what each used in
 * the last minute and may use, with where the limit comes from. */
void gates_print(const struct screen *screen, const json_t *overview, struct wall now);

/* The state of a gate with its reason, and since when where that is wanted, and until when; the
 * caller frees it. */
char *gates_state(const json_t *gate, bool since, struct wall now);

#endif
