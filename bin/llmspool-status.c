/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-status: the queue at a glance, one job's story, what happened, or what was spent.
 */
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli.h"
#include "client/view.h"

#define PROGRAM VIEW_PROGRAM

enum { WATCH_SECONDS = 2 };

static const char usage[] =
    "usage: llmspool-status [-s DIR] [--json] [--watch[=SECONDS]] [JOB|RUN...|-]\n"
    "       llmspool-status [-s DIR] --gates|--runs|--failed|--shape|--users\n"
    "                       [--json] [--watch[=SECONDS]]\n"
    "       llmspool-status [-s DIR] --spend [--by COLUMNS] [--csv|--json]\n"
    "                       [--month M|--day D|--since D]\n"
    "       llmspool-status [-s DIR] --events|--follow [--since T] [--until T]\n"
    "                       [--user U] [--model M] [--run R] [--event KIND]\n"
    "                       [--json] [JOB...|-]\n"
    "       llmspool-status [-s DIR] --flow FLOW [--json] [--watch[=SECONDS]]\n"
    "Shows how the spool stands: the daemon, jobs by state and what they wait for,\n"
    "gates, figures, the last failures. With jobs: where each is and why, its\n"
    "attempts, versions and events. With a run, a batch's too: how far it is, how\n"
    "fast, what it cost and when it will end.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --gates       all of the gates: windows, limits and where they come from\n"
    "      --runs        all runs, the newest first\n"
    "      --run RUN     this run, where a job has its name, too\n"
    "      --failed      failures by reason, with one of each and what to do\n"
    "      --shape       how long the jobs of each model have waited, in minutes\n"
    "      --users       what each user has waiting, had done today, used, has left\n"
    "      --watch[=S]   filling the screen, anew every S seconds (2); q ends it\n"
    "      --json        a line of JSON: for the spool, each gate, run, user or job\n"
    "      --spend       what was spent, this month unless said otherwise\n"
    "        --by LIST   a row for each day, user, provider, model, run (commas\n"
    "                    between)\n"
    "        --month YYYY-MM, --day YYYY-MM-DD, --since YYYY-MM-DD\n"
    "        --csv       for a spreadsheet\n"
    "      --events      what happened, oldest first, also to jobs that are archived\n"
    "                    or gone\n"
    "      --follow      what happens, as it happens; with --since what did, too\n"
    "        --since T, --until T   an age (2h), a date (UTC) or a time\n"
    "        --user USER, --model PATTERN, --run RUN, --event KIND\n"
    "      --flow FLOW   the steps of a flow, as a tree\n"
    "      --help, --version\n";

enum {
    OPTION_GATES = 256,
    OPTION_JSON,
    OPTION_SPEND,
    OPTION_BY,
    OPTION_MONTH,
    OPTION_DAY,
    OPTION_SINCE,
    OPTION_CSV,
    OPTION_EVENTS,
    OPTION_UNTIL,
    OPTION_USER,
    OPTION_MODEL,
    OPTION_RUN,
    OPTION_EVENT,
    OPTION_FOLLOW,
    OPTION_RUNS,
    OPTION_FAILED,
    OPTION_SHAPE,
    OPTION_USERS,
    OPTION_WATCH,
    OPTION_FLOW,
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"gates", no_argument, NULL, OPTION_GATES},
    {"json", no_argument, NULL, OPTION_JSON},
    {"spend", no_argument, NULL, OPTION_SPEND},
    {"by", required_argument, NULL, OPTION_BY},
    {"month", required_argument, NULL, OPTION_MONTH},
    {"day", required_argument, NULL, OPTION_DAY},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"help", no_argument, NULL, 'h'},
    {"events", no_argument, NULL, OPTION_EVENTS},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"user", required_argument, NULL, OPTION_USER},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"run", required_argument, NULL, OPTION_RUN},
    {"event", required_argument, NULL, OPTION_EVENT},
    {"follow", no_argument, NULL, OPTION_FOLLOW},
    {"runs", no_argument, NULL, OPTION_RUNS},
    {"failed", no_argument, NULL, OPTION_FAILED},
    {"shape", no_argument, NULL, OPTION_SHAPE},
    {"users", no_argument, NULL, OPTION_USERS},
    {"watch", optional_argument, NULL, OPTION_WATCH},
    {"flow", required_argument, NULL, OPTION_FLOW},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* --- the command line
 * ----------------------------------------------------------------------------- */

/* An option of --spend. Returns an exit code, or -1 to go on. */
static int take_spend(struct view *view, int option)
{
    struct error error;
    int result = 0;

    view->spend_only = true;
    switch (option) {
    case OPTION_BY:
        result = spend_by(&view->plan, optarg, &error);
        break;
    case OPTION_MONTH:
        result = spend_month(&view->plan, optarg, &error);
        break;
    case OPTION_DAY:
        result = spend_day(&view->plan, optarg, &error);
        break;
    case OPTION_CSV:
        view->plan.format = SPEND_CSV;
        break;
    default:
        return EXIT_USAGE;
    }
    return result < 0 ? cli_usage(PROGRAM, "%s", error.text) : -1;
}

