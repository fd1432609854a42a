/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_group: the file work of flows, in a thread of the pool: outputs read and put into texts, IDs noted,
 * flows made.
 *
 * The ID of the job that a step becomes is durable before the job is dropped: whoever is killed between
 * finds the job by it, and asks no other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/flows_core.h"
#include "job/field.h"
#include "job/flow.h"
#include "spool/file.h"
#include "spool/unit.h"

enum { GROUP_BYTES = 64 * 1024 * 1024 }; /* resolved at once: what follows comes with the next group */

/* Reading the outputs of one step's parents. */
struct outputs {
    const struct spool *spool;
    struct step *step;
    bool owner_only;
    json_t *record; /* that was read last */
};

/* The job that a parent's word means: a step of the flow, an ID, or the job of that name. False: it
 * failed, and there is no output. */
static bool parent_id(const struct outputs *outputs, const char *word, struct id *id)
{
    const struct flow_record *record = outputs->step->flow->record;
    long number = flow_record_find(record, word);

    if (number >= 0) {
        const struct flow_entry *entry = &record->steps[number];

        *id = entry->id;
        return entry->noted && entry->status != NULL && strcmp(entry->status, "completed") == 0;
    }
    return id_read(word, id) || flows_by_name(outputs->spool, word, id);
}

