/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * afford: see afford.h.
 */
#include "daemon/afford.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/xalloc.h"
#include "daemon/queue.h"

enum { REASONS_KEPT = 64 }; /* reasons hold times: those without jobs are dropped beyond so many */

struct afford {
    TAILQ_HEAD(, task) held; /* the longest first */
    size_t count;
    size_t passing;
    struct afford_reason *reasons;
    size_t reason_count;
};

struct afford *afford_open(void)
{
    struct afford *afford = xcalloc(1, sizeof *afford);

    TAILQ_INIT(&afford->held);
    return afford;
}

/* Frees reasons that hold nothing. */
static void drop_reasons(struct afford *afford)
{
    struct afford_reason **link = &afford->reasons;

    while (*link != NULL) {
        struct afford_reason *reason = *link;

        if (reason->jobs > 0) {
            link = &reason->next;
            continue;
        }
        *link = reason->next;
        afford->reason_count--;
        free(reason->text);
        free(reason);
    }
}

void afford_close(struct afford *afford)
{
    if (afford == NULL)
        return;
    drop_reasons(afford);
    assert(afford->reasons == NULL);
    free(afford);
}

static struct afford_reason *reason_of(struct afford *afford, const char *text)
{
    struct afford_reason *reason = afford->reasons;

    while (reason != NULL && strcmp(reason->text, text) != 0)
        reason = reason->next;
    if (reason != NULL)
        return reason;
    if (afford->reason_count >= REASONS_KEPT)
        drop_reasons(afford);
    reason = xcalloc(1, sizeof *reason);
    reason->afford = afford;
    reason->text = xstrdup(text);
    reason->next = afford->reasons;
    afford->reasons = reason;
    afford->reason_count++;
    return reason;
}

bool afford_knows(const struct afford *afford, const char *reason)
{
    const struct afford_reason *known = afford->reasons;

    while (known != NULL && strcmp(known->text, reason) != 0)
        known = known->next;
    return known != NULL;
}

void afford_hold(struct afford *afford, struct task *task, const char *reason, int64_t until_ms,
                 bool passing)
{
    assert(task->money_reason == NULL);
    task->money_reason = reason_of(afford, reason);
    task->money_reason->jobs++;
    task->money_until = until_ms > 0 ? until_ms : INT64_MAX;
    TAILQ_INSERT_TAIL(&afford->held, task, money_link);
    afford->count++;
    task->money_passing = passing;
    afford->passing += passing ? 1 : 0;
}

void afford_forget(struct task *task)
{
    struct afford_reason *reason = task->money_reason;

    if (reason == NULL)
        return;
    TAILQ_REMOVE(&reason->afford->held, task, money_link);
    reason->afford->count--;
    reason->afford->passing -= task->money_passing ? 1 : 0;
    reason->jobs--;
    task->money_reason = NULL;
    task->money_until = 0;
}

struct task *afford_let_go(struct afford *afford)
{
    struct task *task = TAILQ_FIRST(&afford->held);

    if (task != NULL)
        afford_forget(task);
    return task;
}

size_t afford_count(const struct afford *afford)
{
    return afford->count;
}

size_t afford_passing(const struct afford *afford)
{
    return afford->passing;
}

const struct afford_reason *afford_reasons(const struct afford *afford)
{
    return afford->reasons;
}
