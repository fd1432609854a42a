/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-wait: waits until jobs have ended; the exit code says how.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/spool.h"
#include "client/chosen.h"
#include "client/cli.h"
#include "client/locate.h"
#include "client/pending.h"
#include "client/show.h"
#include "client/wait.h"
#include "job/selection.h"
#include "retain/members.h"

#define PROGRAM "llmspool-wait"

enum { PENDING_MS = 100 /* between looks for lists of a run */ };

static const char usage[] =
    "usage: llmspool-wait [-s DIR] [options] [SELECTION] [JOB...|RUN...|-]\n"
    "Waits until jobs have ended. JOB is an ID, 6 or more first digits of one, or a name, each\n"
    "with @vN behind it for one of its versions; RUN means all jobs of a run; - reads them\n"
    "from standard input.\n"
    "\n"
    "  -s, --spool DIR     the spool (see llmspool(7) for where it is looked for)\n"
    "      --timeout D     give up after a time such as 90s or 10m, with exit code 75\n"
    "      --any           leave when one of the jobs has ended\n"
    "      --all           when all have: the default\n"
    "      --fail-fast     leave with 69 when none can move until somebody does something\n"
    "      --json          print a line of JSON for each job that has ended\n"
    "  -v, --verbose       print a line for each job that has ended, as on a terminal\n"
    "  -q, --quiet         print neither these nor why jobs failed\n"
    "      --help, --version (alone)\n"
    "\n" SELECTION_USAGE "\n"
    "Exit code: 0 all completed, 1 some did not, 75 timed out, 130 interrupted.\n";

enum {
    OPTION_TIMEOUT = 256,
    OPTION_ANY,
    OPTION_ALL,
    OPTION_FAIL_FAST,
    OPTION_JSON,
    OPTION_HELP
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"any", no_argument, NULL, OPTION_ANY},
    {"all", no_argument, NULL, OPTION_ALL},
    {"fail-fast", no_argument, NULL, OPTION_FAIL_FAST},
    {"json", no_argument, NULL, OPTION_JSON},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, OPTION_HELP},
    SELECTION_OPTIONS,
    {NULL, 0, NULL, 0},
};

struct command {
    const char *place; /* of the spool, as given */
    struct spool *spool;
    struct wait *wait;
    struct wait_plan plan;
    struct error error;
    struct selection selection;
    char **runs; /* that words named */
    size_t run_count;
    bool json, lines, quiet;
    size_t failed;
};

/* --- words
 * ----------------------------------------------------------------------------------------- */

/* A name that was just dropped is not known yet by its link, or leads to an older job. */
static int find_job(struct command *command, const char *word, struct reference *reference)
{
    if (layout_name_ok(word) && pending_name(command->spool, word, &reference->id)) {
        reference->version = 0;
        return 0;
    }
    return locate_reference(command->spool, word, reference, &command->error);
}

static bool is_run(const struct command *command, const char *word)
{
    return layout_name_ok(word) &&
           (members_known(command->spool, word) || pending_run(command->spool, word));
}

/* Its jobs are added when all are known. */
static int add_run(struct command *command, const char *run)
{
    command->runs = xrealloc(command->runs, (command->run_count + 1) * sizeof *command->runs);
    command->runs[command->run_count++] = xstrdup(run);
    return 0;
}

static int add_job(void *context, const char *word)
{
    struct command *command = context;
    struct reference reference;

    if (find_job(command, word, &reference) < 0) {
        return command->error.kind == ERROR_ABSENT && is_run(command, word) ? add_run(command, word)
                                                                            : -1;
    }
    wait_add(command->wait, &reference.id, reference.version);
    return 0;
}

/* --- telling
 * --------------------------------------------------------------------------------------- */

static void print_json(const struct awaited *awaited, const json_t *record)
{
    const json_t *version = json_object_get(record, "version");
    const json_t *message = json_object_get(record, "message");
    char hex[ID_TEXT_SIZE];
    json_t *line;

    id_write(&awaited->id, hex);
    line = json_pack("{s:s, s:s, s:O*, s:O*}", "id", hex, "status", wait_word(awaited, record),
                     "version", version, "message", message);
    show_json(stdout, line);
    json_decref(line);
}

static void print_failure(const struct awaited *awaited, const json_t *record)
{
    char *sentence = wait_failure(awaited, record);

    fflush(stdout);
    fprintf(stderr, PROGRAM ": %s\n", sentence);
    free(sentence);
}

/* What a job ended with is read where it is told, and only then. */
static void job_ended(void *context, struct awaited *awaited)
{
    struct command *command = context;
    bool failed = awaited->state != AWAITED_COMPLETED;
    json_t *record = failed || command->json ? wait_record(command->wait, awaited) : NULL;
    char shown[ID_TEXT_SIZE];

    command->failed += failed;
    if (command->json) {
        print_json(awaited, record);
    } else if (command->lines) {
        printf("%s %s\n", show_id(stdout, &awaited->id, shown),
               wait_word(awaited, record));
    }
    if (failed && !command->quiet) {
        print_failure(awaited, record);
    }
    json_decref(record);
    fflush(stdout);
    wait_forget(command->wait, awaited);
}

static void jobs_stalled(void *context, const char *reason)
{
    (void)context;
    fprintf(stderr, PROGRAM ": still waiting: %s\n", reason);
}

/* --- waiting
 * --------------------------------------------------------------------------------------- */

