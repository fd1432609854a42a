/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * orders: see orders.h.
 */
#include "daemon/orders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "daemon/again.h"
#include "daemon/dispatch.h"
#include "daemon/finish.h"
#include "daemon/flows.h"
#include "daemon/intake.h"
#include "daemon/mark.h"
#include "daemon/order.h"
#include "daemon/outbox.h"
#include "daemon/owners.h"
#include "daemon/refusal.h"
#include "spool/move.h"
#include "spool/take.h"

enum { AGAIN_MS = 1000 };

struct orders {
    struct core *core;
    struct order *first;
    bool dirty;
    bool busy; /* some unit was locked by another hand: look again in a second */
    uv_timer_t timer;
};

/* --- obeying for one job: each returns whether nothing is left to do for it ------------------------- */

typedef bool obey_function(struct orders *orders, const struct order *order, const struct id *id);

/* Whether the order's owner may order this user's jobs about. */
static bool allowed(const struct order *order, const char *user)
{
    return order->owner == NULL || (user != NULL && strcmp(order->owner, user) == 0);
}

static bool concerns(const struct order *order, const struct task *task)
{
    return task->submitted <= order->submitted && allowed(order, task->user);
}

static bool obey_cancel(struct orders *orders, const struct order *order, const struct id *id)
{
    struct core *core = orders->core;
    struct task *task = queue_find(core->queue, id);

    if (task == NULL)
        return true;
    if (task->phase == TASK_ACCEPTING || task->phase == TASK_ENDING)
        return false;
    if (!concerns(order, task))
        return true;
    if (task->phase == TASK_WAITING)
        finish_job(core, task, NULL, NULL,
                   &(struct end){.status = "cancelled",
                                 .reason = "cancelled",
                                 .message = "Cancelled by an order before it was sent.",
                                 .cost_nano = -1});
    else if (!task->cancel)
        dispatch_cancel(task);
    return false;
}

static void taken_again(void *context, bool ok)
{
    struct orders *orders = context;

    if (!ok)
        orders->busy = true;
    orders_look(orders);
}

/* Whether a locked unit is one that the order speaks of: finished before it, and of a user that its owner
 * may order about. */
static bool unit_concerned(struct core *core, const struct order *order, const struct unit *unit)
{
    struct failure failure;
    struct newest newest;
    bool before;

    if (unit->folder == FOLDER_DONE)
        return again_newest(core, &unit->id, &newest) == 0 &&
               newest.submitted < order->submitted && again_user_is(core, unit, order->owner);
    if (again_failure(core, &unit->id, &failure) < 0)
        return true;
    before = failure.finished < order->submitted;
    json_decref(failure.record);
    return before && again_user_is(core, unit, order->owner);
}

static bool obey_again(struct orders *orders, const struct order *order, const struct id *id,
                       enum folder folder)
{
    struct core *core = orders->core;
    struct task *task = queue_find(core->queue, id);
    struct unit unit;
    int result;

    if (task != NULL) /* it is in cur/: being taken back, or answered by the run under way */
        return task->phase != TASK_ACCEPTING && task->phase != TASK_ENDING;
    result = again_find(core, id, &unit);
    if (result == -EAGAIN)
        orders->busy = true;
    if (result < 0)
        return result != -EAGAIN;
    if (unit.folder != folder || !unit_concerned(core, order, &unit) ||
        (folder == FOLDER_FAILED && flows_unresolved(core, id))) { /* its flow asks it again */
        unit_unlock(&unit);
        return true;
    }
    again_take(core, &unit, order->submitted, NULL, NULL, taken_again, orders);
    return false;
}

static bool obey_retry(struct orders *orders, const struct order *order, const struct id *id)
{
    return obey_again(orders, order, id, FOLDER_FAILED);
}

static bool obey_rerun(struct orders *orders, const struct order *order, const struct id *id)
{
    return obey_again(orders, order, id, FOLDER_DONE);
}

static bool obey_release(struct orders *orders, const struct order *order, const struct id *id)
{
    struct core *core = orders->core;
    struct task *task = queue_find(core->queue, id);

    if (task == NULL || !allowed(order, task->user))
        return true;
    if (task->phase != TASK_WAITING)
        return false;
    if (task->memory == NULL || task->memory->hold == HOLD_NONE)
        return true;
    core_event(core, "released", task,
               json_pack("{s:s*}", "hold", hold_word(task->memory->hold)));
    task->memory->hold = HOLD_NONE;
    task->memory->crashes = 0;
    mark_later(core, task);
    return false;
}

