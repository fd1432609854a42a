/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * making: see making.h.
 */
#include "client/making.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/filling.h"

struct making {
    struct making_plan plan;
    struct feed_record record;
    struct buffer text;
    uint64_t sample;   /* made of the record so far */
    uint64_t position; /* of the next job */
    bool there;        /* record is one */
};

struct making *making_new(const struct making_plan *plan)
{
    struct making *making = xcalloc(1, sizeof *making);

    making->plan = *plan;
    return making;
}

static struct job *from_template(struct making *making, struct error *error)
{
    buffer_clear(&making->text);
    if (filling_fill(making->plan.stencil, &making->record, &making->text, error) < 0) {
        return NULL;
    }
    return draft_prompt(making->plan.draft,
                        making->text.bytes != NULL ? making->text.bytes : "",
                        making->text.length, error);
}

/* A whole job of JSON that is made here. */
static struct job *from_document(struct making *making, json_t *document, struct error *error)
{
    buffer_clear(&making->text);
    jsontext_write(&making->text, document);
    json_decref(document);
    return draft_whole(making->plan.draft, making->text.bytes, making->text.length, error);
}

static struct job *from_columns(struct making *making, struct error *error)
{
    json_t *columns = making->record.columns;
    const json_t *prompt = json_object_get(columns, "prompt");

    if (making->plan.fields) {
        return from_document(making, json_pack("{s:O}", "variables", columns), error);
    }
    if (json_is_string(prompt)) {
        return draft_prompt(making->plan.draft, json_string_value(prompt),
                            json_string_length(prompt), error);
    }
    error_set(error, ERROR_DATA,
              "there is no column prompt; say with --template what is asked of a row");
    return NULL;
}

static struct job *make(struct making *making, struct error *error)
{
    const struct feed_record *record = &making->record;

    draft_beside(making->plan.draft, record->file);
    if (making->plan.stencil != NULL) {
        return from_template(making, error);
    }
    if (record->columns != NULL && (making->plan.fields || !record->job)) {
        return from_columns(making, error);
    }
    if (record->job) {
        return draft_whole(making->plan.draft, record->text, record->length, error);
    }
    return draft_prompt(making->plan.draft, record->text, record->length, error);
}

/* A job that has no name gets that of its file. */
static int name_job(struct job *job, const struct making *making)
{
    if (making->record.name != NULL && job->name == NULL && !making->plan.keep_names) {
        json_t *name = json_string(making->record.name);

        json_object_set_new(job->document, "name", name);
        job->name = json_string_value(name);
    }
    return 1;
}

static int set_sample(struct making *making, struct error *error)
{
    char number[24];

    if (making->plan.samples == 0) {
        return 0;
    }
    snprintf(number, sizeof number, "%" PRIu64, making->sample + 1);
    return draft_flag(making->plan.draft, "sample", number, error);
}

int making_next(struct making *making, struct made *made, struct error *error)
{
    int result;

    if (!making->there || making->sample >= making->plan.samples) {
        making->sample = 0;
        result = feed_next(making->plan.feed, &making->record, error);
        making->there = result > 0;
        if (result <= 0) {
            return result;
        }
    }
    if (set_sample(making, error) < 0) {
        return -1;
    }
    made->job = make(making, error);
    if (made->job == NULL) {
        feed_where(&making->record, error);
        return -1;
    }
    making->sample++;
    made->record = &making->record;
    made->sample = making->plan.samples > 0 ? making->sample : 0;
    made->position = making->position++;
    return name_job(made->job, making);
}

int making_rewind(struct making *making, struct error *error)
{
    making->there = false;
    making->sample = 0;
    making->position = 0;
    return feed_rewind(making->plan.feed, error);
}

void making_free(struct making *making)
{
    if (making != NULL) {
        buffer_free(&making->text);
        free(making);
    }
}
