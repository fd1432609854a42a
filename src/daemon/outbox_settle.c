/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox_settle: what becomes of a debt after a try: paid, later, given up.
 */
#include "daemon/outbox_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"

enum { STUCK_MS = 60 * 1000 /* after which a file that cannot be moved or removed is tried again */ };

static const int64_t patience_ms = 3600 * 1000; /* beyond the schedule, for who never had a turn */

/* A debt whose file is being written. */
struct writing {
    struct outbox *outbox;
    struct debt *debt;
    json_t *document;
};

static void debt_file(const struct debt *debt, char name[ENTRY_NAME_SIZE])
{
    entry_write(ENTRY_JOB, &debt->hash, 0, name);
}

/* An event about a debt: of which job, to whom, and the members of more. */
static void tell(struct outbox *outbox, const struct debt *debt, const json_t *document,
                 const char *what, json_t *more)
{
    bool hook = jsontext_get_text(document, "hook", NULL) != NULL;
    char kind[40];
    json_t *all = json_pack("{s:O*, s:O*, s:O*, s:s, s:O*, s:O*}", "id", json_object_get(document, "id"),
                            "run", json_object_get(document, "run"), "user",
                            json_object_get(document, "user"), hook ? "hook" : "receiver",
                            hook ? jsontext_get_text(document, "hook", "") : debt->receiver->key,
                            "webhook_id", json_object_get(document, "webhook_id"), "of",
                            json_object_get(document, "event"));

    json_object_update(all, more);
    json_decref(more);
    snprintf(kind, sizeof kind, "%s_%s", hook ? "hook" : "webhook", what);
    events_add(outbox->core->events, kind, all);
    core_touch(outbox->core);
}

static void forget(struct outbox *outbox, struct debt *debt)
{
    receivers_remove(debt);
    core_touch(outbox->core);
}

/* --- paid ---------------------------------------------------------------------------------------------- */

void outbox_paid(struct outbox *outbox, struct debt *debt, const json_t *document,
                 const struct delivery *delivery)
{
    struct core *core = outbox->core;
    char name[ENTRY_NAME_SIZE];

    debt_file(debt, name);
    if (receivers_unwell(debt->receiver))
        log_info(&core->log, "%s is well again: webhooks are delivered", debt->receiver->key);
    receivers_paid(debt, delivery->took_ms);
    tell(outbox, debt, document, "delivered",
         json_pack("{s:i, s:I}", "attempt", (int)debt->attempts + 1, "took_ms",
                   (json_int_t)delivery->took_ms));
    if (unlinkat(core->spool->dir[FOLDER_OUTBOX], name, 0) < 0 && errno != ENOENT) {
        log_error(&core->log, "outbox/%s is delivered and cannot be removed, so that it will be again: %s",
                  name, strerror(errno));
        receivers_wait(debt, clock_wall(core->clock).ms + STUCK_MS);
        return;
    }
    forget(outbox, debt);
}

/* --- written anew -------------------------------------------------------------------------------------- */

static void write_anew(struct outbox *outbox, struct debt *debt, json_t *document,
                       publish_done *done)
{
    struct publication *publication;
    struct writing *writing = xmalloc(sizeof *writing);
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];

    *writing = (struct writing){.outbox = outbox, .debt = debt, .document = json_incref(document)};
    debt_file(debt, name);
    jsontext_write(&text, document);
    buffer_byte(&text, '\n');
    publication = publication_new(done, writing);
    publication_file(publication, FOLDER_OUTBOX, name, 0600, &text, true, FOLDER_TMP, NULL);
    outbox->writing++;
    publish_add(outbox->core->publish, publication);
}

/* Returns whether it was written; tells once that it cannot be. */
static bool written(struct writing *writing, int result)
{
    struct outbox *outbox = writing->outbox;

    outbox->writing--;
    if (result < 0 && !outbox->told_write)
        log_warning(&outbox->core->log,
                    "outbox/: tries cannot be noted, they are counted in memory alone: %s",
                    strerror(-result));
    outbox->told_write = result < 0;
    return result == 0;
}

static void writing_free(struct writing *writing)
{
    json_decref(writing->document);
    free(writing);
}

static void later_written(void *context, int result, int failed_file)
{
    struct writing *writing = context;

    (void)failed_file;
    (void)written(writing, result);
    receivers_wait(writing->debt, writing->debt->at_once
                                      ? clock_wall(writing->outbox->core->clock).ms
                                      : writing->debt->next_try);
    core_touch(writing->outbox->core);
    writing_free(writing);
}

/* --- later --------------------------------------------------------------------------------------------- */

/* The receiver is unwell, and what waited for it longer than a debt is tried at all is given up with the
 * one that was tried. */
