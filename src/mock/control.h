/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control: /mock/ledger and /mock/config, by which a test looks at the mock and changes it.
 * Answered only to clients on this machine.
 *
 * Floor: mock.
 */
#ifndef MOCK_CONTROL_H
#define MOCK_CONTROL_H

#include "mock/exchange.h"

/* GET /mock/ledger: one line of JSON for each prompt; ?key=HEX or ?prompt=TEXT for one of them,
 * ?summary=1 for the totals. */
void control_show_ledger(struct exchange *exchange);

/* DELETE /mock/ledger */
void control_clear_ledger(struct exchange *exchange);

/* GET /mock/config */
void control_show_config(struct exchange *exchange);

/* POST /mock/config: an object of settings to be changed; answers with all of them. */
void control_change_config(struct exchange *exchange);

#endif
