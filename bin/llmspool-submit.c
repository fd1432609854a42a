/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-submit: turns prompts and job files into jobs; can wait for their answers.
 */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/moneytext.h"
#include "base/xalloc.h"
#include "client/cli.h"
#include "client/mailing.h"
#include "client/harvest.h"
#include "client/submit.h"
#include "client/trial.h"
#include "spool/layout.h"

#define PROGRAM SUBMIT_PROGRAM

static const char usage[] =
    "usage: llmspool-submit [options] TEXT ... | -f FILE ... | --job FILE ... | -\n"
    "       llmspool-submit [options] --lines|-0|--jsonl|--csv|--tsv [FILE ...]\n"
    "       llmspool-submit [-s DIR] [options] --batch FILE | --flow FILE\n"
    "Drops a job for each TEXT (the prompt, or with --type embed the input), FILE,\n"
    "record of files or of standard input (-), and prints their IDs when they are\n"
    "durable.\n"
    "\n"
    "  -s, --spool DIR         the spool (llmspool(7) says where it is looked for)\n"
    "  -f, --file FILE         a prompt, or a file of records\n"
    "      --job FILE          a whole job as JSON\n"
    "      --batch FILE        an OpenAI Batch file; prints the name of its run\n"
    "      --flow FILE         jobs that wait for others\n"
    "      --each-file DIR     a prompt in each file of a folder, or of a pattern\n"
    "      --include PATTERN   such files alone    --exclude PATTERN   no such files\n"
    "  -w, --wait              wait, and print the answers in the order of the jobs\n"
    HARVEST_USAGE
    "      --json              print JSON, a line for each job\n"
    "      --print-id          print the IDs, submit nothing\n"
    "      --dry-run           print the jobs as they would be, submit nothing\n"
    "      --estimate          print their tokens and money, submit nothing\n"
    "      --prices FILE       what models cost, to estimate what jobs will\n"
    "      --types             list the types that a job may have\n"
    "      --help, --version\n"
    "\n"
    "Records:\n"
    "      --lines             each line is a prompt\n"
    "  -0, --null              each text ended by NUL is one; IDs end in NUL, too\n"
    "      --jsonl             each line is a job, or has fields for a template\n"
    "      --csv, --tsv        each row has columns for a template\n"
    "      --template TEXT     the prompt, with {}, {column}, {1}, {file} or {n}\n"
    "      --template-file FILE\n"
    "      --limit N           the first N records   --samples K   K answers to each\n"
    "      --run NAME          what all are called together\n"
    "      --max-cost SUM      the most that the run may cost\n"
    "      --max-waiting N     go on when fewer jobs wait (default 1000000)\n"
    "      --try N             N records at random first; then ask whether to go on\n"
    "  -y, --yes               ask nothing\n"
    "\n"
    "What decides the answer:\n"
    "  -m, --model MODEL       --system TEXT          --param NAME=VALUE ...\n"
    "      --attach FILE ...   an image, PDF or text that each job asks about\n"
    "      --schema FILE       the JSON Schema that the answer has to fit\n"
    "      --provider NAME     --user NAME            --sample N         --type TYPE\n"
    "Types (--types lists them):\n"
    "      --type summarize [--length TEXT]      --type translate --to LANGUAGE\n"
    "      --type classify --labels A,B,...      --type extract --fields A,B,...\n"
    "      --type NAME [--var NAME=VALUE ...]    your own: templates/NAME.json\n"
    "How and when:\n"
    "      --name NAME         --meta NAME=TEXT ...  --priority 0-9   --webhook URL\n"
    "      --delay D           --not-before TIME      --expires TIME     --timeout D\n"
    "      --max-attempts N    --max-age D            --fresh            --keep D\n"
    "      --on-doubt WORD     --stream               --fallback MODEL ...\n"
    "      --mail end,fail     mail at its end, or when it failed  --mail-to ADDRESS\n"
    "\n"
    "More in llmspool-submit(1); what a job's keys mean is in llmspool-spool(5).\n";

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
    OPTION_MAIL,
    OPTION_MAIL_TO,
    OPTION_TRY,
    OPTION_BATCH,
    OPTION_FLOW,
    OPTION_TYPES,
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
    {"mail", required_argument, NULL, OPTION_MAIL},
    {"mail-to", required_argument, NULL, OPTION_MAIL_TO},
    {"max-waiting", required_argument, NULL, OPTION_MAX_WAITING},
    {"try", required_argument, NULL, OPTION_TRY},
    {"batch", required_argument, NULL, OPTION_BATCH},
    {"flow", required_argument, NULL, OPTION_FLOW},
    {"types", no_argument, NULL, OPTION_TYPES},
    {"attach", required_argument, NULL, OPTION_FIELD},
    {"delay", required_argument, NULL, OPTION_FIELD},
    {"expires", required_argument, NULL, OPTION_FIELD},
    {"fallback", required_argument, NULL, OPTION_FIELD},
    {"fields", required_argument, NULL, OPTION_FIELD},
    {"fresh", no_argument, NULL, OPTION_FIELD},
    {"keep", required_argument, NULL, OPTION_FIELD},
    {"labels", required_argument, NULL, OPTION_FIELD},
    {"length", required_argument, NULL, OPTION_FIELD},
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
    {"to", required_argument, NULL, OPTION_FIELD},
    {"type", required_argument, NULL, OPTION_FIELD},
    {"user", required_argument, NULL, OPTION_FIELD},
    {"var", required_argument, NULL, OPTION_FIELD},
    {"webhook", required_argument, NULL, OPTION_FIELD},
    HARVEST_OPTIONS,
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* --- the command line ------------------------------------------------------------------------- */

