/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * awaited: see awaited.h.
 */
#include "client/awaited.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/locate.h"
#include "client/records.h"

static bool exists(const struct spool *spool, enum folder folder, const char *name)
{
    return faccessat(spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool entry_exists(const struct spool *spool, enum folder folder, enum entry_kind kind,
                         const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return exists(spool, folder, name);
}

/* --- what must go first
 * --------------------------------------------------------------------------- */

void awaited_oblige(struct awaited *awaited, struct asks *asks, enum folder folder,
                    const char *name)
{
    struct ask *ask = asks_hold(asks, folder, name);
    struct obligation *obligation;

    for (obligation = awaited->obligations; obligation != NULL; obligation = obligation->next) {
        if (obligation->ask == ask) {
            asks_leave(asks, ask);
            return;
        }
    }
    obligation = xmalloc(sizeof *obligation);
    obligation->next = awaited->obligations;
    obligation->ask = ask;
    awaited->obligations = obligation;
}

const struct ask *awaited_dropped(const struct awaited *awaited)
{
    return awaited->obligations != NULL && awaited->obligations->ask->folder == FOLDER_NEW
               ? awaited->obligations->ask
               : NULL;
}

/* Forgets the first obligation, but the last drop, by whose name a refusal is found. */
static void forget_first(struct awaited *awaited, struct asks *asks)
{
    struct obligation *first = awaited->obligations;
    struct ask *left = first->ask;

    if (left->folder == FOLDER_NEW) {
        left = awaited->taken;
        awaited->taken = first->ask;
    }
    asks_leave(asks, left);
    awaited->obligations = first->next;
    free(first);
}

/* Forgets what has gone. Returns whether all has. */
static bool obligations_met(const struct spool *spool, struct asks *asks, struct awaited *awaited)
{
    while (awaited->obligations != NULL) {
        if (!asks_gone(asks, spool, awaited->obligations->ask)) {
            return false;
        }
        forget_first(awaited, asks);
    }
    return true;
}

/* --- where it is
 * ---------------------------------------------------------------------------------- */

static enum location look_once(const struct spool *spool, const struct id *id)
{
    if (entry_exists(spool, FOLDER_CUR, ENTRY_JOB, id, 0)) {
        return LOCATION_CUR;
    }
    if (entry_exists(spool, FOLDER_FAILED, ENTRY_JOB, id, 0)) {
        return LOCATION_FAILED;
    }
    return entry_exists(spool, FOLDER_DONE, ENTRY_JOB, id, 0) ? LOCATION_DONE : LOCATION_NONE;
}

/* As locate_job, which reads all of new/ for a job that it does not find: too much for many. */
static enum location look_twice(const struct spool *spool, const struct id *id)
{
    enum location location = look_once(spool, id);

    return location != LOCATION_NONE ? location : look_once(spool, id);
}

static void conclude(struct awaited *awaited, enum awaited_state state, unsigned found)
{
    awaited->state = state;
    awaited->found = found;
}

/* The number of the run that is under way. */
static unsigned current_run(const struct spool *spool, const struct id *id)
{
    json_t *state = records_state(spool, id);
    json_int_t run = jsontext_get_int(state, "run", 1);

    json_decref(state);
    return run >= 1 && run <= UINT_MAX ? (unsigned)run : 1;
}

static bool output_is_good(const struct spool *spool, const struct id *id, unsigned version)
{
    json_t *output = records_output(spool, id, version, NULL, NULL);
    bool good = strcmp(jsontext_get_text(output, "status", ""), "completed") == 0;

    json_decref(output);
    return good;
}

static void conclude_version(const struct spool *spool, struct awaited *awaited)
{
    unsigned version = awaited->version;

    if (entry_exists(spool, FOLDER_DONE, ENTRY_OUTPUT, &awaited->id, version)) {
        conclude(awaited,
                 output_is_good(spool, &awaited->id, version) ? AWAITED_COMPLETED : AWAITED_FAILED,
                 version);
    } else {
        conclude(awaited, AWAITED_NO_VERSION, 0);
    }
}

/* An output is durable when the job has left its run for done/ or for another run. */
static void look_at_running(const struct spool *spool, struct awaited *awaited)
{
    unsigned run =
        awaited->run > 0 && awaited->version == 0 ? awaited->run : current_run(spool, &awaited->id);

    if (awaited->version == 0) {
        awaited->run = run;
    } else if (awaited->version < run) {
        conclude_version(spool, awaited);
    }
}

/* Without a run of its own to wait for, the latest good answer is the answer; else the newest
 * output, if that run made one. */
static void look_at_done(const struct spool *spool, struct awaited *awaited)
{
    unsigned lowest, highest = 0;

    if (awaited->version > 0) {
        conclude_version(spool, awaited);
        return;
    }
    if (awaited->run > 1 && records_versions(spool, &awaited->id, &lowest, &highest) == 0 &&
        highest >= awaited->run) {
        conclude(awaited,
                 output_is_good(spool, &awaited->id, highest) ? AWAITED_COMPLETED : AWAITED_FAILED,
                 highest);
        return;
    }
    conclude(awaited, AWAITED_COMPLETED, 0);
}

void awaited_look(const struct spool *spool, struct asks *asks, struct awaited *awaited)
{
    enum location location;

    awaited->missing = false;
    if (!obligations_met(spool, asks, awaited)) {
        return;
    }
    location = look_twice(spool, &awaited->id);
    switch (location) {
    case LOCATION_CUR:
        look_at_running(spool, awaited);
        break;
    case LOCATION_DONE:
        look_at_done(spool, awaited);
        break;
    case LOCATION_FAILED:
        conclude(awaited, AWAITED_FAILED, 0);
        break;
    case LOCATION_NEW:
    case LOCATION_NONE:
        awaited->missing = true;
        break;
    }
}

void awaited_clear(struct awaited *awaited, struct asks *asks)
{
    while (awaited->obligations != NULL) {
        forget_first(awaited, asks);
    }
    asks_leave(asks, awaited->taken);
    awaited->taken = NULL;
}
