/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intake: see intake.h. What is done with a file that was found is in intake_take.c.
 */
#include "daemon/intake_core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"

enum {
    NAMES_A_TURN = 64,
    SOON_MS = 1000,        /* what must be looked at again is, after this */
    RECENT_MS = 60 * 1000, /* an older one that cannot be taken waits for the minute's scan */
};

/* --- names --------------------------------------------------------------------------------------- */

static struct intake_name *name_new(const struct intake *intake, const char *text)
{
    struct intake_name *name = xcalloc(1, sizeof *name);

    name->text = xstrdup(text);
    name->look = intake->scans;
    return name;
}

static void names_push(const struct intake *intake, struct name_queue *queue, const char *text)
{
    struct intake_name *name = name_new(intake, text);

    *queue->last = name;
    queue->last = &name->next;
}

/* The first name, which the caller frees, or NULL. */
static char *names_pop(struct name_queue *queue)
{
    struct intake_name *name = queue->first;
    char *text;

    if (name == NULL)
        return NULL;
    queue->first = name->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    text = name->text;
    free(name);
    return text;
}

struct intake_name *intake_busy_add(struct intake *intake, const char *text)
{
    struct intake_name *name = name_new(intake, text);

    HASH_ADD_KEYPTR(hh, intake->busy, name->text, strlen(name->text), name);
    return name;
}

void intake_busy_remove(struct intake *intake, struct intake_name *name)
{
    HASH_DEL(intake->busy, name);
    free(name->text);
    free(name);
}

static bool busy_has(const struct intake *intake, const char *text)
{
    struct intake_name *name;

    HASH_FIND_STR(intake->busy, text, name);
    return name != NULL;
}

/* --- what must wait -------------------------------------------------------------------------------- */

static void soon_fired(uv_timer_t *timer)
{
    struct intake *intake = timer->data;

    if (intake->list != NULL && list_waits(intake->list))
        list_again(intake->list);
    intake_scan(intake);
    core_touch(intake->core);
}

void intake_look_soon(struct intake *intake)
{
    if (!uv_is_active((uv_handle_t *)&intake->soon))
        uv_timer_start(&intake->soon, soon_fired, SOON_MS, 0);
}

/* A file that cannot be taken now stays where it is. */
void intake_leave_waiting(struct intake *intake, const char *name, const struct take *take)
{
    int64_t age = clock_wall(intake->core->clock).ms - clock_ms(take->status.st_ctim);

    intake->waiting++;
    snprintf(intake->reason, sizeof intake->reason, "%.60s: %s", name, take->reason);
    if (age < RECENT_MS)
        intake_look_soon(intake);
}

/* --- looking ----------------------------------------------------------------------------------------- */

static void intake_look(struct intake *intake, const char *name)
{
    enum drop_kind kind = drop_read(name);

    switch (kind) {
    case DROP_JOB:
    case DROP_BLOB:
        if (!busy_has(intake, name))
            intake_take(intake, name, kind);
        break;
    case DROP_LIST:
        if (intake->list == NULL)
            intake_take(intake, name, DROP_LIST);
        else if (strcmp(intake->list_name, name) != 0)
            names_push(intake, &intake->lists, name);
        break;
    case DROP_NONE:
        break;
    }
}