static bool failed_for_good(const struct spool *spool, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];
    struct stat status;

    entry_write(ENTRY_ERROR, id, 0, name);
    return fstatat(spool->dir[FOLDER_FAILED], name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The newest good output of a job, or NULL. */
static json_t *read_output(const struct spool *spool, const struct id *id)
{
    unsigned lowest, highest;

    if (unit_versions(spool, id, &lowest, &highest) < 0)
        return NULL;
    for (unsigned version = highest; version > 0 && version >= lowest; version--) {
        struct buffer text = {0};
        char name[ENTRY_NAME_SIZE];
        json_t *record = NULL;

        entry_write(ENTRY_OUTPUT, id, version, name);
        if (file_read_at(spool->dir[FOLDER_DONE], name, SIZE_MAX, &text, NULL) == 0)
            record = jsontext_read_object(text.bytes, text.length, NULL);
        buffer_free(&text);
        if (record != NULL && strcmp(jsontext_get_text(record, "status", ""), "completed") == 0)
            return record;
        json_decref(record);
    }
    return NULL;
}

/* Whether a parent is a job of another user, whose output is not for this step: a name may lead
 * elsewhere than when it was waited for, and of an archived job nobody knew whose it is. */
static bool is_foreign(const struct outputs *outputs, const char *word, const struct id *id)
{
    const struct step *step = outputs->step;
    json_t *job;
    bool foreign;

    if (!outputs->owner_only || flow_record_find(step->flow->record, word) >= 0)
        return false;
    job = outputs->record != NULL ? json_incref(outputs->record)
                                  : flows_read_job(outputs->spool, id);
    foreign = flows_is_foreign(job, step->entry->user);
    json_decref(job);
    return foreign;
}

/* The same word among those of the step, which stays as long as it. */
static const char *word_of(const struct step *step, const char *word)
{
    size_t i = 0;

    while (strcmp(step->entry->after[i], word) != 0)
        i++;
    return step->entry->after[i];
}

static int parent_output(void *context, const char *word, const json_t **output,
                         struct error *error)
{
    struct outputs *outputs = context;
    struct id id;

    json_decref(outputs->record);
    outputs->record = NULL;
    *output = NULL;
    if (!parent_id(outputs, word, &id))
        return 0;
    outputs->record = read_output(outputs->spool, &id);
    if (is_foreign(outputs, word, &id)) {
        outputs->step->foreign = word_of(outputs->step, word);
        error_set(error, ERROR_ABSENT, "there is no job %s", word);
        return -1;
    }
    if (outputs->record != NULL) {
        *output = json_object_get(outputs->record, "output");
        return 0;
    }
    if (failed_for_good(outputs->spool, &id))
        return 0;
    outputs->step->gone = id;
    outputs->step->is_gone = true;
    error_set(error, ERROR_ABSENT, "the output of %s is gone", word);
    return -1;
}

/* Makes of a document the job that is asked. Returns the bytes of its text, 0 where there is none. */
static size_t make_job(struct step *step, json_t *document, size_t limit, struct error *error)
{
    struct buffer text = {0};
    size_t length;

    jsontext_write(&text, document);
    length = text.length;
    if (length > limit)
        error_set(error, ERROR_DATA, "with its parents' outputs the job has %zu bytes, over the %zu "
                  "that are allowed", length, limit);
    else
        step->job = job_read(text.bytes, length,
                             &(struct job_context){.submitted = {step->flow->record->submitted}},
                             error);
    buffer_free(&text);
    return step->job != NULL ? length : 0;
}

static struct job *unresolved_job(const json_t *document)
{
    json_t *copy = json_deep_copy(document);
    struct job *job = job_from_json(copy, &(struct job_context){0}, NULL);

    json_decref(copy);
    return job;
}

static void cannot(struct step *step, const json_t *document, const char *reason,
                   const struct error *error)
{
    step->reason = reason;
    free(step->message);
    step->message = xstrdup(error->text);
    step->job = unresolved_job(document);
}

/* Resolves a step, or reads what it will be kept as. Returns the bytes of its job. */
static size_t work_step(const struct flows *flows, struct step *step)
{
    struct outputs outputs = {flows->core->spool, step, flows->owner_only, NULL};
    struct error error = {0};
    json_t *document = flow_record_step(outputs.spool, step->flow->record->name, step->entry,
                                        &error);
    json_t *resolved = document != NULL ? json_deep_copy(document) : NULL;
    size_t bytes = 0;

    step->is_gone = step->left = false;
    step->foreign = NULL;
    if (document == NULL) {
        step->left = true; /* an I/O error: again later */
        log_error(&flows->core->log, "%s", error.text);
    } else if (step->reason != NULL) {
        step->job = unresolved_job(document);
    } else if (flow_resolve(resolved, parent_output, &outputs, &error) < 0) {
        if (!step->is_gone && step->foreign == NULL)
            cannot(step, document, "no_field", &error);
    } else {
        bytes = make_job(step, resolved, flows->job_limit, &error);
        if (step->job == NULL)
            cannot(step, document, "bad_value", &error);
    }
    json_decref(outputs.record);
    json_decref(resolved);
    json_decref(document);
    return bytes;
}

/* The line that says which job a step becomes. */
static void note_id(struct buffer *out, const struct step *step)
{
    char id[ID_TEXT_SIZE];

    id_write(&step->job->id, id);
    buffer_text(out, "{\"step\":");
    jsontext_write_string(out, step->entry->name, strlen(step->entry->name));
    buffer_printf(out, ",\"id\":\"%s\"}\n", id);
}

static void work_steps(struct flows *flows)
{
    struct flow_group *group = &flows->group;
    size_t bytes = 0;

    for (size_t i = 0; i < group->step_count; i++) {
        struct step *step = group->steps[i];

        step->left = bytes > GROUP_BYTES;
        if (step->left)
            continue;
        bytes += work_step(flows, step);
        if (step->job != NULL && step->reason == NULL)
            note_id(&step->note->text, step);
    }
}

void flow_group_work(struct flows *flows)
{
    const struct spool *spool = flows->core->spool;
    struct flow_group *group = &flows->group;
    struct making *making;

    TAILQ_FOREACH(making, &group->makings, link)
    {
        making->result = flow_record_make(spool, making->name, making->sha256, making->submitted,
                                          making->user, &making->text);
        if (making->result == 0)
            making->record = flow_record_read(spool, making->name, &making->error);
    }
    work_steps(flows);
    for (size_t i = 0; i < group->note_count; i++) {
        struct note *note = &group->notes[i];

        if (note->text.length > 0)
            note->result = flow_record_append(spool, note->name, note->text.bytes,
                                              note->text.length);
    }
}
