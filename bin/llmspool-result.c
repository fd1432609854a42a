/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-result: prints what was answered.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "client/cli.h"
#include "client/history.h"
#include "client/locate.h"
#include "client/records.h"
#include "client/show.h"
#include "client/story.h"

#define PROGRAM "llmspool-result"

static const char usage[] =
    "usage: llmspool-result [-s DIR] [--version N] [--history | --request] [--json | --raw] "
    "JOB...|-\n"
    "Prints the answers of jobs, in the order in which they are named; - reads jobs from\n"
    "stdin, a line each. JOB@vN is version N of a job's answer.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --version N   that version, not the latest good one\n"
    "      --latest      the latest good one: the default\n"
    "      --history     a line for each version instead of an answer\n"
    "      --request     the job as it was asked instead of an answer\n"
    "      --json        whole records, a line of JSON each\n"
    "      --raw         every byte of the answer and no newline behind it\n"
    "      --help, --version (alone)\n"
    "\n"
    "Exit status: 0 all printed, 1 some job failed, 69 unknown, 75 not finished yet.\n";

enum {
    OPTION_VERSION = 256,
    OPTION_LATEST,
    OPTION_HISTORY,
    OPTION_REQUEST,
    OPTION_JSON,
    OPTION_RAW
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"version", required_argument, NULL, OPTION_VERSION},
    {"latest", no_argument, NULL, OPTION_LATEST},
    {"history", no_argument, NULL, OPTION_HISTORY},
    {"request", no_argument, NULL, OPTION_REQUEST},
    {"json", no_argument, NULL, OPTION_JSON},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* What is wanted, and how it went so far. */
struct wish {
    const struct spool *spool;
    unsigned version; /* 0: the latest good one */
    bool history;
    bool request;
    bool json;
    bool raw;
    int result;
};

static int weight(int result)
{
    return result == EXIT_DONE ? 0 : result == EXIT_SOME_FAILED ? 1 : result == EXIT_LATER ? 2 : 3;
}

/* A job that cannot be had outweighs one that is not finished, and that one which failed. */
static void note(struct wish *wish, int result)
{
    if (weight(result) > weight(wish->result)) {
        wish->result = result;
    }
}

static void complain(struct wish *wish, const struct error *error)
{
    note(wish, cli_fail(PROGRAM, error));
}

static void print_raw(const json_t *output)
{
    const json_t *answer = show_find(output);
    struct buffer text = {0};

    if (json_is_string(answer)) {
        fwrite(json_string_value(answer), 1, json_string_length(answer), stdout);
        return;
    }
    jsontext_write(&text, answer);
    fwrite(text.bytes, 1, text.length, stdout);
    buffer_free(&text);
}

/* A run that ended without an answer: why, for a person or as a record. */
static void tell_failure(struct wish *wish, const struct id *id, const json_t *record)
{
    char *sentence = show_failure(id, record);

    if (wish->json && record != NULL) {
        show_json(stdout, record);
    } else {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", PROGRAM, sentence);
    }
    free(sentence);
    note(wish, EXIT_SOME_FAILED);
}

static void tell_output(struct wish *wish, const struct id *id, const json_t *output)
{
    if (strcmp(jsontext_get_text(output, "status", ""), "completed") != 0) {
        tell_failure(wish, id, output);
    } else if (wish->json) {
        show_json(stdout, output);
    } else if (wish->raw) {
        print_raw(output);
    } else {
        show_answer(stdout, output);
    }
}

static void tell_unfinished(struct wish *wish, const struct id *id, const char *state)
{
    char *reason = story_reason(wish->spool, id, state, clock_wall(&clock_system));
    char shown[ID_SHORT_SIZE];

    id_write_short(id, shown);
    fflush(stdout);
    fprintf(stderr, "%s: %s is not finished: %s%s%s\n", PROGRAM, shown, state,
            reason != NULL ? ": " : "", reason != NULL ? reason : "");
    free(reason);
    note(wish, EXIT_LATER);
}

/* The run that a job of cur/ or new/ is in: its output may be there already, but not durably. */
static unsigned run_under_way(const struct spool *spool, const struct id *id)
{
    json_t *memory = records_state(spool, id);
    unsigned run = (unsigned)jsontext_get_int(memory, "run", 1);

    json_decref(memory);
    return run;
}

