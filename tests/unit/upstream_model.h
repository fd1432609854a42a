/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upstream_model: an upstream and a client with endless work, with a clock of their own: what a
 * gate does to both can be seen without a second of real time.
 */
#ifndef UPSTREAM_MODEL_H
#define UPSTREAM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/gate.h"

enum { MODEL_SECONDS = 1200 };

/* What the server does. Everything may be changed while the model runs. */
struct model_server {
    double rpm, burst;     /* requests a minute; 0: no limit. A bucket of burst (0: of rpm) */
    double tpm;            /* tokens a minute; the bucket holds a minute's */
    unsigned most;         /* requests at once, more are refused; 0: any number */
    unsigned slots;        /* requests served at once, others wait in silence; 0: any number */
    int64_t fixed_ms;      /* the limit is one of windows that turn, of this length; 0: a bucket */
    double latency_ms;     /* of an answer, from the start of its being served */
    double spread;         /* sigma of its logarithm; 0: all alike */
    bool headers;          /* tells its limits */
    bool retry_after;      /* tells how long to wait, in whole seconds */
    bool down;             /* fails every request at once */
    int64_t first_byte_ms; /* the client's time-out; 0: none */
};

struct model_counts {
    unsigned sent, answered, refused, failed, timed_out, freed;
};

struct model;

/* A client that never runs out of jobs, unless jobs is above 0. */
struct model *model_new(const struct gate_settings *settings, const struct model_server *server,
                        unsigned jobs, uint64_t seed);
void model_free(struct model *model);

/* Tokens of a request: from least to most, evenly spread. The gate is told estimate times that. */
void model_tokens(struct model *model, int64_t least, int64_t most, double estimate);

/* Lets time pass until that moment, or until all jobs are done. */
void model_run(struct model *model, int64_t until_ms);

struct model_server *model_server(struct model *model);
struct gate *model_gate(const struct model *model);
int64_t model_now(const struct model *model);

/* Within seconds [from, to): requests by the second in which they left (answers: came). */
struct model_counts model_counts(const struct model *model, int from, int to);

/* Tokens of the requests that were accepted in these seconds. */
double model_tokens_used(const struct model *model, int from, int to);

/* How much of the time since from_ms the slots were busy (with model_server's slots), 0 to 1. */
double model_busy(const struct model *model);
void model_busy_from(struct model *model); /* measures from now on */

/* The longest that any request took. */
int64_t model_longest_ms(const struct model *model);

/* Requests in flight now. */
unsigned model_in_flight(const struct model *model);

#endif
