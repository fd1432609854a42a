/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * halt: see halt.h.
 */
#include "client/halt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads N or N% behind fail=. */
static bool read_limit(const char *text, struct halt *halt)
{
    unsigned long long number;
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || number == 0) {
        return false;
    }
    if (strcmp(end, "%") == 0 && number <= 100) {
        halt->percent = (unsigned)number;
        return true;
    }
    halt->failed = number;
    return *end == '\0';
}

int halt_read(const char *text, struct halt *halt, struct error *error)
{
    static const struct {
        const char *prefix;
        enum halt_when when;
    } known[] = {{"soon,fail=", HALT_SOON}, {"now,fail=", HALT_NOW}};

    *halt = (struct halt){.when = HALT_NEVER};
    if (strcmp(text, "never") == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t length = strlen(known[i].prefix);

        if (strncmp(text, known[i].prefix, length) == 0 && read_limit(text + length, halt)) {
            halt->when = known[i].when;
            return 0;
        }
    }
    error_set(error, ERROR_USAGE,
              "--halt %s is none of never, soon,fail=N, soon,fail=N%%, now,fail=N and now,fail=N%%",
              text);
    return -1;
}

bool halt_reached(const struct halt *halt, uint64_t failed, uint64_t count)
{
    if (halt->when == HALT_NEVER) {
        return false;
    }
    if (halt->percent == 0) {
        return failed >= halt->failed;
    }
    return failed >= HALT_PERCENT_MIN && failed * 100 >= count * halt->percent;
}
