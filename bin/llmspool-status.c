/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-status: the queue at a glance, one job's story, what happened, or what was spent.
 */
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "client/batch_view.h"
#include "client/chronicle.h"
#include "client/cli.h"
#include "client/failures.h"
#include "client/flow_tree.h"
#include "client/gates.h"
#include "client/locate.h"
#include "client/overview.h"
#include "client/refresh.h"
#include "client/shape.h"
#include "client/show.h"
#include "client/spend.h"
#include "client/standing.h"
#include "client/story.h"
#include "client/tally.h"
#include "client/users.h"

#define PROGRAM "llmspool-status"

enum { FAILURES_READ = 10000 /* by --failed */, WATCH_SECONDS = 2 };

static const char usage[] =
    "usage: llmspool-status [-s DIR] [--json] [--watch[=SECONDS]] [JOB|RUN...|-]\n"
    "       llmspool-status [-s DIR] --gates|--runs|--failed|--shape|--users [--json]\n"
    "                       [--watch[=SECONDS]]\n"
    "       llmspool-status [-s DIR] --spend [--by COLUMNS] [--month M|--day D|--since D]\n"
    "                       [--csv|--json]\n"
    "       llmspool-status [-s DIR] --events|--follow [--since T] [--until T] [--user U]\n"
    "                       [--model M] [--run R] [--event KIND] [--json] [JOB...|-]\n"
    "       llmspool-status [-s DIR] --flow FLOW [--json] [--watch[=SECONDS]]\n"
    "Shows how the spool stands: the daemon, jobs by state and what they wait for, gates,\n"
    "figures, the last failures. With jobs: where each is and why, its attempts, versions\n"
    "and events. With a run, a batch's too: how far it is, how fast, what it cost and when it\n"
    "will end.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --gates       all of the gates: windows, limits and where they come from\n"
    "      --runs        all runs, the newest first\n"
    "      --run RUN     this run, where a job has its name, too\n"
    "      --failed      failures by reason, with one of each and what to do\n"
    "      --shape       how long the jobs of each model have waited, in minutes\n"
    "      --users       what each user has waiting, had done today, used and has left\n"
    "      --watch[=S]   all that fills the screen, anew every S seconds (2); q ends\n"
    "      --json        a line of JSON: for the spool, each gate, run, user or job\n"
    "      --spend       what was spent, this month unless said otherwise\n"
    "        --by LIST   a row for each day, user, provider, model, run (commas between)\n"
    "        --month YYYY-MM, --day YYYY-MM-DD, --since YYYY-MM-DD\n"
    "        --csv       for a spreadsheet\n"
    "      --events      what happened, oldest first, also to jobs that are archived or gone\n"
    "      --follow      what happens, as it happens; with --since what happened before, too\n"
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
    {"spool", required_argument, NULL, 's'},      {"gates", no_argument, NULL, OPTION_GATES},
    {"json", no_argument, NULL, OPTION_JSON},     {"spend", no_argument, NULL, OPTION_SPEND},
    {"by", required_argument, NULL, OPTION_BY},   {"month", required_argument, NULL, OPTION_MONTH},
    {"day", required_argument, NULL, OPTION_DAY}, {"since", required_argument, NULL, OPTION_SINCE},
    {"csv", no_argument, NULL, OPTION_CSV},       {"help", no_argument, NULL, 'h'},
    {"events", no_argument, NULL, OPTION_EVENTS}, {"until", required_argument, NULL, OPTION_UNTIL},
    {"user", required_argument, NULL, OPTION_USER},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"run", required_argument, NULL, OPTION_RUN}, {"event", required_argument, NULL, OPTION_EVENT},
    {"follow", no_argument, NULL, OPTION_FOLLOW}, {"runs", no_argument, NULL, OPTION_RUNS},
    {"failed", no_argument, NULL, OPTION_FAILED}, {"shape", no_argument, NULL, OPTION_SHAPE},
    {"users", no_argument, NULL, OPTION_USERS},   {"watch", optional_argument, NULL, OPTION_WATCH},
    {"flow", required_argument, NULL, OPTION_FLOW},
    {"version", no_argument, NULL, 'V'},          {NULL, 0, NULL, 0},
};

/* What is shown. */
enum mode {
    MODE_SPOOL, /* the overview, or the jobs and runs that are named */
    MODE_GATES,
    MODE_RUNS,
    MODE_FAILED,
    MODE_SHAPE,
    MODE_USERS,
    MODE_FLOW,
    MODE_SPEND,
    MODE_EVENTS,
    MODE_FOLLOW,
};

