/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-result: prints what was answered.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/answer_rows.h"
#include "client/answers.h"
#include "client/chosen.h"
#include "client/cli.h"
#include "client/show.h"
#include "job/selection.h"
#include "retain/members.h"

#define PROGRAM "llmspool-result"

static const char usage[] =
    "usage: llmspool-result [-s DIR] [WHAT] [--version N] [--json] [SELECTION] [JOB...|RUN|-]\n"
    "       llmspool-result [-s DIR] --diff [--json] JOB A B\n"
    "       llmspool-result [-s DIR] --diff [--json] JOB@vA JOB@vB\n"
    "Prints the answers of jobs, in the order in which they are named, or of a run in the\n"
    "order of its input; - reads jobs from stdin, a line each. JOB@vN is version N of a\n"
    "job's answer.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --version N   that version, not the latest good one\n"
    "      --latest      the latest good one: the default\n"
    "      --json        whole records, or what else is printed, a line of JSON each\n"
    "      --format F    text, json, jsonl, csv or tsv: a row for each job or line of the run,\n"
    "                    what is kept of its input first\n"
    "      --lines       text, a line each: \\\\ \\r \\n \\t as in COPY, \\N where there is none\n"
    "  -0, --null        text, each ended by NUL\n"
    "      --help, --version (alone)\n"
    "\n"
    "instead of the answer:\n"
    "      --exact       every byte of it and no newline behind it\n"
    "      --field PATH  a field of the whole record, such as usage.output_tokens\n"
    "      --raw         the provider's whole answer\n"
    "      --request     the job as it was asked\n"
    "      --history     a line for each version\n"
    "      --diff        how two versions, or the answers of two jobs, differ\n"
    "\n" SELECTION_USAGE "\n"
    "Exit status: 0 all printed, 1 some job failed, 69 unknown, 75 not finished yet.\n";

enum {
    OPTION_VERSION = 256,
    OPTION_LATEST,
    OPTION_HISTORY,
    OPTION_REQUEST,
    OPTION_JSON,
    OPTION_RAW,
    OPTION_EXACT,
    OPTION_FIELD,
    OPTION_DIFF,
    OPTION_FORMAT,
    OPTION_LINES
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"version", required_argument, NULL, OPTION_VERSION},
    {"latest", no_argument, NULL, OPTION_LATEST},
    {"history", no_argument, NULL, OPTION_HISTORY},
    {"request", no_argument, NULL, OPTION_REQUEST},
    {"json", no_argument, NULL, OPTION_JSON},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"exact", no_argument, NULL, OPTION_EXACT},
    {"field", required_argument, NULL, OPTION_FIELD},
    {"diff", no_argument, NULL, OPTION_DIFF},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"lines", no_argument, NULL, OPTION_LINES},
    {"null", no_argument, NULL, '0'},
    {"help", no_argument, NULL, 'h'},
    SELECTION_OPTIONS,
    {NULL, 0, NULL, 0},
};

/* What the command line says. */
struct wish {
    struct answers answers;
    struct selection selection;
    struct wall now;
    const char *given; /* the spool */
    const char *run;   /* that is being printed */
    int kinds;         /* how many kinds of what is to be printed were named */
    bool diff;
    bool tabled; /* rows of a format, and no answers one by one */
    struct answer_rows rows;
};

/* --- jobs that are named, of a run, or selected ----------------------------------------------- */

static int print_run(struct wish *wish, const char *run, struct error *error);

/* A row, or what else was asked for. */
static void print_job(struct wish *wish, const struct reference *reference, const char *word)
{
    struct answer_rows *rows = &wish->rows;

    if (wish->tabled) {
        answer_rows_put(rows, rows->sheet.rows, &reference->id, NULL, reference->version);
    } else {
        answers_print(&wish->answers, reference, word);
    }
}

/* A run by its name, where no job has it. */
static bool is_run(const struct wish *wish, const char *word)
{
    const struct spool *spool = wish->answers.spool;
    struct reference ignored;
    struct error error;

    return layout_name_ok(word) && members_known(spool, word) &&
           locate_reference(spool, word, &ignored, &error) < 0 && error.kind == ERROR_ABSENT;
}

static int print_word(void *context, const char *word)
{
    struct wish *wish = context;
    struct reference reference;
    struct error error;

    if (is_run(wish, word)) {
        return print_run(wish, word, &error) < 0 ? cli_fail(PROGRAM, &error) : 0;
    }
    if (answers_find(&wish->answers, word, &reference) &&
        (!selection_any(&wish->selection) ||
         chosen_is(wish->answers.spool, &wish->selection, CHOSEN_ANY, &reference.id, wish->now))) {
        print_job(wish, &reference, word);
    }
    return 0;
}

