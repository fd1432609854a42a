/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throttle: whether a request may pass now, and the headers that tell clients when to come again.
 *
 * Floor: mock.
 */
#ifndef MOCK_THROTTLE_H
#define MOCK_THROTTLE_H

#include "mock/call.h"

/* Asks all limits, and adds the headers that tell of them. Returns FAULT_NONE, or what the ledger
 * calls the refusal, with *reply an error of status 429. */
enum fault throttle_check(const struct call *call, struct reply *reply);

/* Adds what the call's fault and its marker tell of waiting and of trying again. */
void throttle_tell(const struct call *call, struct reply *reply);

#endif
