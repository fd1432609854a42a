/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * submit: one llmspool-submit, when its command line was read: what it prepares, prints, drops, waits for.
 *
 * Floor: client.
 */
#ifndef CLIENT_SUBMIT_H
#define CLIENT_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stencil.h"
#include "client/changed.h"
#include "client/draft.h"
#include "client/estimate.h"
#include "client/feed.h"
#include "client/harvest.h"
#include "client/making.h"
#include "client/submission.h"
#include "spool/spool.h"

#define SUBMIT_PROGRAM "llmspool-submit"

enum { SUBMIT_MAX_WAITING = 1000000 }; /* jobs, where --max-waiting says nothing */

enum mode {
    MODE_DROP,
    MODE_WAIT,
    MODE_PRINT_ID,
    MODE_DRY_RUN,
    MODE_ESTIMATE,
    MODE_BATCH,
    MODE_TYPES,
};

/* What is wanted, set by the command line, and behind it what is at work. Begin with submit_new. */
struct submit {
    const char *place; /* of the spool, as given */
    enum mode mode;
    const char *prices; /* a file, or NULL */
    const char *batch;  /* the file of one that is handed over in place of jobs, or NULL */
    const char *flow;   /* as batch */
    const char *mail;   /* words of --mail, or NULL */
    const char *mail_to; /* an address, or NULL */
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
    struct changed *changed; /* templates */
    struct harvest_plan plan;
    struct harvest *harvest;
    char run[NAME_LIMIT]; /* its name, once it is known */
    struct error error;
};

/* As it is without options. */
struct submit submit_new(void);

/* Does it. Returns the exit code, all having been told. */
int submit_run(struct submit *submit);

/* The last value that a flag for the jobs was given, or NULL. */
const char *submit_field(const struct submit *submit, const char *name);

/* Frees what it holds. */
void submit_clear(struct submit *submit);

#endif