static int print_id(void *context, const struct id *id)
{
    struct wish *wish = context;
    struct reference reference = {.id = *id};
    char hex[ID_TEXT_SIZE];

    id_write(id, hex);
    print_job(wish, &reference, hex);
    return 0;
}

/* A line of the input that was no job has its place among the answers. */
static void tell_refused(struct wish *wish, const json_t *line)
{
    if (wish->answers.json) {
        show_json(stdout, line);
    } else {
        fflush(stdout);
        fprintf(stderr, "%s: position %lld of run %s was refused\n", PROGRAM,
                (long long)json_integer_value(json_object_get(line, "position")), wish->run);
    }
    answers_note(&wish->answers, EXIT_SOME_FAILED);
}

static int print_member(void *context, const struct id *id, const json_t *line)
{
    struct wish *wish = context;
    bool all = !selection_needs_record(&wish->selection);

    if (wish->tabled && all) {
        answer_rows_put(&wish->rows,
                        (uint64_t)json_integer_value(json_object_get(line, "position")), id,
                        json_object_get(line, "metadata"), 0);
    } else if (id == NULL && all) {
        tell_refused(wish, line);
    } else if (id != NULL && (all || chosen_is(wish->answers.spool, &wish->selection, CHOSEN_ANY,
                                               id, wish->now))) {
        print_id(wish, id);
    }
    return 0;
}

static int print_run(struct wish *wish, const char *run, struct error *error)
{
    wish->run = run;
    return members_each(wish->answers.spool, run, print_member, wish, error);
}

static int print_selected(struct wish *wish, struct error *error)
{
    const struct spool *spool = wish->answers.spool;

    return wish->selection.run != NULL
               ? print_run(wish, wish->selection.run, error)
               : chosen_each(spool, &wish->selection, CHOSEN_FINISHED, wish->now, print_id, wish,
                             error);
}

/* --- two answers ------------------------------------------------------------------------------ */

/* The number of a version. More digits begin an ID: such a version is written JOB@vN. */
static bool is_version(const char *text, unsigned *version)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits >= ID_PREFIX_MIN || text[digits] != '\0' || text[0] == '0') {
        return false;
    }
    *version = (unsigned)strtoul(text, NULL, 10);
    return true;
}

/* JOB A B, and A B JOB, as options may stand before or behind a job. */
static int find_versions(struct wish *wish, char **words, struct reference found[2])
{
    unsigned old_version, new_version;
    const char *job;

    if (is_version(words[1], &old_version) && is_version(words[2], &new_version)) {
        job = words[0];
    } else if (is_version(words[0], &old_version) && is_version(words[1], &new_version)) {
        job = words[2];
    } else {
        return cli_usage(PROGRAM, "--diff wants a job and two numbers of versions, or two jobs");
    }
    if (!answers_find(&wish->answers, job, &found[0])) {
        return wish->answers.result;
    }
    found[1] = found[0];
    found[0].version = old_version;
    found[1].version = new_version;
    return EXIT_DONE;
}

static int print_diff(struct wish *wish, char **words, int count)
{
    struct reference found[2];
    int result = EXIT_DONE;

    if (count == 3) {
        result = find_versions(wish, words, found);
    } else if (!answers_find(&wish->answers, words[0], &found[0]) ||
               !answers_find(&wish->answers, words[1], &found[1])) {
        result = wish->answers.result;
    }
    if (result == EXIT_DONE) {
        answers_diff(&wish->answers, &found[0], &found[1]);
        result = wish->answers.result;
    }
    return result;
}

/* --- the command line ------------------------------------------------------------------------- */

static int print(struct wish *wish, char **words, int count)
{
    struct error error;

    wish->now = clock_wall(&clock_system);
    if (wish->diff) {
        return print_diff(wish, words, count);
    }
    if (members_select(wish->answers.spool, &wish->selection, &error) < 0 ||
        (count == 0 && print_selected(wish, &error) < 0)) {
        return cli_fail(PROGRAM, &error);
    }
    cli_words(words, print_word, wish);
    if (wish->tabled) {
        answers_note(&wish->answers, answer_rows_end(&wish->rows));
    }
    return wish->answers.result;
}

