/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit: the log of events against what the spool and its archives hold. */
#include "retain/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "retain/eventlog.h"
#include "retain/finished.h"
#include "retain/ids.h"
#include "retain/lives.h"
#include "retain/tombstone.h"

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
    struct tombstones stones;
    struct eventlog_span days; /* that are there */
    bool again;                /* events that came since the beginning are being read */
    struct id *suspects;       /* jobs of which something was wrong at the first look */
    size_t count;
    size_t capacity;
};

/* What is wrong with a job. */
enum wrong {
    RIGHT,
    WRONG_LOST,    /* it is nowhere */
    WRONG_FIRST,   /* its lowest version is */
    WRONG_VERSION, /* its newest version is */
    WRONG_UNTOLD,  /* no event tells of it */
};

static void find(const struct audit *audit, enum folder folder, const struct id *id,
                 unsigned version, const char *code, const char *message)
{
    char name[ENTRY_NAME_SIZE], file[FILE_SIZE];

    entry_write(version > 0 ? ENTRY_OUTPUT : ENTRY_JOB, id, version, name);
    snprintf(file, sizeof file, "%s/%s", folder_name(folder), name);
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

static int read_events(struct audit *audit, struct eventlog_span span)
{
    return eventlog_each(audit->spool, span, false, take, audit, audit->error) < 0 ? -1 : 0;
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

/* The folder that has a job, or FOLDER_COUNT. It may move while it is looked for, and back. */
static enum folder find_job(const struct audit *audit, const struct id *id)
{
    static const enum folder folders[] = {FOLDER_DONE, FOLDER_CUR, FOLDER_FAILED, FOLDER_CUR,
                                          FOLDER_DONE};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (is_there(audit, folders[i], ENTRY_JOB, id, 0)) {
            return folders[i];
        }
    }
    return FOLDER_COUNT;
}

static bool lacks(const struct audit *audit, const struct id *id, unsigned version)
{
    return version > 0 && !is_there(audit, FOLDER_DONE, ENTRY_OUTPUT, id, version) &&
           !is_archived(audit, id, version);
}

/* Whether it was forgotten since events last told of it: a power failure may have undone the event that
 * tells so, and archive/forgotten.jsonl is durable before anything goes. */
static bool is_forgotten(const struct audit *audit, const struct life *life)
{
    const struct tombstone *stone = tombstones_find(&audit->stones, &life->id);

    return stone != NULL && stone->ms >= (int64_t)life->time_s * 1000;
}

/* A job in cur/ is at work on its outputs, and the error file of one in failed/ tells why it has
 * none. */
static enum wrong look_at_life(const struct audit *audit, const struct life *life)
{
    enum wrong wrong = RIGHT;
    enum folder folder;

    if (life->place == LIFE_NOWHERE || is_forgotten(audit, life)) {
        return RIGHT;
    }
    if (lacks(audit, &life->id, life->version)) {
        wrong = WRONG_VERSION;
    } else if (lacks(audit, &life->id, life->first)) {
        wrong = WRONG_FIRST;
    }
    folder = find_job(audit, &life->id); /* after its outputs, which are deleted after it */
    if (folder == FOLDER_COUNT && !is_archived(audit, &life->id, 0)) {
        return WRONG_LOST;
    }
    return folder == FOLDER_CUR || folder == FOLDER_FAILED ? RIGHT : wrong;
}

/* --- what the spool has, in the events --- */

/* When its answer came tells whether there can be an event: a failed run may have followed. */
static bool is_untold(const struct audit *audit, const struct id *id)
{
    struct finished finished;
    struct wall ended = {0};
    bool untold;

    if (finished_read(audit->spool, FOLDER_DONE, id, false, &finished) < 0) {
        return false; /* gone meanwhile, or damaged, which is another matter */
    }
    (void)timetext_read(
        jsontext_get_text(json_object_get(finished.record, "times"), "finished", ""), &ended);
    untold = ended.ms >= audit->days.first * DAY_MS && ended.ms < audit->now.ms - SETTLE_MS;
    finished_clear(&finished);
    return untold;
}

/* --- both --- */

static enum wrong look_at(const struct audit *audit, const struct id *id)
{
    const struct life *life = lives_find(audit->lives, id);
    enum wrong wrong = life != NULL ? look_at_life(audit, life) : RIGHT;

    if (wrong == RIGHT && (life == NULL || !life->told) && is_untold(audit, id)) {
        wrong = WRONG_UNTOLD;
    }
    return wrong;
}

static void suspect(struct audit *audit, const struct id *id)
{
    if (audit->count == audit->capacity) {
        audit->capacity = 2 * audit->capacity + 64;
        audit->suspects = xrealloc(audit->suspects, audit->capacity * sizeof *audit->suspects);
    }
    audit->suspects[audit->count++] = *id;
}

static void look_at_lives(struct audit *audit)
{
    size_t count;
    const struct life *all = lives_all(audit->lives, &count);

    for (size_t i = 0; i < count; i++) {
        if (look_at_life(audit, &all[i]) != RIGHT) {
            suspect(audit, &all[i].id);
        }
    }
}

static int look_at_done(void *context, const struct id *id)
{
    struct audit *audit = context;
    const struct life *life = lives_find(audit->lives, id);

    if ((life == NULL || !life->told) && is_untold(audit, id)) {
        suspect(audit, id);
    }
    return 0;
}

static int look_at_folder(struct audit *audit)
{
    int result = finished_each(audit->spool, FOLDER_DONE, look_at_done, audit);

    if (result < 0) {
        error_system(audit->error, -result, "cannot list %s/done", audit->spool->path);
    }
    return result < 0 ? -1 : 0;
}

/* --- telling --- */

static void tell_lost_job(const struct audit *audit, const struct life *life)
{
    bool open = life->place == LIFE_ACCEPTED; /* there is no answer to lose */
    char message[MESSAGE_SIZE];

    if (life->place == LIFE_ARCHIVED) {
        snprintf(message, sizeof message,
                 "an event tells that it was archived, and no archive has it");
    } else if (life->version > 0) {
        snprintf(message, sizeof message,
                 "an event tells of version %u, and the job is in no folder and no archive, with "
                 "none that tells where it went",
                 life->version);
    } else {
        snprintf(message, sizeof message,
                 "events tell of the job, and it is in no folder and no archive, with none that "
                 "tells where it went");
    }
    find(audit, open ? FOLDER_CUR : FOLDER_DONE, &life->id, 0, open ? "audit_job" : "audit_lost",
         message);
}

static void tell_version(const struct audit *audit, const struct id *id, unsigned version)
{
    char message[MESSAGE_SIZE];

    snprintf(message, sizeof message,
             "an event tells of version %u, and neither done/ nor an archive has it", version);
    find(audit, FOLDER_DONE, id, version, "audit_version", message);
}

static void tell(const struct audit *audit, const struct id *id, enum wrong wrong)
{
    const struct life *life = lives_find(audit->lives, id);

    switch (wrong) {
    case RIGHT:
        break;
    case WRONG_LOST:
        tell_lost_job(audit, life);
        break;
    case WRONG_FIRST:
        tell_version(audit, id, life->first);
        break;
    case WRONG_VERSION:
        tell_version(audit, id, life->version);
        break;
    case WRONG_UNTOLD:
        find(audit, FOLDER_DONE, id, 0, "audit_untold",
             "is there, and no event tells that it was completed");
        break;
    }
}

/* --- all of it --- */

/* Opens archive/ids, and reads what was forgotten, as they are now. */
static int renew_archive(struct audit *audit)
{
    ids_close(audit->ids);
    tombstones_free(&audit->stones);
    audit->ids = ids_open(audit->spool, audit->error);
    return audit->ids != NULL ? tombstones_read(audit->spool, &audit->stones, audit->error) : -1;
}

static void pause_ms(int64_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&rest, &rest) < 0 && errno == EINTR) {
    }
}

