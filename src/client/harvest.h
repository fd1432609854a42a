/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harvest: the answers of jobs that are being submitted, printed in the order of the input as each
 * becomes next.
 *
 * Floor: client. Jobs are added while others end. Memory grows with the jobs that go on, not with
 * those that ended or with what is kept of their input. Equal jobs are waited for once, and each
 * line gets its answer.
 *
 *     struct harvest *harvest = harvest_new(spool, &clock_system, &plan, &error);
 *     for each list that was dropped: harvest_add() its jobs; harvest_turn(harvest, 0, …)
 *     harvest_end(harvest, &result, &error)
 *     code = harvest_exit(harvest, result); harvest_free(harvest)
 */
#ifndef CLIENT_HARVEST_H
#define CLIENT_HARVEST_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/halt.h"
#include "client/row.h"
#include "client/wait.h"
#include "spool/spool.h"

/* What is wanted. Plain data; texts are borrowed. */
struct harvest_plan {
    const char *program;    /* before what goes to stderr */
    const char *place;      /* of the spool, as given with -s, or NULL */
    const char *run;        /* the name of the run, or NULL */
    struct row_style style; /* the caller sets escape (of --lines, -0) and samples */
    bool unordered;
    const char *output_dir; /* or NULL */
    const char *errors;     /* a file, or NULL */
    struct halt halt;
    bool quiet;               /* no progress, nothing about what was answered from before */
    bool fail_fast;           /* leave when nothing can move */
    bool cancel_on_interrupt; /* what goes on is cancelled when this ends before it */
    int64_t timeout_ms;       /* -1: as long as it takes */
};

/* Everything as it is without options. */
struct harvest_plan harvest_plan(const char *program);

/* The numbers of the options; far above those that a command gives its own. */
enum {
    HARVEST_UNORDERED = 1100,
    HARVEST_FORMAT,
    HARVEST_OUTPUT_DIR,
    HARVEST_ERRORS,
    HARVEST_HALT,
    HARVEST_QUIET,
    HARVEST_CANCEL,
    HARVEST_FAIL_FAST,
    HARVEST_TIMEOUT,
};

/* The rows of a command's struct option table. */
#define HARVEST_OPTIONS                                                                            \
    {"unordered", no_argument, NULL, HARVEST_UNORDERED},                                           \
        {"format", required_argument, NULL, HARVEST_FORMAT},                                       \
        {"output-dir", required_argument, NULL, HARVEST_OUTPUT_DIR},                               \
        {"errors", required_argument, NULL, HARVEST_ERRORS},                                       \
        {"halt", required_argument, NULL, HARVEST_HALT},                                           \
        {"quiet", no_argument, NULL, HARVEST_QUIET},                                               \
        {"cancel-on-interrupt", no_argument, NULL, HARVEST_CANCEL},                                \
        {"fail-fast", no_argument, NULL, HARVEST_FAIL_FAST},                                       \
    {                                                                                              \
        "wait-timeout", required_argument, NULL, HARVEST_TIMEOUT                                   \
    }

/* The lines of a command's --help that tell of them. */
#define HARVEST_USAGE                                                                              \
    "      --format F          text, json, jsonl, csv, tsv (input columns first)\n"         \
    "      --unordered         print answers as they come, not in order\n"         \
    "      --output-dir DIR    a file for each answer instead\n"                                   \
    "      --errors FILE       what failed, a line of JSON each\n"                                 \
    "      --halt WHEN         soon,fail=N: submit no more when N (or N%) failed;\n"          \
    "                          now,fail=N: cancel what waits, too\n"                               \
    "      --wait-timeout D    wait for so long at most, then leave with 75\n"                     \
    "      --fail-fast         do not wait when nothing can move: leave with 69\n"                 \
    "      --cancel-on-interrupt  cancel what goes on when interrupted\n"                          \
    "      --quiet             no progress on stderr\n"

/* Takes an option: 1 when it is one of HARVEST_OPTIONS, 0 when not, -1 with an error (ERROR_USAGE).
 * All of them mean --wait. */
int harvest_option(struct harvest_plan *plan, int option, const char *argument,
                   struct error *error);

/* What makes no sense together. Returns 0, or -1 with an error (ERROR_USAGE). */
int harvest_check(const struct harvest_plan *plan, struct error *error);

/* One line of the input. All is copied. */
struct harvest_item {
    struct id id;
    const char *drop; /* name in new/ of its file or list; NULL: it is not being dropped */
    unsigned line;    /* its line in that list, from 1, the run's line counted; 0: it is no list */
    unsigned run;     /* version that answers it if it runs now (highest there + 1); 0: any */
    uint64_t position;     /* in the run, from 0 */
    const char *name;      /* for --output-dir, or NULL */
    const json_t *columns; /* of the input: an object, in order; or NULL */
    uint64_t sample;       /* from 1; 0: the only one */
    bool answered_before;  /* it was answered when it was dropped. Need not be said where run is */
};

struct harvest;

/* Begins; plan is copied, spool and clock outlive it. From here to harvest_free SIGINT, SIGTERM,
 * SIGHUP and SIGPIPE belong to it. NULL with an error. */
struct harvest *harvest_new(const struct spool *spool, const struct clock *clock,
                            const struct harvest_plan *plan, struct error *error);

/* Adds the next line of the input, once its file is durable in new/. Returns 0, or -1 with an
 * error. */
int harvest_add(struct harvest *harvest, const struct harvest_item *item, struct error *error);

/* Prints what is next, after waiting for at most so long (0: what is known now). Returns 0 to go on;
 * 1 when nothing more is to be submitted, with *result (interrupted, timed out, stuck, closed,
 * halted); or -1 with an error. After 1, harvest_end tells what becomes of the rest. */
int harvest_turn(struct harvest *harvest, int64_t timeout_ms, enum wait_result *result,
                 struct error *error);

/* The same until a descriptor of the input can be read: what a reader of a slow input calls before
 * each read, so that answers are printed and signals heeded meanwhile. Returns 0 when it can be
 * read, else as harvest_turn. */
int harvest_input(struct harvest *harvest, int input, enum wait_result *result,
                  struct error *error);

/* How many jobs that were added go on: for --max-waiting. */
size_t harvest_open(const struct harvest *harvest);

/* Waits until all have ended, and prints what is left; where harvest_turn has returned 1 for another
 * reason than HALTED, it says so again at once. Returns 0 with *result, or -1 with an error. */
int harvest_end(struct harvest *harvest, enum wait_result *result, struct error *error);

/* Says on stderr how it went and how to come back to what goes on, and returns the exit code. When
 * nobody read the output it ends the process by SIGPIPE, as programs of coreutils end. */
int harvest_exit(struct harvest *harvest, enum wait_result result);

/* Frees it and gives signals back; NULL is allowed. */
void harvest_free(struct harvest *harvest);

#endif
