/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * classify: what an error answer means: the outcome class of each status and error code, and the
 * shapes in which servers write an error.
 *
 * Floor: provider. Shared by all protocols. Each has a table of rules of its own; those for what
 * all servers do are in classify.c.
 */
#ifndef PROVIDER_CLASSIFY_H
#define PROVIDER_CLASSIFY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "provider/provider.h"

/* A verdict of this outcome with all that the headers of a reply say: request_id, mock, wait_ms. */
struct verdict verdict_begin(const struct provider_reply *reply, struct wall now,
                             enum outcome outcome);

/* Gives a verdict its code and its message; control characters become spaces, and what is too long
 * is cut between characters. */
void verdict_say(struct verdict *verdict, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The error in a document, borrowed from it, or NULL when it holds none: the member "error" (object
 * or text) of an object or of the object in an array of one; or the object itself when it is a flat
 * error: {"object": "error", …}, {"type": "error", …}, {"statusCode": …, "message": …},
 * {"detail": …}. */
const json_t *classify_find_error(const json_t *document);

enum error_flag {
    ERROR_PERMANENT = 1,   /* nothing will change by itself */
    ERROR_ABOUT_MODEL = 2, /* of the model's name or the path: could be this job's own mistake */
    ERROR_MODERATION = 4,  /* the content was refused */
};

/* One rule: an error that all of its conditions fit has this outcome. A condition that is NULL fits
 * always. */
struct error_rule {
    int low; /* first and last status; 0 stands for an error within status 200 that names none */
    int high;
    const char *word; /* pattern of fnmatch(3) for one of the error's codes or types, in any case */
    const char *said; /* the message contains this, in any case */
    bool (*says)(const char *message); /* what words alone cannot tell */
    const char *header;                /* the reply has this header, in lower case */
    enum outcome outcome;
    unsigned flags;      /* of enum error_flag */
    const char *trouble; /* for OUTCOME_UPSTREAM: in a few words */
    int64_t wait_ms;     /* where the server asks for no wait itself; 0: none */
};

/* Short forms for tables. */
#define ERROR_JOB           OUTCOME_JOB
#define ERROR_TRANSIENT     OUTCOME_TRANSIENT
#define ERROR_THROTTLED     OUTCOME_THROTTLED
#define ERROR_LASTING(what) .outcome = OUTCOME_UPSTREAM, .flags = ERROR_PERMANENT, .trouble = (what)
#define ERROR_MODEL(what)   .outcome = OUTCOME_UPSTREAM, .flags = ERROR_ABOUT_MODEL, .trouble = (what)
#define ERROR_RULES_END                                                                            \
    {                                                                                              \
        .low = -1                                                                                  \
    }

/* Of Anthropic's Messages (errors_anthropic.c). */
extern const struct error_rule anthropic_errors[];

/* What an error reply means: the first of the rules that fits decides, which end with
 * ERROR_RULES_END; then the first of those for all servers. document is the body as JSON, NULL when
 * that is none; a reply with status 200 has the status that the error in it names. An error that
 * no rule knows is transient and marked as unknown. x-should-retry: true makes an error of class
 * job transient, false a transient one the job's; it moves neither throttling nor what is the
 * upstream's own trouble. */
struct verdict classify_error(const struct error_rule *rules, const struct provider_reply *reply,
                              const json_t *document, struct wall now);

#endif
