/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-submit: turns prompts and job files into jobs; can wait for their answers.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/spool.h"
#include "client/cli.h"
#include "client/draft.h"
#include "client/estimate.h"
#include "client/show.h"
#include "client/submission.h"
#include "client/wait.h"

#define PROGRAM "llmspool-submit"

static const char usage[] =
    "usage: llmspool-submit [-s DIR] [options] TEXT ... | -f FILE ... | --job FILE ... | -\n"
    "Drops a job for each TEXT (the prompt, or with --type embed the input), FILE (that text,\n"
    "or with --job a job as JSON), or for standard input (-), and prints their IDs when they\n"
    "are durable.\n"
    "\n"
    "  -s, --spool DIR         the spool (see llmspool(7) for where it is looked for)\n"
    "  -f, --file FILE         a prompt\n"
    "      --job FILE          a whole job\n"
    "  -w, --wait              wait, and print the answers in the order of the jobs\n"
    "      --wait-timeout D    wait for so long at most, then leave with 75\n"
    "      --fail-fast         do not wait when nothing can move: leave with 69\n"
    "      --json              print JSON, a line for each job\n"
    "      --print-id          print the IDs, submit nothing\n"
    "      --dry-run           print the jobs as they would be dropped, submit nothing\n"
    "      --estimate          print their tokens and money (--prices FILE), submit nothing\n"
    "      --help, --version\n"
    "\n"
    "What decides the answer:\n"
    "  -m, --model MODEL       --system TEXT          --param NAME=VALUE ...\n"
    "      --attach FILE ...       an image, PDF or text that each job asks about\n"
    "      --schema FILE       the JSON Schema that the answer has to fit\n"
    "      --provider NAME     --user NAME            --sample N         --type TYPE\n"
    "How and when:\n"
    "      --name NAME         --meta NAME=TEXT ...   --priority 0-9     --webhook URL\n"
    "      --delay D           --not-before TIME      --expires TIME     --timeout D\n"
    "      --max-attempts N    --max-age D            --fresh            --keep D\n"
    "      --on-doubt WORD     --stream               --fallback MODEL ...\n"
    "\n"
    "More in llmspool-submit(1); what the keys of a job mean is in llmspool-spool(5).\n";

enum {
    INPUT = 1, /* what getopt_long gives for a word that is no option */
    OPTION_FIELD = 256,
    OPTION_JOB,
    OPTION_WAIT_TIMEOUT,
    OPTION_FAIL_FAST,
    OPTION_JSON,
    OPTION_PRINT_ID,
    OPTION_DRY_RUN,
    OPTION_ESTIMATE,
    OPTION_PRICES,
    OPTION_HELP,
    OPTION_VERSION,
    SHOWN_JOBS = 8, /* in the line that says how to come back */
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"file", required_argument, NULL, 'f'},
    {"job", required_argument, NULL, OPTION_JOB},
    {"wait", no_argument, NULL, 'w'},
    {"wait-timeout", required_argument, NULL, OPTION_WAIT_TIMEOUT},
    {"fail-fast", no_argument, NULL, OPTION_FAIL_FAST},
    {"json", no_argument, NULL, OPTION_JSON},
    {"print-id", no_argument, NULL, OPTION_PRINT_ID},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"estimate", no_argument, NULL, OPTION_ESTIMATE},
    {"prices", required_argument, NULL, OPTION_PRICES},
    {"attach", required_argument, NULL, OPTION_FIELD},
    {"delay", required_argument, NULL, OPTION_FIELD},
    {"expires", required_argument, NULL, OPTION_FIELD},
    {"fallback", required_argument, NULL, OPTION_FIELD},
    {"fresh", no_argument, NULL, OPTION_FIELD},
    {"keep", required_argument, NULL, OPTION_FIELD},
    {"max-age", required_argument, NULL, OPTION_FIELD},
    {"max-attempts", required_argument, NULL, OPTION_FIELD},
    {"meta", required_argument, NULL, OPTION_FIELD},
    {"model", required_argument, NULL, OPTION_FIELD},
    {"name", required_argument, NULL, OPTION_FIELD},
    {"not-before", required_argument, NULL, OPTION_FIELD},
    {"on-doubt", required_argument, NULL, OPTION_FIELD},
    {"param", required_argument, NULL, OPTION_FIELD},
    {"priority", required_argument, NULL, OPTION_FIELD},
    {"provider", required_argument, NULL, OPTION_FIELD},
    {"sample", required_argument, NULL, OPTION_FIELD},
    {"schema", required_argument, NULL, OPTION_FIELD},
    {"stream", no_argument, NULL, OPTION_FIELD},
    {"system", required_argument, NULL, OPTION_FIELD},
    {"timeout", required_argument, NULL, OPTION_FIELD},
    {"type", required_argument, NULL, OPTION_FIELD},
    {"user", required_argument, NULL, OPTION_FIELD},
    {"webhook", required_argument, NULL, OPTION_FIELD},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

