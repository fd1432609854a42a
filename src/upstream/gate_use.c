/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_use: what requests take of an upstream's limits, charged when they leave and put right when
 * they have ended. */
#include "upstream/gate_parts.h"

static int64_t tokens_of(const struct gate_cost *cost)
{
    return (cost->input_tokens > 0 ? cost->input_tokens : 0) +
           (cost->output_tokens > 0 ? cost->output_tokens : 0);
}

/* What a request really took. Where the answer does not say: what it was thought to take, or
 * nothing if it was turned away. */
static struct allowance_use use_of(const struct gate_ticket *ticket,
                                   const struct gate_report *report)
{
    const struct gate_cost *cost = &report->cost;
    struct allowance_use use = {.requests = 1, .cost = ticket->cost};
    if (report->outcome == OUTCOME_NOT_SENT) {
        use.requests = 0;
    }
    if (cost->input_tokens >= 0 || cost->output_tokens >= 0) {
        use.known = true;
        use.cost.input_tokens =
            cost->input_tokens >= 0 ? cost->input_tokens : use.cost.input_tokens;
        use.cost.output_tokens =
            cost->output_tokens >= 0 ? cost->output_tokens : use.cost.output_tokens;
    } else if (report->outcome == OUTCOME_NOT_SENT || report->outcome == OUTCOME_THROTTLED ||
               report->outcome == OUTCOME_UPSTREAM || report->outcome == OUTCOME_JOB) {
        use.cost = (struct gate_cost){0, 0};
    }
    return use;
}

void gate_charge(struct gate *gate, struct gate_ticket *ticket, struct mono now)
{
    allowance_sent(&gate->allowance, ticket, now);
    meter_add(&gate->meter, (struct meter_use){1, tokens_of(&ticket->cost)}, now);
    gate->pace_wake_ms = -1;
}

void gate_settle(struct gate *gate, const struct gate_ticket *ticket,
                 const struct gate_report *report, struct mono now)
{
    struct allowance_use use = use_of(ticket, report);
    allowance_ended(&gate->allowance, ticket, &use, report->limits, now);
    meter_add(&gate->meter, (struct meter_use){0, tokens_of(&use.cost) - tokens_of(&ticket->cost)},
              now);
    gate->pace_wake_ms = -1;
}
