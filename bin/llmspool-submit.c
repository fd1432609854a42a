/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-submit: turns prompts and job files into jobs; can wait for their answers.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/moneytext.h"
#include "base/stencil.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/spool.h"
#include "job/question.h"
#include "client/cli.h"
#include "client/draft.h"
#include "client/estimate.h"
#include "client/feed.h"
#include "client/filling.h"
#include "client/harvest.h"
#include "client/making.h"
#include "client/records.h"
#include "client/runname.h"
#include "client/screen.h"
#include "client/show.h"
#include "client/submission.h"
#include "client/trial.h"

#define PROGRAM "llmspool-submit"

static const char usage[] =
    "usage: llmspool-submit [-s DIR] [options] TEXT ... | -f FILE ... | --job FILE ... | -\n"
    "       llmspool-submit [-s DIR] [options] --lines|-0|--jsonl|--csv|--tsv [FILE ...]\n"
    "Drops a job for each TEXT (the prompt, or with --type embed the input), FILE, record of\n"
    "files or of standard input (-), and prints their IDs when they are durable.\n"
    "\n"
    "  -s, --spool DIR         the spool (see llmspool(7) for where it is looked for)\n"
    "  -f, --file FILE         a prompt, or a file of records\n"
    "      --job FILE          a whole job as JSON\n"
    "      --each-file DIR     a prompt in each file of a folder, or of a pattern\n"
    "      --include PATTERN   such files alone    --exclude PATTERN   no such files\n"
    "  -w, --wait              wait, and print the answers in the order of the jobs\n"
    HARVEST_USAGE
    "      --json              print JSON, a line for each job\n"
    "      --print-id          print the IDs, submit nothing\n"
    "      --dry-run           print the jobs as they would be dropped, submit nothing\n"
    "      --estimate          print their tokens and money, submit nothing\n"
    "      --prices FILE       what models cost, for --estimate and before money is spent\n"
    "      --help, --version\n"
    "\n"
    "Records:\n"
    "      --lines             each line is a prompt\n"
    "  -0, --null              each text ended by NUL is one; IDs end in NUL, too\n"
    "      --jsonl             each line is a job, or has fields for a template\n"
    "      --csv, --tsv        each row has columns for a template\n"
    "      --template TEXT     the prompt, with {}, {column}, {1}, {file} or {n} in it\n"
    "      --template-file FILE\n"
    "      --limit N           the first N records   --samples K   K answers to each\n"
    "      --run NAME          what all are called together\n"
    "      --max-cost SUM      the most that the run may cost\n"
    "      --max-waiting N     go on when fewer jobs wait (default 1000000; 0: never wait)\n"
    "      --try N             N records at random first; then ask whether to go on\n"
    "  -y, --yes               ask nothing\n"
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
    OPTION_LINES,
    OPTION_JSONL,
    OPTION_CSV,
    OPTION_TSV,
    OPTION_EACH_FILE,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_TEMPLATE,
    OPTION_TEMPLATE_FILE,
    OPTION_LIMIT,
    OPTION_SAMPLES,
    OPTION_RUN,
    OPTION_MAX_COST,
    OPTION_MAX_WAITING,
    OPTION_TRY,
    OPTION_HELP,
    OPTION_VERSION,
    MAX_WAITING = 1000000, /* jobs, where --max-waiting says nothing */
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
    {"yes", no_argument, NULL, 'y'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, OPTION_LINES},
    {"jsonl", no_argument, NULL, OPTION_JSONL},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"tsv", no_argument, NULL, OPTION_TSV},
    {"each-file", required_argument, NULL, OPTION_EACH_FILE},
    {"include", required_argument, NULL, OPTION_INCLUDE},
    {"exclude", required_argument, NULL, OPTION_EXCLUDE},
    {"template", required_argument, NULL, OPTION_TEMPLATE},
    {"template-file", required_argument, NULL, OPTION_TEMPLATE_FILE},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"samples", required_argument, NULL, OPTION_SAMPLES},
    {"run", required_argument, NULL, OPTION_RUN},
    {"max-cost", required_argument, NULL, OPTION_MAX_COST},
    {"max-waiting", required_argument, NULL, OPTION_MAX_WAITING},
    {"try", required_argument, NULL, OPTION_TRY},
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
    bool nul; /* IDs end in NUL */
    struct field {
        const char *name, *value;
    } * fields; /* flags for the jobs, in order */
    size_t field_count;
    struct feed_plan input;
    const char *template_text, *template_file; /* or NULL */
    uint64_t samples, try;
    struct submission_plan submission;
    struct spool *spool;
    struct draft *draft;
    struct stencil *stencil;
    struct feed *feed;
    struct making *making;
    struct estimate *estimate;
    struct harvest_plan plan;
    struct harvest *harvest;
    char run[NAME_LIMIT]; /* its name, once it is known */
    struct error error;
};

