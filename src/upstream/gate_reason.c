/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_reason: why a gate is closed, in a few words. */
#include <stdio.h>

#include "upstream/gate_parts.h"

/* A status between 401 and 405 says it all; elsewhere the code tells one 429 from another. */
static void describe_upstream(struct gate *gate, const struct gate_report *report)
{
    const char *trouble = report->trouble != NULL ? report->trouble : "refused";
    int status = report->http_status;
    if (status >= 401 && status <= 405) {
        snprintf(gate->reason, sizeof gate->reason, "%s (%d)", trouble, status);
    } else {
        snprintf(gate->reason, sizeof gate->reason, "%s (%d %s)", trouble, status, report->code);
    }
}

void gate_describe(struct gate *gate, const struct gate_report *report, struct mono now)
{
    char *reason = gate->reason;
    size_t size = sizeof gate->reason;
    struct bucket sum;
    switch (gate->cause) {
    case THROTTLE:
        if (report->http_status >= 400) {
            snprintf(reason, size, "%d", report->http_status);
        } else {
            snprintf(reason, size, "%s", report->code);
        }
        break;
    case CONNECT:
        snprintf(reason, size, "cannot connect: %s", report->message);
        break;
    case UPSTREAM:
        describe_upstream(gate, report);
        break;
    case OUTAGE:
        sum = recent_sum(&gate->recent, now);
        snprintf(reason, size, "outage: %u of %u requests in %d s failed, the last with %s",
                 sum.failed, sum.ended, RECENT_SECONDS, report->code);
        break;
    default:
        snprintf(reason, size, "halted: %u jobs in a row failed with %s", gate->run, report->code);
        break;
    }
}
