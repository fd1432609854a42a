/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_job: job files in cur/, done/ and failed/: their content, their place, what belongs to
 * them. */
#include "retain/check_topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/job.h"
#include "job/state.h"
#include "spool/file.h"

enum {
    VERSIONS_PROBED = 64
}; /* look-ups for a finished job's first version, before done/ is read */

/* Whether the content is the job that the name says. */
static bool look_at_content(struct check *check, const struct check_entry *entry)
{
    struct buffer text = {0};
    struct error error;
    struct job *job;
    char id[ID_TEXT_SIZE];
    bool right = false;

    if (!check_read(check, entry, &text)) {
        buffer_free(&text);
        return false;
    }
    job = job_read_accepted(text.bytes, text.length, &error);
    if (job == NULL) {
        check_suspect(check, CHECK_JOB_JSON, "%s", error.text);
    } else if (!id_equal(&job->id, &entry->is.id)) {
        id_write(&job->id, id);
        check_suspect(check, CHECK_JOB_ID, "has the content of job %s", id);
    } else {
        right = true;
        check_look_attachments(check, job);
    }
    job_free(job);
    buffer_free(&text);
    return right;
}

/* --- in cur/ --- */

/* The run that is under way, and how many of its requests are recorded; the first, and none,
 * without a state file that can be read. */
static void read_state(const struct check *check, const struct id *id, unsigned *run,
                       unsigned *sends)
{
    char name[ENTRY_NAME_SIZE];
    struct buffer text = {0};
    struct state *state = NULL;

    *run = 1;
    *sends = 0;
    entry_write(ENTRY_STATE, id, 0, name);
    if (file_read_at(check->spool->dir[FOLDER_CUR], name, SIZE_MAX, &text, NULL) == 0) {
        state = state_read(text.bytes, text.length, id, NULL);
    }
    if (state != NULL) {
        *run = state->run;
        *sends = state->sends;
    }
    state_free(state);
    buffer_free(&text);
}

bool check_mark_recorded(const struct check *check, const struct id *id, mode_t mode)
{
    unsigned run, sends;
    unsigned bits = ((mode & S_IXGRP) != 0 ? 1U : 0U) | ((mode & S_IXOTH) != 0 ? 2U : 0U);

    read_state(check, id, &run, &sends);
    return sends > 0 && sends % 4 == bits;
}

static void look_in_cur(struct check *check, const struct check_entry *entry,
                        const struct stat *status)
{
    const struct id *id = &entry->is.id;
    unsigned run, sends;

    if (check_there(check, FOLDER_DONE, ENTRY_JOB, id, 0, NULL)) {
        check_suspect(check, CHECK_JOB_TWICE, "is in done/, too");
    } else if (check_there(check, FOLDER_FAILED, ENTRY_JOB, id, 0, NULL)) {
        check_suspect(check, CHECK_JOB_TWICE, "is in failed/, too");
    }
    if (check->owned) {
        return;
    }
    read_state(check, id, &run, &sends);
    if (check_there(check, FOLDER_DONE, ENTRY_OUTPUT, id, run, NULL) ||
        check_there(check, FOLDER_FAILED, ENTRY_ERROR, id, 0, NULL)) {
        check_suspect(check, CHECK_UNFINISHED, "has ended and was not moved");
    }
    if ((status->st_mode & S_IXUSR) != 0) {
        check_suspect(check, CHECK_STUCK_MARK, "is marked as running (mode %04o)",
                      (unsigned)(status->st_mode & ALLPERMS));
    }
}

/* --- in done/ --- */

static void remember_lost(struct check *check, const struct id *id)
{
    if (check->lost_count == check->lost_capacity) {
        check->lost_capacity = 2 * check->lost_capacity + 64;
        check->lost = xrealloc(check->lost, check->lost_capacity * sizeof *check->lost);
    }
    check->lost[check->lost_count++] = *id;
}

static void suspect_lost(struct check *check)
{
    check_suspect(check, CHECK_DONE_NO_OUTPUT, "counts as done and has no output");
}

/* Most jobs have version 1, which is one look-up. Of the others done/ is read to its end first. */
static void look_in_done(struct check *check, const struct check_entry *entry)
{
    if (check_version_from(check, &entry->is.id, 1, VERSIONS_PROBED) != 0) {
        return;
    }
    if (check->again) {
        suspect_lost(check);
    } else {
        remember_lost(check, &entry->is.id);
    }
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

/* Marks in found those of the lost that have an output after all. */
static int find_outputs(struct check *check, bool *found)
{
    DIR *list = file_list(check->spool->dir[FOLDER_DONE]);
    const struct dirent *seen;
    int result;

    if (list == NULL) {
        return -errno;
    }
    while ((result = file_list_next(list, &seen)) == 0 && seen != NULL) {
        struct entry is = entry_read(seen->d_name);
        const struct id *id =
            is.kind != ENTRY_OUTPUT
                ? NULL
                : bsearch(&is.id, check->lost, check->lost_count, sizeof *check->lost, compare_ids);

        if (id != NULL) {
            found[id - check->lost] = true;
        }
    }
    (void)closedir(list);
    return result;
}

void check_end_done(struct check *check)
{
    bool *found;

    if (check->lost_count == 0) {
        return;
    }
    qsort(check->lost, check->lost_count, sizeof *check->lost, compare_ids);
    found = xcalloc(check->lost_count, sizeof *found);
    if (find_outputs(check, found) == 0) {
        for (size_t i = 0; i < check->lost_count; i++) {
            char name[ENTRY_NAME_SIZE];
            struct check_entry entry = {.folder = FOLDER_DONE, .name = name};

            entry_write(ENTRY_JOB, &check->lost[i], 0, name);
            entry.is = entry_read(name);
            check->entry = &entry;
            if (!found[i]) {
                suspect_lost(check);
            }
        }
    }
    check->entry = NULL;
    free(found);
    check->lost_count = 0;
}

/* --- in failed/ --- */

static void look_in_failed(struct check *check, const struct check_entry *entry)
{
    const struct id *id = &entry->is.id;
    unsigned first = check_version_from(check, id, 1, VERSIONS_PROBED);

    if (check_there(check, FOLDER_DONE, ENTRY_JOB, id, 0, NULL)) {
        check_suspect(check, CHECK_JOB_TWICE, "is in done/, too");
        return;
    }
    if (first != 0 && check_good_from(check, id, first) != 0) {
        check_suspect(check, CHECK_ANSWERED_FAILED, "has a good output in done/");
    } else if (!check_there(check, FOLDER_FAILED, ENTRY_ERROR, id, 0, NULL)) {
        check_suspect(check, CHECK_FAILED_NO_ERROR, "has no error file beside it");
    }
}

/* --- all --- */

void check_look_job(struct check *check, const struct check_entry *entry)
{
    struct stat status;

    if (!check_file(check, entry, &status)) {
        return;
    }
    if (status.st_nlink > 1) {
        check_suspect(check, CHECK_HARD_LINK, "has %lu names", (unsigned long)status.st_nlink);
    }
    if (!look_at_content(check, entry)) {
        return;
    }
    switch (entry->folder) {
    case FOLDER_CUR:
        look_in_cur(check, entry, &status);
        break;
    case FOLDER_DONE:
        look_in_done(check, entry);
        break;
    default:
        look_in_failed(check, entry);
        break;
    }
}
