/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sizetext: sizes in bytes as text. */
#include "base/sizetext.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Largest first, so that the first one which divides a value is the shortest way to write it. */
static const struct {
    const char *name;
    uint64_t worth;
} units[] = {
    {"TiB", UINT64_C(1) << 40}, {"GiB", UINT64_C(1) << 30}, {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10}, {"", 1},
};

enum { UNITS = sizeof units / sizeof units[0] };

int sizetext_read(const char *text, uint64_t *bytes)
{
    uint64_t value;
    char *end;

    if (*text < '0' || *text > '9') {
        return -EINVAL;
    }
    errno = 0;
    value = strtoull(text, &end, 10);
    for (size_t i = 0; i < UNITS && errno == 0; i++) {
        if (strcmp(end, units[i].name) == 0 && value <= UINT64_MAX / units[i].worth) {
            *bytes = value * units[i].worth;
            return 0;
        }
    }
    return -EINVAL;
}

void sizetext_write(uint64_t bytes, char out[SIZETEXT_SIZE])
{
    size_t i = 0;

    while (i + 1 < UNITS && (bytes == 0 || bytes % units[i].worth != 0)) {
        i++;
    }
    snprintf(out, SIZETEXT_SIZE, "%" PRIu64 "%s", bytes / units[i].worth, units[i].name);
}
