/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * consent: asking a person before money is spent.
 *
 * Floor: client.
 */
#ifndef CLIENT_CONSENT_H
#define CLIENT_CONSENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define CONSENT_NEVER INT64_MAX /* no sum is asked about */

/* Above which likely cost (nano units) a run is asked about: `confirm_above` of the client's file, a sum or
 * "never"; 5.00 where nobody says so. Returns 0, or -1 with an error. */
int consent_limit(int64_t *nano, struct error *error);

/* Asks a question on the terminal, whatever stdin is. Returns 1 for yes, 0 for anything else, or -1 when there
 * is no terminal to ask on: stderr is none, or the process has none. */
int consent_ask(const char *question);

#endif
