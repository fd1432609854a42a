/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_report: what is told of a run that has ended: how its jobs ended, what they cost, why some failed.
 *
 * Floor: daemon. For a thread of the pool: knows the spool alone. Memory does not grow with the run but for a
 * bit a place.
 */
#ifndef DAEMON_RUN_REPORT_H
#define DAEMON_RUN_REPORT_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "spool/spool.h"

enum run_report_end {
    RUN_REPORT_MADE,
    RUN_REPORT_OPEN,     /* a job has not ended after all */
    RUN_REPORT_UNSURE,   /* a job is nowhere, and may be on its way: look again later */
    RUN_REPORT_GIVEN_UP, /* told to stop */
    RUN_REPORT_GONE,     /* there is no such run any more */
    RUN_REPORT_FAILED,   /* *error tells */
};

struct run_report_order {
    const struct spool *spool;
    const struct clock *clock;
    const char *run;
    bool sure; /* what is nowhere is gone: counted as such */
    const atomic_bool *stop;
};

/* Makes the member `run` of a notice: {"name", "began", "ended", "duration_ms", "jobs", "completed", "failed",
 * "cancelled", "expired", "refused", "gone", "cost", "currency", "input_tokens", "output_tokens", "reasons",
 * "failures"}; a new reference in *report (RUN_REPORT_MADE). */
enum run_report_end run_report_make(const struct run_report_order *order, json_t **report,
                                    struct error *error);

#endif
