/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * publish: durable group commit, the side of it that runs on the loop: building publications,
 * forming groups, telling how they ended.
 */
#include "spool/publish.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/xalloc.h"
#include "spool/commit.h"

/* One pool thread's part in a commit; its request is used again for each. */
struct worker {
    uv_work_t request; /* data: the publisher */
    unsigned number;
};

struct publish {
    uv_loop_t *loop;
    struct commit commit;
    struct publication *waiting; /* for the next commit, in order */
    struct publication **waiting_end;
    bool busy;           /* a commit runs, or its callbacks do */
    unsigned running;    /* workers whose end the loop has not heard of */
    uint64_t started_ns; /* when the commit began (uv_hrtime) */
    struct publish_counts counts;
    void (*hook)(void *context); /* or NULL */
    void *hook_context;
    unsigned workers;
    struct worker worker[];
};

struct publish *publish_open(uv_loop_t *loop, const struct spool *spool, unsigned workers)
{
    assert(workers > 0);
    struct publish *publish = xcalloc(1, sizeof(*publish) + workers * sizeof(struct worker));

    publish->loop = loop;
    publish->commit.spool = spool;
    publish->waiting_end = &publish->waiting;
    publish->workers = workers;
    for (unsigned i = 0; i < workers; i++) {
        publish->worker[i].request.data = publish;
        publish->worker[i].number = i;
    }
    return publish;
}

void publish_on_commit(struct publish *publish, void (*hook)(void *context), void *context)
{
    publish->hook = hook;
    publish->hook_context = context;
}

struct publication *publication_new(publish_done *done, void *context)
{
    struct publication *publication = xcalloc(1, sizeof(*publication));

    publication->done = done;
    publication->context = context;
    publication->failed_file = -1;
    return publication;
}

static void tell_hearers(struct publication *publication, int result, int failed_file)
{
    struct hearer *hearers = publication->hearers;

    publication->hearers = NULL;
    for (size_t i = 0; hearers != NULL && i < publication->hearer_count; i++)
        hearers[i].heard(hearers[i].context, result, failed_file);
    free(hearers);
}

void publication_free(struct publication *publication)
{
    if (publication == NULL)
        return;
    tell_hearers(publication, -ECANCELED, -1);
    for (size_t i = 0; i < publication->count; i++) {
        struct step *step = &publication->steps[i];
        free(step->name);
        free(step->temp_name);
        free(step->target);
        free(step->only_from);
        buffer_free(&step->bytes);
    }
    free(publication->steps);
    free(publication);
}

static struct step *publication_step(struct publication *publication, enum step_kind kind,
                                     enum folder folder, const char *name)
{
    if (publication->count == publication->capacity) {
        publication->capacity = publication->capacity == 0 ? 4 : publication->capacity * 2;
        publication->steps =
            xrealloc(publication->steps, publication->capacity * sizeof(*publication->steps));
    }
    struct step *step = &publication->steps[publication->count++];
    *step = (struct step){
        .kind = kind, .folder = folder, .name = xstrdup(name), .number = -1, .fd = -1};
    return step;
}

void publication_file(struct publication *publication, enum folder folder, const char *name,
                      mode_t mode, struct buffer *bytes, bool replace, enum folder temp_folder,
                      const char *temp_name)
{
    struct step *step = publication_step(publication, STEP_FILE, folder, name);
    char fresh[TEMP_NAME_SIZE];

    if (temp_name == NULL)
        temp_name_write(fresh);
    step->number = publication->files++;
    step->temp_folder = temp_folder;
    step->temp_name = xstrdup(temp_name != NULL ? temp_name : fresh);
    step->bytes = *bytes;
    *bytes = (struct buffer){0};
    step->mode = mode;
    step->replace = replace;
}

void publication_reader(struct publication *publication, uid_t reader)
{
    publication->steps[publication->count - 1].reader = reader;
}

void publication_existing(struct publication *publication, enum folder folder, const char *name,
                          bool replace, enum folder temp_folder, const char *temp_name)
{
    struct step *step = publication_step(publication, STEP_EXISTING, folder, name);

    step->number = publication->files++;
    step->temp_folder = temp_folder;
    step->temp_name = xstrdup(temp_name);
    step->replace = replace;
}

