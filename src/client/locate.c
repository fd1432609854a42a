/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * locate: see locate.h.
 */
#include "client/locate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "client/records.h"

enum { LINK_SIZE = 512, SHOWN_CANDIDATES = 4 };

static DIR *folder_open(const struct spool *spool, enum folder folder)
{
    int fd = openat(spool->dir[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL && fd >= 0) {
        close(fd);
    }
    return dir;
}

/* --- what a person typed ------------------------------------------------------------------------- */

bool locate_version(const char *text, unsigned *version)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (text[0] < '1' || text[0] > '9' || *end != '\0' || number > 999999999) {
        return false;
    }
    *version = (unsigned)number;
    return true;
}

bool locate_cut_version(char *text, unsigned *version)
{
    char *at = strrchr(text, '@');

    *version = 0;
    if (at == NULL) {
        return true;
    }
    if (at[1] != 'v' || !locate_version(at + 2, version)) {
        return false;
    }
    *at = '\0';
    return true;
}

bool locate_is_prefix(const char *text)
{
    size_t length = strlen(text);

    return length >= ID_PREFIX_MIN && length < ID_TEXT_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == length;
}

/* The ID that by-name/NAME leads to. */
static int follow_name(const struct spool *spool, const char *name, struct id *id)
{
    char target[LINK_SIZE];
    ssize_t length = readlinkat(spool->dir[FOLDER_BY_NAME], name, target, sizeof target - 1);
    const char *entry;

    if (length < 0) {
        return -errno;
    }
    target[length] = '\0';
    entry = strrchr(target, '/');
    entry = entry != NULL ? entry + 1 : target;
    *id = entry_read(entry).id;
    return entry_read(entry).kind != ENTRY_OTHER ? 0 : -ENOENT;
}

/* The IDs that begin with a prefix, each once, up to a few. */
struct candidates {
    struct id ids[SHOWN_CANDIDATES];
    size_t count;
};

static void candidate_add(struct candidates *candidates, const struct id *id)
{
    for (size_t i = 0; i < candidates->count; i++) {
        if (id_equal(&candidates->ids[i], id)) {
            return;
        }
    }
    if (candidates->count < SHOWN_CANDIDATES) {
        candidates->ids[candidates->count++] = *id;
    }
}

static void search_folder(const struct spool *spool, enum folder folder, const char *prefix,
                          struct candidates *candidates)
{
    DIR *dir = folder_open(spool, folder);
    const struct dirent *found;
    size_t length = strlen(prefix);

    while (dir != NULL && (found = readdir(dir)) != NULL) {
        struct id id;

        if (strncmp(found->d_name, prefix, length) == 0 && strlen(found->d_name) > 64 &&
            found->d_name[64] == '.') {
            char text[ID_TEXT_SIZE];

            memcpy(text, found->d_name, 64);
            text[64] = '\0';
            if (id_read(text, &id)) {
                candidate_add(candidates, &id);
            }
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static int find_prefix(const struct spool *spool, const char *prefix, struct id *id,
                       struct error *error)
{
    static const enum folder folders[] = {FOLDER_CUR, FOLDER_DONE, FOLDER_FAILED, FOLDER_NEW};
    struct candidates candidates = {.count = 0};
    char shown[2][ID_SHORT_SIZE];

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        search_folder(spool, folders[i], prefix, &candidates);
    }
    if (candidates.count == 0) {
        error_set(error, ERROR_ABSENT, "no job's ID begins with %s", prefix);
        return -1;
    }
    if (candidates.count > 1) {
        id_write_short(&candidates.ids[0], shown[0]);
        id_write_short(&candidates.ids[1], shown[1]);
        error_set(error, ERROR_DATA, "several jobs' IDs begin with %s: %s, %s%s; write more digits",
                  prefix, shown[0], shown[1], candidates.count > 2 ? " …" : "");
        return -1;
    }
    *id = candidates.ids[0];
    return 0;
}

static int find_word(const struct spool *spool, const char *word, struct id *id,
                     struct error *error)
{
    int result;

    if (id_read(word, id)) {
        return 0;
    }
    if (locate_is_prefix(word)) {
        return find_prefix(spool, word, id, error);
    }
    if (!layout_name_ok(word)) {
        error_set(error, ERROR_USAGE,
                  "%s is neither an ID, nor 6 or more of its digits, nor a job's name", word);
        return -1;
    }
    result = follow_name(spool, word, id);
    if (result < 0) {
        error_set(error, ERROR_ABSENT, "no job is named %s", word);
        return -1;
    }
    return 0;
}

int locate_reference(const struct spool *spool, const char *text, struct reference *reference,
                     struct error *error)
{
    char word[NAME_LIMIT];

    if (strlen(text) >= sizeof word) {
        error_set(error, ERROR_USAGE, "%.40s… is too long for a job's ID or name", text);
        return -1;
    }
    strcpy(word, text);
    if (!locate_cut_version(word, &reference->version)) {
        error_set(error, ERROR_USAGE, "%s: what follows @ must be v and a version's number", text);
        return -1;
    }
    return find_word(spool, word, &reference->id, error);
}

/* --- where it is --------------------------------------------------------------------------------- */

static bool job_in(const struct spool *spool, enum folder folder, const struct id *id,
                   struct stat *status)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return fstatat(spool->dir[folder], name, status, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum location look_once(const struct spool *spool, const struct id *id, struct stat *status)
{
    if (job_in(spool, FOLDER_CUR, id, status)) {
        return LOCATION_CUR;
    }
    if (job_in(spool, FOLDER_FAILED, id, status)) {
        return LOCATION_FAILED;
    }
    return job_in(spool, FOLDER_DONE, id, status) ? LOCATION_DONE : LOCATION_NONE;
}

bool locate_pending(const struct spool *spool, const struct id *id)
{
    DIR *dir = folder_open(spool, FOLDER_NEW);
    const struct dirent *found;
    char text[ID_TEXT_SIZE];
    bool pending = false;

    id_write(id, text);
    while (dir != NULL && !pending && (found = readdir(dir)) != NULL) {
        pending = strncmp(found->d_name, text, ID_TEXT_SIZE - 1) == 0 &&
                  drop_read(found->d_name) == DROP_JOB;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return pending;
}

enum location locate_job(const struct spool *spool, const struct id *id, struct stat *status)
{
    struct stat unwanted;
    enum location location;

    if (status == NULL) {
        status = &unwanted;
    }
    location = look_once(spool, id, status);
    if (location != LOCATION_NONE) {
        return location;
    }
    if (locate_pending(spool, id)) {
        return LOCATION_NEW;
    }
    return look_once(spool, id, status);
}

/* The states of cur/, from the mark, the holds and the times that the job and its state file say. */
static const char *state_in_cur(const struct spool *spool, const struct id *id,
                                const struct stat *status)
{
    struct waiting waiting;

    if ((status->st_mode & S_IXUSR) != 0) {
        return "running";
    }
    if (records_waiting(spool, id, &waiting) < 0) {
        return "waiting";
    }
    if (waiting.held) {
        return "held";
    }
    return waiting.due_ms > clock_wall(&clock_system).ms ? "delayed" : "waiting";
}

const char *locate_state(const struct spool *spool, const struct id *id)
{
    struct stat status;

    switch (locate_job(spool, id, &status)) {
    case LOCATION_NEW:
        return "dropped";
    case LOCATION_CUR:
        return state_in_cur(spool, id, &status);
    case LOCATION_DONE:
        return "completed";
    case LOCATION_FAILED:
        return records_failed_state(spool, id);
    case LOCATION_NONE:
        break;
    }
    return NULL;
}
