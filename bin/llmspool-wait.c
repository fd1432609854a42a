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
#include "spool/spool.h"
#include "client/cli.h"
#include "client/locate.h"
#include "client/pending.h"
#include "client/show.h"
#include "client/wait.h"

#define PROGRAM "llmspool-wait"

static const char usage[] =
    "usage: llmspool-wait [-s DIR] [options] JOB ...\n"
    "Waits until jobs have ended. JOB is an ID, 6 or more first digits of one, or a\n"
    "name, each with @vN behind it for one of its versions; - reads them from\n"
    "standard input.\n"
    "\n"
    "  -s, --spool DIR     the spool (see llmspool(7) for where it is looked for)\n"
    "      --timeout D     give up after a time such as 90s or 10m, with exit code\n"
    "                      75\n"
    "      --any           leave when one of the jobs has ended\n"
    "      --fail-fast     leave with 69 when none can move until somebody does\n"
    "                      something\n"
    "      --json          print a line of JSON for each job that has ended\n"
    "  -v, --verbose       print a line for each job that has ended, as on a\n"
    "                      terminal\n"
    "  -q, --quiet         print neither these nor why jobs failed\n"
    "      --help, --version\n"
    "\n"
    "Exit code: 0 all completed, 1 some did not, 75 timed out, 130 interrupted.\n";

enum {
    OPTION_TIMEOUT = 256,
    OPTION_ANY,
    OPTION_FAIL_FAST,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"any", no_argument, NULL, OPTION_ANY},
    {"fail-fast", no_argument, NULL, OPTION_FAIL_FAST},
    {"json", no_argument, NULL, OPTION_JSON},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

struct command {
    const char *place; /* of the spool, as given */
    struct spool *spool;
    struct wait *wait;
    struct wait_plan plan;
    struct error error;
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

static int add_job(void *context, const char *word)
{
    struct command *command = context;
    struct reference reference;

    if (find_job(command, word, &reference) < 0) {
        return -1;
    }
    wait_add(command->wait, &reference.id, reference.version);
    return 0;
}

/* --- telling
 * --------------------------------------------------------------------------------------- */

static void print_json(const struct command *command, size_t number, const json_t *record)
{
    const struct awaited *awaited = wait_job(command->wait, number);
    const json_t *version = json_object_get(record, "version");
    const json_t *message = json_object_get(record, "message");
    char hex[ID_TEXT_SIZE];
    json_t *line;

    id_write(&awaited->id, hex);
    line =
        json_pack("{s:s, s:s, s:O*, s:O*}", "id", hex, "status",
                  wait_word(command->wait, number, record), "version", version, "message", message);
    show_json(stdout, line);
    json_decref(line);
}

static void print_failure(const struct command *command, size_t number, const json_t *record)
{
    char *sentence = wait_failure(command->wait, number, record);

    fflush(stdout);
    fprintf(stderr, PROGRAM ": %s\n", sentence);
    free(sentence);
}

/* What a job ended with is read where it is told, and only then. */
static void job_ended(void *context, size_t number)
{
    struct command *command = context;
    const struct awaited *awaited = wait_job(command->wait, number);
    bool failed = awaited->state != AWAITED_COMPLETED;
    json_t *record = failed || command->json ? wait_record(command->wait, number) : NULL;
    char shown[ID_TEXT_SIZE];

    command->failed += failed;
    if (command->json) {
        print_json(command, number, record);
    } else if (command->lines) {
        printf("%s %s\n", show_id(stdout, &awaited->id, shown),
               wait_word(command->wait, number, record));
    }
    if (failed && !command->quiet) {
        print_failure(command, number, record);
    }
    json_decref(record);
    fflush(stdout);
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
        break;
    }
    return EXIT_INTERRUPTED;
}

static int wait_for_all(struct command *command, char **words)
{
    enum wait_result result;

    command->spool = cli_spool(command->place, &command->error);
    if (command->spool == NULL) {
        return cli_fail(PROGRAM, &command->error);
    }
    command->wait = wait_new(command->spool, &clock_system);
    if (cli_words(words, add_job, command) != 0 ||
        wait_run(command->wait, &command->plan, &result, &command->error) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    return cli_finish(PROGRAM, exit_code(command, result));
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
    case OPTION_FAIL_FAST:
        command->plan.fail_fast = true;
        break;
    case OPTION_JSON:
        command->json = true;
        break;
    case OPTION_HELP:
        return cli_help(usage);
    case OPTION_VERSION:
        return cli_version(PROGRAM);
    default:
        return EXIT_USAGE;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct command command = {.lines = isatty(STDOUT_FILENO) == 1};
    int option, result = -1;

    cli_start();
    command.plan = (struct wait_plan){
        .timeout_ms = -1, .ended = job_ended, .stalled = jobs_stalled, .context = &command};
    while (result < 0 && (option = getopt_long(argc, argv, "s:vq", options, NULL)) != -1) {
        result = take_option(&command, option);
    }
    if (result >= 0) {
        return result;
    }
    if (optind == argc) {
        return cli_usage(PROGRAM, "which jobs?");
    }
    command.lines = command.lines && !command.quiet;
    result = wait_for_all(&command, argv + optind);
    wait_free(command.wait);
    spool_close(command.spool);
    return result;
}