static void give_up_overdue(struct outbox *outbox, struct receiver *receiver)
{
    int64_t since_before = clock_wall(outbox->core->clock).ms -
                           schedule_whole(&outbox->schedule) - patience_ms;
    size_t count = receiver->waiting.count;
    struct debt **waiting = xcalloc(count + 1, sizeof *waiting);

    memcpy(waiting, receiver->waiting.slots, count * sizeof *waiting);
    for (size_t i = 0; i < count; i++) {
        struct debt *debt = waiting[i];
        char name[ENTRY_NAME_SIZE];
        json_t *document;
        int result;

        if (debt->since >= since_before)
            continue;
        debt_file(debt, name);
        document =
            outbox_document(outbox, outbox->core->spool->dir[FOLDER_OUTBOX], name, &result);
        receivers_settle(debt);
        if (document != NULL)
            outbox_give_up(outbox, debt, document, receiver->last);
        else
            forget(outbox, debt); /* the next look finds it, if it is there */
        json_decref(document);
    }
    free(waiting);
}

static void log_trouble(const struct outbox *outbox, const struct receiver *receiver)
{
    if (receiver->failures == CLOSE_AFTER)
        log_warning(&outbox->core->log,
                    "%s fails: its webhooks wait, one is tried now and then: %s", receiver->key,
                    receiver->last);
}

static void set_time(json_t *document, const char *key, int64_t ms)
{
    char text[TIMETEXT_SIZE];

    timetext_write((struct wall){ms}, text);
    json_object_set_new(document, key, json_string(text));
}

void outbox_later(struct outbox *outbox, struct debt *debt, json_t *document,
                  const struct delivery *delivery)
{
    struct core *core = outbox->core;
    struct receiver *receiver = debt->receiver;
    int64_t now = clock_wall(core->clock).ms, delay;

    receivers_failed(debt, now, delivery->unwell, delivery->rest_ms, delivery->words);
    log_trouble(outbox, receiver);
    debt->attempts++;
    delay = schedule_next(&outbox->schedule, debt->attempts, &core->random);
    if (delay < 0) {
        outbox_give_up(outbox, debt, document, delivery->words);
    } else {
        debt->next_try = now + (delay > delivery->rest_ms ? delay : delivery->rest_ms);
        json_object_set_new(document, "attempts", json_integer((json_int_t)debt->attempts));
        set_time(document, "next_try", debt->next_try);
        json_object_set_new(document, "last", json_string(delivery->words));
        tell(outbox, debt, document, "failed",
             json_pack("{s:i, s:O, s:s}", "attempt", (int)debt->attempts, "next_try",
                       json_object_get(document, "next_try"), "message", delivery->words));
        write_anew(outbox, debt, document, later_written);
    }
    if (receivers_unwell(receiver))
        give_up_overdue(outbox, receiver);
}

/* --- given up ------------------------------------------------------------------------------------------ */

static int move_to_failed(struct outbox *outbox, const struct debt *debt)
{
    int failed = outbox_open_failed(outbox, true);
    char name[ENTRY_NAME_SIZE];
    int result;

    if (failed < 0)
        return failed;
    debt_file(debt, name);
    result = renameat(outbox->core->spool->dir[FOLDER_OUTBOX], name, failed, name) < 0 ? -errno : 0;
    close(failed);
    return result;
}

static void given_up_written(void *context, int result, int failed_file)
{
    struct writing *writing = context;
    struct outbox *outbox = writing->outbox;
    struct debt *debt = writing->debt;
    const char *last = jsontext_get_text(writing->document, "last", "");
    char name[ENTRY_NAME_SIZE];

    (void)failed_file;
    if (written(writing, result))
        result = move_to_failed(outbox, debt);
    debt_file(debt, name);
    if (result < 0 && result != -ENOENT) {
        log_warning(&outbox->core->log, "outbox/%s is given up and cannot be moved to outbox/failed/: %s",
                    name, strerror(-result));
        receivers_wait(debt, clock_wall(outbox->core->clock).ms + STUCK_MS);
    } else {
        log_warning(&outbox->core->log,
                    "outbox/failed/%s: given up after %u tries, %s: %s (llmspool-ctl redeliver)", name,
                    debt->attempts, debt->receiver->key, last);
        tell(outbox, debt, writing->document, "gave_up",
             json_pack("{s:i, s:s}", "attempts", (int)debt->attempts, "message", last));
        outbox->given_up += result == 0;
        forget(outbox, debt);
    }
    writing_free(writing);
}

void outbox_give_up(struct outbox *outbox, struct debt *debt, json_t *document, const char *words)
{
    json_object_del(document, "next_try");
    json_object_set_new(document, "attempts", json_integer((json_int_t)debt->attempts));
    json_object_set_new(document, "last", json_string(words));
    set_time(document, "gave_up", clock_wall(outbox->core->clock).ms);
    write_anew(outbox, debt, document, given_up_written);
}
