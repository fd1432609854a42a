/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox: see outbox.h.
 */
#include "daemon/outbox_core.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/status_parts.h"

enum {
    DEBTS_MOST = 10000,     /* in memory */
    IN_FLIGHT_MOST = 512,   /* to all receivers */
    TRIES_AT_ONCE = 64,     /* in one turn of the loop */
    LOOK_EVERY_MS = 1000,   /* for debts that were left out */
    RECEIVERS_TOLD = 20,    /* in status.json */
};

/* --- what is owed anew ---------------------------------------------------------------------------------- */

/* A debt that will be known when it is durable. */
struct newcomer {
    struct outbox *outbox;
    struct debt debt;
    char *key;
    bool hook;
};

/* Owed again while it waits: its file has fresh counters, so memory has them, too. */
static void renew(struct outbox *outbox, struct debt *known, const struct debt *anew)
{
    known->attempts = 0;
    known->since = anew->since;
    receivers_hurry(known, clock_wall(outbox->core->clock).ms);
}

static void owed_durably(void *context, int result, int failed_file)
{
    struct newcomer *newcomer = context;
    struct outbox *outbox = newcomer->outbox;
    struct debt *known = receivers_find(&outbox->receivers, &newcomer->debt.hash);

    (void)failed_file;
    if (result == 0 && known != NULL)
        renew(outbox, known, &newcomer->debt);
    if (result == 0 && known == NULL) {
        if (newcomer->hook)
            receivers_set_free(&outbox->receivers, newcomer->key);
        receivers_add(&outbox->receivers, &newcomer->debt, newcomer->key);
    }
    outbox->core->changed = true;
    free(newcomer->key);
    free(newcomer);
}

void outbox_owe(struct core *core, struct publication *publication, const char *hash, json_t *debt)
{
    struct newcomer *newcomer = xcalloc(1, sizeof *newcomer);
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];
    struct id id;
    bool read = id_read(hash, &id);

    assert(read);
    newcomer->outbox = core->outbox;
    newcomer->key = outbox_remember(core->outbox, &id, debt, &newcomer->debt);
    newcomer->hook = jsontext_get_text(debt, "hook", NULL) != NULL;
    entry_write(ENTRY_JOB, &id, 0, name);
    jsontext_write(&text, debt);
    buffer_byte(&text, '\n');
    json_decref(debt);
    publication_file(publication, FOLDER_OUTBOX, name, 0600, &text, true, FOLDER_TMP, NULL);
    publication_hear(publication, owed_durably, newcomer);
}

/* --- one try -------------------------------------------------------------------------------------------- */

/* A debt that is being tried. */
struct errand {
    struct outbox *outbox;
    struct debt *debt;
    json_t *document;
};

static void errand_free(struct errand *errand)
{
    json_decref(errand->document);
    free(errand);
}

static void errand_settle(struct errand *errand, const struct delivery *delivery)
{
    struct outbox *outbox = errand->outbox;
    struct debt *debt = errand->debt;
    int64_t now = clock_wall(outbox->core->clock).ms;
    enum delivery_end end = delivery->end;

    if (end == DELIVERY_AGAIN && debt->again)
        end = DELIVERY_LATER;
    debt->again = end == DELIVERY_AGAIN;
    switch (end) {
    case DELIVERY_PAID:
        outbox_paid(outbox, debt, errand->document, delivery);
        break;
    case DELIVERY_LATER:
        outbox_later(outbox, debt, errand->document, delivery);
        break;
    case DELIVERY_NEVER:
        debt->attempts++;
        receivers_settle(debt);
        outbox_give_up(outbox, debt, errand->document, delivery->words);
        break;
    case DELIVERY_AGAIN:
        receivers_settle(debt);
        receivers_wait(debt, now);
        break;
    case DELIVERY_CUT:
        receivers_settle(debt);
        receivers_wait(debt, debt->next_try);
        break;
    }
    outbox->core->kick(outbox->core);
}

static void delivered(void *context, const struct delivery *delivery)
{
    struct errand *errand = context;

    errand_settle(errand, delivery);
    errand_free(errand);
}

