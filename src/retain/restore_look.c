/* SPDX-License-Identifier: GPL-2.0-or-later */
/* restore_look: whether an archived job may come back into the spool. */
#include "retain/restore_look.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spool/file.h"
#include "spool/unit.h"

static bool exists(const struct spool *spool, enum folder folder, enum entry_kind kind,
                   const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, 0, name);
    /* What cannot be looked at is taken for there: nothing is done then. */
    return faccessat(spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

enum restore_end restore_look(const struct spool *spool, const struct id *id)
{
    if (exists(spool, FOLDER_CUR, ENTRY_JOB, id)) {
        return RESTORE_ACTIVE;
    }
    return exists(spool, FOLDER_DONE, ENTRY_JOB, id) || exists(spool, FOLDER_FAILED, ENTRY_JOB, id)
               ? RESTORE_THERE
               : RESTORE_DONE;
}

/* Whether an output without its job, left by an accident, is the one that is to be there. */
static bool same_output(const struct spool *spool, const struct bundle *bundle, unsigned version)
{
    char name[ENTRY_NAME_SIZE];
    struct buffer text = {0};
    bool same = false;

    entry_write(ENTRY_OUTPUT, &bundle->id, version, name);
    if (file_read_at(spool->dir[FOLDER_DONE], name, SIZE_MAX, &text, NULL) < 0) {
        return faccessat(spool->dir[FOLDER_DONE], name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
    }
    for (size_t i = 1; i < bundle->count && !same; i++) {
        same = bundle->files[i].entry.version == version &&
               bundle->files[i].length == text.length &&
               memcmp(bundle_bytes(bundle, i), text.bytes, text.length) == 0;
    }
    buffer_free(&text);
    return same;
}

/* Outputs without a job keep their numbers: who has other ones is not touched. */
static enum restore_end look_outputs(const struct spool *spool, const struct bundle *bundle)
{
    unsigned lowest, highest = 0;

    if (unit_versions(spool, &bundle->id, &lowest, &highest) < 0) {
        return RESTORE_BUSY;
    }
    for (unsigned version = highest; version > 0 && version >= lowest; version--) {
        if (!same_output(spool, bundle, version)) {
            return RESTORE_THERE;
        }
    }
    return RESTORE_DONE;
}

/* Finishes what another began to delete or to restore and was killed, in both folders. */
static enum restore_end clear_gone(const struct spool *spool, const struct id *id)
{
    static const enum folder folders[] = {FOLDER_FAILED, FOLDER_DONE};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct unit unit;
        int result = unit_lock(spool, folders[i], id, &unit);

        if (result == 0 && unit.gone) {
            result = unit_finish_gone(&unit);
            unit_unlock(&unit);
        } else if (result == 0) {
            unit_unlock(&unit);
            return RESTORE_THERE;
        }
        if (result < 0 && result != -ENOENT) {
            return RESTORE_BUSY;
        }
    }
    return RESTORE_DONE;
}

enum restore_end restore_may(const struct spool *spool, const struct bundle *bundle)
{
    enum restore_end end = restore_look(spool, &bundle->id);

    if (end == RESTORE_DONE) {
        end = clear_gone(spool, &bundle->id);
    }
    return end == RESTORE_DONE ? look_outputs(spool, bundle) : end;
}
