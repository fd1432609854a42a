/* SPDX-License-Identifier: GPL-2.0-or-later */
/* roster: see roster.h. */
#include "httpd/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"
#include "base/xalloc.h"
#include "httpd/front.h"
#include "retain/idset.h"
#include "retain/members.h"

enum {
    TRUST_MS = 1000, /* so long what was read holds for events that are older than it */
    RECENT_JOBS = 4096,
    RECENT_PART = 16,
};

struct roster {
    LIST_ENTRY(roster) entry;
    const struct front *front;
    unsigned users;
    struct idset members;
    struct idset recent; /* the jobs that came last: few have to be sorted again */
    size_t size;         /* of the manifest, when it was read */
    size_t end;          /* of its last whole line */
    uint64_t last;       /* place of the run */
    bool stale;          /* a job took another's place: all is to be read again */
    struct mono looked;
    char looked_text[TIMETEXT_SIZE]; /* … as events have times */
    char run[];
};

/* --- reading --- */

static void forget(struct roster *roster)
{
    idset_free(&roster->members);
    idset_free(&roster->recent);
    roster->size = roster->end = 0;
    roster->last = 0;
    roster->stale = false;
}

static void merge(struct roster *roster)
{
    for (size_t i = 0; i < roster->recent.count; i++)
        idset_add(&roster->members, &roster->recent.ids[i]);
    idset_free(&roster->recent);
    idset_sort(&roster->members);
}

static void add(struct roster *roster, const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!members[i].refused)
            idset_add(&roster->recent, &members[i].id);
    }
    if (roster->recent.count > RECENT_JOBS + roster->members.count / RECENT_PART)
        merge(roster);
    else
        idset_sort(&roster->recent);
}

/* Takes what the manifest's text has more. */
static void read_more(struct roster *roster, const char *text, size_t length)
{
    const char *from = text + roster->end;
    const char *stop = memrchr(from, '\n', length - roster->end);
    struct member *members;
    size_t count;

    roster->size = length;
    if (stop == NULL)
        return;
    members = members_of(from, (size_t)(stop + 1 - from), &count);
    if (count > 0) {
        roster->stale |= roster->end > 0 && members[0].position <= roster->last;
        if (members[count - 1].position > roster->last)
            roster->last = members[count - 1].position;
    }
    add(roster, members, count);
    roster->end = (size_t)(stop + 1 - text);
    free(members);
}

/* Reads the manifest as far as it is new. Returns 0 or -1. */
static int look(struct roster *roster, struct error *error)
{
    struct mono now = clock_mono(roster->front->clock);
    size_t length;
    char *text;

    if (roster->stale && now.ms - roster->looked.ms >= TRUST_MS)
        forget(roster);
    roster->looked = now;
    timetext_write(clock_wall(roster->front->clock), roster->looked_text);
    if (members_map(roster->front->spool, roster->run, &text, &length, error) < 0)
        return -1;
    if (length < roster->size)
        forget(roster);
    if (length != roster->size)
        read_more(roster, text, length);
    members_unmap(text, length);
    return 0;
}

/* --- */

/* A job is in the manifest before anything happens to it: what was read after an event is all that
 * there is to know of it. */
static bool is_known(const struct roster *roster, const struct event *event)
{
    return event->time != NULL && strcmp(event->time, roster->looked_text) < 0 &&
           clock_mono(roster->front->clock).ms - roster->looked.ms < TRUST_MS;
}

static bool has(const struct roster *roster, const struct id *id)
{
    return idset_has(&roster->members, id) || idset_has(&roster->recent, id);
}

bool roster_has(struct roster *roster, const struct event *event)
{
    if (!event->has_id)
        return event->in_run != NULL && strcmp(event->in_run, roster->run) == 0;
    return has(roster, &event->id) ||
           (!is_known(roster, event) && look(roster, NULL) == 0 && has(roster, &event->id));
}

struct roster *roster_take(struct roster_list *list, const struct front *front, const char *run,
                           struct error *error)
{
    size_t size = strlen(run) + 1;
    struct roster *roster;

    LIST_FOREACH(roster, list, entry)
    {
        if (strcmp(roster->run, run) == 0) {
            roster->users++;
            return roster;
        }
    }
    roster = xcalloc(1, sizeof *roster + size);
    roster->front = front;
    roster->users = 1;
    memcpy(roster->run, run, size);
    LIST_INSERT_HEAD(list, roster, entry);
    if (look(roster, error) < 0) {
        roster_release(roster);
        return NULL;
    }
    return roster;
}

void roster_release(struct roster *roster)
{
    if (roster == NULL || --roster->users > 0)
        return;
    LIST_REMOVE(roster, entry);
    forget(roster);
    free(roster);
}
