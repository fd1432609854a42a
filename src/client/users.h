/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * users: what each user has waiting and running, had done today, used and may still use.
 *
 * Floor: client.
 */
#ifndef CLIENT_USERS_H
#define CLIENT_USERS_H

#include <jansson.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "spool/spool.h"

/* An array of {user, waiting, running, completed, failed, requests, input_tokens, output_tokens,
 * cost, currency, budget_left}, by name; today's, by the calendar of budgets. budget_left is the
 * least that a budget of the user's own leaves, null without one. What the daemon counts is null
 * when none runs. NULL with an error: state/money is damaged. */
json_t *users_read(const struct spool *spool, struct wall now, struct error *error);

void users_print(const struct screen *screen, const json_t *users);

#endif
