/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait_set: the jobs that are waited for, and what is known of those that have ended.
 */
#include "client/wait_inner.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "client/shelf.h"
#include "client/show.h"

/* --- the set ---------------------------------------------------------------------------------- */

struct wait *wait_new(const struct spool *spool, const struct clock *clock)
{
    struct wait *wait = xcalloc(1, sizeof *wait);

    wait->spool = spool;
    wait->clock = clock;
    wait->asks = asks_new();
    return wait;
}

static void free_job(struct wait *wait, struct awaited *awaited)
{
    awaited_clear(awaited, wait->asks);
    free(awaited);
}

void wait_tidy(struct wait *wait)
{
    size_t kept = 0;

    for (size_t i = 0; i < wait->rest_count; i++) {
        struct awaited *awaited = wait->rest[i];

        if (awaited->state == AWAITED_OPEN) {
            wait->rest[kept++] = awaited;
        } else if (awaited->forgotten) {
            free_job(wait, awaited);
        }
    }
    wait->rest_count = kept;
}

void wait_free(struct wait *wait)
{
    struct awaited *first, *next;

    if (wait == NULL) {
        return;
    }
    wait_tidy(wait);
    HASH_ITER (hh, wait->by_id, first, next) {
        HASH_DEL(wait->by_id, first);
        while (first != NULL) {
            struct awaited *same = first->same;

            free_job(wait, first);
            first = same;
        }
    }
    asks_free(wait->asks);
    free(wait->rest);
    free(wait);
}

struct awaited *wait_find_first(const struct wait *wait, const struct id *id)
{
    struct awaited *found;

    HASH_FIND(hh, wait->by_id, id, sizeof *id, found);
    return found;
}

struct awaited *wait_find(const struct wait *wait, const struct id *id, unsigned version)
{
    struct awaited *awaited = wait_find_first(wait, id);

    while (awaited != NULL && awaited->version != version) {
        awaited = awaited->same;
    }
    return awaited;
}

static struct awaited *new_job(struct wait *wait, const struct id *id, unsigned version)
{
    struct awaited *awaited = xcalloc(1, sizeof *awaited);

    awaited->id = *id;
    awaited->version = version;
    if (wait->rest_count == wait->rest_room) {
        wait->rest_room = 2 * wait->rest_room + 16;
        wait->rest = xrealloc(wait->rest, wait->rest_room * sizeof(struct awaited *));
    }
    wait->rest[wait->rest_count++] = awaited;
    wait->added++;
    wait->count++;
    wait->open++;
    return awaited;
}

struct awaited *wait_add(struct wait *wait, const struct id *id, unsigned version)
{
    struct awaited *awaited = wait_find(wait, id, version);
    struct awaited *first;

    if (awaited != NULL) {
        return awaited;
    }
    first = wait_find_first(wait, id);
    awaited = new_job(wait, id, version);
    if (first == NULL) {
        HASH_ADD(hh, wait->by_id, id, sizeof awaited->id, awaited);
    } else {
        awaited->same = first->same;
        first->same = awaited;
    }
    return awaited;
}

void wait_expect(struct wait *wait, struct awaited *awaited, const char *name, unsigned line,
                 unsigned run)
{
    awaited_oblige(awaited, wait->asks, FOLDER_NEW, name);
    awaited->line = line;
    if (awaited->run == 0) {
        awaited->run = run;
    }
}

void wait_forget(struct wait *wait, struct awaited *awaited)
{
    struct awaited *first = wait_find_first(wait, &awaited->id);

    if (first == awaited) {
        HASH_DEL(wait->by_id, awaited);
        if (awaited->same != NULL) {
            first = awaited->same;
            HASH_ADD(hh, wait->by_id, id, sizeof first->id, first);
        }
    } else {
        while (first->same != awaited) {
            first = first->same;
        }
        first->same = awaited->same;
    }
    awaited->same = NULL;
    awaited->forgotten = true;
}

size_t wait_count(const struct wait *wait)
{
    return wait->count;
}

size_t wait_open(const struct wait *wait)
{
    return wait->open;
}

int wait_each_open(const struct wait *wait,
                   int (*visit)(void *context, const struct awaited *awaited), void *context)
{
    int result = 0;

    for (size_t i = 0; i < wait->rest_count && result == 0; i++) {
        if (wait->rest[i]->state == AWAITED_OPEN) {
            result = visit(context, wait->rest[i]);
        }
    }
    return result;
}

/* --- how it ended ----------------------------------------------------------------------------- */

static json_t *refusal_of(const struct wait *wait, const struct awaited *awaited)
{
    char name[NAME_LIMIT + 32];

    if (awaited->taken == NULL) {
        return NULL;
    }
    if (awaited->line > 0) {
        snprintf(name, sizeof name, "%s:%u", awaited->taken->name, awaited->line);
    } else {
        snprintf(name, sizeof name, "%s", awaited->taken->name);
    }
    return records_refusal(wait->spool, name);
}

static json_t *archived_record(const struct wait *wait, const struct awaited *awaited)
{
    struct shelf *shelf = shelf_new(wait->spool);
    json_t *record = shelf_record(shelf, &awaited->id, awaited->found, NULL);

    shelf_free(shelf);
    return record;
}

json_t *wait_record(const struct wait *wait, const struct awaited *awaited)
{
    if (awaited->archived) {
        return archived_record(wait, awaited);
    }
    switch (awaited->state) {
    case AWAITED_COMPLETED:
        return records_output(wait->spool, &awaited->id, awaited->found, NULL, NULL);
    case AWAITED_FAILED:
        return awaited->found > 0
                   ? records_output(wait->spool, &awaited->id, awaited->found, NULL, NULL)
                   : records_error(wait->spool, &awaited->id, NULL);
    case AWAITED_LOST:
        return refusal_of(wait, awaited);
    case AWAITED_NO_VERSION:
    case AWAITED_OPEN:
        break;
    }
    return NULL;
}

char *wait_failure(const struct awaited *awaited, const json_t *record)
{
    char shown[ID_SHORT_SIZE];

    id_write_short(&awaited->id, shown);
    if (awaited->state == AWAITED_NO_VERSION) {
        return xasprintf("%s: it has no version %u, and no run is making one", shown,
                         awaited->version);
    }
    if (awaited->state == AWAITED_LOST && record == NULL) {
        return xasprintf("%s: no such job in this spool: never submitted, or deleted", shown);
    }
    return show_failure(&awaited->id, record);
}

const char *wait_word(const struct awaited *awaited, const json_t *record)
{
    switch (awaited->state) {
    case AWAITED_COMPLETED:
        return "completed";
    case AWAITED_FAILED:
        return jsontext_get_text(record, "status", "failed");
    case AWAITED_LOST:
        return jsontext_get_text(record, "status", "unknown");
    case AWAITED_NO_VERSION:
    case AWAITED_OPEN:
        break;
    }
    return "unknown";
}
