/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks: see hooks.h.
 */
#include "daemon/hooks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/hook_child.h"
#include "daemon/hook_notice.h"

enum {
    CHILDREN = 8,        /* at once */
    CHILDREN_OF_HOOK = 2, /* so one that hangs leaves room for the others */
};

/* A debt that was handed over. */
struct payment {
    TAILQ_ENTRY(payment) link;
    char *hash;
    json_t *debt;
    hooks_done *done;
    void *context;
};

TAILQ_HEAD(payments, payment);

/* One run of a command, for one debt or for several that were gathered. */
struct telling {
    TAILQ_ENTRY(telling) link;
    struct hooks *hooks;
    char *hook;
    char *group; /* what it gathers, or NULL: a debt that stands alone */
    struct payments payments;
    struct hook_child *child; /* NULL while it waits */
};

/* When a group may be told of again. */
struct pause {
    TAILQ_ENTRY(pause) link;
    char *group;
    int64_t until; /* mono ms */
};

struct hooks {
    struct core *core;
    TAILQ_HEAD(tellings, telling) waiting, running;
    TAILQ_HEAD(, pause) pauses;
    size_t owed;
    size_t children;
    uv_timer_t turn;
    bool stopped;
};

/* --- telling whoever owes ------------------------------------------------------------------------------------ */

static void telling_free(struct telling *telling)
{
    free(telling->hook);
    free(telling->group);
    free(telling);
}

/* Calls all debts of one back, and frees it. It is in no list any more. */
static void telling_end(struct telling *telling, enum hook_end end, const char *words)
{
    struct hooks *hooks = telling->hooks;
    struct payment *payment;

    while ((payment = TAILQ_FIRST(&telling->payments)) != NULL) {
        TAILQ_REMOVE(&telling->payments, payment, link);
        hooks->owed--;
        payment->done(payment->context, end, words);
        json_decref(payment->debt);
        free(payment->hash);
        free(payment);
    }
    telling_free(telling);
}

/* --- groups and their pauses --------------------------------------------------------------------------------- */

static struct pause *find_pause(const struct hooks *hooks, const char *group)
{
    struct pause *pause;

    TAILQ_FOREACH(pause, &hooks->pauses, link)
        if (strcmp(pause->group, group) == 0)
            return pause;
    return NULL;
}

static void pause_free(struct hooks *hooks, struct pause *pause)
{
    TAILQ_REMOVE(&hooks->pauses, pause, link);
    free(pause->group);
    free(pause);
}

static void drop_old_pauses(struct hooks *hooks, int64_t now)
{
    struct pause *pause, *next;

    for (pause = TAILQ_FIRST(&hooks->pauses); pause != NULL; pause = next) {
        next = TAILQ_NEXT(pause, link);
        if (pause->until <= now)
            pause_free(hooks, pause);
    }
}

static void begin_pause(struct hooks *hooks, const char *group, int64_t until)
{
    struct pause *pause = find_pause(hooks, group);

    if (pause == NULL) {
        pause = xcalloc(1, sizeof *pause);
        pause->group = xstrdup(group);
        TAILQ_INSERT_TAIL(&hooks->pauses, pause, link);
    }
    pause->until = until;
}

/* The group of a debt, of the caller's own, or NULL. */
static char *group_of(const json_t *debt, const char *hook)
{
    const json_t *notice = json_object_get(debt, "notice");

    if (!hook_notice_gathers(notice))
        return NULL;
    return xasprintf("%s\n%s", hook, jsontext_get_text(notice, "to", ""));
}

static struct telling *find_waiting(const struct hooks *hooks, const char *group)
{
    struct telling *telling;

    TAILQ_FOREACH(telling, &hooks->waiting, link)
        if (telling->group != NULL && strcmp(telling->group, group) == 0)
            return telling;
    return NULL;
}

/* --- a child ------------------------------------------------------------------------------------------------- */

static void look_soon(struct hooks *hooks, int64_t in_ms);

/* What was wrong with an end, or an empty text. */
static void describe(const struct hook_child_end *end, struct buffer *words)
{
    if (end->timed_out)
        buffer_text(words, "it did not end within its timeout and was killed");
    else if (end->flooded)
        buffer_text(words, "it wrote more than 1 MiB and its output was closed");
    else if (WIFSIGNALED(end->status))
        buffer_printf(words, "it was ended by signal %d", WTERMSIG(end->status));
    else if (WEXITSTATUS(end->status) != 0)
        buffer_printf(words, "exit code %d", WEXITSTATUS(end->status));
    if (words->length > 0 && end->said[0] != '\0')
        buffer_printf(words, "; it said: %s", end->said);
}

static bool ended_well(const struct hook_child_end *end)
{
    return !end->timed_out && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0;
}