static void hook_ended(void *context, enum hook_end end, const char *words)
{
    static const enum delivery_end ends[] = {[HOOK_DONE] = DELIVERY_PAID,
                                            [HOOK_LATER] = DELIVERY_LATER,
                                            [HOOK_NEVER] = DELIVERY_NEVER,
                                            [HOOK_CUT] = DELIVERY_CUT};
    struct delivery delivery = {0};
    struct errand *errand = context;

    deliver_say(&delivery, ends[end], false, words);
    errand->outbox->handed--;
    errand_settle(errand, &delivery);
    errand_free(errand);
}

/* The configuration may have led it elsewhere since it was read, or it could not be read before:
 * then it waits there. */
static bool receiver_is_another(struct outbox *outbox, struct debt *debt, const json_t *document)
{
    char *key = outbox_key(outbox->core, document);
    bool another = strcmp(key, debt->receiver->key) != 0;

    if (another) {
        if (jsontext_get_text(document, "hook", NULL) != NULL)
            receivers_set_free(&outbox->receivers, key);
        receivers_settle(debt);
        receivers_wait(debt, debt->next_try);
        receivers_move(debt, key);
    }
    free(key);
    return another;
}

static void try_document(struct outbox *outbox, struct debt *debt, json_t *document)
{
    struct errand *errand = xmalloc(sizeof *errand);
    struct delivery delivery;
    char hash[ID_TEXT_SIZE];

    *errand = (struct errand){.outbox = outbox, .debt = debt, .document = json_incref(document)};
    if (jsontext_get_text(document, "hook", NULL) != NULL) {
        id_write(&debt->hash, hash);
        outbox->handed++;
        hooks_run(outbox->core->hooks, hash, json_incref(document), hook_ended, errand);
    } else if (!deliver_start(outbox->deliver, document, delivered, errand, &delivery)) {
        errand_settle(errand, &delivery);
        errand_free(errand);
    }
}

static void try_debt(struct outbox *outbox, struct debt *debt)
{
    char name[ENTRY_NAME_SIZE];
    struct id hash = debt->hash;
    json_t *document;
    int result;

    entry_write(ENTRY_JOB, &hash, 0, name);
    document = outbox_document(outbox, outbox->core->spool->dir[FOLDER_OUTBOX], name, &result);
    if (document == NULL) {
        receivers_remove(debt);
        if (result != -ENOENT) /* else it was forgiven, and nothing is owed */
            outbox_unreadable(outbox, &hash, name, result);
    } else if (!receiver_is_another(outbox, debt, document)) {
        try_document(outbox, debt, document);
    }
    json_decref(document);
}

/* --- the turn ------------------------------------------------------------------------------------------- */

static bool look_is_due(const struct outbox *outbox)
{
    return outbox->look == NULL && receivers_hungry(&outbox->receivers) &&
           clock_mono(outbox->core->clock).ms - outbox->looked.ms >= LOOK_EVERY_MS;
}

bool outbox_work(struct outbox *outbox)
{
    struct core *core = outbox->core;
    struct debt *debt;
    bool more;

    if (outbox->stopped || core->spool_lost)
        return false;
    if (look_is_due(outbox))
        outbox_look(outbox);
    more = outbox_read_on(outbox);
    more = redeliver_work(outbox) || more;
    for (int i = 0; i < TRIES_AT_ONCE; i++) {
        debt = receivers_take(&outbox->receivers, clock_wall(core->clock).ms);
        if (debt == NULL)
            return more;
        try_debt(outbox, debt);
    }
    return true;
}

int64_t outbox_wake_ms(const struct outbox *outbox)
{
    int64_t wake =
        receivers_wake_ms(&outbox->receivers, clock_wall(outbox->core->clock).ms);
    int64_t again = redeliver_wake_ms(outbox);

    if (outbox->stopped || outbox->core->spool_lost)
        return -1;
    if (outbox->look == NULL && receivers_hungry(&outbox->receivers) &&
        (wake < 0 || wake > LOOK_EVERY_MS))
        wake = LOOK_EVERY_MS;
    return again >= 0 && (wake < 0 || again < wake) ? again : wake;
}

void outbox_clock_moved(struct outbox *outbox, int64_t moved_ms)
{
    receivers_clock_moved(&outbox->receivers, moved_ms);
}

size_t outbox_owed(const struct outbox *outbox)
{
    return outbox->receivers.count + outbox->receivers.left_out;
}

