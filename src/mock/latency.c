/* SPDX-License-Identifier: GPL-2.0-or-later */
/* latency: reading and sampling. */
#include "mock/latency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"

enum { LONGEST_MS = 3600 * 1000 };

static const char lognormal[] = "lognormal:";

static int read_spread(const char *text, struct latency *latency)
{
    const char *comma = strchr(text, ',');
    char median[LATENCY_TEXT_SIZE];
    char *end = NULL;

    if (comma == NULL || (size_t)(comma - text) >= sizeof median) {
        return -1;
    }
    memcpy(median, text, (size_t)(comma - text));
    median[comma - text] = '\0';
    if (timetext_read_duration(median, &latency->median_ms) != 0) {
        return -1;
    }
    latency->sigma = strtod(comma + 1, &end);
    return end != comma + 1 && *end == '\0' && latency->sigma >= 0 && latency->sigma <= 5 ? 0 : -1;
}

int latency_read(const char *text, struct latency *latency, struct error *error)
{
    struct latency new = {.sigma = 0};
    int result;

    if (strncmp(text, lognormal, sizeof lognormal - 1) == 0) {
        result = read_spread(text + sizeof lognormal - 1, &new);
    } else {
        result = timetext_read_duration(text, &new.median_ms) == 0 ? 0 : -1;
    }
    if (result != 0 || strlen(text) >= sizeof new.text || new.median_ms > LONGEST_MS) {
        error_set(error, ERROR_USAGE,
                  "latency \"%s\" is not a duration up to an hour (200ms) nor "
                  "lognormal:MEDIAN,SIGMA (lognormal:200ms,0.5)",
                  text);
        return -1;
    }
    (void)snprintf(new.text, sizeof new.text, "%s", text);
    *latency = new;
    return 0;
}

double latency_uniform(struct random *random)
{
    const uint64_t bound = UINT64_C(1) << 53;

    return (double)random_below(random, bound) / (double)bound;
}

int64_t latency_sample(const struct latency *latency, struct random *random)
{
    double radius, angle, ms;

    if (latency->sigma <= 0 || latency->median_ms == 0) {
        return latency->median_ms;
    }
    /* Box and Muller's transform; 1 - u keeps the logarithm away from zero. */
    radius = sqrt(-2 * log(1 - latency_uniform(random)));
    angle = 2 * M_PI * latency_uniform(random);
    ms = (double)latency->median_ms * exp(latency->sigma * radius * cos(angle));
    return ms < LONGEST_MS ? (int64_t)llround(ms) : LONGEST_MS;
}
