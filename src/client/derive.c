/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * derive: see derive.h.
 */
#include "client/derive.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/draft.h"
#include "client/drop.h"
#include "client/records.h"
#include "job/job.h"
#include "retain/members.h"

enum { PORTION = 64 * 1024 * 1024 /* bytes of a list; with one job more still within its limit */ };

/* A new job's place in a run, however many positions that is. */
struct place {
    size_t run;
    size_t job;
};

struct derivation {
    const struct spool *spool;
    const struct changes *changes;
    struct wall now;
    struct draft *draft;
    struct derived *jobs;
    size_t count, room;
    char **runs;
    size_t run_count;
    struct place *places; /* ordered by run, in the order of its input */
    size_t place_count, place_room;
    struct place *by_job; /* the same, ordered by job */
};

struct derivation *derive_new(const struct spool *spool, const struct changes *changes,
                              struct wall now)
{
    struct derivation *derivation = xcalloc(1, sizeof *derivation);

    derivation->spool = spool;
    derivation->changes = changes;
    derivation->now = now;
    derivation->draft = draft_new(spool, now);
    return derivation;
}

void derive_free(struct derivation *derivation)
{
    if (derivation == NULL) {
        return;
    }
    for (size_t i = 0; i < derivation->run_count; i++) {
        free(derivation->runs[i]);
    }
    free(derivation->runs);
    free(derivation->places);
    free(derivation->by_job);
    free(derivation->jobs);
    draft_free(derivation->draft);
    free(derivation);
}

/* --- a new job -------------------------------------------------------------------------------- */

static void tell_origin(json_t *document, const struct id *old)
{
    json_t *metadata = json_object_get(document, "metadata");
    char hex[ID_TEXT_SIZE];

    if (!json_is_object(metadata)) {
        metadata = json_object();
        json_object_set_new(document, "metadata", metadata);
    }
    id_write(old, hex);
    json_object_set_new(metadata, "derived_from", json_string(hex));
}

/* An end that has passed was the old job's: the new one would expire unasked. */
static void drop_past_end(const struct derivation *derivation, json_t *document)
{
    int64_t expires = records_time(document, "expires");

    if (expires > 0 && expires <= derivation->now.ms) {
        json_object_del(document, "expires");
    }
}

static struct job *make(const struct derivation *derivation, const struct id *old,
                        struct error *error)
{
    json_t *document = records_job(derivation->spool, old, error);
    struct buffer text = {0};
    struct job *job = NULL;

    if (document == NULL) {
        return NULL;
    }
    drop_past_end(derivation, document);
    if (changes_make(derivation->changes, document, error) == 0) {
        tell_origin(document, old);
        jsontext_write(&text, document);
        job = draft_whole(derivation->draft, text.bytes, text.length, error);
    }
    json_decref(document);
    buffer_free(&text);
    return job;
}

int derive_add(struct derivation *derivation, const struct id *old, struct error *error)
{
    struct job *job = make(derivation, old, error);
    bool same = job != NULL && id_equal(&job->id, old);

    if (same) {
        error_set(error, ERROR_DATA,
                  "--set changes nothing of what decides its answer: it is the same job; without "
                  "--set it is asked again");
    } else if (job != NULL) {
        if (derivation->count == derivation->room) {
            derivation->room = 2 * derivation->room + 64;
            derivation->jobs =
                xrealloc(derivation->jobs, derivation->room * sizeof *derivation->jobs);
        }
        derivation->jobs[derivation->count++] = (struct derived){.old = *old, .id = job->id};
    }
    job_free(job);
    return same || job == NULL ? -1 : 0;
}

/* --- its places ------------------------------------------------------------------------------- */

/* An old job, to look it up. */
struct origin {
    struct id id;
    size_t job;
    size_t run; /* the last one in which it was found; SIZE_MAX: none */
};

struct search {
    struct derivation *derivation;
    struct origin *origins; /* ordered by ID */
    struct error *error;
};

static int compare_origins(const void *a, const void *b)
{
    return memcmp(((const struct origin *)a)->id.bytes, ((const struct origin *)b)->id.bytes,
                  ID_SIZE);
}

static void add_place(struct derivation *derivation, size_t run, size_t job)
{
    if (derivation->place_count == derivation->place_room) {
        derivation->place_room = 2 * derivation->place_room + 64;
        derivation->places =
            xrealloc(derivation->places, derivation->place_room * sizeof *derivation->places);
    }
    derivation->places[derivation->place_count++] = (struct place){run, job};
}

static void search_places(struct search *search, const struct member *members, size_t count)
{
    struct derivation *derivation = search->derivation;

    for (size_t i = 0; i < count; i++) {
        struct origin key = {.id = members[i].id};
        struct origin *origin = members[i].refused
                                    ? NULL
                                    : bsearch(&key, search->origins, derivation->count,
                                              sizeof *search->origins, compare_origins);

        if (origin != NULL && origin->run != derivation->run_count) {
            origin->run = derivation->run_count;
            add_place(derivation, derivation->run_count, origin->job);
        }
    }
}