size_t outbox_due(const struct outbox *outbox)
{
    return receivers_due(&outbox->receivers, clock_wall(outbox->core->clock).ms) +
           (outbox->look != NULL ? 1 : 0);
}

bool outbox_idle(const struct outbox *outbox)
{
    /* An order that a stop cut short stays in ctl/ for the next daemon; one that waits for a folder
     * does nothing meanwhile. */
    bool redelivering =
        outbox->redelivery != NULL && !outbox->stopped && redeliver_wake_ms(outbox) <= 0;

    return outbox->receivers.in_flight == 0 && outbox->writing == 0 && !redelivering;
}

void outbox_stop(struct outbox *outbox)
{
    outbox->stopped = true;
    deliver_abort(outbox->deliver);
}

/* --- the configuration ---------------------------------------------------------------------------------- */

static void take_settings(struct outbox *outbox, const struct config *config)
{
    struct schedule *schedule = &outbox->schedule;
    int64_t delay;

    schedule->count = 0;
    while (schedule->count < SCHEDULE_MOST &&
           (delay = config_webhook_retry(&config->webhook, (unsigned)schedule->count + 1)) >= 0)
        schedule->delay_ms[schedule->count++] = delay;
    receivers_set_window(&outbox->receivers, config->webhook.max_in_flight);
}

int outbox_configure(struct outbox *outbox, const struct config *config, struct error *error)
{
    if (deliver_configure(outbox->deliver, config, error) < 0)
        return -1;
    take_settings(outbox, config);
    receivers_open_gates(&outbox->receivers);
    return 0;
}

struct outbox *outbox_open(struct core *core, struct error *error)
{
    struct outbox *outbox = xcalloc(1, sizeof *outbox);

    outbox->core = core;
    receivers_init(&outbox->receivers, DEBTS_MOST, IN_FLIGHT_MOST, &outbox->schedule);
    take_settings(outbox, core->config);
    outbox->deliver = deliver_open(core, error);
    if (outbox->deliver == NULL) {
        outbox_close(outbox);
        return NULL;
    }
    return outbox;
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    if (outbox->deliver != NULL)
        outbox_stop(outbox);
    redeliver_close(outbox);
    if (outbox->look != NULL)
        closedir(outbox->look);
    deliver_close(outbox->deliver);
    receivers_clear(&outbox->receivers);
    free(outbox);
}

/* --- state/status.json ---------------------------------------------------------------------------------- */

static json_t *receiver_json(const struct receiver *receiver)
{
    const struct debt *first = heap_first(&receiver->waiting);
    int64_t next = first != NULL && first->next_try > receiver->closed_until
                       ? first->next_try
                       : receiver->closed_until;

    return json_pack("{s:s, s:o, s:o, s:s}", "receiver", receiver->key, "owed",
                     status_count(receiver->count + receiver->left_out), "next_try",
                     first != NULL ? status_time((struct wall){next}) : json_null(), "message",
                     receiver->last);
}

json_t *outbox_json(const struct outbox *outbox)
{
    const struct receivers *receivers = &outbox->receivers;
    json_t *trouble = json_array();
    int64_t oldest = INT64_MAX;
    size_t in_flight = 0, unreadable = 0;

    for (const struct debt *debt = receivers->by_hash; debt != NULL; debt = debt->hh.next) {
        oldest = debt->made < oldest ? debt->made : oldest;
        in_flight += debt->phase == DEBT_IN_FLIGHT;
    }
    for (const struct receiver *receiver = receivers->by_key; receiver != NULL;
         receiver = receiver->hh.next) {
        if (strcmp(receiver->key, "unreadable") == 0)
            unreadable = receiver->count;
        else if (receiver->last[0] != '\0' && receiver->count > 0 &&
                 json_array_size(trouble) < RECEIVERS_TOLD)
            json_array_append_new(trouble, receiver_json(receiver));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "owed", status_count(outbox_owed(outbox)),
                     "in_flight", status_count(in_flight), "failed",
                     status_count(outbox->given_up), "unreadable", status_count(unreadable),
                     "oldest",
                     oldest < INT64_MAX / 8 ? status_time((struct wall){oldest}) : json_null(),
                     "receivers", trouble);
}
