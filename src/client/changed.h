/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * changed: templates that are others than when a run used them last, so that who submits hears that
 * what was answered is asked anew.
 *
 * Floor: client. What a run was made with stands in the metadata of its manifest's first lines: the
 * CHANGED_RUNS newest runs are looked at, once for a template; no job of theirs is.
 */
#ifndef CLIENT_CHANGED_H
#define CLIENT_CHANGED_H

#include <stdio.h>

#include "job/job.h"
#include "spool/spool.h"

enum { CHANGED_RUNS = 200 };

struct changed;

/* spool must outlive it. */
struct changed *changed_new(const struct spool *spool);

/* Frees it; NULL is allowed. */
void changed_free(struct changed *changed);

/* Takes note of a job before it is dropped: whether its template changed, and whether the spool has
 * it. Does nothing for one without a template. */
void changed_note(struct changed *changed, const struct job *job);

/* Says a line for each template that changed: "template shout changed since run night: 3 of 5 jobs
 * are new". */
void changed_tell(const struct changed *changed, const char *program, FILE *out);

#endif
