/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_debts: metrics of what is owed to webhooks and hooks; see metrics_parts.h. */
#include <math.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "daemon/metrics_parts.h"

static double owed(const struct metrics_look *look)
{
    return (double)jsontext_get_int(look->debts, "owed", 0);
}

static double given_up(const struct metrics_look *look)
{
    return (double)jsontext_get_int(look->debts, "failed", 0);
}

static double oldest(const struct metrics_look *look)
{
    const char *text = jsontext_get_text(look->debts, "oldest", NULL);
    struct wall time;

    return text != NULL && timetext_read(text, &time) == 0 ? (double)time.ms / 1000 : NAN;
}

const struct metrics_family metrics_debts[] = {
    {.name = "llmspool_debts",
     .kind = PROMTEXT_GAUGE,
     .help = "Notices that are owed to webhooks and hooks: files in outbox/.",
     .value = owed},
    {.name = "llmspool_debts_given_up",
     .kind = PROMTEXT_GAUGE,
     .help = "Notices that were given up: files in outbox/failed/.",
     .value = given_up},
    {.name = "llmspool_oldest_debt_timestamp_seconds",
     .kind = PROMTEXT_GAUGE,
     .help =
         "When the oldest notice that is owed was, in seconds since 1970; absent while none is.",
     .value = oldest},
    {0},
};
