/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-status: the queue at a glance, one job's story, what happened, or what was spent.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "client/chronicle.h"
#include "client/cli.h"
#include "client/gates.h"
#include "client/locate.h"
#include "client/overview.h"
#include "client/show.h"
#include "client/spend.h"
#include "client/story.h"

#define PROGRAM "llmspool-status"

static const char usage[] =
    "usage: llmspool-status [-s DIR] [--gates] [--json] [JOB...|-]\n"
    "       llmspool-status [-s DIR] --spend [--by COLUMNS]\n"
    "                       [--month M|--day D|--since D]\n"
    "                       [--csv|--json]\n"
    "       llmspool-status [-s DIR] --events [--since T] [--until T] [--user U]\n"
    "                       [--model M]\n"
    "                       [--run R] [--event KIND] [--json] [JOB...|-]\n"
    "Shows how the spool stands: the daemon, jobs by state and what they wait for,\n"
    "gates, figures, the last failures. With jobs: where each is and why, its\n"
    "attempts, versions and events.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --gates       all of the gates: windows, limits and where they come from\n"
    "      --json        a line of JSON: for the spool, each gate, or each job\n"
    "      --spend       what was spent, this month unless said otherwise\n"
    "        --by LIST   a row for each day, user, provider, model, run (commas\n"
    "                    between)\n"
    "        --month YYYY-MM, --day YYYY-MM-DD, --since YYYY-MM-DD\n"
    "        --csv       for a spreadsheet\n"
    "      --events      what happened, oldest first, also to jobs that are archived\n"
    "                    or gone\n"
    "        --since T, --until T   an age (2h), a date (UTC) or a time\n"
    "        --user USER, --model PATTERN, --run RUN, --event KIND\n"
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
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},      {"gates", no_argument, NULL, OPTION_GATES},
    {"json", no_argument, NULL, OPTION_JSON},     {"spend", no_argument, NULL, OPTION_SPEND},
    {"by", required_argument, NULL, OPTION_BY},   {"month", required_argument, NULL, OPTION_MONTH},
    {"day", required_argument, NULL, OPTION_DAY}, {"since", required_argument, NULL, OPTION_SINCE},
    {"csv", no_argument, NULL, OPTION_CSV},       {"help", no_argument, NULL, 'h'},
    {"events", no_argument, NULL, OPTION_EVENTS}, {"until", required_argument, NULL, OPTION_UNTIL},
    {"user", required_argument, NULL, OPTION_USER},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"run", required_argument, NULL, OPTION_RUN}, {"event", required_argument, NULL, OPTION_EVENT},
    {"version", no_argument, NULL, 'V'},          {NULL, 0, NULL, 0},
};

struct view {
    const struct spool *spool;
    bool gates;
    bool json;
    bool spend;
    bool spend_only; /* an option was given that goes with --spend */
    struct spend_plan plan;
    bool events;
    bool events_only; /* an option was given that goes with --events */
    struct chronicle_plan chronicle;
    const char *since; /* of --spend or --events */
    const char *until;
    size_t shown; /* jobs so far */
    int result;
};

static void print_gates(const struct view *view, const json_t *overview)
{
    struct screen screen = screen_open(stdout);
    json_t *gate;
    size_t i;

    if (!view->json) {
        gates_print(&screen, overview, clock_wall(&clock_system));
        return;
    }
    json_array_foreach (json_object_get(overview, "gates"), i, gate) {
        show_json(stdout, gate);
    }
}