/* Looks through a run, which is kept where it has a place. */
static int search_run(void *context, const char *run)
{
    struct search *search = context;
    struct derivation *derivation = search->derivation;
    size_t before = derivation->place_count;
    size_t count;
    struct member *members = members_read(derivation->spool, run, &count, search->error);

    if (members == NULL) {
        return search->error->kind == ERROR_ABSENT ? 0 : -1;
    }
    search_places(search, members, count);
    free(members);
    if (derivation->place_count > before) {
        derivation->runs =
            xrealloc(derivation->runs, (derivation->run_count + 1) * sizeof *derivation->runs);
        derivation->runs[derivation->run_count++] = xstrdup(run);
    }
    return 0;
}

static int compare_by_job(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;

    if (left->job != right->job) {
        return left->job < right->job ? -1 : 1;
    }
    return (left->run > right->run) - (left->run < right->run);
}

static void order_by_job(struct derivation *derivation)
{
    size_t size = derivation->place_count * sizeof *derivation->by_job;

    if (size > 0) {
        derivation->by_job = xmalloc(size);
        memcpy(derivation->by_job, derivation->places, size);
        qsort(derivation->by_job, derivation->place_count, sizeof *derivation->by_job,
              compare_by_job);
    }
}

int derive_places(struct derivation *derivation, struct error *error)
{
    struct search search = {.derivation = derivation, .error = error};
    int result;

    search.origins = xmalloc((derivation->count + 1) * sizeof *search.origins);
    for (size_t i = 0; i < derivation->count; i++) {
        search.origins[i] =
            (struct origin){.id = derivation->jobs[i].old, .job = i, .run = SIZE_MAX};
    }
    qsort(search.origins, derivation->count, sizeof *search.origins, compare_origins);
    result = members_runs(derivation->spool, search_run, &search, error);
    free(search.origins);
    order_by_job(derivation);
    return result;
}

/* --- dropping --------------------------------------------------------------------------------- */

/* A list that is being written. */
struct list {
    const struct derivation *derivation;
    const char *run; /* NULL: of no run */
    struct buffer text;
};

static void list_begin(struct list *list)
{
    buffer_clear(&list->text);
    if (list->run != NULL) {
        buffer_printf(&list->text, "{\"run\":\"%s\",\"replace\":true}\n", list->run);
    }
}

static int list_drop(struct list *list, struct error *error)
{
    char name[NAME_LIMIT];

    return drop_list(list->derivation->spool, list->text.bytes, list->text.length, name, error);
}

static int list_add(struct list *list, size_t number, struct error *error)
{
    const struct derived *derived = &list->derivation->jobs[number];
    struct job *job = make(list->derivation, &derived->old, error);
    char shown[ID_SHORT_SIZE];
    int result = 0;

    if (job == NULL) {
        id_write_short(&derived->old, shown);
        error_prefix(error, "%s", shown);
        return -1;
    }
    if (list->text.length == 0) {
        list_begin(list);
    }
    job_write(job, &list->text);
    job_free(job);
    if (list->text.length > PORTION) {
        result = list_drop(list, error);
        buffer_clear(&list->text);
    }
    return result;
}

static int list_end(struct list *list, struct error *error)
{
    int result = list->text.length > 0 ? list_drop(list, error) : 0;

    buffer_free(&list->text);
    return result;
}

static int drop_run(const struct derivation *derivation, size_t run, size_t *next,
                    struct error *error)
{
    struct list list = {.derivation = derivation, .run = derivation->runs[run]};
    int result = 0;

    for (; *next < derivation->place_count && derivation->places[*next].run == run && result == 0;
         ++*next) {
        result = list_add(&list, derivation->places[*next].job, error);
    }
    if (result < 0) {
        buffer_free(&list.text);
        return -1;
    }
    return list_end(&list, error);
}

static int drop_others(const struct derivation *derivation, struct error *error)
{
    struct list list = {.derivation = derivation};
    int result = 0;

    for (size_t i = 0; i < derivation->count && result == 0; i++) {
        if (derive_run(derivation, i, 0) == NULL) {
            result = list_add(&list, i, error);
        }
    }
    if (result < 0) {
        buffer_free(&list.text);
        return -1;
    }
    return list_end(&list, error);
}

int derive_drop(const struct derivation *derivation, struct error *error)
{
    size_t next = 0;

    for (size_t run = 0; run < derivation->run_count; run++) {
        if (drop_run(derivation, run, &next, error) < 0) {
            return -1;
        }
    }
    return drop_others(derivation, error);
}

/* --- what there is ---------------------------------------------------------------------------- */

const struct derived *derive_job(const struct derivation *derivation, size_t number)
{
    return number < derivation->count ? &derivation->jobs[number] : NULL;
}

/* The first of the places, ordered by job, that is not before one. */
static size_t first_place(const struct derivation *derivation, size_t job)
{
    size_t low = 0, high = derivation->place_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (derivation->by_job[middle].job < job) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const char *derive_run(const struct derivation *derivation, size_t job, size_t number)
{
    size_t at = first_place(derivation, job) + number;

    return at < derivation->place_count && derivation->by_job[at].job == job
               ? derivation->runs[derivation->by_job[at].run]
               : NULL;
}

size_t derive_run_size(const struct derivation *derivation, size_t run, const char **name)
{
    size_t size = 0;

    *name = run < derivation->run_count ? derivation->runs[run] : NULL;
    for (size_t i = 0; i < derivation->place_count; i++) {
        size += derivation->places[i].run == run;
    }
    return size;
}
