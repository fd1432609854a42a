/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * glance: the spool at a glance, as GET /v1/status answers it: gathered in libuv's pool, once for
 * all who ask meanwhile, and kept for a while.
 *
 * Floor: httpd. Bounded on a spool of a million jobs: of folders that the daemon does not count
 * itself no more than TALLY_LIMIT entries are looked at, and what took long is gathered less often.
 */
#ifndef HTTPD_GLANCE_H
#define HTTPD_GLANCE_H

struct front;
struct glance;
struct request;

/* Begins; nothing is read yet. */
struct glance *glance_open(struct front *front);

/* Answers the request, at once or when it was gathered: whole, or without what tells of others'
 * jobs for a caller who may see his own alone. */
void glance_answer(struct glance *glance, struct request *request);

/* Something was changed just now: what was gathered until now is not told any more. */
void glance_forget(struct glance *glance);

/* As long as it is held, by work in the pool that will call it, closing waits. */
void glance_hold(struct glance *glance);
void glance_release(struct glance *glance);

/* Lets what is under way end, and frees; no request may wait. NULL is allowed. */
void glance_close(struct glance *glance);

#endif
