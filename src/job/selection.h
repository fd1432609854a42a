/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selection: which finished jobs are meant: by state, model, user, age, any field of their records.
 *
 * Floor: job. Knows documents, no files. The grammar is the same in all commands and is specified
 * in llmspool-select(7).
 */
#ifndef JOB_SELECTION_H
#define JOB_SELECTION_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "spool/layout.h"

/* The numbers of the options; far above those that a command gives its own. */
enum {
    SELECTION_RUN = 1000,
    SELECTION_STATE,
    SELECTION_FAILED,
    SELECTION_REASON,
    SELECTION_TRUNCATED,
    SELECTION_MODEL,
    SELECTION_TYPE,
    SELECTION_USER,
    SELECTION_OLDER_THAN,
    SELECTION_NEWER_THAN,
    SELECTION_WHERE,
};

/* The rows of a command's struct option table. */
#define SELECTION_OPTIONS                                                                          \
    {"run", required_argument, NULL, SELECTION_RUN},                                               \
        {"state", required_argument, NULL, SELECTION_STATE},                                       \
        {"failed", no_argument, NULL, SELECTION_FAILED},                                           \
        {"reason", required_argument, NULL, SELECTION_REASON},                                     \
        {"truncated", no_argument, NULL, SELECTION_TRUNCATED},                                     \
        {"model", required_argument, NULL, SELECTION_MODEL},                                       \
        {"type", required_argument, NULL, SELECTION_TYPE},                                         \
        {"user", required_argument, NULL, SELECTION_USER},                                         \
        {"older-than", required_argument, NULL, SELECTION_OLDER_THAN},                             \
        {"newer-than", required_argument, NULL, SELECTION_NEWER_THAN},                             \
    {                                                                                              \
        "where", required_argument, NULL, SELECTION_WHERE                                          \
    }

/* The lines of a command's --help that tell of them. */
#define SELECTION_USAGE                                                                            \
    "selecting finished jobs (llmspool-select(7)); several options must all hold:\n"               \
    "      --run NAME        of this run\n"                                                        \
    "      --state STATE[,…] completed, failed, cancelled, expired\n"                            \
    "      --failed          any of the last three\n"                                              \
    "      --truncated       answers that were cut\n"                                              \
    "      --reason CODE     failed with this code\n"                                              \
    "      --model PATTERN   as in gpt-4*; --type TYPE, --user USER\n"                             \
    "      --older-than D    finished longer ago than 90d, 12h, or before a date;\n"               \
    "      --newer-than D    not so long ago, or since\n"                                          \
    "      --where 'FIELD=VALUE'\n"                                                                \
    "                        a field of the record or the job; also != < <= > >= ~\n"

/* A condition on a field. */
struct condition {
    char *path; /* for jsonpath_find */
    enum relation {
        RELATION_EQUAL,
        RELATION_UNEQUAL,
        RELATION_LESS,
        RELATION_AT_MOST,
        RELATION_MORE,
        RELATION_AT_LEAST,
        RELATION_LIKE, /* a pattern of fnmatch(3) */
    } relation;
    char *value;
};

/* Plain data; a zeroed one selects everything, selection_free makes it one again. */
struct selection {
    unsigned states; /* bits, 0: any */
    bool truncated;
    char *run;
    char *reason;
    char *model; /* a pattern of fnmatch(3) */
    char *type;
    char *user;
    bool says_older_than; /* --older-than was given */
    bool says_newer_than;
    int64_t older_than_ms; /* an age, or with older_than_is_time a moment */
    int64_t newer_than_ms;
    bool older_than_is_time;
    bool newer_than_is_time;
    struct condition *where;
    size_t where_count;
    struct id *members; /* of run, sorted: see selection_members; NULL: by the records' in_run */
    size_t member_count;
};

/* Takes an option: 1 when it is one of SELECTION_OPTIONS, 0 when not, -1 with an error
 * (ERROR_USAGE) when its argument is bad. */
int selection_option(struct selection *selection, int option, const char *argument,
                     struct error *error);

/* Whether anything was selected by. */
bool selection_any(const struct selection *selection);

/* Whether it needs more of a job than its ID, once the jobs of its run are known. */
bool selection_needs_record(const struct selection *selection);

/* Says which jobs the run has; the array, taken over, is sorted here. */
void selection_members(struct selection *selection, struct id *members, size_t count);

/* What is known of a finished job. record is its newest output, its error file, or its line in an
 * archive's index; job is its file, or NULL where record has its keys too or it cannot be read. */
struct facts {
    const struct id *id;
    const char *state;   /* completed, failed, cancelled, expired */
    int64_t finished_ms; /* wall; 0: not known, which is older than anything */
    const json_t *record;
    const json_t *job;
};

/* Whether the selection could ever need a job's file beside its record. */
bool selection_needs_job(const struct selection *selection);

/* Whether a job is selected. now is what ages are counted from. */
bool selection_matches(const struct selection *selection, const struct facts *facts,
                       struct wall now);

void selection_free(struct selection *selection);

#endif
