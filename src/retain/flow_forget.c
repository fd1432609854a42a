/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_forget: flows/ without what it says of jobs that are forgotten. */
#include "retain/flow_forget.h"

#include <errno.h>
#include <string.h>

#include "retain/flow_record.h"
#include "spool/file.h"

static bool has_one(const struct flow_record *record, const struct idset *jobs)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct flow_entry *entry = &record->steps[i];

        if (idset_has(jobs, &entry->unresolved) || (entry->noted && idset_has(jobs, &entry->id))) {
            return true;
        }
    }
    return false;
}

static int forget_in(const struct spool *spool, const char *name, const struct idset *jobs,
                     struct error *error)
{
    struct flow_record *record = flow_record_read(spool, name, NULL);
    bool has = record != NULL && has_one(record, jobs);
    int result = 0;

    flow_record_free(record);
    if (!has) {
        return 0; /* what is damaged is llmspool-check's */
    }
    result = flow_record_remove(spool, name, true);
    if (result == -EBUSY || result == -EAGAIN) {
        error_set(error, ERROR_LATER,
                  "flow %s has not ended, and one of the jobs is a step of it: cancel it "
                  "(llmspool-ctl cancel --flow %s), then forget again",
                  name, name);
        return -1;
    }
    if (result < 0 && result != -ENOENT && result != -ESTALE) {
        error_system(error, -result, "%s/flows/%s cannot be removed", spool->path, name);
        return -1;
    }
    return 0;
}

int flow_forget(const struct spool *spool, const struct idset *jobs, struct error *error)
{
    DIR *list = file_list(spool->dir[FOLDER_FLOWS]);
    const struct dirent *item = NULL;
    int listed = list != NULL ? 0 : -errno;
    int result = 0;

    while (listed == 0 && result == 0 && (listed = file_list_next(list, &item)) == 0 &&
           item != NULL) {
        if (layout_name_ok(item->d_name)) {
            result = forget_in(spool, item->d_name, jobs, error);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    if (listed < 0) {
        error_system(error, -listed, "%s/flows cannot be listed", spool->path);
        return -1;
    }
    return result;
}
