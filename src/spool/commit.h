/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit: the file work of one group commit, done in pool threads. The inner side of publish.
 *
 * Floor: spool. Ownership takes the place of locks. The loop builds publications and hands them to
 * a commit; from then on until commit_work of the last worker has returned, they and the commit
 * belong to the workers, and the loop does not look at them. While files are written each worker
 * touches only the steps of its own slice; the renames and all that follows are done by the worker
 * that finished last, whose acquiring decrement of `left` orders it after all the others. The
 * loop gets everything back through the mutex of libuv's thread pool.
 */
#ifndef SPOOL_COMMIT_H
#define SPOOL_COMMIT_H

#include <stdatomic.h>

#include "spool/publish.h"

enum step_kind {
    STEP_FILE,     /* make a file and rename it */
    STEP_EXISTING, /* sync a file that is there and rename it */
    STEP_SYNC,     /* sync the data of a file that is there */
    STEP_FOLDER,   /* sync a folder */
    STEP_SYNC_ALL, /* sync a file that is there, its mode included */
    STEP_LINK,     /* point a symbolic link */
};

/* One thing that a publication asks for. */
struct step {
    enum step_kind kind;
    enum folder folder; /* where it is to be, or to be synced */
    char *name;
    int number;              /* of a file: its place among the publication's files; else -1 */
    enum folder temp_folder; /* of files: where it is written, and under which name */
    char *temp_name;
    struct buffer bytes; /* of STEP_FILE */
    mode_t mode;         /* of STEP_FILE */
    uid_t reader;        /* of STEP_FILE, who may read it besides; 0: nobody */
    bool replace;        /* of files */
    char *target;        /* of STEP_LINK */
    char *only_from;     /* of STEP_LINK, or NULL */
    int fd;              /* open while its batch is being synced, else -1 */
    bool littered;       /* our temporary file lies there */
    int result;          /* of making and syncing: 0 or -errno */
};

/* Who else hears how a publication ends. */
struct hearer {
    publish_done *heard;
    void *context;
};

struct publication {
    struct publication *next; /* in the order of publish_add */
    publish_done *done;
    void *context;
    struct hearer *hearers; /* NULL once they were told */
    size_t hearer_count;
    struct step *steps;
    size_t count;
    size_t capacity;
    int files;       /* numbers given out */
    int result;      /* 0, or -errno of the first step that failed */
    int failed_file; /* its number, or -1 */
};

/* The group that is committed together. */
struct commit {
    const struct spool *spool;
    struct publication *first;
    struct step **synced; /* the steps of all publications that write or sync a file */
    size_t count;
    size_t capacity;
    unsigned workers; /* that share the work */
    atomic_uint left; /* workers that have not written all their files yet */
};

/* Makes *commit the group of the publications in the list, to be done by as many workers as pay, at
 * most `workers`: the caller runs commit_work for each number below commit->workers. The array of
 * the group before is used again. */
void commit_begin(struct commit *commit, struct publication *first, unsigned workers);

/* The share of one worker; the one that ends last also renames, links and syncs the folders. When
 * all workers are through, result and failed_file of each publication are set. */
void commit_work(struct commit *commit, unsigned worker);

/* Frees the array. */
void commit_free(struct commit *commit);

#endif
