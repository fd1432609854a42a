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

#include "base/buffer.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "spool/spool.h"
#include "client/cli.h"
#include "client/draft.h"
#include "client/estimate.h"
#include "client/harvest.h"
#include "client/show.h"
#include "client/submission.h"

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
    HARVEST_USAGE
    "      --json              print JSON, a line for each job\n"
    "      --print-id          print the IDs, submit nothing\n"
    "      --dry-run           print the jobs as they would be dropped, submit nothing\n"
    "      --estimate          print their tokens and money (--prices FILE), submit nothing\n"
    "      --help, --version\n"
    "\n"
    "What decides the answer:\n"
    "  -m, --model MODEL       --system TEXT          --param NAME=VALUE ...\n"
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
    OPTION_JSON,
    OPTION_PRINT_ID,
    OPTION_DRY_RUN,
    OPTION_ESTIMATE,
    OPTION_PRICES,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"file", required_argument, NULL, 'f'},
    {"job", required_argument, NULL, OPTION_JOB},
    {"wait", no_argument, NULL, 'w'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"print-id", no_argument, NULL, OPTION_PRINT_ID},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"estimate", no_argument, NULL, OPTION_ESTIMATE},
    {"prices", required_argument, NULL, OPTION_PRICES},
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
    HARVEST_OPTIONS,
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
    struct field {
        const char *name, *value;
    } * fields; /* flags for the jobs, in order */
    size_t field_count;
    struct spool *spool;
    struct draft *draft;
    struct submission jobs;
    struct harvest_plan plan;
    struct harvest *harvest;
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
    for (size_t i = 0; i < command->jobs.count; i++) {
        struct submitted *submitted = &command->jobs.jobs[i];

        if (submission_drop(command->spool, submitted, &command->error) < 0) {
            return -1;
        }
        if (command->mode == MODE_DROP) {
            show_submitted(stdout, submitted->job, command->json);
        }
    }
    return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

static int add_all(struct command *command)
{
    for (size_t i = 0; i < command->jobs.count; i++) {
        const struct submitted *submitted = &command->jobs.jobs[i];
        const struct harvest_item item = {.id = submitted->job->id,
                                          .drop = submitted->drop,
                                          .run = submitted->run,
                                          .position = i,
                                          .name = submitted->job->name};

        if (harvest_add(command->harvest, &item, &command->error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int wait_for_all(struct command *command)
{
    enum wait_result result;

    command->plan.place = command->place;
    if (command->json) {
        command->plan.style.format = ROW_RECORD;
    }
    command->harvest = harvest_new(command->spool, &clock_system, &command->plan, &command->error);
    if (command->harvest == NULL || add_all(command) < 0 ||
        harvest_end(command->harvest, &result, &command->error) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    return harvest_exit(command->harvest, result);
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

/* The options about answers: they mean to wait for them. */
static int take_harvest(struct command *command, int option)
{
    int taken = harvest_option(&command->plan, option, optarg, &command->error);

    if (taken < 0) {
        return cli_usage(PROGRAM, "%s", command->error.text);
    }
    if (taken == 0) {
        return EXIT_USAGE; /* getopt has told */
    }
    want_wait(command);
    return -1;
}

/* The options that say what to do. Returns an exit code, or -1 to go on. */
static int take_mode(struct command *command, int option)
{
    switch (option) {
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
        return take_harvest(command, option);
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
    if (result < 0 && harvest_check(&command->plan, &command->error) < 0) {
        return cli_usage(PROGRAM, "%s", command->error.text);
    }
    if (result < 0 && command->jobs.count == 0) {
        return cli_usage(PROGRAM, "nothing to submit: a prompt, -f FILE, --job FILE, or -");
    }
    return result;
}

int main(int argc, char **argv)
{
    struct command command = {.mode = MODE_DROP, .plan = harvest_plan(PROGRAM)};
    int result;

    cli_start();
    result = take_words(&command, argc, argv);
    if (result < 0) {
        result = cli_finish(PROGRAM, submit(&command));
    }
    harvest_free(command.harvest);
    submission_clear(&command.jobs);
    draft_free(command.draft);
    spool_close(command.spool);
    free(command.fields);
    return result;
}
