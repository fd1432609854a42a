/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * again: taking finished work back into cur/: a retry from failed/, a rerun from done/.
 *
 * Floor: daemon. In both the state file is durable first, then the job moves; a crash between leaves
 * a state file without a job, which goes at the next start.
 */
#ifndef DAEMON_AGAIN_H
#define DAEMON_AGAIN_H

#include <stdbool.h>

#include "daemon/core.h"
#include "job/job.h"
#include "spool/unit.h"

/* Finds the unit of an ID in failed/ or done/ and locks it; one left half deleted is finished first.
 * Returns 0 with *unit locked, -ENOENT when neither folder has it, -EAGAIN when another hand has it,
 * or another -errno. */
int again_find(struct core *core, const struct id *id, struct unit *unit);

/* Reads a record as JSON: an output of done/ (ENTRY_OUTPUT) or an error file (ENTRY_ERROR). Returns 0 with
 * a new reference, or -errno. */
int again_record(struct core *core, enum folder folder, enum entry_kind kind, const struct id *id,
                 unsigned version, json_t **record);

/* The newest output of an ID. */
struct newest {
    unsigned version;   /* highest number, 0: none */
    int64_t submitted;  /* of that version, wall ms */
    unsigned good;      /* highest number with status completed, 0: none */
    int64_t finished;   /* of the good one */
    bool mock;          /* the good one came from llmspool-mock */
};

/* Reads it from the outputs in done/. Returns 0 or -errno. */
int again_newest(struct core *core, const struct id *id, struct newest *newest);

/* What failed/ID.error.json says: when the job failed (wall ms), its run, tries and attempts (a new
 * reference). Returns 0 or -errno (-ENOENT: no error file). */
struct failure {
    int64_t finished;
    unsigned run;
    unsigned tries;
    json_t *record;
};
int again_failure(struct core *core, const struct id *id, struct failure *failure);

/* What must be remembered of a job that is new to cur/, failed/ and done/ and yet not new: outputs without a
 * job, and those that are archived, keep their numbers; an error file without a job keeps its attempts
 * (*failed then, and when the job is accepted the file goes by again_forget_failure). *memory is NULL
 * when there is nothing. Returns 0 or -errno. */
int again_remembered(struct core *core, const struct id *id, int64_t submitted,
                     struct state **memory, bool *failed);
void again_forget_failure(struct core *core, const struct id *id);

/* Whether the job of a locked unit is user's; a user of NULL is everybody. */
bool again_user_is(struct core *core, const struct unit *unit, const char *user);

/* Called when the job is back in cur/ (ok), or could not be taken back. */
typedef void again_done(void *context, bool ok);

/* Takes the locked unit of failed/ or done/ back as a job submitted at a time. duplicate, borrowed for the
 * call, is the drop that asked for it and widens it; NULL for an order. It stays in the run that its
 * record names, else it is in in_run (or NULL: in none). The lock is taken over. */
void again_take(struct core *core, struct unit *unit, int64_t submitted,
                const struct job *duplicate, const char *in_run, again_done *done, void *context);

#endif
