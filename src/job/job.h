/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * job: one job file: reading, checking and completing what was dropped, and its identity.
 *
 * Floor: job. Knows no file and no clock but what it is given. The keys are specified in
 * llmspool-spool(5).
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "spool/layout.h"

struct templates;

enum {
    JOB_SIZE_LIMIT = 32 * 1024 * 1024, /* bytes of a job file */
    JOB_PRIORITY_DEFAULT = 5,
    JOB_AFTER_LIMIT = 100000, /* jobs that one may wait for */
};

#define JOB_NEVER INT64_MAX /* an expires that does not come */

/* What to do with a job found marked after a crash. */
enum on_doubt { ON_DOUBT_RETRY, ON_DOUBT_HOLD };

/* A job that was read. Texts are borrowed from document and live as long as the job; those that the
 * job does not say are NULL. Plain data; made by job_read, freed by job_free. */
struct job {
    json_t *document; /* all of it, completed: what cur/ID.json holds */
    struct id id;
    bool rewritten; /* document says more than what was dropped: it must be written anew */

    /* The identity group: what decides the answer. */
    const char *type; /* chat, completion, embed; "chat" when the document has none */
    const char *model;
    const char *user;
    const char *provider;

    /* How and when. Times are wall ms, durations ms. */
    const char *name;
    int priority;          /* 0 first … 9 last */
    int64_t not_before;    /* 0: at once */
    int64_t expires;       /* JOB_NEVER: never */
    int64_t timeout;       /* of one attempt; 0: the configured one */
    int64_t max_age;       /* oldest answer that will do; -1: any, 0: fresh */
    int64_t keep;          /* retention of its outputs; -1: the configured one */
    unsigned max_attempts; /* 0: the configured one */
    bool stream;
    const json_t *fallback; /* array of the models to ask when model cannot answer, or NULL */
    enum on_doubt on_doubt;
    bool on_doubt_given;
    const char *webhook;
    const json_t *mail;   /* who is sent a mail at its end (job/mail.h), or NULL */
    const json_t *after;  /* array of the names and IDs that it waits for, or NULL */
    bool runs_on_failure; /* also when one of these failed */

    unsigned attachments; /* content parts that name a file of blobs/ */
    /* Their bytes, and those of texts and PDF among them, once attachments_measure was called. */
    int64_t attached_bytes;
    int64_t attached_text;
    int64_t attached_pdf;
};

/* What completes and judges a drop. */
struct job_context {
    const char *default_model; /* of the spool, or NULL */
    struct wall submitted;     /* `delay` counts from it */
    const char *owner; /* shared spool: login name of the file's owner, who becomes the user; NULL
                          in a private one */
    bool trusted;      /* the owner may name another user (trusted_droppers) */
    char *const *mail_allow; /* whom the owner may have mail sent to besides (mail_allowed), or NULL */
    struct templates *templates; /* the spool's, for jobs whose type is a template's; NULL: there
                                    are none, and such jobs are refused */
    const char **reason; /* where a refusal puts its machine word, for the error file: bad_json,
                            unknown_key, bad_value, unsupported, incomplete, foreign_user,
                            foreign_mail,
                            unknown_type, bad_template; NULL: not wanted */
};

/* Reads a dropped job: strict JSON, one whose type is a template's expanded, known keys only (the error
 * names the nearest known one), each value checked, what is missing completed (default model, user,
 * delay into not_before, "type": "chat" removed), its ID computed. Returns the job, or NULL with an error of kind ERROR_DATA: a
 * sentence that says what is wrong and where. */
struct job *job_read(const char *text, size_t length, const struct job_context *context,
                     struct error *error);

/* As job_read for a document that jsontext_read let through. A new reference is taken, and the
 * document itself is completed: whoever goes on using it gives a copy. */
struct job *job_from_json(json_t *document, const struct job_context *context, struct error *error);

/* Reads a job file that was accepted before: nothing is completed, and a document that is not
 * complete is refused. */
struct job *job_read_accepted(const char *text, size_t length, struct error *error);

/* Appends the text of the document, one line and a newline: the content of cur/ID.json. */
void job_write(const struct job *job, struct buffer *out);

/* The identity of a completed document: SHA-256 of the RFC 8785 form of its identity group (type
 * always, model, prompt, messages, input, system, params, user, provider, sample where present). */
void job_identity(const json_t *document, struct id *id);

/* Frees a job; NULL is allowed. */
void job_free(struct job *job);

#endif
