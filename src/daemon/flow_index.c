/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_index: who waits for which job: the jobs that steps became, by ID, and the names and IDs that
 * steps wait for outside their flows.
 */
#include "daemon/flows.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/archived.h"
#include "daemon/flows_core.h"
#include "spool/file.h"

/* --- where jobs are ------------------------------------------------------------------------------------ */

static bool job_in(const struct spool *spool, enum folder folder, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

enum job_place flows_find_job(struct core *core, const struct id *id)
{
    unsigned version;

    if (queue_find(core->queue, id) != NULL)
        return JOB_ALIVE;
    if (job_in(core->spool, FOLDER_FAILED, id))
        return JOB_FAILED;
    if (job_in(core->spool, FOLDER_DONE, id))
        return JOB_DONE;
    if (archived_version(core->archived, id, &version) < 0)
        return JOB_UNSURE;
    return version > 0 ? JOB_DONE : JOB_NOWHERE;
}

bool flows_by_name(const struct spool *spool, const char *name, struct id *id)
{
    char target[NAME_LIMIT];
    ssize_t length = readlinkat(spool->dir[FOLDER_BY_NAME], name, target, sizeof target - 1);
    const char *entry;

    if (length < 0)
        return false;
    target[length] = '\0';
    entry = strrchr(target, '/');
    *id = entry_read(entry != NULL ? entry + 1 : target).id;
    return entry != NULL && entry_read(entry + 1).kind != ENTRY_OTHER;
}

json_t *flows_read_job(const struct spool *spool, const struct id *id)
{
    static const enum folder folders[] = {FOLDER_CUR, FOLDER_DONE, FOLDER_FAILED};
    char name[ENTRY_NAME_SIZE];
    json_t *job = NULL;

    entry_write(ENTRY_JOB, id, 0, name);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && job == NULL; i++) {
        struct buffer text = {0};

        if (file_read_at(spool->dir[folders[i]], name, SIZE_MAX, &text, NULL) == 0)
            job = jsontext_read_object(text.bytes, text.length, NULL);
        buffer_free(&text);
    }
    return job;
}

bool flows_is_foreign(const json_t *document, const char *user)
{
    return document != NULL &&
           strcmp(jsontext_get_text(document, "user", ""), user != NULL ? user : "") != 0;
}

bool flows_find_own(const struct spool *spool, const char *word, const char *user, struct id *id)
{
    json_t *job;
    bool own;

    if (!id_read(word, id) && !flows_by_name(spool, word, id))
        return false;
    if (!spool->owner_only)
        return true;
    job = flows_read_job(spool, id);
    own = !flows_is_foreign(job, user);
    json_decref(job);
    return own;
}

enum job_place flows_find_outside(struct core *core, const char *word, const char *user)
{
    struct id id;

    if (!flows_find_own(core->spool, word, user, &id))
        return JOB_NOWHERE;
    return flows_find_job(core, &id);
}

/* --- who became which job ------------------------------------------------------------------------------ */

static void step_watch_job(struct step *step)
{
    struct flows *flows = step->flow->flows;
    struct job_steps *job;

    HASH_FIND(hh, flows->jobs, &step->entry->id, sizeof step->entry->id, job);
    if (job == NULL) {
        job = xcalloc(1, sizeof *job);
        job->id = step->entry->id;
        HASH_ADD(hh, flows->jobs, id, sizeof job->id, job);
    }
    step->next_of_job = job->first;
    job->first = step;
}

static void jobs_ended(struct flows *flows, const struct id *id, const char *status)
{
    struct job_steps *job;
    struct step *step, *next;

    HASH_FIND(hh, flows->jobs, id, sizeof *id, job);
    if (job == NULL)
        return;
    HASH_DEL(flows->jobs, job);
    for (step = job->first; step != NULL; step = next) {
        next = step->next_of_job;
        step_ended(step, status, NULL);
    }
    free(job);
}

void step_is_job(struct step *step)
{
    step_go(step, STEP_JOB);
    switch (flows_find_job(step->flow->flows->core, &step->entry->id)) {
    case JOB_DONE:
        step_ended(step, "completed", NULL);
        break;
    case JOB_FAILED:
        step_ended(step, "failed", NULL);
        break;
    default:
        step_watch_job(step);
    }
}

/* --- who waits for jobs outside -------------------------------------------------------------------------- */

void step_waits_for(struct step *step, const char *word)
{
    struct flows *flows = step->flow->flows;
    struct waiter *waiter = xcalloc(1, sizeof *waiter);
    struct waiters *waiters;

    HASH_FIND_STR(flows->waiters, word, waiters);
    if (waiters == NULL) {
        waiters = xcalloc(1, sizeof *waiters);
        waiters->word = xstrdup(word);
        HASH_ADD_KEYPTR(hh, flows->waiters, waiters->word, strlen(waiters->word), waiters);
    }
    waiter->step = step;
    waiter->next = waiters->first;
    waiters->first = waiter;
}

static void waiters_free_if_none(struct flows *flows, struct waiters *waiters)
{
    if (waiters->first != NULL)
        return;
    HASH_DEL(flows->waiters, waiters);
    free(waiters->word);
    free(waiters);
}

/* A job ended that a word means: its user's steps go on, all users' where the group may read it. */
static void waiters_ended(struct flows *flows, const char *word, const struct id *id, bool failed)
{
    const struct spool *spool = flows->core->spool;
    struct waiters *waiters;
    struct waiter **link;
    json_t *job;

    HASH_FIND_STR(flows->waiters, word, waiters);
    if (waiters == NULL)
        return;
    job = spool->owner_only ? flows_read_job(spool, id) : NULL;
    for (link = &waiters->first; *link != NULL;) {
        struct waiter *waiter = *link;

        if (flows_is_foreign(job, waiter->step->entry->user)) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        step_parent_ended(waiter->step, word, failed);
        free(waiter);
    }
    json_decref(job);
    waiters_free_if_none(flows, waiters);
}

/* A step that ended before its parents did waits for them no more. */
void step_waits_no_more(struct step *step)
{
    struct flows *flows = step->flow->flows;

    for (size_t i = 0; i < step->entry->after_count; i++) {
        struct waiters *waiters;
        struct waiter **link;

        HASH_FIND_STR(flows->waiters, step->entry->after[i], waiters);
        if (waiters == NULL)
            continue;
        for (link = &waiters->first; *link != NULL;) {
            struct waiter *waiter = *link;

            if (waiter->step == step) {
                *link = waiter->next;
                free(waiter);
            } else {
                link = &waiter->next;
            }
        }
        waiters_free_if_none(flows, waiters);
    }
}

/* A job of that name ended; the name may lead to a later one by now. */
static void name_ended(struct flows *flows, const char *name)
{
    struct waiters *waiters;
    enum job_place place;
    struct id id;

    HASH_FIND_STR(flows->waiters, name, waiters);
    if (waiters == NULL || !flows_by_name(flows->core->spool, name, &id))
        return;
    place = flows_find_job(flows->core, &id);
    if (place == JOB_DONE || place == JOB_FAILED)
        waiters_ended(flows, name, &id, place == JOB_FAILED);
}

void flows_ended(struct flows *flows, const struct id *id, const char *status, const char *name,
                 const json_t *names)
{
    bool failed = strcmp(status, "completed") != 0;
    char text[ID_TEXT_SIZE];
    json_t *other;
    size_t i;

    jobs_ended(flows, id, status);
    id_write(id, text);
    waiters_ended(flows, text, id, failed);
    if (name != NULL)
        name_ended(flows, name);
    json_array_foreach(names, i, other)
        name_ended(flows, json_string_value(other));
}