static int run(struct wish *wish, char **words, int count)
{
    struct error error;
    struct spool *spool = cli_spool(wish->given, &error);
    int result;

    if (spool == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    wish->answers.spool = spool;
    wish->answers.shelf = shelf_new(spool);
    wish->rows.program = PROGRAM;
    wish->rows.spool = spool;
    wish->rows.shelf = wish->answers.shelf;
    result = print(wish, words, count);
    shelf_free(wish->answers.shelf);
    spool_close(spool);
    return cli_finish(PROGRAM, result);
}

static void take_kind(struct wish *wish, enum answers_kind kind)
{
    wish->answers.kind = kind;
    wish->kinds++;
}

static int take_selection(struct wish *wish, int option)
{
    struct error error;
    int taken = selection_option(&wish->selection, option, optarg, &error);

    return taken > 0 ? EXIT_DONE : taken < 0 ? cli_fail(PROGRAM, &error) : EXIT_USAGE;
}

/* Takes an option. Returns EXIT_DONE, or EXIT_USAGE, which was told. */
static int take_option(struct wish *wish, int option)
{
    struct error error;

    switch (option) {
    case 's':
        wish->given = optarg;
        break;
    case OPTION_VERSION:
        if (!locate_version(optarg, &wish->answers.version)) {
            return cli_usage(PROGRAM, "--version wants a number of 1 or more, not %s", optarg);
        }
        break;
    case OPTION_LATEST:
        wish->answers.version = 0;
        break;
    case OPTION_HISTORY:
        take_kind(wish, ANSWERS_HISTORY);
        break;
    case OPTION_REQUEST:
        take_kind(wish, ANSWERS_REQUEST);
        break;
    case OPTION_RAW:
        take_kind(wish, ANSWERS_RAW);
        break;
    case OPTION_EXACT:
        take_kind(wish, ANSWERS_EXACT);
        break;
    case OPTION_FIELD:
        take_kind(wish, ANSWERS_FIELD);
        wish->answers.field = optarg;
        break;
    case OPTION_DIFF:
        wish->kinds++;
        wish->diff = true;
        break;
    case OPTION_JSON:
        wish->answers.json = true;
        break;
    case OPTION_FORMAT:
        wish->tabled = true;
        if (row_format_read(optarg, &wish->rows.sheet.style.format, &error) < 0) {
            return cli_usage(PROGRAM, "%s", error.text);
        }
        break;
    case OPTION_LINES:
        wish->tabled = true;
        wish->rows.sheet.style.escape = ROW_COPY;
        break;
    case '0':
        wish->tabled = true;
        wish->rows.sheet.style.escape = ROW_NUL;
        break;
    default:
        return take_selection(wish, option);
    }
    return EXIT_DONE;
}

/* What makes no sense together. Returns EXIT_DONE when all does. */
static int check(const struct wish *wish, int words)
{
    bool selects = selection_any(&wish->selection);

    if (wish->kinds > 1) {
        return cli_usage(PROGRAM,
                         "--exact, --field, --raw, --request, --history and --diff exclude "
                         "each other");
    }
    if (wish->tabled && (wish->kinds > 0 || wish->answers.json || wish->answers.version != 0)) {
        return cli_usage(PROGRAM, "--format, --lines and -0 print answers as rows: no other kind, "
                                  "no --json and no --version goes with them");
    }
    if (wish->rows.sheet.style.escape == ROW_NUL && wish->rows.sheet.style.format != ROW_TEXT) {
        return cli_usage(PROGRAM, "-0 ends answers as text with NUL: it goes with no --format");
    }
    if (wish->answers.json && wish->answers.kind == ANSWERS_EXACT) {
        return cli_usage(PROGRAM, "--json and --exact exclude each other");
    }
    if (wish->diff && (selects || wish->answers.version != 0 || words < 2 || words > 3)) {
        return cli_usage(PROGRAM, "--diff wants a job and two numbers of versions, or two jobs");
    }
    if (words == 0 && !selects) {
        return cli_usage(PROGRAM, "name at least one job, or select some");
    }
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct wish wish = {.answers = {.program = PROGRAM, .result = EXIT_DONE}};
    int result = EXIT_DONE;
    int option;

    cli_start();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return cli_version(PROGRAM);
    }
    while (result == EXIT_DONE && (option = getopt_long(argc, argv, "s:0", options, NULL)) != -1) {
        if (option == 'h') {
            return cli_help(usage);
        }
        result = take_option(&wish, option);
    }
    if (result == EXIT_DONE) {
        result = check(&wish, argc - optind);
    }
    if (result == EXIT_DONE) {
        result = run(&wish, argv + optind, argc - optind);
    }
    selection_free(&wish.selection);
    return result;
}