enum mode { MODE_DROP, MODE_WAIT, MODE_PRINT_ID, MODE_DRY_RUN, MODE_ESTIMATE };

struct command {
    const char *place; /* of the spool, as given */
    enum mode mode;
    const char *prices; /* a file, or NULL */
    bool json;
    bool progress; /* a line on stderr that is written over */
    struct field {
        const char *name, *value;
    } * fields; /* flags for the jobs, in order */
    size_t field_count;
    struct spool *spool;
    struct draft *draft;
    struct submission jobs;
    struct wait *wait;
    struct wait_plan plan;
    size_t *numbers; /* of the jobs in the set that is waited for */
    size_t printed;  /* so many jobs have been told of */
    bool failed;
    struct error error;
};

/* --- jobs ------------------------------------------------------------------------------------- */

static int prepare(struct command *command)
{
    command->spool = cli_spool(command->place, &command->error);
    if (command->spool == NULL) {
        return -1;
    }
    command->draft = draft_new(command->spool, clock_wall(&clock_system));
    for (size_t i = 0; i < command->field_count; i++) {
        if (draft_flag(command->draft, command->fields[i].name, command->fields[i].value,
                       &command->error) < 0) {
            return -1;
        }
    }
    return submission_read(&command->jobs, command->draft, &command->error);
}

static int print_all(const struct command *command)
{
    for (size_t i = 0; i < command->jobs.count; i++) {
        const struct job *job = command->jobs.jobs[i].job;

        if (command->mode == MODE_PRINT_ID) {
            show_submitted(stdout, job, command->json);
        } else {
            show_json(stdout, job->document);
        }
    }
    return EXIT_DONE;
}