static bool obey_flush(struct orders *orders, const struct order *order, const struct id *id)
{
    struct core *core = orders->core;
    struct task *task = queue_find(core->queue, id);

    if (task == NULL || !allowed(order, task->user))
        return true;
    if (task->phase != TASK_WAITING)
        return task->phase == TASK_RUNNING;
    if (task->memory == NULL || task->memory->next_try == 0)
        return true;
    task->memory->next_try = 0;
    mark_later(core, task);
    return false;
}

/* For redeliver there is none: it looks for debts, not for jobs. */
static obey_function *const obey[] = {
    [ORDER_CANCEL] = obey_cancel,   [ORDER_RETRY] = obey_retry, [ORDER_RERUN] = obey_rerun,
    [ORDER_RELEASE] = obey_release, [ORDER_FLUSH] = obey_flush, [ORDER_CASCADE] = obey_rerun,
};

/* --- obeying one order --------------------------------------------------------------------------------- */

static void spread_queue(struct order *order, const struct core *core)
{
    for (struct task *task = queue_first(core->queue); task != NULL; task = queue_next(task))
        order_add(order, &task->id);
}

static void spread_folder(struct order *order, const struct core *core, enum folder folder)
{
    int fd = openat(core->spool->dir[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *found;

    while (dir != NULL && (found = readdir(dir)) != NULL) {
        struct entry entry = entry_read(found->d_name);

        if (entry.kind == ENTRY_JOB)
            order_add(order, &entry.id);
    }
    if (dir != NULL)
        closedir(dir);
}

/* ALL becomes the IDs that it means now. */
static void order_spread(struct order *order, const struct core *core)
{
    order->all = false;
    if (order->kind == ORDER_RETRY)
        spread_folder(order, core, FOLDER_FAILED);
    else if (order->kind == ORDER_RERUN)
        spread_folder(order, core, FOLDER_DONE);
    else
        spread_queue(order, core);
}

static void open_gates(struct core *core, const struct order *order)
{
    struct mono now = clock_mono(core->clock);

    for (struct upstream *upstream = upstreams_first(core->upstreams); upstream != NULL;
         upstream = upstream->next)
        for (size_t i = 0; i < order->word_count; i++)
            if (strcmp(order->words[i], upstream->name) == 0)
                gate_release(upstream->gate, now);
}

/* Release and flush of ALL mean all gates too. */
static void open_all_gates(struct core *core, const struct order *order)
{
    struct mono now = clock_mono(core->clock);

    if (order->kind != ORDER_RELEASE && order->kind != ORDER_FLUSH)
        return;
    for (struct upstream *upstream = upstreams_first(core->upstreams); upstream != NULL;
         upstream = upstream->next)
        gate_release(upstream->gate, now);
}

static void cancel_too(void *context, const struct id *id)
{
    order_add(context, id);
}

/* The flows of an order: what waits in them is cancelled, and their jobs with it; or, when its jobs are asked
 * again, what depends on them. Returns whether nothing is left to do. */
static bool obey_flows(struct orders *orders, struct order *order)
{
    struct flows *flows = orders->core->flows;
    bool done = true;

    for (size_t i = 0; i < order->word_count; i++) {
        const char *name = order->words[i] + strlen(ORDER_FLOW);

        if (order->kind == ORDER_CANCEL)
            done = flows_cancel(flows, name, order->owner, cancel_too, order) && done;
        else if (order->kind == ORDER_CASCADE && order->id_count == 0)
            done = flows_again(flows, name, order->owner, order->named, order->named_count) && done;
    }
    return done;
}

/* Does what can be done now. Returns whether all of it is done. */
static bool order_obey(struct orders *orders, struct order *order)
{
    size_t left = 0;

    if (order->kind == ORDER_REDELIVER)
        return outbox_redeliver(orders->core->outbox, order);
    if (order->owner == NULL)
        open_gates(orders->core, order);
    if (order->all) {
        if (order->owner == NULL)
            open_all_gates(orders->core, order);
        order_spread(order, orders->core);
    }
    for (size_t i = 0; i < order->id_count; i++)
        if (!obey[order->kind](orders, order, &order->ids[i]))
            order->ids[left++] = order->ids[i];
    order->id_count = left;
    if (order->kind == ORDER_CASCADE && left > 0)
        return false;
    return obey_flows(orders, order) && order->id_count == 0;
}

/* All drops older than the order have been taken: a look at new/ that began after it was seen has
 * ended, and what it found is in cur/ or answered. */
static bool order_due(const struct orders *orders, const struct order *order)
{
    const struct core *core = orders->core;

    return core->draining || intake_taken(core->intake, order->scans);
}

static void order_end(struct orders *orders, struct order *order)
{
    struct core *core = orders->core;
    int result = move_out(core->spool, FOLDER_CTL, order->name, &order->status);

    if (result < 0 && result != -ENOENT)
        log_warning(&core->log, "ctl/%s cannot be removed: %s", order->name, strerror(-result));
    events_add(core->events, "order_obeyed",
               json_pack("{s:s, s:s}", "order", order_word(order->kind), "file", order->name));
    core_touch(core);
}

static void timer_fired(uv_timer_t *timer)
{
    struct orders *orders = timer->data;

    orders->busy = false;
    orders_scan(orders);
}

void orders_work(struct orders *orders)
{
    struct order **link = &orders->first;

    if (!orders->dirty)
        return;
    orders->dirty = false;
    while (*link != NULL) {
        struct order *order = *link;

        if (!order_due(orders, order)) {
            link = &order->next;
            orders->dirty = true;
        } else if (!order_obey(orders, order)) {
            link = &order->next;
        } else {
            *link = order->next;
            order_end(orders, order);
            order_free(order);
        }
    }
    if (orders->busy && !uv_is_active((uv_handle_t *)&orders->timer))
        uv_timer_start(&orders->timer, timer_fired, AGAIN_MS, 0);
}

void orders_look(struct orders *orders)
{
    if (orders->first == NULL)
        return;
    orders->dirty = true;
    orders->core->kick(orders->core);
}

/* --- reading ctl/ --------------------------------------------------------------------------------------- */

static bool order_known(const struct orders *orders, const char *name)
{
    for (const struct order *order = orders->first; order != NULL; order = order->next)
        if (strcmp(order->name, name) == 0)
            return true;
    return false;
}

static void order_add_to(struct orders *orders, struct order *order, const struct take *take)
{
    struct core *core = orders->core;
    char *owner = owners_name(take->status.st_uid);

    if (owners_may_order(core, take->status.st_uid, owner)) {
        free(owner);
        owner = NULL;
    }
    order->owner = owner;
    order->status = take->status;
    order->submitted = clock_ms(take->status.st_ctim);
    order->scans = intake_scan(core->intake);
    order->next = orders->first;
    orders->first = order;
    orders->dirty = true;
}

static void refuse_order(struct orders *orders, const char *name, const struct take *take,
                         const char *message)
{
    refusal_file(orders->core, FOLDER_CTL, name,
                 &(struct refusal){.reason = "bad_order",
                                   .message = message,
                                   .submitted = clock_ms(take->status.st_ctim)});
}

static void order_open(struct orders *orders, const char *name, enum order_kind kind,
                       struct take *take)
{
    struct buffer text = {0};
    struct error error;
    struct order *order;

    if (take_read(take, &text) < 0) {
        orders->busy = true; /* still being written */
    } else {
        order = order_read(name, kind, text.bytes != NULL ? text.bytes : "", text.length, &error);
        if (order != NULL)
            order_add_to(orders, order, take);
        else
            refuse_order(orders, name, take, error.text);
    }
    buffer_free(&text);
    take_close(take);
}

static void order_take(struct orders *orders, const char *name, enum order_kind kind)
{
    struct core *core = orders->core;
    struct take_policy policy = {.limit = ORDER_SIZE_LIMIT, .shared = core->spool->shared};
    struct take take;

    switch (take_open(core->spool, FOLDER_CTL, name, &policy, clock_wall(core->clock), &take)) {
    case TAKE_READY:
        order_open(orders, name, kind, &take);
        break;
    case TAKE_REFUSE:
        refuse_order(orders, name, &take, take.reason);
        break;
    case TAKE_LATER:
        orders->busy = true;
        break;
    case TAKE_LINKED: /* never for ctl/ */
    case TAKE_GONE:
        break;
    }
}

static void set_held(struct core *core, struct task *task, bool held)
{
    if (task->held_by_order == held)
        return;
    task->held_by_order = held;
    core_event(core, held ? "held" : "released", task,
               json_pack("{s:s}", "hold", hold_word(HOLD_USER)));
    if (task->phase == TASK_WAITING)
        queue_place(core->queue, task);
    core_touch(core);
}

/* Holds are files named after IDs: those of jobs in cur/ are looked up one by one, so that a job held
 * before it was dropped is held too. */
static void look_at_holds(struct core *core)
{
    for (struct task *task = queue_first(core->queue); task != NULL; task = queue_next(task)) {
        if (task->held_by_order)
            set_held(core, task, orders_holds(core, &task->id));
    }
}

/* Whether a switch counts: those of all jobs when its owner may order for all, a hold also when the job is
 * his. One that does not is refused, so that he hears of it. user: whose job it is, or NULL. */
static bool switch_counts(struct core *core, const char *name, const char *user)
{
    struct stat status;
    char *owner;
    bool counts;

    if (!core->spool->shared)
        return true;
    if (fstatat(core->spool->dir[FOLDER_CTL], name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false; /* it went meanwhile */
    owner = owners_name(status.st_uid);
    counts = owners_may_order(core, status.st_uid, owner) ||
             (user != NULL && strcmp(owner, user) == 0);
    free(owner);
    if (!counts)
        refusal_file(core, FOLDER_CTL, name,
                     &(struct refusal){.reason = "bad_order",
                                       .message = "That concerns jobs of others: only an "
                                                  "administrator may do it (group llmspool-admin)",
                                       .submitted = clock_ms(status.st_ctim)});
    return counts;
}

static void look_at_name(struct orders *orders, const char *name, bool *pause, bool *drain)
{
    struct core *core = orders->core;
    enum order_kind kind;
    struct task *task;
    struct id id;

    if (strcmp(name, "pause") == 0)
        *pause = switch_counts(core, name, NULL);
    else if (strcmp(name, "drain") == 0)
        *drain = switch_counts(core, name, NULL);
    else if (strncmp(name, "hold.", 5) == 0 && id_read(name + 5, &id)) {
        task = queue_find(core->queue, &id);
        if (task != NULL && switch_counts(core, name, task->user))
            set_held(core, task, true);
    } else if (order_kind_read(name, &kind) && !order_known(orders, name)) {
        order_take(orders, name, kind);
    }
}

static void set_switch(struct core *core, bool *value, bool now, const char *on, const char *off)
{
    if (*value == now)
        return;
    *value = now;
    log_info(&core->log, "%s", now ? on : off);
    events_add(core->events, now ? on : off, NULL);
    if (!now)
        intake_scan(core->intake);
    core_touch(core);
}

void orders_scan(struct orders *orders)
{
    struct core *core = orders->core;
    int fd = openat(core->spool->dir[FOLDER_CTL], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *found;
    bool pause = false, drain = false;

    if (dir == NULL) {
        log_error(&core->log, "ctl/ cannot be read: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((found = readdir(dir)) != NULL)
        look_at_name(orders, found->d_name, &pause, &drain);
    closedir(dir);
    look_at_holds(core);
    flows_look_at_holds(core->flows);
    set_switch(core, &core->paused, pause, "paused", "resumed");
    set_switch(core, &core->draining, drain, "draining", "drain_ended");
    orders_look(orders);
    if (orders->busy && !uv_is_active((uv_handle_t *)&orders->timer))
        uv_timer_start(&orders->timer, timer_fired, AGAIN_MS, 0);
}

bool orders_holds(const struct core *core, const struct id *id)
{
    char name[ENTRY_NAME_SIZE] = "hold.";

    id_write(id, name + 5);
    return faccessat(core->spool->dir[FOLDER_CTL], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

size_t orders_waiting(const struct orders *orders)
{
    size_t count = 0;

    for (const struct order *order = orders->first; order != NULL; order = order->next)
        count++;
    return count;
}

struct orders *orders_open(struct core *core)
{
    struct orders *orders = xcalloc(1, sizeof *orders);

    orders->core = core;
    uv_timer_init(core->loop, &orders->timer);
    orders->timer.data = orders;
    return orders;
}

static void orders_free(uv_handle_t *handle)
{
    struct orders *orders = handle->data;

    while (orders->first != NULL) {
        struct order *next = orders->first->next;

        order_free(orders->first);
        orders->first = next;
    }
    free(orders);
}

void orders_close(struct orders *orders)
{
    if (orders != NULL)
        uv_close((uv_handle_t *)&orders->timer, orders_free);
}
