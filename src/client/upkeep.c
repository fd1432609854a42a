/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upkeep: see upkeep.h.
 */
#include "client/upkeep.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/records.h"

static const int64_t patience_ms = INT64_C(3) * 24 * 3600 * 1000;

/* When it ran last, wall ms; when it never did, the age of the spool. */
static int64_t last_run(const struct spool *spool, bool *never)
{
    json_t *last = records_load(spool, FOLDER_STATE, "prune.json", NULL);
    int64_t ms = records_time(last, "finished");
    struct stat status;

    json_decref(last);
    *never = ms == 0;
    if (*never && fstatat(spool->root, "spool.json", &status, AT_SYMLINK_NOFOLLOW) == 0) {
        ms = status.st_mtim.tv_sec * INT64_C(1000);
    }
    return ms;
}

json_t *upkeep_read(const struct spool *spool, size_t finished, struct wall now)
{
    char time[TIMETEXT_SIZE];
    bool never;
    int64_t last = last_run(spool, &never);

    if (finished == 0 || now.ms - last < patience_ms) {
        return NULL;
    }
    timetext_write((struct wall){last}, time);
    return json_pack("{s:s, s:b}", "since", time, "never", never);
}

char *upkeep_sentence(const json_t *upkeep, struct wall now)
{
    char age[TIMETEXT_SIZE];

    timetext_write_duration(now.ms - records_time(upkeep, "since"), age);
    if (jsontext_get_bool(upkeep, "never", false)) {
        return xasprintf("llmspool-prune has never run on this spool, which is %s old", age);
    }
    return xasprintf("llmspool-prune ran last %s ago", age);
}
