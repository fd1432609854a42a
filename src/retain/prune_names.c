/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prune_names: links of by-name/ whose file was deleted: those that no record tells of, and those that
 * led to an old version. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "retain/prune_parts.h"
#include "retain/store.h"
#include "spool/file.h"

enum { TARGET_SIZE = 16 + ENTRY_NAME_SIZE };

static bool leads_to(int dir, const char *name, const char *target)
{
    char found[TARGET_SIZE];
    ssize_t length = readlinkat(dir, name, found, sizeof found - 1);

    return length >= 0 && (size_t)length == strlen(target) &&
           memcmp(found, target, (size_t)length) == 0;
}

/* Puts tmp/aside in the place of the link, as long as that leads to target. The two are exchanged, so that a
 * link that llmspoold led elsewhere just now is seen and put back, and at no time there is none. */
static int replace_link(const struct spool *spool, const char *aside, const char *name,
                        const char *target)
{
    int links = spool->dir[FOLDER_BY_NAME], tmp = spool->dir[FOLDER_TMP];
    int result = renameat2(tmp, aside, links, name, RENAME_EXCHANGE);

    if (result == 0 && !leads_to(tmp, aside, target)) {
        result = renameat2(tmp, aside, links, name, RENAME_EXCHANGE);
    } else if (result < 0 && (errno == EINVAL || errno == ENOSYS) &&
               leads_to(links, name, target)) {
        result = renameat(tmp, aside, links, name); /* a file system that cannot */
    }
    return result < 0 ? -errno : 0;
}

/* Leads a name to the newest good output of its job. */
static int lead_anew(const struct pruning *pruning, const char *name, const char *target,
                     const struct id *id, unsigned version)
{
    int tmp = pruning->spool->dir[FOLDER_TMP], result;
    char entry[ENTRY_NAME_SIZE], fresh[TARGET_SIZE], aside[STORE_TEMP_SIZE];

    entry_write(ENTRY_OUTPUT, id, version, entry);
    snprintf(fresh, sizeof fresh, "../%s/%s", folder_name(FOLDER_DONE), entry);
    store_temp_write(aside);
    if (symlinkat(fresh, tmp, aside) < 0) {
        return -errno;
    }
    result = replace_link(pruning->spool, aside, name, target);
    (void)unlinkat(tmp, aside, 0);
    return result == -ENOENT ? 0 : result; /* the name went meanwhile */
}

/* A link into done/ or failed/ that leads nowhere. */
static int mend(struct pruning *pruning, const char *name, const char *target)
{
    struct entry entry = entry_read(strrchr(target, '/') + 1);
    struct finished finished;
    int result;

    if (entry.kind == ENTRY_OTHER) {
        return 0; /* nothing that we made: llmspool-check tells */
    }
    result = finished_read(pruning->spool, FOLDER_DONE, &entry.id, false, &finished);
    if (result == 0) {
        result = finished.version != 0 && finished.version != entry.version
                     ? lead_anew(pruning, name, target, &entry.id, finished.version)
                     : 0;
        finished_clear(&finished);
        return result;
    }
    if (result != -ENOENT) {
        return result; /* that it cannot be seen does not say that it is gone */
    }
    result = remove_link(pruning->spool, name, target);
    pruning->report->names += result > 0;
    return result < 0 ? result : 0;
}

static bool leads_nowhere(const struct pruning *pruning, const char *name,
                          char target[TARGET_SIZE])
{
    static const char *const starts[] = {"../done/", "../failed/"};
    int dir = pruning->spool->dir[FOLDER_BY_NAME];
    ssize_t length = readlinkat(dir, name, target, TARGET_SIZE - 1);

    if (length < 0) {
        return false;
    }
    target[length] = '\0';
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (strncmp(target, starts[i], strlen(starts[i])) == 0) {
            return faccessat(dir, target, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
        }
    }
    return false;
}

int prune_names(struct pruning *pruning)
{
    DIR *list = file_list(pruning->spool->dir[FOLDER_BY_NAME]);
    const struct dirent *found;
    int result = list != NULL ? 0 : -errno;

    while (result == 0 && (result = file_list_next(list, &found)) == 0 && found != NULL) {
        char target[TARGET_SIZE];

        if (leads_nowhere(pruning, found->d_name, target)) {
            result = mend(pruning, found->d_name, target);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return result < 0 ? prune_fail(pruning, result, "by-name") : 0;
}
