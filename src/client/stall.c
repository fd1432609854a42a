/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stall: see stall.h.
 */
#include "client/stall.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/budget.h"
#include "client/locate.h"
#include "client/records.h"
#include "client/show.h"

/* A delay that is worth a word: longer than the backoff between two attempts. */
enum { LONG_DELAY_MS = 60 * 1000 };

/* Jobs that the same things can be in the way of. */
struct kind {
    char *model;
    char *type;     /* NULL: a chat */
    char *provider; /* that the job asks for, or NULL */
    char *user;     /* or NULL */
    bool looked;    /* in this round */
    char *obstacle;
    bool loud;
};

struct stall {
    const struct spool *spool;
    const struct clock *clock;
    stall_tell *tell;
    void *context;
    struct kind *kinds;
    size_t kind_count;
    json_t *told; /* an object; its keys are the reasons that were told */
    json_t *runs; /* the jobs of runs, as far as they were looked at */
    json_t *status;
    bool ownerless;
};

static void kind_clear(struct kind *kind)
{
    free(kind->model);
    free(kind->type);
    free(kind->provider);
    free(kind->user);
    free(kind->obstacle);
}

struct stall *stall_new(const struct spool *spool, const struct clock *clock, stall_tell *tell,
                        void *context)
{
    struct stall *stall = xmalloc(sizeof *stall);

    *stall = (struct stall){
        .spool = spool,
        .clock = clock,
        .tell = tell,
        .context = context,
        .told = json_object(),
        .runs = json_object(),
    };
    return stall;
}

void stall_free(struct stall *stall)
{
    if (stall == NULL) {
        return;
    }
    for (size_t i = 0; i < stall->kind_count; i++) {
        kind_clear(&stall->kinds[i]);
    }
    free(stall->kinds);
    json_decref(stall->told);
    json_decref(stall->runs);
    json_decref(stall->status);
    free(stall);
}

/* Tells a reason unless one of the same key was told. */
static void tell_once(struct stall *stall, const char *key, const char *reason)
{
    struct buffer visible = {0};

    if (json_object_get(stall->told, key) == NULL) {
        json_object_set_new(stall->told, key, json_true());
        show_visible(&visible, reason, strlen(reason));
        stall->tell(stall->context, visible.bytes);
        buffer_free(&visible);
    }
}

/* The same for a reason that is its own key, but for the time at which it ends. */
static void tell_reason(struct stall *stall, const char *reason)
{
    const char *until = strstr(reason, " until ");
    char *key = xstrndup(reason, until != NULL ? (size_t)(until - reason) : strlen(reason));

    tell_once(stall, key, reason);
    free(key);
}

void stall_begin(struct stall *stall)
{
    bool loud;

    for (size_t i = 0; i < stall->kind_count; i++) {
        stall->kinds[i].looked = false;
    }
    json_decref(stall->status);
    stall->status = NULL;
    stall->ownerless = !spool_owned(stall->spool);
    if (stall->ownerless) {
        char *reason = records_obstacle(stall->spool, NULL, NULL, NULL, &loud);

        if (reason != NULL) {
            tell_reason(stall, reason);
        }
        free(reason);
    } else {
        stall->status = records_status(stall->spool);
    }
}

/* --- in new/
 * -------------------------------------------------------------------------------------- */

/* What the daemon says of a file in new/ that it cannot take ("FILE: cannot read: …"). */
static const char *reason_of_file(const struct stall *stall, const char *name)
{
    size_t length = strlen(name);
    json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(stall->status, "reasons"), i, entry)
    {
        const char *reason = jsontext_get_text(entry, "reason", "");

        if (strncmp(reason, name, length) == 0 && reason[length] == ':') {
            return reason;
        }
    }
    return NULL;
}

