/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pulse: an array that grows with time. */
#include "mock/pulse.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { SECOND_US = 1000000 };

struct pulse_beat *pulse_at(struct pulse *pulse, int64_t arrived_us)
{
    int64_t second;

    if (pulse->count == 0) {
        pulse->start_us = arrived_us;
    }
    second = arrived_us < pulse->start_us ? 0 : (arrived_us - pulse->start_us) / SECOND_US;
    if (second >= PULSE_SECONDS) {
        second = PULSE_SECONDS - 1;
    }
    if ((size_t)second >= pulse->count) {
        size_t count = (size_t)second + 1;

        pulse->beats = xrealloc(pulse->beats, count * sizeof *pulse->beats);
        memset(pulse->beats + pulse->count, 0, (count - pulse->count) * sizeof *pulse->beats);
        pulse->count = count;
    }
    return &pulse->beats[second];
}

void pulse_write(const struct pulse *pulse, struct buffer *out)
{
    buffer_printf(out, "{\"start_ms\":%lld.%03lld,\"seconds\":[",
                  (long long)(pulse->start_us / 1000), (long long)(pulse->start_us % 1000));
    for (size_t i = 0; i < pulse->count; i++) {
        const struct pulse_beat *beat = &pulse->beats[i];

        buffer_printf(out, "%s{\"requests\":%u,\"answered\":%u,\"refused\":%u}", i > 0 ? "," : "",
                      beat->requests, beat->answered, beat->refused);
    }
    buffer_text(out, "]}\n");
}

void pulse_clear(struct pulse *pulse)
{
    free(pulse->beats);
    *pulse = (struct pulse){0};
}
