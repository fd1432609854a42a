/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * await: requests that wait until a job has ended.
 *
 * Floor: httpd. They are few enough to be looked at one by one, several times a second.
 */
#ifndef HTTPD_AWAIT_H
#define HTTPD_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "httpd/jobs.h"

struct await;

struct await *await_new(struct jobs *jobs);

/* Frees it; nobody may wait. */
void await_free(struct await *await);

/* Lets a request wait for the end of a job, at most so long; then found is called with it as it is
 * by then. When too many wait already, the request is answered. */
void await_add(struct await *await, struct request *request, const struct id *id, int64_t wait_ms,
               jobs_found *found);

/* Something may have happened to this job. */
void await_hint(struct await *await, const struct id *id);

#endif
