/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit: the log of events against what the spool and its archives hold. */
#include "retain/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "retain/eventlog.h"
#include "retain/finished.h"
#include "retain/ids.h"
#include "retain/lives.h"

#define DAY_MS INT64_C(86400000)

enum {
    FILE_SIZE = 16 + ENTRY_NAME_SIZE,
    MESSAGE_SIZE = 200,
    SETTLE_MS = 60 * 1000, /* an event and what it tells of become visible within this */
};

struct audit {
    const struct spool *spool;
    struct wall now;
    void (*finding)(void *context, const char *file, const char *code, const char *message);
    void *context;
    struct error *error;
    struct lives *lives;
    struct ids *ids;
    struct eventlog_span days; /* that are there */
    bool again;                /* events that came since the beginning are being read */
    struct id *untold;         /* jobs in done/ that no event told of when they were seen */
    size_t untold_count;
    size_t untold_capacity;
};

static void find(const struct audit *audit, enum entry_kind kind, const struct id *id,
                 unsigned version, const char *code, const char *message)
{
    char name[ENTRY_NAME_SIZE], file[FILE_SIZE];

    entry_write(kind, id, version, name);
    snprintf(file, sizeof file, "%s/%s", folder_name(FOLDER_DONE), name);
    audit->finding(audit->context, file, code, message);
}

/* --- reading events --- */

static void tell_lost(const struct audit *audit, const char *text, size_t length)
{
    json_t *event = jsontext_read_object(text, length, NULL);
    const char *time = jsontext_get_text(event, "time", "");
    char file[FILE_SIZE], message[MESSAGE_SIZE];

    if (event != NULL && strcmp(jsontext_get_text(event, "event", ""), "events_lost") == 0) {
        snprintf(file, sizeof file, "events/%.10s.jsonl", time);
        snprintf(message, sizeof message, "%" JSON_INTEGER_FORMAT " lines could not be written",
                 jsontext_get_int(event, "count", 0));
        audit->finding(audit->context, file, "audit_events", message);
    }
    json_decref(event);
}

static int take(void *context, const char *text, size_t length)
{
    static const char lost[] = "events_lost";
    struct audit *audit = context;

    if (!audit->again && memmem(text, length, lost, sizeof lost - 1) != NULL) {
        tell_lost(audit, text, length);
    }
    lives_take(audit->lives, text, length);
    return 0;
}

/* --- what events tell, in the spool --- */

