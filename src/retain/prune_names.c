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
#include "spool/file.h"
#include "spool/move.h"

enum { TARGET_SIZE = 16 + ENTRY_NAME_SIZE };

/* Leads a name to the newest good output of its job: made beside it and put in its place, as long as
 * it leads where it led. */
static int lead_anew(const struct pruning *pruning, const char *name, const char *target,
                     const struct id *id, unsigned version)
{
    char entry[ENTRY_NAME_SIZE], fresh[TARGET_SIZE];
    int result = remove_link(pruning->spool, name, target);

    if (result <= 0) {
        return result;
    }
    entry_write(ENTRY_OUTPUT, id, version, entry);
    snprintf(fresh, sizeof fresh, "../%s/%s", folder_name(FOLDER_DONE), entry);
    if (symlinkat(fresh, pruning->spool->dir[FOLDER_BY_NAME], name) < 0 && errno != EEXIST) {
        return -errno;
    }
    return 0;
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
    if (finished_read(pruning->spool, FOLDER_DONE, &entry.id, false, &finished) == 0) {
        result = finished.version != 0 && finished.version != entry.version
                     ? lead_anew(pruning, name, target, &entry.id, finished.version)
                     : 0;
        finished_clear(&finished);
        return result;
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