static bool is_draining(const struct stall *stall)
{
    return faccessat(stall->spool->dir[FOLDER_CTL], "drain", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum movement look_in_new(struct stall *stall, const char *name)
{
    const char *reason = is_draining(stall) ? "draining: new/ is left alone (llmspool-ctl resume)"
                                            : reason_of_file(stall, name);

    if (reason == NULL) {
        return MOVEMENT_FREE;
    }
    tell_reason(stall, reason);
    return MOVEMENT_NONE;
}

/* --- in cur/
 * -------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_kind(const struct kind *a, const struct kind *b)
{
    return same_text(a->model, b->model) && same_text(a->type, b->type) &&
           same_text(a->provider, b->provider) && same_text(a->user, b->user);
}

/* The number of a kind, which is taken over, from 1. */
static size_t kind_number(struct stall *stall, struct kind *kind)
{
    for (size_t i = 0; i < stall->kind_count; i++) {
        if (same_kind(&stall->kinds[i], kind)) {
            kind_clear(kind);
            return i + 1;
        }
    }
    stall->kinds = xrealloc(stall->kinds, (stall->kind_count + 1) * sizeof *stall->kinds);
    stall->kinds[stall->kind_count++] = *kind;
    return stall->kind_count;
}

/* The kind of a job, read from its file at the first time; NULL when it cannot be read. */
static struct kind *kind_of(struct stall *stall, struct awaited *awaited)
{
    if (awaited->kind == 0) {
        json_t *job = records_job(stall->spool, &awaited->id, NULL);

        if (job == NULL) {
            return NULL;
        }
        struct kind kind = {
            .model = xstrdup(jsontext_get_text(job, "model", NULL)),
            .type = xstrdup(jsontext_get_text(job, "type", NULL)),
            .provider = xstrdup(jsontext_get_text(job, "provider", NULL)),
            .user = xstrdup(jsontext_get_text(job, "user", NULL)),
        };

        awaited->kind = kind_number(stall, &kind);
        json_decref(job);
    }
    return &stall->kinds[awaited->kind - 1];
}

/* What is in the way of all jobs of a kind, told; looked for once a round. */
static enum movement look_at_kind(struct stall *stall, struct kind *kind)
{
    if (!kind->looked) {
        free(kind->obstacle);
        kind->obstacle = records_obstacle(stall->spool, kind->model, kind->type, kind->provider, &kind->loud);
        kind->looked = true;
    }
    if (kind->obstacle == NULL) {
        return MOVEMENT_FREE;
    }
    if (strncmp(kind->obstacle, "gate:", 5) == 0 && kind->model != NULL) {
        char *reason = xasprintf("%s: %s", kind->model, kind->obstacle);

        tell_reason(stall, reason);
        free(reason);
    } else {
        tell_reason(stall, kind->obstacle);
    }
    return kind->loud ? MOVEMENT_NONE : MOVEMENT_LATER;
}

/* What is in the way of this job alone. */
static enum movement look_at_job(struct stall *stall, const struct awaited *awaited)
{
    struct wall now = clock_wall(stall->clock);
    char shown[ID_SHORT_SIZE], until[TIMETEXT_SIZE];
    enum movement movement = MOVEMENT_FREE;
    struct waiting waiting;
    char *reason = NULL;

    if (records_waiting(stall->spool, &awaited->id, &waiting) < 0) {
        return MOVEMENT_FREE;
    }
    id_write_short(&awaited->id, shown);
    if (waiting.held) {
        movement = MOVEMENT_NONE;
        reason = xasprintf("%s is held: %s (llmspool-ctl release %s)", shown, waiting.hold, shown);
    } else if (waiting.due_ms > now.ms + LONG_DELAY_MS) {
        movement = MOVEMENT_LATER;
        timetext_write_local((struct wall){waiting.due_ms}, now, until);
        reason = xasprintf("%s is delayed until %s", shown, until);
    }
    if (reason != NULL) {
        tell_once(stall, waiting.held ? waiting.hold : "delayed", reason);
    }
    free(reason);
    return movement;
}

/* Money that is in the way of this job. What is reserved for requests under way comes back. */
static enum movement look_at_money(struct stall *stall, const struct awaited *awaited,
                                   const struct kind *kind)
{
    const struct budget_subject subject = {
        .id = &awaited->id, .model = kind->model, .provider = kind->provider, .user = kind->user};
    const char *reason = budget_reason(stall->spool, stall->status, &subject, stall->runs);

    if (reason == NULL) {
        return MOVEMENT_FREE;
    }
    tell_reason(stall, reason);
    return strstr(reason, " until ") != NULL || strstr(reason, " is reserved for ") != NULL
               ? MOVEMENT_LATER
               : MOVEMENT_NONE;
}

static bool is_running(const struct stall *stall, const struct id *id)
{
    struct stat status;

    return locate_job(stall->spool, id, &status) == LOCATION_CUR && (status.st_mode & S_IXUSR) != 0;
}

enum movement stall_look(struct stall *stall, struct awaited *awaited)
{
    enum movement movement;
    struct kind *kind;

    if (stall->ownerless) {
        return MOVEMENT_NONE;
    }
    if (awaited_dropped(awaited) != NULL) {
        return look_in_new(stall, awaited_dropped(awaited)->name);
    }
    if (awaited->missing || is_running(stall, &awaited->id)) {
        return MOVEMENT_FREE;
    }
    kind = kind_of(stall, awaited);
    movement = kind != NULL ? look_at_kind(stall, kind) : MOVEMENT_FREE;
    if (movement == MOVEMENT_FREE) {
        movement = look_at_job(stall, awaited);
    }
    return movement == MOVEMENT_FREE && kind != NULL ? look_at_money(stall, awaited, kind)
                                                     : movement;
}