static void child_ended(void *context, const struct hook_child_end *end)
{
    struct telling *telling = context;
    struct hooks *hooks = telling->hooks;
    struct buffer words = {0};
    bool well = ended_well(end);

    TAILQ_REMOVE(&hooks->running, telling, link);
    hooks->children--;
    if (!well)
        describe(end, &words);
    if (!well && !hooks->stopped)
        log_warning(&hooks->core->log, "hook \"%s\": %s", telling->hook, words.bytes);
    telling_end(telling, well             ? HOOK_DONE
                         : hooks->stopped ? HOOK_CUT
                                          : HOOK_LATER,
                words.bytes != NULL ? words.bytes : "");
    buffer_free(&words);
    core_touch(hooks->core);
    look_soon(hooks, 0);
}

/* What the command is told; *id is that of its oldest debt. A new reference. */
static json_t *notice_of(const struct telling *telling, const char **id)
{
    const struct payment *payment;
    json_t *all, *notice;

    *id = TAILQ_FIRST(&telling->payments)->hash;
    if (telling->group == NULL)
        return json_incref(json_object_get(TAILQ_FIRST(&telling->payments)->debt, "notice"));
    all = json_array();
    TAILQ_FOREACH(payment, &telling->payments, link)
        json_array_append(all, json_object_get(payment->debt, "notice"));
    notice = hook_notice_gather(all);
    json_decref(all);
    return notice;
}

static struct hook_child *start_child(struct telling *telling, const struct config_hook *hook,
                                      struct error *error)
{
    struct core *core = telling->hooks->core;
    char *variables[HOOK_NOTICE_VARIABLES];
    struct buffer text = {0};
    struct hook_child *child;
    const char *id;
    json_t *notice = notice_of(telling, &id);

    hook_notice_write(&text, notice, id, core->spool->path);
    hook_notice_variables(notice, id, core->spool->path, variables);
    child = hook_child_start(core->loop,
                             &(struct hook_child_order){.command = hook->command,
                                                        .extra = (const char *const *)variables,
                                                        .input = text.bytes,
                                                        .length = text.length,
                                                        .timeout_ms = hook->timeout_ms},
                             child_ended, telling, error);
    for (size_t i = 0; variables[i] != NULL; i++)
        free(variables[i]);
    buffer_free(&text);
    json_decref(notice);
    return child;
}

/* Takes one out of the waiting and runs it. */
static void begin(struct hooks *hooks, struct telling *telling)
{
    const struct config_hook *hook = config_hook(hooks->core->config, telling->hook);
    struct error error;

    TAILQ_REMOVE(&hooks->waiting, telling, link);
    if (hook == NULL) {
        telling_end(telling, HOOK_NEVER, "no hook of this name is configured");
        return;
    }
    if (telling->group != NULL)
        begin_pause(hooks, telling->group, clock_mono(hooks->core->clock).ms + hook->gather_ms);
    telling->child = start_child(telling, hook, &error);
    if (telling->child == NULL) {
        log_warning(&hooks->core->log, "hook \"%s\": %s", telling->hook, error.text);
        telling_end(telling, HOOK_LATER, error.text);
        return;
    }
    TAILQ_INSERT_TAIL(&hooks->running, telling, link);
    hooks->children++;
}

/* --- whose turn it is ---------------------------------------------------------------------------------------- */

static size_t children_of(const struct hooks *hooks, const char *hook)
{
    const struct telling *telling;
    size_t count = 0;

    TAILQ_FOREACH(telling, &hooks->running, link)
        count += strcmp(telling->hook, hook) == 0;
    return count;
}

/* In how many ms one may begin; -1: when a child ends. Two tellings of a group never run side by side. */
static int64_t begins_in(const struct hooks *hooks, const struct telling *telling, int64_t now)
{
    const struct pause *pause =
        telling->group != NULL ? find_pause(hooks, telling->group) : NULL;

    if (pause != NULL && pause->until > now)
        return pause->until - now;
    return hooks->children < CHILDREN && children_of(hooks, telling->hook) < CHILDREN_OF_HOOK ? 0
                                                                                               : -1;
}

static void turn_fired(uv_timer_t *timer)
{
    struct hooks *hooks = timer->data;
    int64_t now = clock_mono(hooks->core->clock).ms, soonest = -1;
    struct telling *telling, *next;

    drop_old_pauses(hooks, now);
    for (telling = TAILQ_FIRST(&hooks->waiting); telling != NULL; telling = next) {
        int64_t in = begins_in(hooks, telling, now);

        next = TAILQ_NEXT(telling, link);
        if (in == 0)
            begin(hooks, telling);
        else if (in > 0 && (soonest < 0 || in < soonest))
            soonest = in;
    }
    if (soonest > 0)
        look_soon(hooks, soonest);
}