void publication_sync(struct publication *publication, enum folder folder, const char *name)
{
    publication_step(publication, STEP_SYNC, folder, name);
}

void publication_sync_mode(struct publication *publication, enum folder folder, const char *name)
{
    publication_step(publication, STEP_SYNC_ALL, folder, name);
}

void publication_folder(struct publication *publication, enum folder folder)
{
    publication_step(publication, STEP_FOLDER, folder, NULL);
}

void publication_link(struct publication *publication, enum folder folder, const char *name,
                      const char *target, const char *only_from)
{
    struct step *step = publication_step(publication, STEP_LINK, folder, name);

    step->target = xstrdup(target);
    step->only_from = xstrdup(only_from);
}

void publication_hear(struct publication *publication, publish_done *heard, void *context)
{
    publication->hearers = xrealloc(publication->hearers, (publication->hearer_count + 1) *
                                                              sizeof *publication->hearers);
    publication->hearers[publication->hearer_count++] =
        (struct hearer){.heard = heard, .context = context};
}

static void publish_start(struct publish *publish);

/* Tells each publication how it ended, in order. */
static void publish_tell(struct publish *publish, struct publication *list)
{
    while (list != NULL) {
        struct publication *publication = list;
        list = list->next;
        publish->counts.waiting--;
        tell_hearers(publication, publication->result, publication->failed_file);
        publication->done(publication->context, publication->result, publication->failed_file);
        publication_free(publication);
    }
}

static void publish_count(struct publish *publish)
{
    struct publish_counts *counts = &publish->counts;
    uint64_t took_us = (uv_hrtime() - publish->started_ns) / 1000;
    uint64_t size = 0;

    for (const struct publication *p = publish->commit.first; p != NULL; p = p->next) {
        size++;
        counts->files += (uint64_t)p->files;
        counts->failures += p->result < 0;
    }
    counts->commits++;
    counts->publications += size;
    counts->largest = size > counts->largest ? size : counts->largest;
    counts->total_us += took_us;
    counts->longest_us = took_us > counts->longest_us ? took_us : counts->longest_us;
}

static void worker_run(uv_work_t *request)
{
    struct publish *publish = request->data;
    const struct worker *worker = (const struct worker *)(const void *)request;
    commit_work(&publish->commit, worker->number);
}

/* On the loop. What callbacks add meanwhile goes into one commit that starts after the hook. */
static void worker_ended(uv_work_t *request, int status)
{
    struct publish *publish = request->data;

    assert(status == 0);
    if (--publish->running > 0)
        return;
    publish_count(publish);
    publish_tell(publish, publish->commit.first);
    if (publish->hook != NULL)
        publish->hook(publish->hook_context);
    publish->busy = false;
    if (publish->waiting != NULL)
        publish_start(publish);
}

static void publish_start(struct publish *publish)
{
    struct commit *commit = &publish->commit;

    publish->busy = true;
    publish->started_ns = uv_hrtime();
    commit_begin(commit, publish->waiting, publish->workers);
    publish->waiting = NULL;
    publish->waiting_end = &publish->waiting;
    publish->running = commit->workers;
    for (unsigned i = 0; i < publish->running; i++) {
        int result =
            uv_queue_work(publish->loop, &publish->worker[i].request, worker_run, worker_ended);
        assert(result == 0);
    }
}

void publish_add(struct publish *publish, struct publication *publication)
{
    publish->counts.waiting++;
    *publish->waiting_end = publication;
    publish->waiting_end = &publication->next;
    if (!publish->busy)
        publish_start(publish);
}

struct publish_counts publish_counts(const struct publish *publish)
{
    return publish->counts;
}

bool publish_idle(const struct publish *publish)
{
    return publish->counts.waiting == 0;
}

void publish_close(struct publish *publish)
{
    if (publish == NULL)
        return;
    assert(publish_idle(publish) && !publish->busy);
    commit_free(&publish->commit);
    free(publish);
}
