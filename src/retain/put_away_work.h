/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * put_away_work: what the parts of put_away share: the whole (put_away), choosing units
 * (put_away_choose), writing volumes (put_away_write).
 *
 * Floor: retain. The inner side of put_away; nobody else includes it.
 */
#ifndef RETAIN_PUT_AWAY_WORK_H
#define RETAIN_PUT_AWAY_WORK_H

#include <pthread.h>

#include "retain/gather.h"
#include "retain/ids_write.h"
#include "retain/owed.h"
#include "retain/pick.h"
#include "retain/put_away.h"

/* A volume that is written and is being verified by a thread of its own. */
struct checking {
    bool active;
    pthread_t thread;
    const struct spool *spool;
    struct volume_made made;
    int result;
    struct error error;
};

/* One putting away. */
struct work {
    const struct spool *spool;
    const struct put_away_plan *plan;
    struct put_away_counts *counts;
    uint64_t complaints;
    struct error *error;
    struct wall now;
    struct ids *ids;
    struct owed *owed;
    struct pick pick;
    struct press *press;
    struct gathered unit;       /* the one at hand */
    struct ids_write *entering; /* new archive/ids, or NULL while there is nothing new */
    struct checking checking;
    size_t known;    /* volumes that archive/ids has */
    size_t volumes;  /* and those that were written now */
    unsigned number; /* of the next volume */
    enum folder scanning;
    bool simple; /* nothing but state and age is asked for */
    uint64_t seen;
    char host[STORE_HOST_SIZE];
};

/* Tells a sentence, or how far it is. */
void work_complain(void *work, const char *sentence);
void work_progress(const struct work *work, const char *what, uint64_t done, uint64_t total);

/* Fills the pick with the units of the selection, sorted. Returns 0, or -1 with an error. */
int work_choose(struct work *work);

/* Writes and publishes what is to be archived; the pick then says in which volume each unit is. After a
 * failure (-1 with an error) what was published is in work->entering, and the rest is left as it is. */
int work_write(struct work *work);

#endif
