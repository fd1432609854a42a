/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redeliver: an order that debts be tried now: those of outbox/failed/ come back with fresh counters, those
 * in backoff are due at once.
 */
#include "daemon/outbox_core.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/orders.h"
#include "spool/file.h"

enum { FILES_AT_ONCE = 200 };

struct redelivery {
    char *order; /* its file's name */
    char *owner; /* whose jobs alone are meant, or NULL */
    bool all;
    struct id *ids; /* sorted */
    size_t count;
    int dir; /* outbox/failed/, or -1 */
    DIR *list;
    bool waiting;    /* the list is of outbox/: what waits */
    size_t writing;  /* that come back and are not durable yet */
    bool listed;
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

static bool concerns(const struct redelivery *redelivery, const json_t *document)
{
    const char *user = jsontext_get_text(document, "user", NULL);
    struct id id;

    if (redelivery->owner != NULL && (user == NULL || strcmp(user, redelivery->owner) != 0))
        return false;
    return redelivery->all || (id_read(jsontext_get_text(document, "id", ""), &id) &&
                               redelivery->count > 0 &&
                               bsearch(&id, redelivery->ids, redelivery->count,
                                       sizeof *redelivery->ids, by_bytes) != NULL);
}

static void written(void *context, int result, int failed_file)
{
    struct outbox *outbox = context;

    (void)failed_file;
    assert(outbox->redelivery != NULL && outbox->redelivery->writing > 0);
    outbox->redelivery->writing--;
    outbox->writing--;
    if (result < 0)
        log_warning(&outbox->core->log, "outbox/: a debt cannot be written anew: %s",
                    strerror(-result));
    orders_look(outbox->core->orders);
}

/* Owes it as at the first time. */
static void owe_anew(struct outbox *outbox, const char *name, json_t *document)
{
    static const char *const past[] = {"attempts", "next_try", "last", "gave_up"};
    struct publication *publication = publication_new(written, outbox);
    struct entry entry = entry_read(name);
    char hash[ID_TEXT_SIZE];

    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++)
        json_object_del(document, past[i]);
    id_write(&entry.id, hash);
    outbox->redelivery->writing++;
    outbox->writing++;
    outbox_owe(outbox->core, publication, hash, json_incref(document));
    publish_add(outbox->core->publish, publication);
}

/* First where it belongs, then with fresh counters: a kill between the two leaves it given up, and the order
 * where it was. */
static void bring_back(struct outbox *outbox, const char *name, json_t *document)
{
    struct redelivery *redelivery = outbox->redelivery;

    if (renameat(redelivery->dir, name, outbox->core->spool->dir[FOLDER_OUTBOX], name) < 0) {
        log_warning(&outbox->core->log, "outbox/failed/%s cannot be brought back: %s", name,
                    strerror(errno));
        return;
    }
    outbox->given_up -= outbox->given_up > 0;
    owe_anew(outbox, name, document);
}

/* One that waits, in memory or in its file alone. */
static void hurry(struct outbox *outbox, const char *name, json_t *document)
{
    struct entry entry = entry_read(name);
    struct debt *debt = receivers_find(&outbox->receivers, &entry.id);

    if (debt == NULL) {
        if (jsontext_get_text(document, "next_try", NULL) != NULL)
            owe_anew(outbox, name, document);
    } else {
        receivers_open_gate(debt->receiver);
        receivers_hurry(debt, clock_wall(outbox->core->clock).ms);
    }
}

static void look_at(struct outbox *outbox, const char *name)
{
    struct redelivery *redelivery = outbox->redelivery;
    int dir = redelivery->waiting ? outbox->core->spool->dir[FOLDER_OUTBOX] : redelivery->dir;
    json_t *document;
    int result;

    if (entry_read(name).kind != ENTRY_JOB)
        return;
    document = outbox_document(outbox, dir, name, &result);
    if (document != NULL && concerns(redelivery, document)) {
        if (redelivery->waiting)
            hurry(outbox, name, document);
        else
            bring_back(outbox, name, document);
    }
    json_decref(document);
}

/* The next folder to be looked through: first outbox/, so that what comes back is not met again. */
static void next_list(struct outbox *outbox)
{
    struct redelivery *redelivery = outbox->redelivery;

    if (redelivery->list != NULL)
        closedir(redelivery->list);
    redelivery->waiting = redelivery->list == NULL && !redelivery->listed;
    redelivery->list = NULL;
    if (redelivery->waiting)
        redelivery->list = file_list(outbox->core->spool->dir[FOLDER_OUTBOX]);
    else if (redelivery->dir < 0 &&
             (redelivery->dir = outbox_open_failed(outbox, false)) >= 0)
        redelivery->list = file_list(redelivery->dir);
    redelivery->listed = true;
}

bool redeliver_work(struct outbox *outbox)
{
    struct redelivery *redelivery = outbox->redelivery;
    const struct dirent *found;

    if (redelivery == NULL || redelivery->list == NULL)
        return false;
    for (int i = 0; i < FILES_AT_ONCE; i++) {
        if (file_list_next(redelivery->list, &found) < 0 || found == NULL) {
            next_list(outbox);
            orders_look(outbox->core->orders);
            return redelivery->list != NULL;
        }
        look_at(outbox, found->d_name);
    }
    return true;
}

void redeliver_close(struct outbox *outbox)
{
    struct redelivery *redelivery = outbox->redelivery;

    if (redelivery == NULL)
        return;
    if (redelivery->list != NULL)
        closedir(redelivery->list);
    if (redelivery->dir >= 0)
        close(redelivery->dir);
    free(redelivery->order);
    free(redelivery->owner);
    free(redelivery->ids);
    free(redelivery);
    outbox->redelivery = NULL;
}

static void begin(struct outbox *outbox, const struct order *order)
{
    struct redelivery *redelivery = xcalloc(1, sizeof *redelivery);

    *redelivery = (struct redelivery){.order = xstrdup(order->name),
                                      .owner = xstrdup(order->owner),
                                      .all = order->all,
                                      .count = order->id_count,
                                      .dir = -1};
    if (order->id_count > 0) {
        redelivery->ids = xmemdup(order->ids, order->id_count * sizeof *order->ids);
        qsort(redelivery->ids, redelivery->count, sizeof *redelivery->ids, by_bytes);
    }
    outbox->redelivery = redelivery;
    next_list(outbox);
    outbox->core->kick(outbox->core);
}

bool outbox_redeliver(struct outbox *outbox, const struct order *order)
{
    struct redelivery *redelivery = outbox->redelivery;

    if (outbox->stopped)
        return false;
    if (redelivery == NULL) {
        begin(outbox, order);
        return false;
    }
    if (strcmp(redelivery->order, order->name) != 0 || redelivery->list != NULL ||
        redelivery->writing > 0)
        return false;
    redeliver_close(outbox);
    return true;
}