static void add_word(struct submit *command, enum feed_source source, const char *word)
{
    struct feed_plan *input = &command->input;

    input->words = xrealloc(input->words, (input->count + 1) * sizeof *input->words);
    input->words[input->count++] = (struct feed_word){.source = source, .word = word};
    if (source != SOURCE_TEXT && command->submission.input == NULL) {
        command->submission.input = word;
    }
}

static void add_input(struct submit *command, const char *word)
{
    add_word(command, strcmp(word, "-") == 0 ? SOURCE_FILE : SOURCE_TEXT, word);
}

static void add_pattern(const char ***patterns, size_t *count, const char *pattern)
{
    *patterns = xrealloc(*patterns, (*count + 1) * sizeof **patterns);
    (*patterns)[(*count)++] = pattern;
}

static void add_field(struct submit *command, const char *name)
{
    command->fields =
        xrealloc(command->fields, (command->field_count + 1) * sizeof *command->fields);
    command->fields[command->field_count++] = (struct field){.name = name, .value = optarg};
}

/* What prints only never turns into a submission, whatever else is said. */
static void want_wait(struct submit *command)
{
    if (command->mode == MODE_DROP) {
        command->mode = MODE_WAIT;
    }
}

/* The options about answers: they mean to wait for them. */
static int take_harvest(struct submit *command, int option)
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

static int take_format(struct submit *command, enum feed_format format)
{
    if (command->input.format != FEED_WHOLE_FILES && command->input.format != format) {
        return cli_usage(PROGRAM, "--lines, --null, --jsonl, --csv and --tsv exclude each other");
    }
    command->input.format = format;
    return -1;
}

/* The options that say what the records are. Returns an exit code, or -1 to go on. */
static int take_records(struct submit *command, int option)
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

static int take_try(struct submit *command)
{
    int result = take_number("try", false, &command->try);

    if (result < 0 && command->try > TRIAL_LIMIT) {
        return cli_usage(PROGRAM, "--try %s is too many: %d at most", optarg, TRIAL_LIMIT);
    }
    return result;
}

/* The options that say how a run is submitted. Returns an exit code, or -1 to go on. */
static int take_run(struct submit *command, int option)
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
    case OPTION_MAIL:
        command->mail = optarg;
        return -1;
    case OPTION_MAIL_TO:
        command->mail_to = optarg;
        return -1;
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
static int take_mode(struct submit *command, int option)
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
    case OPTION_TYPES:
        command->mode = MODE_TYPES;
        break;
    case OPTION_BATCH:
        command->batch = optarg;
        break;
    case OPTION_FLOW:
        command->flow = optarg;
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
static int take_option(struct submit *command, int option, int index)
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

/* What is handed over in place of jobs. Returns an exit code, or -1 to go on. */
static int check_handed_over(struct submit *command)
{
    bool input = command->input.count > 0 || command->input.format != FEED_WHOLE_FILES;

    if (command->batch != NULL && (command->mode != MODE_DROP || input || command->flow != NULL)) {
        return cli_usage(PROGRAM, "--batch FILE goes with no other input, and only drops: "
                                  "llmspool-status tells how it stands");
    }
    if (command->flow != NULL &&
        (input || command->field_count > 0 || command->mail != NULL || command->mode == MODE_ESTIMATE)) {
        return cli_usage(PROGRAM, "--flow goes by itself: its steps say all of their jobs");
    }
    if (command->batch != NULL && submit_field(command, "attach") != NULL) {
        return cli_usage(PROGRAM, "--attach does not go with --batch: its lines say all of what is "
                                  "asked");
    }
    if (command->batch != NULL) {
        command->mode = MODE_BATCH;
    }
    return -1;
}

/* What options must or must not stand together. Returns an exit code, or -1 to go on. */
static int check_words(struct submit *command)
{
    struct feed_plan *input = &command->input;

    if (command->batch != NULL || command->flow != NULL) {
        return check_handed_over(command);
    }
    if (command->mode == MODE_TYPES) {
        return -1;
    }
    if (command->template_text != NULL && command->template_file != NULL) {
        return cli_usage(PROGRAM, "--template and --template-file exclude each other");
    }
    if (command->samples > 0 && submit_field(command, "sample") != NULL) {
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

/* Returns an exit code, or -1 to go on. */
static int take_mail(struct submit *command)
{
    if (command->mail == NULL) {
        return command->mail_to == NULL ? -1 : cli_usage(PROGRAM, "--mail-to goes with --mail");
    }
    command->submission.mail = mailing_make(command->mail, command->mail_to, &command->error);
    return command->submission.mail != NULL ? -1 : cli_usage(PROGRAM, "%s", command->error.text);
}

/* Options and inputs may stand in any order; inputs keep theirs. */
static int take_words(struct submit *command, int argc, char **argv)
{
    int option, result = -1, index = 0;

    while (result < 0 && (option = getopt_long(argc, argv, "-s:f:m:wqy0", options, &index)) != -1) {
        result = take_option(command, option, index);
    }
    for (; result < 0 && optind < argc; optind++) {
        add_input(command, argv[optind]);
    }
    result = result < 0 ? take_mail(command) : result;
    return result < 0 ? check_words(command) : result;
}

int main(int argc, char **argv)
{
    struct submit command = submit_new();
    int result;

    cli_start();
    result = take_words(&command, argc, argv);
    if (result < 0) {
        result = cli_finish(PROGRAM, submit_run(&command));
    }
    submit_clear(&command);
    return result;
}
