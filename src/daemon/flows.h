/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flows: jobs that wait for others: taken, waited for in memory by name and ID, resolved and dropped when
 * their parents have ended.
 *
 * Floor: daemon. What lies in flows/ is all that counts: the index is made of it at the start. An end
 * costs as much as jobs wait for it, and nothing is looked through. Beneath it flow_group does the file
 * work in the pool, flow_end ends steps that are never asked, flow_take takes new ones.
 */
#ifndef DAEMON_FLOWS_H
#define DAEMON_FLOWS_H

#include "daemon/admit.h"
#include "daemon/core.h"
#include "job/job.h"

struct flows *flows_open(struct core *core);

/* It must be idle; NULL is allowed. */
void flows_close(struct flows *flows);

/* Reads flows/ when all of cur/ is known. A flow that is damaged is told and left. Returns 0, or -1 with an
 * error. */
int flows_recall(struct flows *flows, struct error *error);

/* Takes a job that is after others: it waits in a flow of its own. Takes job and drop over, as admit
 * does. */
void flows_take_job(struct flows *flows, struct job *job, struct drop *drop);

/* Takes a flow (flow_is). The drop is taken over and told; false: it is refused, with reason and error, and
 * the drop is still the caller's. */
bool flows_take(struct flows *flows, json_t *document, const struct job_context *context,
                struct drop *drop, struct error *error);

/* A job ended, or a drop of it was answered: who waits for its ID, or for one of its names, goes on. names
 * is an array or NULL, name another one or NULL. */
void flows_ended(struct flows *flows, const struct id *id, const char *status, const char *name,
                 const json_t *names);

/* Ends what waits of a flow as cancelled, and lists its jobs that are in the spool. owner limits it to a
 * user's flows; NULL: everybody's. Returns whether nothing is left to do. */
bool flows_cancel(struct flows *flows, const char *name, const char *owner,
                  void (*job)(void *context, const struct id *id), void *context);

/* Has the steps of a flow that depend on these jobs, which are being asked again, resolved again when these
 * have ended. A flow that has not ended is left until then. Returns whether nothing is left to do. */
bool flows_again(struct flows *flows, const char *name, const char *owner, const struct id *ids,
                 size_t count);

/* ctl/ changed: a flow that was held may be so no more. */
void flows_look_at_holds(struct flows *flows);

/* Whether what lies in failed/ under an ID is a job that was never asked, as it waited for others: it is not to
 * be sent as it is. */
bool flows_unresolved(struct core *core, const struct id *id);

/* Takes such a job out of failed/. Returns 0, also where there is none, or -EAGAIN when another hand has it. */
int flows_forget_unresolved(struct core *core, const struct id *id);

/* Goes on; called in each turn of the loop. */
void flows_work(struct flows *flows);

/* Steps that have not become jobs, and whether something is being done for one. */
size_t flows_waiting(const struct flows *flows);
bool flows_idle(const struct flows *flows);

/* Whether nothing is in other hands and all is written: the daemon may leave. */
bool flows_quiet(const struct flows *flows);

/* Whether a job that is after others would wait for itself, by way of those that wait by now. Returns false
 * then, with *reason and an error that names the way. */
bool flows_allow(struct flows *flows, const struct job *job, const char **reason,
                 struct error *error);

#endif
