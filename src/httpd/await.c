/* SPDX-License-Identifier: GPL-2.0-or-later */
/* await: see await.h. */
#include "httpd/await.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/xalloc.h"
#include "httpd/admission.h"
#include "httpd/share.h"

enum {
    WAITERS_MAX = 10000,
    FEW = 500,
    LOOK_MS = 100,      /* between looks, while few wait */
    MANY_LOOK_MS = 500, /* … and when many do */
};

struct waiter {
    LIST_ENTRY(waiter) entry;
    struct await *await;
    struct request *request;
    struct id id;
    struct mono end;
    jobs_found *found;
};

struct await {
    struct jobs *jobs;
    uv_timer_t timer;
    LIST_HEAD(, waiter) waiters;
    size_t count;
    struct share *share;
};

struct await *await_new(struct jobs *jobs)
{
    struct await *await = xcalloc(1, sizeof *await);

    await->jobs = jobs;
    LIST_INIT(&await->waiters);
    await->share = share_new(WAITERS_MAX);
    (void)uv_timer_init(jobs->front->loop, &await->timer);
    await->timer.data = await;
    return await;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void await_free(struct await *await)
{
    if (await == NULL)
        return;
    share_free(await->share);
    uv_close((uv_handle_t *)&await->timer, closed);
}

static void waiter_free(struct waiter *waiter)
{
    LIST_REMOVE(waiter, entry);
    waiter->await->count--;
    share_give(waiter->await->share, waiter->request->token_id);
    free(waiter);
}

/* request_gone */
static void gone(void *state)
{
    waiter_free(state);
}

/* One look-up: most of the time nothing has changed. */
static bool lies_in(const struct jobs *jobs, const struct id *id, enum folder folder)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(jobs->front->spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_ended(struct jobs *jobs, const struct id *id)
{
    bool again;

    if (lies_in(jobs, id, FOLDER_CUR))
        return false;
    if (asked_has(jobs->asked, id, &again) &&
        (again || !(lies_in(jobs, id, FOLDER_DONE) || lies_in(jobs, id, FOLDER_FAILED))))
        return false;
    return !lies_in(jobs, id, FOLDER_CUR);
}

static void answer(struct waiter *waiter)
{
    struct request *request = waiter->request;
    jobs_found *found = waiter->found;
    char hex[ID_TEXT_SIZE];

    id_write(&waiter->id, hex);
    waiter_free(waiter);
    if (admission_holds(request))
        jobs_find(request, hex, found);
    else
        admission_refuse_stranger(request);
}

/* request_drain: how it stands now has to do. */
static void drain(void *state)
{
    answer(state);
}

static bool look_at(struct waiter *waiter, struct mono now)
{
    if (now.ms < waiter->end.ms && !has_ended(waiter->await->jobs, &waiter->id))
        return false;
    answer(waiter);
    return true;
}

static void look(uv_timer_t *timer);

static void look_later(struct await *await)
{
    if (await->count == 0)
        (void)uv_timer_stop(&await->timer);
    else if (!uv_is_active((uv_handle_t *)&await->timer))
        (void)uv_timer_start(&await->timer, look, await->count <= FEW ? LOOK_MS : MANY_LOOK_MS, 0);
}

static void look(uv_timer_t *timer)
{
    struct await *await = timer->data;
    struct mono now = clock_mono(await->jobs->front->clock);
    struct waiter *waiter, *next;

    for (waiter = LIST_FIRST(&await->waiters); waiter != NULL; waiter = next) {
        next = LIST_NEXT(waiter, entry);
        (void)look_at(waiter, now);
    }
    look_later(await);
}

void await_add(struct await *await, struct request *request, const struct id *id, int64_t wait_ms,
               jobs_found *found)
{
    struct waiter *waiter;

    if (await->count >= WAITERS_MAX) {
        jobs_unavailable(request, "too many are waiting; ask without wait");
        return;
    }
    if (!share_room(await->share, request->token_id)) {
        jobs_crowded(request, "requests that wait; ask without wait");
        return;
    }
    waiter = xmalloc(sizeof *waiter);
    *waiter = (struct waiter){
        .await = await,
        .request = request,
        .id = *id,
        .end = {clock_mono(await->jobs->front->clock).ms + wait_ms},
        .found = found,
    };
    LIST_INSERT_HEAD(&await->waiters, waiter, entry);
    await->count++;
    share_take(await->share, request->token_id);
    request_wait(request, gone, waiter);
    request_on_drain(request, drain);
    look_later(await);
}

void await_hint(struct await *await, const struct id *id)
{
    struct mono now = clock_mono(await->jobs->front->clock);
    struct waiter *waiter, *next;

    for (waiter = LIST_FIRST(&await->waiters); waiter != NULL; waiter = next) {
        next = LIST_NEXT(waiter, entry);
        if (id_equal(&waiter->id, id))
            (void)look_at(waiter, now);
    }
}
