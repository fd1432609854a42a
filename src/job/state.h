/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state: what must be remembered of a job beside its file: cur/ID.state.json.
 *
 * Floor: job. A job without a state file is in its first run, never tried, never widened.
 */
#ifndef JOB_STATE_H
#define JOB_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "job/attempt.h"
#include "job/job.h"

enum hold { HOLD_NONE, HOLD_USER, HOLD_DOUBT, HOLD_POISON, HOLD_BUDGET };

/* "user", "doubt", "poison", "budget"; HOLD_NONE has no word. */
const char *hold_word(enum hold hold);

/* Plain data; made by state_new or state_read, freed by state_free. Times are wall ms. */
struct state {
    struct id id;
    unsigned run;      /* version that its output will have: 1 … */
    unsigned tries;    /* how often it was taken back from failed/ */
    int64_t submitted; /* ctime of the drop or order that asked for this run; 0: mtime of the job */
    unsigned sends;    /* requests recorded, of any outcome */
    unsigned failures; /* of those after `since`, that count towards max_attempts */
    unsigned since;    /* sends when this try began, or when another model was fallen back on */
    unsigned throttled;
    unsigned doubts;
    unsigned crashes;
    int64_t next_try; /* not before; 0: at once */
    char *fallback;   /* model that is asked in place of the job's, or NULL */
    char *in_run;     /* name of the run that it is charged to, or NULL: not said here */
    char *fallback_reason;   /* why: transient, refused, gate_closed */
    enum hold hold;
    struct attempt *attempts;
    size_t attempt_count;

    /* What duplicates widened; the effective value is the wider of this and the job's own. */
    int priority;       /* -1: not widened */
    int64_t not_before; /* -1: not widened */
    int64_t expires;    /* -1: not widened; JOB_NEVER: never */
    int64_t keep;       /* -1: not widened */
    bool stream;
    json_t *names;    /* array of further names, never NULL */
    json_t *webhooks; /* array of further webhooks, never NULL */
    json_t *mails;    /* array of further mails (job/mail.h), never NULL */
};

/* First run of id, nothing remembered. */
struct state *state_new(const struct id *id);

/* Reads ID.state.json. NULL with an error when it is no state file of id. */
struct state *state_read(const char *text, size_t length, const struct id *id, struct error *error);

/* Appends its text. */
void state_write(const struct state *state, struct buffer *out);

/* Another model is asked from now on, for this reason (a word); its attempts are counted anew. */
void state_fall_back(struct state *state, const char *model, const char *reason);

/* How many requests of the model that is asked now ended with an outcome and a code. */
unsigned state_count(const struct state *state, enum outcome outcome, const char *code);

/* How many of these counted as failures and had a code. */
unsigned state_count_failures(const struct state *state, const char *code);

/* Records a request that ended, of any outcome but not_sent: the texts of *attempt are taken over,
 * number is given, counters go up (sends, failures where counted, throttled, doubts). One that used
 * nothing up (throttled, upstream, or not counted because of an outage) is merged with the one
 * before it when outcome, code and upstream are the same. */
void state_record(struct state *state, struct attempt *attempt);

/* Merges what a duplicate says into state, seen beside job (the one in cur/). It can only widen:
 * smaller priority number, earlier not_before, later expires, longer keep, stream; name, webhook
 * and mail are added when neither job nor state has them. Returns whether anything changed. */
bool state_widen(struct state *state, const struct job *job, const struct job *duplicate);

/* A fresh state for another run or another try of the same job: run and tries as given, counters
 * fresh. history, when not NULL, is the document of the error file of the try before: its attempts
 * are copied, sends goes on, and its names stay linked. */
struct state *state_again(const struct id *id, unsigned run, unsigned tries, int64_t submitted,
                          const json_t *history);

/* The attempts as a JSON array (new reference). */
json_t *state_attempts(const struct state *state);

void state_free(struct state *state);

#endif