struct view {
    const struct spool *spool;
    enum mode mode;
    bool modes; /* several were asked for */
    bool json;
    bool spend_only; /* an option was given that goes with --spend */
    struct spend_plan plan;
    bool events_only; /* an option was given that goes with --events or --follow */
    struct chronicle_plan chronicle;
    const char *flow;  /* of --flow */
    const char *since; /* of --spend, --events or --follow */
    const char *until;
    int64_t watch_ms; /* 0: shown once */
    char **words;     /* jobs and runs */
    size_t shown;     /* of them, so far */
    const struct screen *screen;
    int result;
};

/* --- pages ---------------------------------------------------------------------------------------- */

/* Takes what was read over; NULL is passed on as the failure that it is. */
static int put_rows(const struct view *view, json_t *rows,
                    void (*print)(const struct screen *screen, const json_t *rows))
{
    json_t *row;
    size_t i;

    if (rows == NULL) {
        return -1;
    }
    if (!view->json) {
        print(view->screen, rows);
    } else if (json_is_array(rows)) {
        json_array_foreach (rows, i, row) {
            show_json(view->screen->out, row);
        }
    } else {
        show_json(view->screen->out, rows);
    }
    json_decref(rows);
    return 0;
}

static void print_gates(const struct screen *screen, const json_t *overview)
{
    gates_print(screen, overview, clock_wall(&clock_system));
}

static void print_overview(const struct screen *screen, const json_t *overview)
{
    overview_print(screen, overview, clock_wall(&clock_system));
}

static void print_failures(const struct screen *screen, const json_t *groups)
{
    if (json_array_size(groups) == 0) {
        screen_line(screen, TONE_GOOD, "nothing has failed");
    }
    failures_print(screen, groups, SIZE_MAX, NULL);
}

static int show_gates(const struct view *view, struct error *error)
{
    json_t *overview = overview_read(view->spool, error);
    json_t *gates = overview == NULL ? NULL : json_incref(json_object_get(overview, "gates"));
    int result = 0;

    if (!view->json) {
        return put_rows(view, overview, print_gates);
    }
    if (overview == NULL || gates != NULL) {
        result = put_rows(view, gates, print_gates);
    }
    json_decref(overview);
    return result;
}

static int show_job(struct view *view, const struct id *id, struct error *error)
{
    struct wall now = clock_wall(&clock_system);
    json_t *story = story_read(view->spool, id, now, error);

    if (story == NULL) {
        return -1;
    }
    if (view->json) {
        show_json(view->screen->out, story);
    } else {
        if (view->shown++ > 0) {
            fputc('\n', view->screen->out);
        }
        story_print(view->screen, id, story, now);
    }
    json_decref(story);
    return 0;
}

static int show_flow(const struct view *view, struct error *error)
{
    struct flow_view *flow = flow_view_read(view->spool, view->flow, error);

    if (flow == NULL) {
        return -1;
    }
    if (view->json) {
        json_t *json = flow_view_json(flow);

        show_json(view->screen->out, json);
        json_decref(json);
    } else {
        flow_tree_print(view->screen, flow, flow_tree_utf8(), clock_wall(&clock_system));
    }
    flow_view_free(flow);
    return 0;
}

/* A step that waits has no job yet. */
static void print_waiting(void *context, const struct flow_view *flow, const struct flow_look *step)
{
    struct view *view = context;
    struct buffer reason = {0};
    const char *why;

    flow_view_reason(flow, step, &reason);
    why = reason.bytes != NULL ? reason.bytes : "";
    if (view->json) {
        json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "flow", flow->record->name, "step",
                                 step->entry->name, "state", step->state, "reason", why);

        show_json(view->screen->out, json);
        json_decref(json);
    } else {
        fprintf(view->screen->out, "%s of flow %s: %s %s\n", step->entry->name,
                flow->record->name, step->state, why);
    }
    view->shown++;
    buffer_free(&reason);
}

/* A batch tells how it stands by its own record. */
static int show_run(struct view *view, const char *run, struct error *error)
{
    json_t *batch = batch_view_read(view->spool, run, error);

    if (batch == NULL) {
        return error->kind == ERROR_ABSENT
                   ? standing_show(view->spool, run, view->screen, view->json, error)
                   : -1;
    }
    if (view->json) {
        show_json(view->screen->out, batch);
    } else {
        batch_view_print(view->screen, batch);
    }
    json_decref(batch);
    return 0;
}

