/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harvest_option: what a command line says of answers: format, order, files, when to stop.
 */
#include "client/harvest.h"

#include "base/timetext.h"

struct harvest_plan harvest_plan(const char *program)
{
    return (struct harvest_plan){.program = program, .timeout_ms = -1};
}

static int take_timeout(struct harvest_plan *plan, const char *argument, struct error *error)
{
    if (timetext_read_duration(argument, &plan->timeout_ms) < 0) {
        error_set(error, ERROR_USAGE, "--wait-timeout %s is no duration such as 90s or 10m",
                  argument);
        return -1;
    }
    return 1;
}

int harvest_option(struct harvest_plan *plan, int option, const char *argument,
                   struct error *error)
{
    switch (option) {
    case HARVEST_UNORDERED:
        plan->unordered = true;
        return 1;
    case HARVEST_FORMAT:
        return row_format_read(argument, &plan->style.format, error) < 0 ? -1 : 1;
    case HARVEST_OUTPUT_DIR:
        plan->output_dir = argument;
        return 1;
    case HARVEST_ERRORS:
        plan->errors = argument;
        return 1;
    case HARVEST_HALT:
        return halt_read(argument, &plan->halt, error) < 0 ? -1 : 1;
    case HARVEST_QUIET:
        plan->quiet = true;
        return 1;
    case HARVEST_CANCEL:
        plan->cancel_on_interrupt = true;
        return 1;
    case HARVEST_FAIL_FAST:
        plan->fail_fast = true;
        return 1;
    case HARVEST_TIMEOUT:
        return take_timeout(plan, argument, error);
    default:
        return 0;
    }
}

int harvest_check(const struct harvest_plan *plan, struct error *error)
{
    enum row_format format = plan->style.format;

    if (plan->output_dir != NULL && (format == ROW_CSV || format == ROW_TSV)) {
        error_set(error, ERROR_USAGE, "--output-dir writes a file for each answer: text or json");
        return -1;
    }
    if (plan->style.escape == ROW_NUL && format != ROW_TEXT) {
        error_set(error, ERROR_USAGE, "-0 ends answers as text with NUL: it goes with no --format");
        return -1;
    }
    return 0;
}
