/* SPDX-License-Identifier: GPL-2.0-or-later */
/* move: changing the folder of an entry. */
#include "spool/move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "spool/file.h"

enum { FRESH_TRIES = 8 };

int move_by_link(int from_dir, const char *from, int to_dir, const char *to)
{
    if (linkat(from_dir, from, to_dir, to, 0) != 0) {
        return -errno;
    }
    /* The move has happened; a name left behind is the same inode in an earlier folder, and the
     * later folder counts. */
    (void)unlinkat(from_dir, from, 0);
    return 0;
}

int move_noreplace(int from_dir, const char *from, int to_dir, const char *to)
{
    if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS && errno != EXDEV) {
        return -errno;
    }
    return move_by_link(from_dir, from, to_dir, to);
}

/* Puts an entry into a folder under a name that is not there yet and means there what name does:
 * a job or a list in new/ by its ending, an order in ctl/ by its beginning. */
static int move_fresh(const struct spool *spool, enum folder from, const char *entry,
                      enum folder to, const char *name)
{
    int result = -EEXIST;
    for (int i = 0; i < FRESH_TRIES && result == -EEXIST; i++) {
        char unique[RANDOM_NAME_SIZE];
        char fresh[NAME_LIMIT];
        random_name(unique);
        if (to == FOLDER_NEW) {
            const char *end = drop_read(name) == DROP_LIST ? ".jsonl" : ".json";
            snprintf(fresh, sizeof fresh, "%s%s", unique, end);
        } else {
            int keep = NAME_LIMIT - RANDOM_NAME_SIZE - 1;
            snprintf(fresh, sizeof fresh, "%.*s.%s", keep, name, unique);
        }
        result = move_noreplace(spool->dir[from], entry, spool->dir[to], fresh);
    }
    return result;
}

int move_back_to_new(const struct spool *spool, enum folder from, const char *name)
{
    return move_fresh(spool, from, name, FOLDER_NEW, ".json");
}

/* Returns 0 when dir/name is the expected inode, -ESTALE when it is another, or -errno. */
static int compare(int dir, const char *name, const struct stat *expected)
{
    struct stat found;
    if (fstatat(dir, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return -errno;
    }
    return file_same(&found, expected) ? 0 : -ESTALE;
}

static int put_back(const struct spool *spool, const char *temp, enum folder to, const char *name)
{
    int result = move_noreplace(spool->dir[FOLDER_TMP], temp, spool->dir[to], name);
    return result == -EEXIST ? move_fresh(spool, FOLDER_TMP, temp, to, name) : result;
}

int move_out(const struct spool *spool, enum folder from, const char *name,
             const struct stat *expected)
{
    /* Looked at before, so that what is another file already never leaves its folder at all; and
     * after, for a file that took the name in between. */
    int result = compare(spool->dir[from], name, expected);
    if (result != 0) {
        return result;
    }
    char temp[TEMP_NAME_SIZE];
    temp_name_write(temp);
    if (renameat(spool->dir[from], name, spool->dir[FOLDER_TMP], temp) != 0) {
        return -errno;
    }
    result = compare(spool->dir[FOLDER_TMP], temp, expected);
    if (result == -ESTALE) {
        int back = put_back(spool, temp, from, name);
        return back != 0 ? back : -ESTALE;
    }
    if (result == 0 && unlinkat(spool->dir[FOLDER_TMP], temp, 0) != 0) {
        result = -errno;
    }
    return result;
}

int move_link(const struct spool *spool, enum folder folder, const char *name, const char *target)
{
    int tmp = spool->dir[FOLDER_TMP];
    char temp[TEMP_NAME_SIZE];
    temp_name_write(temp);
    if (symlinkat(target, tmp, temp) != 0) {
        return -errno;
    }
    if (renameat(tmp, temp, spool->dir[folder], name) != 0) {
        int problem = -errno;
        (void)unlinkat(tmp, temp, 0);
        return problem;
    }
    return 0;
}