static bool is_active(const char *state)
{
    static const char *const active[] = {"dropped", "waiting", "delayed", "held", "running"};

    for (size_t i = 0; i < sizeof active / sizeof active[0]; i++) {
        if (strcmp(state, active[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The latest good version while a later run is under way: an answer, with a word about that run. */
static void print_earlier(struct wish *wish, const struct id *id, const char *state, unsigned run)
{
    struct error error;
    unsigned found = 0;
    json_t *output = records_output(wish->spool, id, 0, &found, &error);
    char shown[ID_SHORT_SIZE];

    if (output == NULL || found >= run ||
        strcmp(jsontext_get_text(output, "status", ""), "completed") != 0) {
        tell_unfinished(wish, id, state);
    } else {
        tell_output(wish, id, output);
        id_write_short(id, shown);
        fflush(stdout);
        fprintf(stderr, "%s: %s: this is version %u; version %u is %s\n", PROGRAM, shown, found,
                run, state);
    }
    json_decref(output);
}

static void print_version(struct wish *wish, const struct id *id, const char *state,
                          unsigned version)
{
    unsigned run = is_active(state) ? run_under_way(wish->spool, id) : 0;
    struct error error;
    char shown[ID_SHORT_SIZE];
    json_t *output;

    if (run != 0 && version == run) {
        tell_unfinished(wish, id, state);
        return;
    }
    output = records_output(wish->spool, id, version, NULL, &error);
    if (output == NULL) {
        id_write_short(id, shown);
        error_prefix(&error, "%s has no version %u", shown, version);
        complain(wish, &error);
        return;
    }
    tell_output(wish, id, output);
    json_decref(output);
}

static void print_latest(struct wish *wish, const struct id *id, const char *state)
{
    bool completed = strcmp(state, "completed") == 0;
    struct error error;
    char shown[ID_SHORT_SIZE];
    json_t *record = completed ? records_output(wish->spool, id, 0, NULL, &error)
                               : records_error(wish->spool, id, &error);

    if (record == NULL && completed) {
        id_write_short(id, shown);
        error_prefix(&error, "%s", shown);
        complain(wish, &error);
    } else if (completed) {
        tell_output(wish, id, record);
    } else {
        tell_failure(wish, id, record);
    }
    json_decref(record);
}

static void print_history(const struct wish *wish, const struct id *id, const char *state)
{
    json_t *history = history_read(wish->spool, id, state);
    struct screen screen = screen_open(stdout);
    json_t *row;
    size_t i;

    if (wish->json) {
        json_array_foreach(history, i, row)
        {
            show_json(stdout, row);
        }
    } else {
        history_print(&screen, history, clock_wall(&clock_system));
    }
    json_decref(history);
}

static void print_request(struct wish *wish, const struct id *id, const char *state)
{
    struct error error;
    struct buffer text = {0};
    json_t *job = records_job(wish->spool, id, &error);

    if (job == NULL && strcmp(state, "dropped") == 0) {
        tell_unfinished(wish, id, state);
    } else if (job == NULL) {
        complain(wish, &error);
    } else if (wish->json) {
        show_json(stdout, job);
    } else {
        jsontext_write_pretty(&text, job);
        printf("%s\n", text.bytes);
    }
    buffer_free(&text);
    json_decref(job);
}

static int print_job(void *context, const char *word)
{
    struct wish *wish = context;
    struct reference reference;
    struct error error;
    const char *state;
    unsigned version;

    if (locate_reference(wish->spool, word, &reference, &error) < 0) {
        complain(wish, &error);
        return 0;
    }
    state = locate_state(wish->spool, &reference.id);
    version = reference.version != 0 ? reference.version : wish->version;
    if (state == NULL) {
        error_set(&error, ERROR_ABSENT, "there is no job %s in %s", word, wish->spool->path);
        complain(wish, &error);
    } else if (wish->history) {
        print_history(wish, &reference.id, state);
    } else if (wish->request) {
        print_request(wish, &reference.id, state);
    } else if (version != 0) {
        print_version(wish, &reference.id, state, version);
    } else if (is_active(state)) {
        print_earlier(wish, &reference.id, state, run_under_way(wish->spool, &reference.id));
    } else {
        print_latest(wish, &reference.id, state);
    }
    return 0;
}

static int run(struct wish *wish, const char *given, char **words)
{
    struct error error;
    struct spool *spool = cli_spool(given, &error);

    if (spool == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    wish->spool = spool;
    cli_words(words, print_job, wish);
    spool_close(spool);
    return cli_finish(PROGRAM, wish->result);
}

static bool read_version(const char *text, unsigned *version)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (text[0] < '1' || text[0] > '9' || *end != '\0' || number > 999999999) {
        return false;
    }
    *version = (unsigned)number;
    return true;
}

int main(int argc, char **argv)
{
    struct wish wish = {.result = EXIT_DONE};
    const char *given = NULL;
    int option;

    cli_start();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return cli_version(PROGRAM);
    }
    while ((option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
        switch (option) {
        case 's':
            given = optarg;
            break;
        case OPTION_VERSION:
            if (!read_version(optarg, &wish.version)) {
                return cli_usage(PROGRAM, "--version wants a number of 1 or more, not %s", optarg);
            }
            break;
        case OPTION_LATEST:
            wish.version = 0;
            break;
        case OPTION_HISTORY:
            wish.history = true;
            break;
        case OPTION_REQUEST:
            wish.request = true;
            break;
        case OPTION_JSON:
            wish.json = true;
            break;
        case OPTION_RAW:
            wish.raw = true;
            break;
        case 'h':
            return cli_help(usage);
        default:
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        return cli_usage(PROGRAM, "name at least one job");
    }
    if (wish.history + wish.request > 1 || wish.json + wish.raw > 1) {
        return cli_usage(PROGRAM,
                         "--history and --request, and --json and --raw, exclude each other");
    }
    return run(&wish, given, argv + optind);
}
