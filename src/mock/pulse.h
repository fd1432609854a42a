/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pulse: requests by the second in which they came, and what became of those.
 *
 * Floor: mock. Plain data behind the ledger's lock; a zeroed struct is an empty one.
 */
#ifndef MOCK_PULSE_H
#define MOCK_PULSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { PULSE_SECONDS = 86400 }; /* that are kept; what comes later counts to the last of them */

struct pulse_beat {
    uint32_t requests;
    uint32_t answered; /* well */
    uint32_t refused;  /* with 429 */
};

struct pulse {
    int64_t start_us;         /* wall clock: when the first request came */
    struct pulse_beat *beats; /* a second each, from start_us on */
    size_t count;
};

/* The second in which a request came; it begins with the first call. */
struct pulse_beat *pulse_at(struct pulse *pulse, int64_t arrived_us);

/* Appends {"start_ms", "seconds": [{"requests", "answered", "refused"}, ...]}. */
void pulse_write(const struct pulse *pulse, struct buffer *out);

/* Forgets all. */
void pulse_clear(struct pulse *pulse);

#endif
