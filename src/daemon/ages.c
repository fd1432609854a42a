/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ages: see ages.h. */
#include "daemon/ages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { MINUTE_MS = 60 * 1000, FIRST_COLUMN = 5 };

static int64_t minute_of(int64_t ms)
{
    return ms < 0 ? 0 : ms / MINUTE_MS;
}

static uint32_t *slot(struct ages *ages, int64_t minute)
{
    return &ages->minutes[minute % AGES_MINUTES];
}

/* What falls out of the ring is older. A clock that was set back changes nothing. */
static void ages_reach(struct ages *ages, int64_t minute)
{
    if (ages->minutes == NULL) {
        ages->minutes = xcalloc(AGES_MINUTES, sizeof *ages->minutes);
        ages->newest = minute;
    }
    if (minute - ages->newest > AGES_MINUTES)
        ages->newest = minute - AGES_MINUTES; /* one turn empties all */
    while (ages->newest < minute) {
        uint32_t *reused = slot(ages, ++ages->newest);

        ages->older += *reused;
        *reused = 0;
    }
}

int64_t ages_add(struct ages *ages, int64_t submitted_ms, struct wall now)
{
    int64_t minute = minute_of(submitted_ms);

    ages_reach(ages, minute_of(now.ms));
    if (minute > ages->newest)
        minute = ages->newest;
    if (minute > ages->newest - AGES_MINUTES)
        ++*slot(ages, minute);
    else
        ages->older++;
    return minute;
}

void ages_remove(struct ages *ages, int64_t minute)
{
    if (minute > ages->newest - AGES_MINUTES) {
        assert(*slot(ages, minute) > 0);
        --*slot(ages, minute);
    } else {
        assert(ages->older > 0);
        ages->older--;
    }
}

void ages_count(struct ages *ages, struct wall now, uint64_t columns[AGES_COLUMNS])
{
    size_t column = 0;
    int64_t limit = FIRST_COLUMN;

    if (ages->minutes == NULL)
        return;
    ages_reach(ages, minute_of(now.ms));
    for (int64_t age = 0; age < AGES_MINUTES; age++) {
        if (age >= limit) {
            column++;
            limit *= 2;
        }
        columns[column] += ages->newest >= age ? *slot(ages, ages->newest - age) : 0;
    }
    columns[AGES_COLUMNS - 1] += ages->older;
}

void ages_free(struct ages *ages)
{
    free(ages->minutes);
}