static int show_spool(const struct view *view)
{
    struct screen screen = screen_open(stdout);
    struct error error;
    json_t *overview = overview_read(view->spool, &error);

    if (overview == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    if (view->gates) {
        print_gates(view, overview);
    } else if (view->json) {
        show_json(stdout, overview);
    } else {
        overview_print(&screen, overview, clock_wall(&clock_system));
    }
    json_decref(overview);
    return EXIT_DONE;
}

static int show_spend(struct view *view)
{
    struct screen screen = screen_open(stdout);
    struct error error;

    if (view->json) {
        view->plan.format = SPEND_JSON;
    }
    if (spend_print(view->spool, &view->plan, &screen, clock_wall(&clock_system), &error) < 0) {
        return cli_fail(PROGRAM, &error);
    }
    return EXIT_DONE;
}

/* The words of all lines of stdin stand where "-" is. */
struct words {
    char **words;
    size_t count;
};

static int keep_word(void *context, const char *word)
{
    struct words *words = context;

    words->words = xrealloc(words->words, (words->count + 2) * sizeof *words->words);
    words->words[words->count++] = xstrdup(word);
    words->words[words->count] = NULL;
    return 0;
}

static int show_events(struct view *view, char **argv)
{
    struct screen screen = screen_open(stdout);
    struct words words = {NULL, 0};
    struct error error;
    int result;

    cli_words(argv, keep_word, &words);
    view->chronicle.jobs = words.words;
    view->chronicle.json = view->json;
    result = argv[0] != NULL && words.count == 0
                 ? 0 /* an empty stdin names no job */
                 : chronicle_print(view->spool, &view->chronicle, &screen,
                                   clock_wall(&clock_system), &error);
    for (size_t i = 0; i < words.count; i++) {
        free(words.words[i]);
    }
    free(words.words);
    return result < 0 ? cli_fail(PROGRAM, &error) : EXIT_DONE;
}

static void print_story(struct view *view, const struct id *id, const json_t *story)
{
    struct screen screen = screen_open(stdout);

    if (view->json) {
        show_json(stdout, story);
        return;
    }
    if (view->shown++ > 0) {
        putchar('\n');
    }
    story_print(&screen, id, story, clock_wall(&clock_system));
}

static int show_job(void *context, const char *word)
{
    struct view *view = context;
    struct reference reference;
    struct error error;
    json_t *story = NULL;

    if (locate_reference(view->spool, word, &reference, &error) == 0) {
        story = story_read(view->spool, &reference.id, clock_wall(&clock_system), &error);
    }
    if (story == NULL) {
        view->result = cli_fail(PROGRAM, &error);
        return 0;
    }
    print_story(view, &reference.id, story);
    json_decref(story);
    return 0;
}

static int run(struct view *view, const char *given, char **words)
{
    struct error error;
    struct spool *spool = cli_spool(given, &error);

    if (spool == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    view->spool = spool;
    if (view->spend) {
        view->result = show_spend(view);
    } else if (view->events) {
        view->result = show_events(view, words);
    } else if (words[0] == NULL) {
        view->result = show_spool(view);
    } else {
        cli_words(words, show_job, view);
    }
    spool_close(spool);
    return cli_finish(PROGRAM, view->result);
}

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
    case OPTION_RUN:
        view->chronicle.run = optarg;
        break;
    case OPTION_EVENT:
        view->chronicle.kind = optarg;
        break;
    default:
        return take_spend(view, option);
    }
    view->events_only = true;
    return -1;
}

/* Returns an exit code, or -1 to go on. */
static int take_option(struct view *view, int option, const char **given)
{
    switch (option) {
    case 's':
        *given = optarg;
        break;
    case OPTION_GATES:
        view->gates = true;
        break;
    case OPTION_JSON:
        view->json = true;
        break;
    case OPTION_SPEND:
        view->spend = true;
        break;
    case OPTION_EVENTS:
        view->events = true;
        break;
    case OPTION_SINCE:
        view->since = optarg;
        break;
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

    if (view->since != NULL && view->spend) {
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
static int check_options(const struct view *view, bool jobs)
{
    if (view->gates && jobs) {
        return cli_usage(PROGRAM, "--gates is for the whole spool, not for a job");
    }
    if (view->spend && (jobs || view->gates)) {
        return cli_usage(PROGRAM, "--spend is for the whole spool, and by itself");
    }
    if (view->events && (view->spend || view->gates)) {
        return cli_usage(PROGRAM, "--events goes neither with --spend nor with --gates");
    }
    if (view->spend_only && !view->spend) {
        return cli_usage(PROGRAM, "--by, --month, --day and --csv go with --spend");
    }
    if (view->events_only && !view->events) {
        return cli_usage(PROGRAM, "--until, --user, --model, --run and --event go with --events");
    }
    if (view->since != NULL && !view->spend && !view->events) {
        return cli_usage(PROGRAM, "--since goes with --spend or with --events");
    }
    if (view->json && view->plan.format == SPEND_CSV) {
        return cli_usage(PROGRAM, "only one of --csv and --json can be asked for");
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
    if (result < 0) {
        result = check_options(&view, optind < argc);
    }
    if (result < 0) {
        result = take_times(&view);
    }
    return result < 0 ? run(&view, given, argv + optind) : result;
}
