/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list_parts: what list.c, which has the lines, and list_run.c, which has what comes before the first of them is
 * taken, share.
 *
 * Floor: daemon. Included by these two alone.
 */
#ifndef DAEMON_LIST_PARTS_H
#define DAEMON_LIST_PARTS_H

#include "daemon/batch_file.h"
#include "daemon/list.h"
#include "daemon/manifest.h"
#include "job/job.h"

/* A list that names a run is read twice: its manifest is durable before its first job is accepted. */
enum list_stage {
    LIST_BEGIN,
    LIST_GATHERING, /* reading for the manifest */
    LIST_ENTERING,  /* a batch's run is being made */
    LIST_WRITING,   /* the manifest is being written */
    LIST_LIMITING,  /* what the run may cost is being written */
    LIST_FAILED,    /* it could not be: gathered again a second later */
    LIST_TAKING,    /* lines become jobs */
    LIST_ACCEPTED,  /* that all of a batch did is being noted */
};

struct list {
    struct core *core;
    char *name;
    char *owner;
    bool trusted;
    struct templates *templates; /* of this list: all its lines are expanded with the same */
    struct take take;
    struct buffer text;
    enum list_stage stage;
    struct manifest_header header;
    struct batch_file *batch;  /* its lines are a batch's; or NULL */
    struct manifest *manifest; /* while gathering and writing */
    struct limit *limit;       /* while limiting */
    size_t body;     /* where the jobs begin: behind the run's line, if there is one */
    size_t position; /* of the next line in text */
    size_t number;   /* of that line, from 1 */
    size_t pending;  /* lines handed on and not ended */
    size_t again;    /* lines of this pass that must be looked at again */
    size_t *later;   /* start and number of those lines, in pairs */
    size_t later_capacity;
    size_t *pass;    /* the pairs that this pass looks at; NULL in the first pass, which reads on */
    size_t pass_count;
    size_t pass_at;
    bool attachment; /* a line of this pass waits for one */
    bool left;
    bool noted;   /* the batch's record says that all lines are accepted or answered */
    bool put_off; /* it stays in new/, to be looked at again */
};

/* Waits for a list's max_cost to be durable; the list may go meanwhile. */
struct limit {
    struct list *list; /* NULL: it went */
};

/* Bytes of the line that begins there, its newline left out; whether a line has nothing in it. */
size_t list_line_length(const struct list *list, size_t start);
bool list_line_blank(const char *text, size_t length);

/* What completes a job of the list. */
struct job_context list_context(const struct list *list, const char **reason);

/* The job of the line that begins there, or NULL. */
struct job *list_line_read(struct list *list, size_t start, const char **reason,
                           struct error *error);

/* Whether a job may come in: by the rules, and where it is to take another's place because it says whose. */
bool list_line_allowed(const struct list *list, const struct job *job, const char **reason,
                       struct error *error);

/* When the list was submitted, wall ms. */
int64_t list_submitted(const struct list *list);

/* The first turn of a list: whether it names a run, and whether it is a batch. */
void list_begin(struct list *list);

/* Reads for the manifest, from the first job on; then some lines at a time. Returns whether there are more. */
void list_gather_from(struct list *list);
bool list_gather(struct list *list);

#endif