/* A job, or else a step that waits for others, or a run, of that name. */
static int show_word(struct view *view, const char *word, struct error *error)
{
    struct reference reference;
    struct error no_run;

    if (locate_reference(view->spool, word, &reference, error) == 0) {
        return show_job(view, &reference.id, error);
    }
    if (error->kind == ERROR_ABSENT &&
        flow_view_waiting(view->spool, word, print_waiting, view, NULL) > 0) {
        return 0;
    }
    if (error->kind == ERROR_ABSENT && layout_name_ok(word)) {
        if (show_run(view, word, &no_run) == 0) {
            view->shown++;
            return 0;
        }
        if (no_run.kind != ERROR_ABSENT) {
            *error = no_run;
        }
    }
    return -1;
}

static int try_word(void *context, const char *word)
{
    struct view *view = context;
    struct error error;

    if (show_word(view, word, &error) < 0) {
        view->result = cli_fail(PROGRAM, &error);
    }
    return 0;
}

/* What is named, each in turn: on a page that is shown again a failure stands in its place. */
static int show_words(struct view *view, struct error *error)
{
    if (view->watch_ms == 0) {
        cli_words(view->words, try_word, view);
        return 0;
    }
    view->shown = 0;
    for (char **word = view->words; *word != NULL; word++) {
        if (show_word(view, *word, error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int show_page(void *context, const struct screen *screen, struct error *error)
{
    struct view *view = context;
    struct wall now = clock_wall(&clock_system);

    view->screen = screen;
    switch (view->mode) {
    case MODE_GATES:
        return show_gates(view, error);
    case MODE_RUNS:
        return standing_list(view->spool, screen, view->json, now, error);
    case MODE_FAILED:
        return put_rows(view, tally_failures(view->spool, FAILURES_READ), print_failures);
    case MODE_SHAPE:
        return put_rows(view, shape_read(view->spool, now, error), shape_print);
    case MODE_USERS:
        return put_rows(view, users_read(view->spool, now, error), users_print);
    case MODE_FLOW:
        return show_flow(view, error);
    case MODE_SPEND:
        return spend_print(view->spool, &view->plan, screen, now, error);
    default:
        break;
    }
    if (view->chronicle.run != NULL) {
        return show_run(view, view->chronicle.run, error);
    }
    return view->words[0] != NULL ? show_words(view, error)
                                  : put_rows(view, overview_read(view->spool, error),
                                             print_overview);
}

/* Shown once, or again and again. */
static int show(struct view *view)
{
    struct screen screen = screen_open(stdout);
    struct error error;
    int result = view->watch_ms > 0 ? refresh_run(view->watch_ms, show_page, view, &error)
                                    : show_page(view, &screen, &error);

    if (result < 0) {
        return cli_fail(PROGRAM, &error);
    }
    if (result > 0 && result != SIGINT) { /* as if it had ended us at once */
        signal(result, SIG_DFL);
        raise(result);
    }
    return result > 0 ? EXIT_INTERRUPTED : view->result;
}

/* --- events --------------------------------------------------------------------------------------- */

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

static int show_events(struct view *view)
{
    char **argv = view->words;
    struct screen screen = screen_open(stdout);
    struct words words = {NULL, 0};
    struct error error;
    int result;

    cli_words(argv, keep_word, &words);
    view->chronicle.jobs = words.words;
    view->chronicle.json = view->json;
    result = argv[0] != NULL && words.count == 0 ? 0 /* an empty stdin names no job */
             : view->mode == MODE_FOLLOW
                 ? chronicle_follow(view->spool, &view->chronicle, &screen, &error)
                 : chronicle_print(view->spool, &view->chronicle, &screen,
                                   clock_wall(&clock_system), &error);
    for (size_t i = 0; i < words.count; i++) {
        free(words.words[i]);
    }
    free(words.words);
    return result < 0 ? cli_fail(PROGRAM, &error) : EXIT_DONE;
}

/* --- the command line ----------------------------------------------------------------------------- */

static int run(struct view *view, const char *given)
{
    struct error error;
    struct spool *spool = cli_spool(given, &error);

    if (spool == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    view->spool = spool;
    if (view->json) {
        view->plan.format = SPEND_JSON;
    }
    view->result = view->mode == MODE_EVENTS || view->mode == MODE_FOLLOW ? show_events(view)
                                                                         : show(view);
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

static int take_mode(struct view *view, enum mode mode)
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
        enum mode mode;
    } modes[] = {
        {OPTION_GATES, MODE_GATES},   {OPTION_SPEND, MODE_SPEND},   {OPTION_EVENTS, MODE_EVENTS},
        {OPTION_FOLLOW, MODE_FOLLOW}, {OPTION_RUNS, MODE_RUNS},     {OPTION_FAILED, MODE_FAILED},
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
        return cli_usage(PROGRAM, "only one of --gates, --runs, --failed, --shape, --users, --flow, "
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
    return result < 0 ? run(&view, given) : result;
}