static int exit_code(const struct command *command, enum wait_result result)
{
    size_t open = wait_open(command->wait);
    size_t count = wait_count(command->wait);
    const char *s = count == 1 ? "" : "s";
    const char *have = open == 1 ? "has" : "have";

    switch (result) {
    case WAIT_ENDED:
        return command->failed > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
    case WAIT_TIMED_OUT:
        fprintf(stderr, PROGRAM ": timed out; %zu of %zu job%s %s not ended\n", open, count, s, have);
        return EXIT_LATER;
    case WAIT_STUCK:
        fprintf(stderr, PROGRAM ": %zu of %zu job%s %s not ended, and none can move\n", open, count,
                s, have);
        return EXIT_ABSENT;
    case WAIT_INTERRUPTED:
    case WAIT_HALTED:
    case WAIT_CLOSED:
        break;
    }
    return EXIT_INTERRUPTED;
}

static int add_id(void *context, const struct id *id)
{
    struct command *command = context;

    wait_add(command->wait, id, 0);
    return 0;
}

/* A line of the input that was no job has ended with that. */
static int add_member(void *context, const struct id *id, const json_t *line)
{
    struct command *command = context;

    if (id != NULL) {
        wait_add(command->wait, id, 0);
        return 0;
    }
    command->failed++;
    if (!command->quiet) {
        fprintf(stderr, PROGRAM ": a line of the run was no job: position %lld\n",
                (long long)json_integer_value(json_object_get(line, "position")));
    }
    return 0;
}

/* The jobs of a run are known when no list of it is left in new/. Returns 0, 1 when it is over
 * before that, with *result, or -1. */
static int wait_for_lists(struct command *command, const char *run, enum wait_result *result)
{
    int turned = 0;

    while (turned == 0 && pending_run(command->spool, run)) {
        turned = wait_turn(command->wait, PENDING_MS, -1, NULL, result, &command->error);
    }
    return turned;
}

static int add_runs(struct command *command, enum wait_result *result)
{
    int turned = 0;

    for (size_t i = 0; i < command->run_count && turned == 0; i++) {
        turned = wait_for_lists(command, command->runs[i], result);
        if (turned == 0) {
            turned = members_each(command->spool, command->runs[i], add_member, command,
                                  &command->error);
        }
    }
    return turned;
}

/* Jobs that are selected by more than their run, now. */
static int add_selected(struct command *command, enum wait_result *result)
{
    int turned;

    if (!selection_needs_record(&command->selection)) {
        return 0; /* nothing is selected, or a run, which is among the runs */
    }
    turned = command->selection.run != NULL
                 ? wait_for_lists(command, command->selection.run, result)
                 : 0;
    if (turned == 0) {
        turned = members_select(command->spool, &command->selection, &command->error);
    }
    return turned != 0 ? turned
                       : chosen_each(command->spool, &command->selection, CHOSEN_ANY,
                                     clock_wall(&clock_system), add_id, command, &command->error);
}

static int wait_in_turns(struct command *command, enum wait_result *result)
{
    int turned;

    wait_start(command->wait, &command->plan);
    turned = add_runs(command, result);
    if (turned == 0) {
        turned = add_selected(command, result);
    }
    if (turned == 0) {
        turned = wait_all(command->wait, result, &command->error);
    }
    wait_stop(command->wait);
    return turned < 0 ? -1 : 0;
}

static int wait_for_all(struct command *command, char **words)
{
    enum wait_result result;
    const char *run = command->selection.run;

    command->spool = cli_spool(command->place, &command->error);
    if (command->spool == NULL) {
        return cli_fail(PROGRAM, &command->error);
    }
    if (run != NULL && !selection_needs_record(&command->selection)) {
        add_run(command, run);
    }
    command->wait = wait_new(command->spool, &clock_system);
    if (cli_words(words, add_job, command) != 0 || wait_in_turns(command, &result) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    return cli_finish(PROGRAM, exit_code(command, result));
}

static void command_free(struct command *command)
{
    for (size_t i = 0; i < command->run_count; i++) {
        free(command->runs[i]);
    }
    free(command->runs);
    selection_free(&command->selection);
    wait_free(command->wait);
    spool_close(command->spool);
}

static int take_selection(struct command *command, int option)
{
    int taken = selection_option(&command->selection, option, optarg, &command->error);

    return taken > 0 ? -1 : taken < 0 ? cli_fail(PROGRAM, &command->error) : EXIT_USAGE;
}

/* Returns an exit code, or -1 to go on. */
static int take_option(struct command *command, int option)
{
    switch (option) {
    case 's':
        command->place = optarg;
        break;
    case 'v':
        command->lines = true;
        break;
    case 'q':
        command->quiet = true;
        break;
    case OPTION_TIMEOUT:
        if (timetext_read_duration(optarg, &command->plan.timeout_ms) < 0) {
            return cli_usage(PROGRAM, "--timeout %s is no duration such as 90s or 10m", optarg);
        }
        break;
    case OPTION_ANY:
        command->plan.any = true;
        break;
    case OPTION_ALL:
        command->plan.any = false;
        break;
    case OPTION_FAIL_FAST:
        command->plan.fail_fast = true;
        break;
    case OPTION_JSON:
        command->json = true;
        break;
    case OPTION_HELP:
        return cli_help(usage);
    default:
        return take_selection(command, option);
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct command command = {.lines = isatty(STDOUT_FILENO) == 1};
    int option, result = -1;

    cli_start();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return cli_version(PROGRAM);
    }
    command.plan = (struct wait_plan){
        .timeout_ms = -1, .ended = job_ended, .stalled = jobs_stalled, .context = &command};
    while (result < 0 && (option = getopt_long(argc, argv, "s:vq", options, NULL)) != -1) {
        result = take_option(&command, option);
    }
    if (result >= 0) {
        return result;
    }
    if (optind == argc && !selection_any(&command.selection)) {
        return cli_usage(PROGRAM, "which jobs?");
    }
    command.lines = command.lines && !command.quiet;
    result = wait_for_all(&command, argv + optind);
    command_free(&command);
    return result;
}