/* --- jobs ------------------------------------------------------------------------------------- */

static const char *field_value(const struct command *command, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < command->field_count; i++) {
        if (strcmp(command->fields[i].name, name) == 0) {
            value = command->fields[i].value;
        }
    }
    return value;
}

static int prepare_draft(struct command *command)
{
    command->draft = draft_new(command->spool, clock_wall(&clock_system));
    for (size_t i = 0; i < command->field_count; i++) {
        if (draft_flag(command->draft, command->fields[i].name, command->fields[i].value,
                       &command->error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int prepare_template(struct command *command)
{
    if (command->template_text != NULL) {
        command->stencil = filling_read(command->template_text, &command->error);
    } else if (command->template_file != NULL) {
        command->stencil = filling_load(command->template_file, &command->error);
    } else {
        return 0;
    }
    return command->stencil != NULL ? 0 : -1;
}

static int prepare(struct command *command)
{
    const char *type = field_value(command, "type");

    command->spool = cli_spool(command->place, &command->error);
    if (command->spool == NULL || prepare_draft(command) < 0 || prepare_template(command) < 0) {
        return -1;
    }
    command->feed = feed_open(&command->input, &command->error);
    if (command->feed == NULL) {
        return -1;
    }
    command->making = making_new(&(struct making_plan){
        .feed = command->feed,
        .draft = command->draft,
        .stencil = command->stencil,
        .fields = command->input.format >= FEED_JSONL && command->stencil == NULL &&
                  type != NULL && question_type(type) == NULL,
        .keep_names = field_value(command, "name") != NULL,
        .samples = command->samples,
    });
    command->estimate = estimate_new(command->spool, command->prices, clock_wall(&clock_system),
                                     &command->error);
    return command->estimate != NULL ? 0 : -1;
}

static void print_id(const struct command *command, const struct job *job)
{
    char hex[ID_TEXT_SIZE];

    if (command->nul && !command->json) {
        id_write(&job->id, hex);
        fwrite(hex, 1, sizeof hex, stdout); /* with its NUL */
    } else {
        show_submitted(stdout, job, command->json);
    }
}

/* What submits nothing: prints each job, or its ID, or what all come to. */
static int look_only(struct command *command)
{
    struct screen screen = screen_open(stdout);
    struct made made;
    int result;

    while ((result = making_next(command->making, &made, &command->error)) > 0) {
        if (command->mode == MODE_PRINT_ID) {
            print_id(command, made.job);
        } else if (command->mode == MODE_DRY_RUN) {
            show_json(stdout, made.job->document);
        } else {
            estimate_add(command->estimate, made.job);
        }
        job_free(made.job);
    }
    if (result < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    if (command->mode == MODE_ESTIMATE) {
        estimate_print(command->estimate, command->json, &screen);
    }
    return EXIT_DONE;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The answers are looked for from the first drop on, when it is known what the run is called. */
static int begin_harvest(struct command *command, struct error *error)
{
    struct harvest_plan *plan = &command->plan;

    plan->place = command->place;
    plan->style.samples = command->samples > 0;
    if (command->json) {
        plan->style.format = ROW_RECORD;
    }
    command->harvest = harvest_new(command->spool, &clock_system, plan, error);
    return command->harvest != NULL ? 0 : -1;
}

static int add_to_harvest(struct command *command, const struct bulk *bulk, size_t number,
                          struct error *error)
{
    const struct bulk_item *item = &bulk->items[number];
    unsigned lowest, highest = 0;

    if (records_versions(command->spool, &item->job->id, &lowest, &highest) < 0) {
        highest = 0;
    }
    return harvest_add(command->harvest,
                       &(struct harvest_item){
                           .id = item->job->id,
                           .drop = bulk->drop,
                           .line = bulk->list ? (unsigned)number + 2 : 0, /* behind the run's */
                           .run = highest + 1,
                           .position = item->position,
                           .name = item->name != NULL ? item->name : item->job->name,
                           .columns = item->columns,
                           .sample = item->sample,
                       },
                       error);
}

/* An ID is printed when its job is durable, so that after a failure it is known which ones are. */
static int jobs_dropped(void *context, const struct bulk *bulk, struct error *error)
{
    struct command *command = context;

    if (command->mode == MODE_WAIT && command->harvest == NULL &&
        begin_harvest(command, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < bulk->count; i++) {
        if (command->mode == MODE_DROP) {
            print_id(command, bulk->items[i].job);
        } else if (add_to_harvest(command, bulk, i, error) < 0) {
            return -1;
        }
    }
    fflush(stdout);
    return 0;
}

/* While nothing is dropped, answers are printed. */
static int let_time_pass(void *context, int64_t timeout_ms, int input, struct error *error)
{
    struct command *command = context;
    struct pollfd wanted = {.fd = input, .events = POLLIN};
    enum wait_result result;

    if (command->harvest == NULL) {
        poll(&wanted, input >= 0, (int)timeout_ms);
        return 0;
    }
    return input >= 0 ? harvest_input(command->harvest, input, &result, error)
                      : harvest_turn(command->harvest, timeout_ms, &result, error);
}

/* Few words on a command line are a run, too, but no script that names them wants to hear of it. */
static void run_named(void *context, const char *run)
{
    struct command *command = context;
    bool few = command->input.format == FEED_WHOLE_FILES && isatty(STDERR_FILENO) != 1;

    if (run != command->run) {
        snprintf(command->run, sizeof command->run, "%s", run);
    }
    command->plan.run = command->run;
    if (!command->plan.quiet && !few) {
        fprintf(stderr, PROGRAM ": run %s\n", run);
    }
}

static void spool_full(void *context, uint64_t waiting)
{
    const struct command *command = context;

    if (!command->plan.quiet) {
        fprintf(stderr,
                PROGRAM ": %" PRIu64 " jobs wait in the spool; going on when there are fewer "
                        "(--max-waiting)\n",
                waiting);
    }
}

static int wait_for_all(struct command *command)
{
    enum wait_result result;

    if (command->harvest == NULL) {
        return EXIT_DONE; /* there was no record */
    }
    return harvest_end(command->harvest, &result, &command->error) < 0
               ? cli_fail(PROGRAM, &command->error)
               : harvest_exit(command->harvest, result);
}

/* --- the command line ------------------------------------------------------------------------- */

/* Asks some first. Returns an exit code, or -1 to go on with the rest. */
static int try_some(struct command *command)
{
    struct submission_plan *plan = &command->submission;
    struct screen screen = screen_open(stderr);
    enum trial_end end = TRIAL_STOP;

    if (plan->run == NULL) {
        runname_make(command->spool, plan->input, clock_wall(&clock_system), command->run);
        plan->run = command->run;
    }
    if (feed_keep(command->feed, &command->error) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    if (!feed_rewindable(command->feed)) {
        return cli_usage(PROGRAM, "--try reads its input twice, and of pipes only stdin can be kept");
    }
    if (trial_run(plan, command->try, &screen, &end, &command->error) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    plan->estimated = true;
    plan->yes = true; /* it was asked, or is not to be */
    return end == TRIAL_GO_ON ? -1 : end == TRIAL_STOP ? EXIT_DONE : EXIT_INTERRUPTED;
}

static int submit(struct command *command)
{
    struct submission_plan *plan = &command->submission;
    int result;

    if (prepare(command) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    if (command->mode != MODE_DROP && command->mode != MODE_WAIT) {
        return look_only(command);
    }
    plan->spool = command->spool;
    plan->feed = command->feed;
    plan->making = command->making;
    plan->estimate = command->estimate;
    result = command->try > 0 ? try_some(command) : -1;
    if (result >= 0) {
        return result;
    }
    if (submission_run(plan, &command->error) < 0) {
        return cli_fail(PROGRAM, &command->error);
    }
    return command->mode == MODE_WAIT ? wait_for_all(command) : EXIT_DONE;
}

static void add_word(struct command *command, enum feed_source source, const char *word)
{
    struct feed_plan *input = &command->input;

    input->words = xrealloc(input->words, (input->count + 1) * sizeof *input->words);
    input->words[input->count++] = (struct feed_word){.source = source, .word = word};
    if (source != SOURCE_TEXT && command->submission.input == NULL) {
        command->submission.input = word;
    }
}

static void add_input(struct command *command, const char *word)
{
    add_word(command, strcmp(word, "-") == 0 ? SOURCE_FILE : SOURCE_TEXT, word);
}

static void add_pattern(const char ***patterns, size_t *count, const char *pattern)
{
    *patterns = xrealloc(*patterns, (*count + 1) * sizeof **patterns);
    (*patterns)[(*count)++] = pattern;
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

/* A number of 1 or more (0 where zero says that it may be). Returns an exit code, or -1 to go on. */
static int take_number(const char *option, bool zero, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(optarg, &end, 10);
    if (errno != 0 || optarg[0] < '0' || optarg[0] > '9' || *end != '\0' ||
        (*number == 0 && !zero) || *number > INT64_MAX) {
        return cli_usage(PROGRAM, "--%s %s is no number%s", option, optarg,
                         zero ? "" : " of 1 or more");
    }
    return -1;
}

static int take_format(struct command *command, enum feed_format format)
{
    if (command->input.format != FEED_WHOLE_FILES && command->input.format != format) {
        return cli_usage(PROGRAM, "--lines, --null, --jsonl, --csv and --tsv exclude each other");
    }
    command->input.format = format;
    return -1;
}

/* The options that say what the records are. Returns an exit code, or -1 to go on. */
static int take_records(struct command *command, int option)
{
    struct tree_filter *filter = &command->input.filter;

    switch (option) {
    case OPTION_LINES:
        return take_format(command, FEED_LINES);
    case '0':
        command->nul = true;
        return take_format(command, FEED_NUL);
    case OPTION_JSONL:
        return take_format(command, FEED_JSONL);
    case OPTION_CSV:
        return take_format(command, FEED_CSV);
    case OPTION_TSV:
        return take_format(command, FEED_TSV);
    case OPTION_EACH_FILE:
        add_word(command, SOURCE_TREE, optarg);
        return -1;
    case OPTION_INCLUDE:
        add_pattern(&filter->include, &filter->include_count, optarg);
        return -1;
    case OPTION_EXCLUDE:
        add_pattern(&filter->exclude, &filter->exclude_count, optarg);
        return -1;
    case OPTION_TEMPLATE:
        command->template_text = optarg;
        return -1;
    case OPTION_TEMPLATE_FILE:
        command->template_file = optarg;
        return -1;
    case OPTION_LIMIT:
        return take_number("limit", false, &command->input.limit);
    case OPTION_SAMPLES:
        return take_number("samples", false, &command->samples);
    default:
        return take_harvest(command, option);
    }
}

static int take_try(struct command *command)
{
    int result = take_number("try", false, &command->try);

    if (result < 0 && command->try > TRIAL_LIMIT) {
        return cli_usage(PROGRAM, "--try %s is too many: %d at most", optarg, TRIAL_LIMIT);
    }
    return result;
}

/* The options that say how a run is submitted. Returns an exit code, or -1 to go on. */
static int take_run(struct command *command, int option)
{
    struct submission_plan *plan = &command->submission;
    int64_t nano;

    switch (option) {
    case OPTION_RUN:
        plan->run = optarg;
        if (!layout_name_ok(optarg)) {
            return cli_usage(PROGRAM,
                             "--run %s is no name: letters, digits, dot, underscore, hyphen, up "
                             "to 100, and not as an ID",
                             optarg);
        }
        return -1;
    case OPTION_MAX_COST:
        plan->max_cost = optarg;
        if (moneytext_read(optarg, &nano) < 0) {
            return cli_usage(PROGRAM, "--max-cost %s is no sum such as 5.00", optarg);
        }
        return -1;
    case OPTION_MAX_WAITING:
        return take_number("max-waiting", true, &plan->max_waiting);
    case OPTION_TRY:
        return take_try(command);
    case 'y':
        plan->yes = true;
        return -1;
    default:
        return take_records(command, option);
    }
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
        return take_run(command, option);
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
        add_word(command, SOURCE_FILE, optarg);
        break;
    case OPTION_JOB:
        add_word(command, SOURCE_JOB, optarg);
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
    case 'q':
    case HARVEST_QUIET: /* which does not mean to wait here */
        command->plan.quiet = true;
        break;
    default:
        return take_mode(command, option);
    }
    return -1;
}

/* What options must or must not stand together. Returns an exit code, or -1 to go on. */
static int check_words(struct command *command)
{
    struct feed_plan *input = &command->input;

    if (command->template_text != NULL && command->template_file != NULL) {
        return cli_usage(PROGRAM, "--template and --template-file exclude each other");
    }
    if (command->samples > 0 && field_value(command, "sample") != NULL) {
        return cli_usage(PROGRAM, "--sample and --samples exclude each other");
    }
    if (command->try > 0 && command->mode != MODE_DROP && command->mode != MODE_WAIT) {
        return cli_usage(PROGRAM, "--try submits, and goes with nothing that does not");
    }
    if (input->count == 0 && input->format == FEED_WHOLE_FILES) {
        return cli_usage(PROGRAM, "nothing to submit: a prompt, -f FILE, --job FILE, or -");
    }
    if (input->format != FEED_WHOLE_FILES && command->submission.input == NULL) {
        command->submission.input = input->count > 0 ? input->words[0].word : "-";
    }
    if (input->format != FEED_WHOLE_FILES) {
        command->plan.style.escape = input->format == FEED_NUL ? ROW_NUL : ROW_COPY;
    }
    if (harvest_check(&command->plan, &command->error) < 0) {
        return cli_usage(PROGRAM, "%s", command->error.text);
    }
    return -1;
}

/* Options and inputs may stand in any order; inputs keep theirs. */
static int take_words(struct command *command, int argc, char **argv)
{
    int option, result = -1, index = 0;

    while (result < 0 && (option = getopt_long(argc, argv, "-s:f:m:wqy0", options, &index)) != -1) {
        result = take_option(command, option, index);
    }
    for (; result < 0 && optind < argc; optind++) {
        add_input(command, argv[optind]);
    }
    return result < 0 ? check_words(command) : result;
}

int main(int argc, char **argv)
{
    struct command command = {.mode = MODE_DROP, .plan = harvest_plan(PROGRAM)};
    int result;

    cli_start();
    command.submission = (struct submission_plan){.max_waiting = MAX_WAITING,
                                                  .dropped = jobs_dropped,
                                                  .pass = let_time_pass,
                                                  .named = run_named,
                                                  .full = spool_full,
                                                  .context = &command};
    result = take_words(&command, argc, argv);
    if (result < 0) {
        result = cli_finish(PROGRAM, submit(&command));
    }
    harvest_free(command.harvest);
    estimate_free(command.estimate);
    making_free(command.making);
    feed_close(command.feed);
    stencil_free(command.stencil);
    draft_free(command.draft);
    spool_close(command.spool);
    free(command.input.filter.include);
    free(command.input.filter.exclude);
    free(command.input.words);
    free(command.fields);
    return result;
}