/* An option of --events, or of --spend. Returns an exit code, or -1 to go on. */
static int take_condition(struct view *view, int option)
{
    switch (option) {
    case OPTION_UNTIL:
        view->until = optarg;
        break;
    case OPTION_USER:
        view->chronicle.user = optarg;
        break;
    case OPTION_MODEL:
        view->chronicle.model = optarg;
        break;
    case OPTION_RUN: /* by itself it is shown, so that it goes with no mode, too */
        view->chronicle.run = optarg;
        return -1;
    case OPTION_EVENT:
        view->chronicle.kind = optarg;
        break;
    default:
        return take_spend(view, option);
    }
    view->events_only = true;
    return -1;
}

static int take_mode(struct view *view, enum view_mode mode)
{
    view->modes = view->modes || (view->mode != MODE_SPOOL && view->mode != mode);
    view->mode = mode;
    return -1;
}

/* Seconds, with a fraction if that is wanted. Returns an exit code, or -1 to go on. */
static int take_watch(struct view *view, const char *text)
{
    char *end = NULL;
    double seconds = text != NULL ? strtod(text, &end) : WATCH_SECONDS;

    if (text != NULL && (end == text || *end != '\0' || !(seconds >= 0.1) || seconds > 86400)) {
        return cli_usage(PROGRAM, "--watch=%s: it takes 0.1 to 86400 seconds", text);
    }
    view->watch_ms = (int64_t)(seconds * 1000);
    return -1;
}

/* Returns an exit code, or -1 to go on. */
static int take_option(struct view *view, int option, const char **given)
{
    static const struct {
        int option;
        enum view_mode mode;
    } modes[] = {
        {OPTION_GATES, MODE_GATES},   {OPTION_SPEND, MODE_SPEND}, {OPTION_EVENTS, MODE_EVENTS},
        {OPTION_FOLLOW, MODE_FOLLOW}, {OPTION_RUNS, MODE_RUNS},   {OPTION_FAILED, MODE_FAILED},
        {OPTION_SHAPE, MODE_SHAPE},   {OPTION_USERS, MODE_USERS},
    };

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (modes[i].option == option) {
            return take_mode(view, modes[i].mode);
        }
    }
    switch (option) {
    case 's':
        *given = optarg;
        break;
    case OPTION_JSON:
        view->json = true;
        break;
    case OPTION_SINCE:
        view->since = optarg;
        break;
    case OPTION_WATCH:
        return take_watch(view, optarg);
    case OPTION_FLOW:
        view->flow = optarg;
        return take_mode(view, MODE_FLOW);
    case 'h':
        return cli_help(usage);
    case 'V':
        return cli_version(PROGRAM);
    default:
        return take_condition(view, option);
    }
    return -1;
}

/* What --since and --until mean is known when all options are. Returns an exit code, or -1. */
static int take_times(struct view *view)
{
    struct wall now = clock_wall(&clock_system);
    struct error error;
    int result = 0;

    if (view->since != NULL && view->mode == MODE_SPEND) {
        result = spend_since(&view->plan, view->since, &error);
    } else if (view->since != NULL) {
        result = chronicle_since(&view->chronicle, view->since, now, &error);
    }
    if (result == 0 && view->until != NULL) {
        result = chronicle_until(&view->chronicle, view->until, now, &error);
    }
    return result < 0 ? cli_usage(PROGRAM, "%s", error.text) : -1;
}

/* Returns an exit code, or -1 when the options fit together. */
static int check_options(const struct view *view)
{
    bool events = view->mode == MODE_EVENTS || view->mode == MODE_FOLLOW;
    bool jobs = view->words[0] != NULL;

    if (view->modes) {
        return cli_usage(PROGRAM,
                         "only one of --gates, --runs, --failed, --shape, --users, --flow, "
                         "--spend, --events and --follow can be asked for");
    }
    if (jobs && view->mode != MODE_SPOOL && !events) {
        return cli_usage(PROGRAM, "that is for the whole spool, not for a job");
    }
    if (view->spend_only && view->mode != MODE_SPEND) {
        return cli_usage(PROGRAM, "--by, --month, --day and --csv go with --spend");
    }
    if (view->events_only && !events) {
        return cli_usage(PROGRAM,
                         "--until, --user, --model and --event go with --events or --follow");
    }
    if (view->chronicle.run != NULL && !events && (jobs || view->mode != MODE_SPOOL)) {
        return cli_usage(PROGRAM, "--run goes by itself, or with --events or --follow");
    }
    if (view->since != NULL && view->mode != MODE_SPEND && !events) {
        return cli_usage(PROGRAM, "--since goes with --spend, --events or --follow");
    }
    if (view->until != NULL && view->mode == MODE_FOLLOW) {
        return cli_usage(PROGRAM, "--follow has no end: --until goes with --events");
    }
    if (view->json && view->plan.format == SPEND_CSV) {
        return cli_usage(PROGRAM, "only one of --csv and --json can be asked for");
    }
    if (view->watch_ms > 0 && (events || view->json || view->plan.format == SPEND_CSV)) {
        return cli_usage(PROGRAM, "--watch shows pages: it goes neither with --events, --follow, "
                                  "--json nor --csv");
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct view view = {.result = EXIT_DONE, .chronicle = CHRONICLE_ALL};
    const char *given = NULL;
    int option, result = -1;

    cli_start();
    while (result < 0 && (option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
        result = take_option(&view, option, &given);
    }
    view.words = argv + optind;
    if (result < 0) {
        result = check_options(&view);
    }
    if (result < 0) {
        result = take_times(&view);
    }
    return result < 0 ? view_run(&view, given) : result;
}