/* What is suspected may have been pruned, archived or restored since its events were read. Today's
 * are read again, with those since. No other job is looked at: it may go from now on. */
static int look_again(struct audit *audit, int64_t moment_ms)
{
    const struct eventlog_span since = {(int32_t)(audit->now.ms / DAY_MS), INT32_MAX};

    if (audit->count == 0) {
        return 0;
    }
    pause_ms(moment_ms);
    audit->again = true;
    if (read_events(audit, since) < 0 || renew_archive(audit) < 0) {
        return -1;
    }
    for (size_t i = 0; i < audit->count; i++) {
        tell(audit, &audit->suspects[i], look_at(audit, &audit->suspects[i]));
    }
    return 0;
}

static int look_at_all(struct audit *audit)
{
    if (!eventlog_days(audit->spool, &audit->days)) {
        audit->days.first = INT32_MAX; /* nothing is known of any day */
    }
    if (read_events(audit, EVENTLOG_ALL) < 0 || renew_archive(audit) < 0) {
        return -1;
    }
    look_at_lives(audit);
    return look_at_folder(audit);
}

int audit_run(const struct spool *spool, struct wall now, int64_t moment_ms,
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
    int result = look_at_all(&audit) < 0 || look_again(&audit, moment_ms) < 0 ? -1 : 0;

    ids_close(audit.ids);
    tombstones_free(&audit.stones);
    lives_close(audit.lives);
    free(audit.suspects);
    return result;
}
