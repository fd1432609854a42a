/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reasons: why waiting jobs do not move, asked of the spool at most once a second for each kind of job.
 *
 * Floor: httpd. Not for two threads at once.
 */
#ifndef HTTPD_REASONS_H
#define HTTPD_REASONS_H

#include "spool/spool.h"

struct reasons;

/* Begins; spool outlives it. */
struct reasons *reasons_new(const struct spool *spool);

/* Frees it; NULL is allowed. */
void reasons_free(struct reasons *reasons);

/* As records_obstacle: borrowed until the next call, or NULL when nothing keeps such a job. */
const char *reasons_find(struct reasons *reasons, const char *model, const char *type,
                         const char *provider);

#endif