static bool is_there(const struct audit *audit, enum folder folder, enum entry_kind kind,
                     const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return faccessat(audit->spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether the archives have a job's version, or a later one; 0: any. */
static bool is_archived(const struct audit *audit, const struct id *id, unsigned version)
{
    struct archived archived;

    for (size_t i = 0; ids_find(audit->ids, id, i, &archived); i++) {
        if (archived.highest >= version) {
            return true;
        }
    }
    return false;
}

/* Whether a job that was completed has gone without a word. It may move while it is looked for. */
static bool is_lost(const struct audit *audit, const struct life *life)
{
    static const enum folder folders[] = {FOLDER_DONE, FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (is_there(audit, folders[i], ENTRY_JOB, &life->id, 0)) {
            return false;
        }
    }
    return !is_archived(audit, &life->id, 0);
}

static bool lacks_version(const struct audit *audit, const struct life *life)
{
    return life->version > 0 && is_there(audit, FOLDER_DONE, ENTRY_JOB, &life->id, 0) &&
           !is_there(audit, FOLDER_CUR, ENTRY_JOB, &life->id, 0) &&
           !is_there(audit, FOLDER_DONE, ENTRY_OUTPUT, &life->id, life->version) &&
           !is_archived(audit, &life->id, life->version);
}

/* The first look: whether there is anything to look at again. */
static bool suspect(struct audit *audit)
{
    size_t count;
    struct life *all = lives_all(audit->lives, &count);
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        all[i].suspect = all[i].place == LIFE_FINISHED &&
                         (is_lost(audit, &all[i]) || lacks_version(audit, &all[i]));
        any |= all[i].suspect;
    }
    return any;
}

static void tell(struct audit *audit, const struct life *life)
{
    bool lost = is_lost(audit, life);
    char message[MESSAGE_SIZE];

    if (!lost && !lacks_version(audit, life)) {
        return;
    }
    snprintf(message, sizeof message, "an event tells of version %u, and %s", life->version,
             lost ? "the job is in no folder and no archive, with none that tells where it went"
                  : "neither done/ nor an archive has it");
    find(audit, lost ? ENTRY_JOB : ENTRY_OUTPUT, &life->id, life->version,
         lost ? "audit_lost" : "audit_version", message);
}

/* The second look, at what was suspected at the first: what went since then is no matter. */
static void tell_all(struct audit *audit)
{
    size_t count;
    const struct life *all = lives_all(audit->lives, &count);

    for (size_t i = 0; i < count; i++) {
        if (all[i].suspect && all[i].place == LIFE_FINISHED) {
            tell(audit, &all[i]);
        }
    }
}

/* --- what the spool has, in the events --- */

/* Whether there can be an event is told by when it finished. */
static bool is_to_be_told(const struct audit *audit, const struct id *id)
{
    struct finished finished;
    bool result;

    if (finished_read(audit->spool, FOLDER_DONE, id, false, &finished) < 0) {
        return false; /* gone meanwhile, or damaged, which is another matter */
    }
    result = finished.finished_ms >= audit->days.first * DAY_MS &&
             finished.finished_ms < audit->now.ms - SETTLE_MS;
    finished_clear(&finished);
    return result;
}

static int look_at_done(void *context, const struct id *id)
{
    struct audit *audit = context;

    if (lives_find(audit->lives, id) != NULL || !is_to_be_told(audit, id)) {
        return 0;
    }
    if (audit->untold_count == audit->untold_capacity) {
        audit->untold_capacity = 2 * audit->untold_capacity + 64;
        audit->untold = xrealloc(audit->untold, audit->untold_capacity * sizeof *audit->untold);
    }
    audit->untold[audit->untold_count++] = *id;
    return 0;
}

/* Some may have been restored since the events were read; what they tell by now counts. */
static void tell_untold(struct audit *audit)
{
    for (size_t i = 0; i < audit->untold_count; i++) {
        const struct id *id = &audit->untold[i];

        if (lives_find(audit->lives, id) == NULL && is_to_be_told(audit, id)) {
            find(audit, ENTRY_JOB, id, 0, "audit_untold",
                 "is there, and no event tells that it was completed");
        }
    }
}

static int look_at_folder(struct audit *audit)
{
    int result = finished_each(audit->spool, FOLDER_DONE, look_at_done, audit);

    if (result < 0) {
        error_system(audit->error, -result, "cannot list %s/done", audit->spool->path);
    }
    return result < 0 ? -1 : 0;
}

/* --- all of it --- */

static int read_events(struct audit *audit, struct eventlog_span span)
{
    return eventlog_each(audit->spool, span, false, take, audit, audit->error) < 0 ? -1 : 0;
}

/* Opens archive/ids as it is now. */
static int renew_ids(struct audit *audit)
{
    ids_close(audit->ids);
    audit->ids = ids_open(audit->spool, audit->error);
    return audit->ids != NULL ? 0 : -1;
}

/* What was suspected may have been pruned, archived or restored, or have come to an end, since its
 * events were read. Today's events are read again, with those since. */
static int look_twice(struct audit *audit)
{
    const struct eventlog_span since = {(int32_t)(audit->now.ms / DAY_MS), INT32_MAX};
    bool any = suspect(audit);

    if (look_at_folder(audit) < 0) {
        return -1;
    }
    if (!any && audit->untold_count == 0) {
        return 0;
    }
    audit->again = true;
    if (read_events(audit, since) < 0 || renew_ids(audit) < 0) {
        return -1;
    }
    tell_all(audit);
    tell_untold(audit);
    return 0;
}

int audit_run(const struct spool *spool, struct wall now,
              void (*finding)(void *context, const char *file, const char *code,
                              const char *message),
              void *context, struct error *error)
{
    struct audit audit = {.spool = spool,
                          .now = now,
                          .finding = finding,
                          .context = context,
                          .error = error,
                          .lives = lives_open()};
    int result = 0;

    if (!eventlog_days(spool, &audit.days)) {
        audit.days.first = INT32_MAX; /* nothing is known of any day */
    }
    if (read_events(&audit, EVENTLOG_ALL) < 0 || renew_ids(&audit) < 0 || look_twice(&audit) < 0) {
        result = -1;
    }
    ids_close(audit.ids);
    lives_close(audit.lives);
    free(audit.untold);
    return result;
}
