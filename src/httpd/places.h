/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * places: which positions of a run are taken, in its manifest and by lists in new/ that are not in it
 * yet.
 *
 * Floor: httpd. Reads files: for the pool. What is in new/ is read first, as the daemon takes it away after it
 * has written the manifest.
 */
#ifndef HTTPD_PLACES_H
#define HTTPD_PLACES_H

#include "httpd/submit.h"

/* Which of a run's positions. */
struct places_range {
    const char *run;
    uint64_t first;
    uint64_t count;
};

/* Told of a position that is taken, and the job that has it; id is NULL for a line in new/ whose job is not
 * known. Returns whether to go on. */
typedef bool places_visit(void *context, uint64_t position, const struct id *id);

/* submit completes the jobs in new/, as it did when they were dropped. */
void places_each(const struct submit_context *submit, const struct places_range *range,
                 places_visit *visit, void *context);

#endif
