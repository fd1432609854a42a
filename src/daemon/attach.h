/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach: attachments: taken from new/ into blobs/, waited for by the jobs that name them, marked as
 * used by these, and read when a request is built.
 *
 * Floor: daemon. What lies in blobs/ is spool's blob; what goes from there, retain's blobs.
 */
#ifndef DAEMON_ATTACH_H
#define DAEMON_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core.h"
#include "provider/provider.h"
#include "spool/take.h"

struct attach;

struct attach *attach_open(struct core *core);

/* Frees it; it must be idle. NULL is allowed. */
void attach_close(struct attach *attach);

/* Whether no file is being taken. */
bool attach_idle(const struct attach *attach);

/* Takes new/NAME, opened as take, which stays the caller's, into blobs/: one after the other, in a
 * thread. ended is called on the loop with what blob_accept said; both texts must live until then. */
void attach_take(struct attach *attach, const char *name, const struct take *take,
                 void (*ended)(void *context, int result), void *context);

enum attach_end {
    ATTACH_HERE,  /* all are there; the job was told their sizes */
    ATTACH_LATER, /* one is not there yet; attach_reason says which */
    ATTACH_NEVER, /* one did not come in time, or they are too large */
};

/* Looks for the attachments of a job that was dropped at a time; one that is a line keeps other lists
 * waiting and has less patience. */
enum attach_end attach_look(struct attach *attach, struct job *job, int64_t submitted, bool line,
                            struct error *error);

/* Why the last job waits. */
const char *attach_reason(const struct attach *attach);

/* Tells a job that was read from cur/ the sizes of its attachments. */
void attach_measure(struct core *core, struct job *job);

/* Adds the marks that a job uses its attachments to the publication that makes it durable, before its
 * own file; and makes those anew that are missing once it is in cur/: who removes unused attachments
 * takes a mark away before he looks for its job, so one of the two sees the other. */
void attach_use(struct core *core, const struct job *job, struct publication *publication);
void attach_confirm(struct core *core, const struct job *job);

/* As struct provider's build, with the bytes of the job's attachments in their places. The error is of
 * kind ERROR_ABSENT when one is gone or damaged, and of ERROR_SYSTEM when it cannot be read now. */
int attach_build(struct core *core, const struct provider *protocol, const struct job *job,
                 const struct provider_ask *ask, struct provider_request *request,
                 struct error *error);

#endif
