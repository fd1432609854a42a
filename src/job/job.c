/* SPDX-License-Identifier: GPL-2.0-or-later */
/* job: one job file: reading, checking and completing what was dropped, and its identity. */
#include "job/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "job/attachment.h"
#include "job/expand.h"
#include "job/flow.h"
#include "job/keys.h"
#include "job/mail.h"
#include "job/question.h"
#include "job/refusal.h"
#include "job/templates.h"

static const char default_type[] = "chat";

/* An empty job that owns document. */
static struct job *job_new(json_t *document)
{
    struct job *job = xmalloc(sizeof *job);
    *job = (struct job){
        .document = document,
        .type = default_type,
        .priority = JOB_PRIORITY_DEFAULT,
        .expires = JOB_NEVER,
        .max_age = -1,
        .keep = -1,
        .on_doubt = ON_DOUBT_RETRY,
    };
    return job;
}

/* Checks every key and notes what it says. */
static int take_keys(struct job *job, struct refusal *refusal)
{
    const char *name;
    json_t *value;
    if (!json_is_object(job->document)) {
        return refuse(refusal, "bad_value", "a job must be a JSON object");
    }
    json_object_foreach (job->document, name, value) {
        const struct key *key = key_find(name);
        if (key == NULL) {
            return key_refuse_unknown(name, refusal);
        }
        if (key->take(key, value, job, refusal) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Sets a key that was missing, checked as if it had been dropped. */
static int complete_key(struct job *job, const char *name, const char *text,
                        struct refusal *refusal)
{
    const struct key *key = key_find(name);
    json_t *value = json_string(text);
    if (value == NULL || key->take(key, value, job, refusal) != 0) {
        json_decref(value);
        return refuse(refusal, "bad_value",
                      "\"%s\" is missing, and what should complete it is no valid "
                      "value",
                      name);
    }
    json_object_set_new(job->document, name, value);
    job->rewritten = true;
    return 0;
}

static int complete_model(struct job *job, const struct job_context *context,
                          struct refusal *refusal)
{
    if (job->model != NULL) {
        return 0;
    }
    if (context->default_model == NULL) {
        return refuse(refusal, "incomplete",
                      "\"model\" is missing, and this spool has no default model");
    }
    return complete_key(job, "model", context->default_model, refusal);
}

static int check_mail(const struct job *job, const struct job_context *context,
                      struct refusal *refusal)
{
    const char *to = job->mail != NULL ? mail_to(job->mail) : NULL;
    if (to == NULL || context->owner == NULL || context->trusted ||
        mail_allowed(to, context->owner, context->mail_allow)) {
        return 0;
    }
    return refuse(refusal, "foreign_mail", MAIL_FOREIGN, to, context->owner);
}

static int complete_user(struct job *job, const struct job_context *context,
                         struct refusal *refusal)
{
    char shown[REFUSAL_QUOTE_SIZE];
    if (context->owner == NULL) {
        return 0;
    }
    if (job->user == NULL) {
        return complete_key(job, "user", context->owner, refusal);
    }
    if (!context->trusted && strcmp(job->user, context->owner) != 0) {
        return refuse(refusal, "foreign_user",
                      "\"user\" is \"%s\", but the file belongs to %s; leave \"user\" out",
                      refusal_quote(job->user, shown), context->owner);
    }
    return 0;
}

static int complete_delay(struct job *job, const struct job_context *context,
                          struct refusal *refusal)
{
    const char *delay = jsontext_get_text(job->document, "delay", NULL);
    char text[TIMETEXT_SIZE];
    int64_t ms;
    if (delay == NULL) {
        return 0;
    }
    if (json_object_get(job->document, "not_before") != NULL) {
        return refuse(refusal, "bad_value", "\"delay\" and \"not_before\" exclude each other");
    }
    if (timetext_read_duration(delay, &ms) != 0) {
        return refuse(refusal, "bad_value", "\"delay\" is no duration");
    }
    timetext_write((struct wall){context->submitted.ms + ms}, text);
    json_object_del(job->document, "delay");
    return complete_key(job, "not_before", text, refusal);
}

static int complete(struct job *job, const struct job_context *context, struct refusal *refusal)
{
    if (complete_model(job, context, refusal) != 0 || complete_user(job, context, refusal) != 0 ||
        check_mail(job, context, refusal) != 0) {
        return -1;
    }
    return complete_delay(job, context, refusal);
}

/* What accepted jobs must have: nothing is left to complete. */
static int check_complete(const struct job *job, struct refusal *refusal)
{
    if (job->model == NULL) {
        return refuse(refusal, "incomplete", "\"model\" is missing from an accepted job");
    }
    if (json_object_get(job->document, "delay") != NULL) {
        return refuse(refusal, "incomplete",
                      "an accepted job has a \"delay\" where \"not_before\" belongs");
    }
    return 0;
}

/* What no key can check alone. */
static int check_together(const struct job *job, struct refusal *refusal)
{
    if (question_check(job->document, job->type, refusal) != 0) {
        return -1;
    }
    if (job->expires <= job->not_before) {
        return refuse(refusal, "bad_value",
                      "\"expires\" must be later than \"not_before\" or the end of \"delay\"");
    }
    if (job->after == NULL && json_object_get(job->document, "on_failure") != NULL) {
        return refuse(refusal, "bad_value", "\"on_failure\" needs \"after\": failure of what?");
    }
    return 0;
}

/* A type that is no protocol's is a template's. */
static int expand_type(struct job *job, const struct job_context *context, struct refusal *refusal)
{
    const json_t *type = json_object_get(job->document, "type");
    const struct template *template;
    struct error problem;
    if (context->templates == NULL || !json_is_string(type) ||
        question_type(json_string_value(type)) != NULL) {
        return 0;
    }
    template = templates_find(context->templates, json_string_value(type), &problem);
    if (template == NULL) {
        return expand_refuse(&problem, refusal);
    }
    job->rewritten = true;
    return expand(job->document, template, refusal);
}

/* Makes a job of document, which it takes over; without a context it must be complete. */
static struct job *make(json_t *document, const struct job_context *context,
                        struct refusal *refusal)
{
    struct job *job = job_new(document);
    if ((context != NULL && expand_type(job, context, refusal) != 0) ||
        take_keys(job, refusal) != 0 ||
        (context != NULL ? complete(job, context, refusal) : check_complete(job, refusal)) != 0 ||
        check_together(job, refusal) != 0) {
        job_free(job);
        return NULL;
    }
    /* An absent type is a chat: taking that word away is no completion. */
    if (strcmp(job->type, default_type) == 0) {
        json_object_del(document, "type");
    }
    job->attachments = attachments_count(document);
    if (context != NULL && job->after != NULL &&
        flow_check_places(job, &refusal->reason, refusal->error) < 0) {
        job_free(job);
        return NULL;
    }
    job_identity(document, &job->id);
    return job;
}

static struct job *make_dropped(json_t *document, const struct job_context *context,
                                struct error *error)
{
    struct refusal refusal = {"bad_json", error};
    struct job *job = document != NULL ? make(document, context, &refusal) : NULL;
    if (job == NULL && context->reason != NULL) {
        *context->reason = refusal.reason;
    }
    return job;
}

struct job *job_read(const char *text, size_t length, const struct job_context *context,
                     struct error *error)
{
    return make_dropped(jsontext_read(text, length, error), context, error);
}

struct job *job_from_json(json_t *document, const struct job_context *context, struct error *error)
{
    return make_dropped(json_incref(document), context, error);
}

struct job *job_read_accepted(const char *text, size_t length, struct error *error)
{
    struct refusal refusal = {NULL, error};
    json_t *document = jsontext_read(text, length, error);
    return document != NULL ? make(document, NULL, &refusal) : NULL;
}

void job_write(const struct job *job, struct buffer *out)
{
    jsontext_write(out, job->document);
    buffer_byte(out, '\n');
}

/* One member of the canonical form; keys need no escape. */
static void write_member(struct buffer *out, const char *name, const json_t *value)
{
    buffer_byte(out, out->length == 0 ? '{' : ',');
    buffer_byte(out, '"');
    buffer_text(out, name);
    buffer_text(out, "\":");
    if (value != NULL) {
        jsontext_write_canonical(out, value);
    } else {
        jsontext_write_string(out, default_type, sizeof default_type - 1);
    }
}

void job_identity(const json_t *document, struct id *id)
{
    struct buffer canonical = {0};
    size_t count;
    const struct key *keys = key_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].identity) {
            continue;
        }
        const json_t *value = json_object_get(document, keys[i].name);
        if (value != NULL || strcmp(keys[i].name, "type") == 0) {
            write_member(&canonical, keys[i].name, value);
        }
    }
    buffer_byte(&canonical, '}');
    sha256_digest(canonical.bytes, canonical.length, id->bytes);
    buffer_free(&canonical);
}

void job_free(struct job *job)
{
    if (job != NULL) {
        json_decref(job->document);
        free(job);
    }
}