static void scan_begin(struct intake *intake)
{
    int fd = openat(intake->core->spool->dir[FOLDER_NEW], ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    intake->scan_wanted = false;
    intake->waiting = 0;
    intake->reason[0] = '\0';
    intake->dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (intake->dir == NULL) {
        log_error(&intake->core->log, "new/ cannot be read: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
    }
}

static void scan_step(struct intake *intake)
{
    const struct dirent *entry = readdir(intake->dir);

    if (entry != NULL) {
        intake_look(intake, entry->d_name);
        return;
    }
    closedir(intake->dir);
    intake->dir = NULL;
    intake->scans++;
    intake->core->kick(intake->core); /* orders may wait for it; it changes nothing that status shows */
}

/* --- the list --------------------------------------------------------------------------------------- */

static void list_end(struct intake *intake)
{
    list_close(intake->list);
    intake->list = NULL;
    free(intake->list_name);
    intake->list_name = NULL;
}

/* A batch that is no good as it stands may still be written: it is opened anew a second later. */
static void list_is_young(struct intake *intake)
{
    intake->waiting++;
    snprintf(intake->reason, sizeof intake->reason, "%.60s: still being written?",
             intake->list_name);
    intake_look_soon(intake);
}

/* Goes on with the list, or begins the next. Returns whether there is more to do at once. */
static bool work_on_list(struct intake *intake)
{
    bool more;

    if (intake->list == NULL) {
        unsigned long look = intake->lists.first != NULL ? intake->lists.first->look : 0;
        char *name = names_pop(&intake->lists);

        if (name == NULL)
            return false;
        intake_look(intake, name);
        intake->list_look = look;
        free(name);
        return true;
    }
    more = list_work(intake->list);
    if (list_finished(intake->list)) {
        if (list_put_off(intake->list))
            list_is_young(intake);
        list_end(intake);
        return true;
    }
    if (list_waits(intake->list)) {
        if (list_reason(intake->list) != NULL)
            snprintf(intake->list_reason, sizeof intake->list_reason, "%.60s: %s",
                     intake->list_name, list_reason(intake->list));
        core_touch(intake->core);
        intake_look_soon(intake);
    }
    return more;
}

/* --- from outside ------------------------------------------------------------------------------------ */

static bool intake_stopped(const struct intake *intake)
{
    const struct core *core = intake->core;

    return core->draining || core->stopping || core->spool_lost;
}

bool intake_work(struct intake *intake)
{
    if (intake_stopped(intake))
        return false;
    for (int i = 0; i < NAMES_A_TURN; i++) {
        char *name = names_pop(&intake->hints);

        if (name != NULL)
            intake_look(intake, name);
        else if (intake->dir != NULL)
            scan_step(intake);
        else if (intake->scan_wanted)
            scan_begin(intake);
        else
            break;
        free(name);
    }
    return work_on_list(intake) || intake->hints.first != NULL || intake->dir != NULL ||
           intake->scan_wanted;
}

void intake_hint(struct intake *intake, const char *name)
{
    if (drop_read(name) == DROP_NONE)
        return;
    names_push(intake, &intake->hints, name);
    intake->core->kick(intake->core);
}

unsigned long intake_scan(struct intake *intake)
{
    intake->scan_wanted = true;
    intake->core->kick(intake->core);
    return intake->scans + (intake->dir != NULL ? 2 : 1);
}

bool intake_idle(const struct intake *intake)
{
    return intake->hints.first == NULL && intake->dir == NULL && !intake->scan_wanted &&
           intake->list == NULL && intake->lists.first == NULL && intake->busy == NULL;
}

bool intake_taken(const struct intake *intake, unsigned long scans)
{
    if (intake->scans < scans || (intake->list != NULL && intake->list_look < scans))
        return false;
    if (intake->lists.first != NULL && intake->lists.first->look < scans)
        return false; /* those behind it were found later */
    for (const struct intake_name *name = intake->busy; name != NULL; name = name->hh.next)
        if (name->look < scans)
            return false;
    return true;
}

size_t intake_waiting(const struct intake *intake, const char **reason)
{
    bool list = intake->list != NULL && list_reason(intake->list) != NULL;

    *reason = list && intake->waiting == 0 ? intake->list_reason : intake->reason;
    return intake->waiting + (list ? 1 : 0);
}

struct intake *intake_open(struct core *core)
{
    struct intake *intake = xcalloc(1, sizeof *intake);

    intake->core = core;
    intake->templates = templates_new(core->spool, core->clock);
    intake->hints.last = &intake->hints.first;
    intake->lists.last = &intake->lists.first;
    uv_timer_init(core->loop, &intake->soon);
    intake->soon.data = intake;
    return intake;
}

static void intake_free(uv_handle_t *handle)
{
    struct intake *intake = handle->data;

    templates_free(intake->templates);
    free(intake->owner_name);
    free(intake);
}

void intake_close(struct intake *intake)
{
    char *name;

    if (intake == NULL)
        return;
    if (intake->dir != NULL)
        closedir(intake->dir);
    list_end(intake);
    while ((name = names_pop(&intake->hints)) != NULL || (name = names_pop(&intake->lists)) != NULL)
        free(name);
    uv_close((uv_handle_t *)&intake->soon, intake_free);
}