static void look_soon(struct hooks *hooks, int64_t in_ms)
{
    if (hooks->stopped || uv_is_closing((uv_handle_t *)&hooks->turn))
        return;
    uv_update_time(hooks->core->loop);
    uv_timer_start(&hooks->turn, turn_fired, (uint64_t)in_ms, 0);
}

/* --- the outside --------------------------------------------------------------------------------------------- */

static struct telling *telling_for(struct hooks *hooks, const json_t *debt)
{
    const char *hook = jsontext_get_text(debt, "hook", "");
    char *group = group_of(debt, hook);
    struct telling *telling = group != NULL ? find_waiting(hooks, group) : NULL;

    if (telling != NULL) {
        free(group);
        return telling;
    }
    telling = xcalloc(1, sizeof *telling);
    telling->hooks = hooks;
    telling->hook = xstrdup(hook);
    telling->group = group;
    TAILQ_INIT(&telling->payments);
    TAILQ_INSERT_TAIL(&hooks->waiting, telling, link);
    return telling;
}

static int compare_payments(const struct payment *a, const struct payment *b)
{
    int times = strcmp(jsontext_get_text(a->debt, "time", ""), jsontext_get_text(b->debt, "time", ""));

    return times != 0 ? times : strcmp(a->hash, b->hash);
}

/* Oldest first, so that a notice which a crash cut short keeps its id. */
static void insert_payment(struct payments *payments, struct payment *payment)
{
    struct payment *before = TAILQ_LAST(payments, payments);

    while (before != NULL && compare_payments(before, payment) > 0)
        before = TAILQ_PREV(before, payments, link);
    if (before != NULL)
        TAILQ_INSERT_AFTER(payments, before, payment, link);
    else
        TAILQ_INSERT_HEAD(payments, payment, link);
}

void hooks_run(struct hooks *hooks, const char *hash, json_t *debt, hooks_done *done, void *context)
{
    struct payment *payment = xcalloc(1, sizeof *payment);

    payment->hash = xstrdup(hash);
    payment->debt = debt;
    payment->done = done;
    payment->context = context;
    insert_payment(&telling_for(hooks, debt)->payments, payment);
    hooks->owed++;
    look_soon(hooks, 0);
}

json_t *hooks_json(const struct hooks *hooks)
{
    const struct config *config = hooks->core->config;
    json_t *names = json_array();

    for (size_t i = 0; i < config->hook_count; i++)
        json_array_append_new(names, json_string(config->hooks[i].name));
    return json_pack("{s:s*, s:o, s:I, s:I}", "configuration", config->path, "names", names,
                     "waiting", (json_int_t)(hooks->owed), "running", (json_int_t)hooks->children);
}

size_t hooks_waiting(const struct hooks *hooks)
{
    return hooks->owed;
}

size_t hooks_running(const struct hooks *hooks)
{
    return hooks->children;
}

void hooks_hurry(struct hooks *hooks)
{
    while (!TAILQ_EMPTY(&hooks->pauses))
        pause_free(hooks, TAILQ_FIRST(&hooks->pauses));
    look_soon(hooks, 0);
}

void hooks_stop(struct hooks *hooks)
{
    struct telling *telling;

    hooks->stopped = true;
    uv_timer_stop(&hooks->turn);
    while ((telling = TAILQ_FIRST(&hooks->waiting)) != NULL) {
        TAILQ_REMOVE(&hooks->waiting, telling, link);
        telling_end(telling, HOOK_CUT, "");
    }
}

void hooks_kill(struct hooks *hooks)
{
    struct telling *telling;

    hooks_stop(hooks);
    while ((telling = TAILQ_FIRST(&hooks->running)) != NULL) {
        TAILQ_REMOVE(&hooks->running, telling, link);
        hooks->children--;
        hook_child_abandon(telling->child);
        telling_end(telling, HOOK_CUT, "");
    }
}

struct hooks *hooks_open(struct core *core)
{
    struct hooks *hooks = xcalloc(1, sizeof *hooks);

    hooks->core = core;
    TAILQ_INIT(&hooks->waiting);
    TAILQ_INIT(&hooks->running);
    TAILQ_INIT(&hooks->pauses);
    uv_timer_init(core->loop, &hooks->turn);
    hooks->turn.data = hooks;
    return hooks;
}

static void hooks_free(uv_handle_t *handle)
{
    struct hooks *hooks = handle->data;

    while (!TAILQ_EMPTY(&hooks->pauses))
        pause_free(hooks, TAILQ_FIRST(&hooks->pauses));
    free(hooks);
}

void hooks_close(struct hooks *hooks)
{
    if (hooks == NULL)
        return;
    hooks_kill(hooks);
    uv_close((uv_handle_t *)&hooks->turn, hooks_free);
}