/* An ID is printed when its job is durable, so that after a failure it is known which ones are. */
static int drop_all(struct command *command)
{
    if (draft_drop_files(command->draft, &command->error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < command->jobs.count; i++) {
        struct submitted *submitted = &command->jobs.jobs[i];

        if (submission_drop(command->spool, submitted, &command->error) < 0) {
            return -1;
        }
        if (command->mode == MODE_DROP) {
            show_submitted(stdout, submitted->job, command->json);
        }
    }
    return draft_confirm_files(command->draft, &command->error);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void progress_show(const struct command *command)
{
    if (command->progress) {
        size_t count = wait_count(command->wait);
        size_t ended = count - wait_open(command->wait);

        fprintf(stderr, "\r%zu of %zu job%s %s ended\033[K", ended, count, count == 1 ? "" : "s",
                ended == 1 ? "has" : "have");
    }
}

/* Whatever else is printed begins on a line of its own. */
static void progress_hide(const struct command *command)
{
    if (command->progress) {
        fputs("\r\033[K", stderr);
    }
}

static void print_failure(const struct command *command, size_t number)
{
    json_t *record = wait_record(command->wait, number);
    char *sentence = wait_failure(command->wait, number, record);

    fprintf(stderr, PROGRAM ": %s\n", sentence);
    free(sentence);
    json_decref(record);
}

/* A job that left no record still gets its line of JSON: lines stand for jobs. */
static json_t *stand_in(const struct command *command, size_t number)
{
    char hex[ID_TEXT_SIZE];

    id_write(&wait_job(command->wait, number)->id, hex);
    return json_pack("{s:s, s:s}", "id", hex, "status", wait_word(command->wait, number, NULL));
}

static void print_answer(struct command *command, size_t number)
{
    bool completed = wait_job(command->wait, number)->state == AWAITED_COMPLETED;
    json_t *record = completed || command->json ? wait_record(command->wait, number) : NULL;

    if (completed && record == NULL) {
        char shown[ID_SHORT_SIZE];

        id_write_short(&wait_job(command->wait, number)->id, shown);
        fprintf(stderr, PROGRAM ": %s: its output cannot be read\n", shown);
        command->failed = true;
    }
    if (command->json) {
        record = record != NULL ? record : stand_in(command, number);
        show_json(stdout, record);
    } else if (record != NULL) {
        show_answer(stdout, record);
    }
    json_decref(record);
}

/* Why one failed is told at once, answers when it is their turn. */
static void job_ended(void *context, size_t number)
{
    struct command *command = context;

    progress_hide(command);
    if (wait_job(command->wait, number)->state != AWAITED_COMPLETED) {
        command->failed = true;
        print_failure(command, number);
    }
    while (command->printed < command->jobs.count) {
        size_t next = command->numbers[command->printed];

        if (wait_job(command->wait, next)->state == AWAITED_OPEN) {
            break;
        }
        print_answer(command, next);
        command->printed++;
    }
    fflush(stdout);
    progress_show(command);
}

static void jobs_stalled(void *context, const char *reason)
{
    const struct command *command = context;

    progress_hide(command);
    fprintf(stderr, PROGRAM ": still waiting: %s\n", reason);
    progress_show(command);
}

/* How to come back to what was submitted and goes on by itself. */
static void tell_way_back(const struct command *command, const char *why)
{
    size_t open = wait_open(command->wait);
    size_t count = wait_count(command->wait);
    size_t shown = 0;

    fprintf(stderr, PROGRAM ": %s; %zu of %zu job%s %s in the spool:", why, open, count,
            count == 1 ? "" : "s", open == 1 ? "has not ended and stays" : "have not ended and stay");
    if (open > SHOWN_JOBS) {
        fputs(" the same command waits for them again\n", stderr);
        return;
    }
    fputs(" llmspool-wait", stderr);
    if (command->place != NULL) {
        fprintf(stderr, " -s %s", command->place);
    }
    for (size_t i = 0; i < wait_count(command->wait) && shown < open; i++) {
        const struct awaited *awaited = wait_job(command->wait, i);
        char text[ID_SHORT_SIZE];

        if (awaited->state == AWAITED_OPEN) {
            id_write_short(&awaited->id, text);
            fprintf(stderr, " %s", text);
            shown++;
        }
    }
    putc('\n', stderr);
}

static int exit_code(const struct command *command, enum wait_result result)
{
    switch (result) {
    case WAIT_ENDED:
        break;
    case WAIT_TIMED_OUT:
        tell_way_back(command, "timed out");
        return EXIT_LATER;
    case WAIT_STUCK:
        tell_way_back(command, "nothing can move");
        return EXIT_ABSENT;
    case WAIT_INTERRUPTED:
        tell_way_back(command, "interrupted");
        return EXIT_INTERRUPTED;
    }
    return command->failed ? EXIT_SOME_FAILED : EXIT_DONE;
}

static int wait_for_all(struct command *command)
{
    enum wait_result result;
    int problem;

    command->wait = wait_new(command->spool, &clock_system);
    command->numbers = xcalloc(command->jobs.count, sizeof *command->numbers);
    for (size_t i = 0; i < command->jobs.count; i++) {
        const struct submitted *submitted = &command->jobs.jobs[i];

        command->numbers[i] = wait_add(command->wait, &submitted->job->id, 0);
        wait_expect(command->wait, command->numbers[i], submitted->drop, submitted->run);
    }
    progress_show(command);
    problem = wait_run(command->wait, &command->plan, &result, &command->error);
    progress_hide(command);
    return problem < 0 ? cli_fail(PROGRAM, &command->error) : exit_code(command, result);
}

/* --- the command line ------------------------------------------------------------------------- */

static int estimate(struct command *command)
{
    struct screen screen = screen_open(stdout);

    if (estimate_print(command->spool, &command->jobs, command->prices, command->json, &screen,
                       clock_wall(&clock_system), &command->error) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    return EXIT_DONE;
}

static int submit(struct command *command)
{
    if (prepare(command) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    if (command->mode == MODE_PRINT_ID || command->mode == MODE_DRY_RUN) {
        return print_all(command);
    }
    if (command->mode == MODE_ESTIMATE) {
        return estimate(command);
    }
    if (drop_all(command) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    return command->mode == MODE_WAIT ? wait_for_all(command) : EXIT_DONE;
}

static void add_input(struct command *command, const char *word)
{
    bool standard = strcmp(word, "-") == 0;

    submission_add(&command->jobs, standard ? SOURCE_PROMPT : SOURCE_TEXT, word);
}

static void add_field(struct command *command, const char *name)
{
    command->fields =
        xrealloc(command->fields, (command->field_count + 1) * sizeof *command->fields);
    command->fields[command->field_count++] = (struct field){.name = name, .value = optarg};
}

/* What prints only never turns into a submission, whatever else is said. */
static void want_wait(struct command *command)
{
    if (command->mode == MODE_DROP) {
        command->mode = MODE_WAIT;
    }
}

/* The options that say what to do. Returns an exit code, or -1 to go on. */
static int take_mode(struct command *command, int option)
{
    switch (option) {
    case OPTION_WAIT_TIMEOUT:
        if (timetext_read_duration(optarg, &command->plan.timeout_ms) < 0) {
            return cli_usage(PROGRAM, "--wait-timeout %s is no duration such as 90s or 10m",
                             optarg);
        }
        want_wait(command);
        break;
    case OPTION_FAIL_FAST:
        command->plan.fail_fast = true;
        want_wait(command);
        break;
    case OPTION_PRINT_ID:
        command->mode = MODE_PRINT_ID;
        break;
    case OPTION_DRY_RUN:
        command->mode = MODE_DRY_RUN;
        break;
    case OPTION_ESTIMATE:
        command->mode = MODE_ESTIMATE;
        break;
    case OPTION_PRICES:
        command->prices = optarg;
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

/* Returns an exit code, or -1 to go on. */
static int take_option(struct command *command, int option, int index)
{
    switch (option) {
    case INPUT:
        add_input(command, optarg);
        break;
    case 'f':
        submission_add(&command->jobs, SOURCE_PROMPT, optarg);
        break;
    case OPTION_JOB:
        submission_add(&command->jobs, SOURCE_WHOLE, optarg);
        break;
    case OPTION_FIELD:
        add_field(command, options[index].name);
        break;
    case 'm':
        add_field(command, "model");
        break;
    case 's':
        command->place = optarg;
        break;
    case 'w':
        want_wait(command);
        break;
    case OPTION_JSON:
        command->json = true;
        break;
    default:
        return take_mode(command, option);
    }
    return -1;
}

/* Options and inputs may stand in any order; inputs keep theirs. */
static int take_words(struct command *command, int argc, char **argv)
{
    int option, result = -1, index = 0;

    while (result < 0 && (option = getopt_long(argc, argv, "-s:f:m:w", options, &index)) != -1) {
        result = take_option(command, option, index);
    }
    for (; result < 0 && optind < argc; optind++) {
        add_input(command, argv[optind]);
    }
    if (result < 0 && command->prices != NULL && command->mode != MODE_ESTIMATE) {
        return cli_usage(PROGRAM, "--prices goes with --estimate");
    }
    if (result < 0 && command->jobs.count == 0) {
        return cli_usage(PROGRAM, "nothing to submit: a prompt, -f FILE, --job FILE, or -");
    }
    return result;
}

int main(int argc, char **argv)
{
    struct command command = {.mode = MODE_DROP, .progress = isatty(STDERR_FILENO) == 1};
    int result;

    cli_start();
    command.plan = (struct wait_plan){
        .timeout_ms = -1, .ended = job_ended, .stalled = jobs_stalled, .context = &command};
    result = take_words(&command, argc, argv);
    if (result < 0) {
        result = cli_finish(PROGRAM, submit(&command));
    }
    wait_free(command.wait);
    submission_clear(&command.jobs);
    draft_free(command.draft);
    spool_close(command.spool);
    free(command.numbers);
    free(command.fields);
    return result;
}
