/* SPDX-License-Identifier: GPL-2.0-or-later */
/* position: see position.h. */
#include "httpd/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"

enum { DATE_DIGITS = 8, OFFSET_DIGITS = 9, OFFSET_DIGITS_MAX = 18 };

void position_write(struct position position, char out[POSITION_SIZE])
{
    int year, month, day;

    day_split(position.day, &year, &month, &day);
    (void)snprintf(out, POSITION_SIZE, "%04d%02d%02d-%0*" PRIu64, year % 10000, month % 100,
                   day % 100, OFFSET_DIGITS, position.at);
}

bool position_read(const char *text, struct position *position)
{
    static const char digits[] = "0123456789";
    size_t length = strlen(text);
    char date[DAY_SIZE], again[POSITION_SIZE];
    struct position found;

    if (strspn(text, digits) != DATE_DIGITS || text[DATE_DIGITS] != '-')
        return false;
    length -= DATE_DIGITS + 1;
    if (length < OFFSET_DIGITS || length > OFFSET_DIGITS_MAX ||
        strspn(text + DATE_DIGITS + 1, digits) != length)
        return false;
    (void)snprintf(date, sizeof date, "%.4s-%.2s-%.2s", text, text + 4, text + 6);
    if (!day_read(date, &found.day))
        return false;
    found.at = strtoull(text + DATE_DIGITS + 1, NULL, 10);
    position_write(found, again);
    if (strcmp(text, again) != 0)
        return false;
    *position = found;
    return true;
}

int position_compare(struct position a, struct position b)
{
    if (a.day != b.day)
        return a.day < b.day ? -1 : 1;
    return (a.at > b.at) - (a.at < b.at);
}
