/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * versions: the outputs of a job, told by a few members of each.
 *
 * Floor: httpd. Outputs may be many and long, so they are read in the pool, for one request at a
 * time.
 */
#ifndef HTTPD_VERSIONS_H
#define HTTPD_VERSIONS_H

#include <sys/stat.h>

#include "httpd/jobs.h"

struct versions;

struct versions *versions_new(struct jobs *jobs);
void versions_free(struct versions *versions);

/* jobs_found: answers with the job's outputs, later. */
void versions_tell(struct request *request, struct brief *brief);

/* Reads an output as it lies there; status may be NULL. Returns 0 or -errno. */
int versions_load(const struct spool *spool, const struct id *id, unsigned version,
                  struct buffer *text, struct stat *status);

#endif
