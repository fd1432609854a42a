/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gather: see gather.h. */
#include "httpd/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/random.h"
#include "base/xalloc.h"

enum {
    FEW = 4, /* jobs that are dropped as a file each */
    LIST_JOBS = 1000,
    LIST_BYTES = 4 * 1024 * 1024,
};

struct item {
    STAILQ_ENTRY(item) entry;
    struct asked_for wanted;
    struct buffer text;
    bool alone; /* it may have to wait in new/ for a file that it attaches, and would hold up a list */
    char drop[NAME_LIMIT]; /* of its own file; "" in a list */
    gather_done *done;
    void *context;
};

STAILQ_HEAD(items, item);

struct gather {
    struct jobs *jobs;
    struct items waiting;
    struct items going; /* in the drop under way */
    bool busy;
    char list[NAME_LIMIT];
};

struct gather *gather_new(struct jobs *jobs)
{
    struct gather *gather = xcalloc(1, sizeof *gather);

    gather->jobs = jobs;
    STAILQ_INIT(&gather->waiting);
    STAILQ_INIT(&gather->going);
    return gather;
}

void gather_free(struct gather *gather)
{
    free(gather);
}

mode_t gather_mode(const struct spool *spool)
{
    return spool->shared ? 0640 : 0600;
}

static void drop_alone(struct gather *gather, struct publication *publication, struct item *item)
{
    char unique[RANDOM_NAME_SIZE], hex[ID_TEXT_SIZE];

    random_name(unique);
    id_write(&item->wanted.id, hex);
    (void)snprintf(item->drop, sizeof item->drop, "%s.%s.json", hex, unique);
    publication_file(publication, FOLDER_NEW, item->drop, gather_mode(gather->jobs->front->spool),
                     &item->text, false, FOLDER_TMP, unique);
}

/* Puts the texts of all that need not be alone behind each other. */
static void drop_list(struct gather *gather, struct publication *publication)
{
    struct buffer text = {0};
    char unique[RANDOM_NAME_SIZE];
    struct item *item;

    STAILQ_FOREACH(item, &gather->going, entry)
    {
        if (item->alone)
            continue;
        item->wanted.at = text.length;
        buffer_append(&text, item->text.bytes, item->text.length);
        buffer_free(&item->text);
    }
    random_name(unique);
    (void)snprintf(gather->list, sizeof gather->list, "%s.jsonl", unique);
    publication_file(publication, FOLDER_NEW, gather->list, gather_mode(gather->jobs->front->spool),
                     &text, false, FOLDER_TMP, unique);
}

/* Takes what goes with the next drop. Returns how many jobs of it may be in a list. */
static size_t take_some(struct gather *gather)
{
    size_t bytes = 0, count = 0;
    struct item *item;

    while ((item = STAILQ_FIRST(&gather->waiting)) != NULL && count < LIST_JOBS &&
           bytes < LIST_BYTES) {
        STAILQ_REMOVE_HEAD(&gather->waiting, entry);
        STAILQ_INSERT_TAIL(&gather->going, item, entry);
        bytes += item->text.length;
        count += !item->alone;
    }
    return count;
}

static void remember(struct gather *gather)
{
    struct asked_for *listed = xcalloc(LIST_JOBS, sizeof *listed);
    struct item *item;
    size_t count = 0;

    STAILQ_FOREACH(item, &gather->going, entry)
    {
        if (item->drop[0] != '\0')
            asked_add(gather->jobs->asked, FOLDER_NEW, item->drop, &item->wanted, 1);
        else
            listed[count++] = item->wanted;
    }
    if (count > 0)
        asked_add(gather->jobs->asked, FOLDER_NEW, gather->list, listed, count);
    free(listed);
}

static void start(struct gather *gather);

static void dropped(void *context, int result, int failed_file)
{
    struct gather *gather = context;
    struct item *item;

    (void)failed_file;
    if (result == 0)
        remember(gather);
    while ((item = STAILQ_FIRST(&gather->going)) != NULL) {
        STAILQ_REMOVE_HEAD(&gather->going, entry);
        item->done(item->context, result);
        buffer_free(&item->text);
        free(item);
    }
    gather->busy = false;
    if (!STAILQ_EMPTY(&gather->waiting))
        start(gather);
}

static void start(struct gather *gather)
{
    struct publication *publication = publication_new(dropped, gather);
    size_t listed = take_some(gather);
    struct item *item;

    gather->busy = true;
    STAILQ_FOREACH(item, &gather->going, entry)
    {
        if (item->alone || listed <= FEW)
            drop_alone(gather, publication, item);
    }
    if (listed > FEW)
        drop_list(gather, publication);
    publish_add(gather->jobs->publish, publication);
}

void gather_add(struct gather *gather, const struct job *job, const struct buffer *text, bool again,
                gather_done *done, void *context)
{
    struct item *item = xcalloc(1, sizeof *item);

    item->wanted = (struct asked_for){.id = job->id, .length = text->length, .again = again};
    buffer_append(&item->text, text->bytes, text->length);
    item->alone = job->attachments > 0;
    item->done = done;
    item->context = context;
    STAILQ_INSERT_TAIL(&gather->waiting, item, entry);
    if (!gather->busy)
        start(gather);
}
