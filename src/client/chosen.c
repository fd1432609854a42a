/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chosen: see chosen.h.
 */
#include "client/chosen.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "client/records.h"
#include "retain/finished.h"
#include "retain/members.h"

/* --- one job ---------------------------------------------------------------------------------- */

static bool is_in(const struct spool *spool, enum folder folder, const struct id *id,
                  struct stat *status)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return fstatat(spool->dir[folder], name, status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int64_t submitted_ms(const json_t *state, const struct stat *status)
{
    int64_t again = records_time(state, "submitted");

    return again > 0 ? again : clock_ms(status->st_mtim);
}

static bool active_matches(const struct spool *spool, const struct selection *selection,
                           const struct id *id, const struct stat *status, struct wall now)
{
    char name[ENTRY_NAME_SIZE];
    json_t *state = records_state(spool, id);
    struct facts facts = {.id = id, .finished_ms = submitted_ms(state, status), .record = state};
    json_t *job;
    bool matches;

    entry_write(ENTRY_JOB, id, 0, name);
    job = records_load(spool, FOLDER_CUR, name, NULL);
    facts.job = job;
    matches = job != NULL && selection_matches(selection, &facts, now);
    json_decref(state);
    json_decref(job);
    return matches;
}

static bool finished_matches(const struct spool *spool, enum folder folder,
                             const struct selection *selection, const struct id *id,
                             struct wall now)
{
    struct finished finished;
    struct facts facts = {.id = id};
    bool matches;

    if (!selection_needs_record(selection)) {
        return selection_matches(selection, &facts, now);
    }
    if (finished_read(spool, folder, id, selection_needs_job(selection), &finished) < 0) {
        return false;
    }
    facts = finished_facts(&finished);
    matches = selection_matches(selection, &facts, now);
    finished_clear(&finished);
    return matches;
}

bool chosen_is(const struct spool *spool, const struct selection *selection, unsigned folders,
               const struct id *id, struct wall now)
{
    static const struct {
        unsigned bit;
        enum folder folder;
    } finished[] = {{CHOSEN_FAILED, FOLDER_FAILED}, {CHOSEN_DONE, FOLDER_DONE}};
    struct stat status;

    if ((folders & CHOSEN_CUR) != 0 && is_in(spool, FOLDER_CUR, id, &status)) {
        return active_matches(spool, selection, id, &status, now);
    }
    for (size_t i = 0; i < sizeof finished / sizeof finished[0]; i++) {
        if ((folders & finished[i].bit) != 0 && is_in(spool, finished[i].folder, id, &status)) {
            return finished_matches(spool, finished[i].folder, selection, id, now);
        }
    }
    return false;
}

/* --- all -------------------------------------------------------------------------------------- */

struct candidates {
    struct id *ids;
    size_t count;
    size_t room;
};

static int add(void *context, const struct id *id)
{
    struct candidates *candidates = context;

    if (candidates->count == candidates->room) {
        candidates->room = 2 * candidates->room + 64;
        candidates->ids = xrealloc(candidates->ids, candidates->room * sizeof *candidates->ids);
    }
    candidates->ids[candidates->count++] = *id;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct id *)a)->bytes, ((const struct id *)b)->bytes, ID_SIZE);
}

/* Puts the IDs in order and takes away those that are there twice. */
static void sort_out(struct candidates *candidates)
{
    size_t kept = 0;

    if (candidates->count > 1) {
        qsort(candidates->ids, candidates->count, sizeof *candidates->ids, compare_ids);
    }
    for (size_t i = 0; i < candidates->count; i++) {
        if (i == 0 || !id_equal(&candidates->ids[i], &candidates->ids[i - 1])) {
            candidates->ids[kept++] = candidates->ids[i];
        }
    }
    candidates->count = kept;
}

static int list_folders(const struct spool *spool, unsigned folders, struct candidates *candidates,
                        struct error *error)
{
    static const struct {
        unsigned bit;
        enum folder folder;
    } known[] = {
        {CHOSEN_CUR, FOLDER_CUR}, {CHOSEN_FAILED, FOLDER_FAILED}, {CHOSEN_DONE, FOLDER_DONE}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int result = (folders & known[i].bit) == 0
                         ? 0
                         : finished_each(spool, known[i].folder, add, candidates);

        if (result < 0) {
            error_system(error, -result, "%s/%s cannot be listed", spool->path,
                         folder_name(known[i].folder));
            return -1;
        }
    }
    sort_out(candidates);
    return 0;
}

/* The jobs of a run in the order of its input, each where it is first. */
static int list_run(const struct spool *spool, const struct selection *selection,
                    struct candidates *candidates, struct error *error)
{
    size_t count;
    struct member *members = members_read(spool, selection->run, &count, error);
    bool *seen;

    if (members == NULL) {
        return -1;
    }
    seen = xcalloc(selection->member_count + 1, sizeof *seen);
    for (size_t i = 0; i < count; i++) {
        const struct id *known = members[i].refused
                                     ? NULL
                                     : bsearch(&members[i].id, selection->members,
                                               selection->member_count, sizeof *known, compare_ids);

        /* Of one that is in the run twice bsearch finds the same each time. */
        if (known != NULL && !seen[known - selection->members]) {
            seen[known - selection->members] = true;
            add(candidates, known);
        }
    }
    free(seen);
    free(members);
    return 0;
}

int chosen_each(const struct spool *spool, const struct selection *selection, unsigned folders,
                struct wall now, int (*visit)(void *context, const struct id *id), void *context,
                struct error *error)
{
    struct candidates candidates = {0};
    int result = selection->run != NULL ? list_run(spool, selection, &candidates, error)
                                        : list_folders(spool, folders, &candidates, error);

    for (size_t i = 0; i < candidates.count && result == 0; i++) {
        if (!selection_any(selection) ||
            chosen_is(spool, selection, folders, &candidates.ids[i], now)) {
            result = visit(context, &candidates.ids[i]);
        }
    }
    free(candidates.ids);
    return result;
}
