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
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/orders.h"
#include "spool/file.h"

enum { FILES_AT_ONCE = 200, AGAIN_MS = 1000 };

/* First outbox/, so that what comes back is not met again. */
enum step { STEP_WAITING, STEP_GIVEN_UP, STEP_DONE };

struct redelivery {
    char *order; /* its file's name */
    char *owner; /* whose jobs alone are meant, or NULL */
    bool all;
    struct id *ids; /* sorted */
    size_t count;
    int dir; /* outbox/failed/, or -1 */
    enum step step;
    DIR *list;         /* of the step's folder, or NULL */
    struct mono again; /* before that it cannot be listed */
    bool told;         /* … which was told */
    size_t writing;    /* that come back and are not durable yet */
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

/* Owes it as at the first time. It waits from now on: how old it is must not have it given up untried. */
static void owe_anew(struct outbox *outbox, const char *name, json_t *document)
{
    static const char *const past[] = {"attempts", "next_try", "last", "gave_up"};
    struct publication *publication = publication_new(written, outbox);
    struct entry entry = entry_read(name);
    char hash[ID_TEXT_SIZE], now[TIMETEXT_SIZE];

    timetext_write(clock_wall(outbox->core->clock), now);
    json_object_set_new(document, "again", json_string(now));
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
    bool waiting = redelivery->step == STEP_WAITING;
    int dir = waiting ? outbox->core->spool->dir[FOLDER_OUTBOX] : redelivery->dir;
    json_t *document;
    int result;

    if (entry_read(name).kind != ENTRY_JOB)
        return;
    document = outbox_document(outbox, dir, name, &result);
    if (document != NULL && concerns(redelivery, document)) {
        if (waiting)
            hurry(outbox, name, document);
        else
            bring_back(outbox, name, document);
    }
    json_decref(document);
}

/* Opens the folder of the step. Returns 0 or -errno. */
static int open_list(struct outbox *outbox)
{
    struct redelivery *redelivery = outbox->redelivery;
    int dir = outbox->core->spool->dir[FOLDER_OUTBOX];

    if (redelivery->step == STEP_GIVEN_UP && redelivery->dir < 0)
        redelivery->dir = outbox_open_failed(outbox, false);
    if (redelivery->step == STEP_GIVEN_UP)
        dir = redelivery->dir;
    if (dir < 0)
        return dir;
    redelivery->list = file_list(dir);
    return redelivery->list != NULL ? 0 : -errno;
}

static void close_list(struct redelivery *redelivery)
{
    if (redelivery->list != NULL)
        closedir(redelivery->list);
    redelivery->list = NULL;
}

/* The folder of the step is through. */
static void next_step(struct outbox *outbox)
{
    close_list(outbox->redelivery);
    outbox->redelivery->step++;
    orders_look(outbox->core->orders);
}

/* The folder of the step is looked through anew in a while: an order is obeyed when all was found. */
static void try_again(struct outbox *outbox, int result)
{
    struct redelivery *redelivery = outbox->redelivery;

    if (!redelivery->told)
        log_warning(&outbox->core->log, "ctl/%s is not obeyed yet, %s cannot be read: %s",
                    redelivery->order,
                    redelivery->step == STEP_WAITING ? "outbox/" : "outbox/" OUTBOX_FAILED "/",
                    strerror(-result));
    redelivery->told = true;
    close_list(redelivery);
    redelivery->again.ms = clock_mono(outbox->core->clock).ms + AGAIN_MS;
}

int64_t redeliver_wake_ms(const struct outbox *outbox)
{
    const struct redelivery *redelivery = outbox->redelivery;
    int64_t left;

    if (redelivery == NULL || redelivery->step == STEP_DONE || redelivery->list != NULL)
        return -1;
    left = redelivery->again.ms - clock_mono(outbox->core->clock).ms;
    return left > 0 ? left : 0;
}

/* Looks at some more of the step's folder. Returns 1, 0 when it is through, or -errno. */
static int list_on(struct outbox *outbox)
{
    struct redelivery *redelivery = outbox->redelivery;
    const struct dirent *found;
    int result = redelivery->list == NULL ? open_list(outbox) : 0;

    if (result < 0)
        return redelivery->step == STEP_GIVEN_UP && result == -ENOENT ? 0 : result;
    for (int i = 0; i < FILES_AT_ONCE; i++) {
        result = file_list_next(redelivery->list, &found);
        if (result < 0 || found == NULL)
            return result;
        look_at(outbox, found->d_name);
    }
    return 1;
}

bool redeliver_work(struct outbox *outbox)
{
    struct redelivery *redelivery = outbox->redelivery;
    int result;

    if (redelivery == NULL || redelivery->step == STEP_DONE || redeliver_wake_ms(outbox) > 0)
        return false;
    result = list_on(outbox);
    if (result < 0)
        try_again(outbox, result);
    else if (result == 0)
        next_step(outbox);
    return result >= 0 && redelivery->step != STEP_DONE;
}

void redeliver_close(struct outbox *outbox)
{
    struct redelivery *redelivery = outbox->redelivery;

    if (redelivery == NULL)
        return;
    close_list(redelivery);
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
    if (strcmp(redelivery->order, order->name) != 0 || redelivery->step != STEP_DONE ||
        redelivery->writing > 0)
        return false;
    redeliver_close(outbox);
    orders_look(outbox->core->orders); /* another may have waited for its turn */
    return true;
}
