/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listing: GET /v1/jobs: the jobs that a query selects, a page at a time.
 *
 * Floor: httpd. In the pool, one page at a time, each in bounded memory and time: a page may end before it is
 * full, with a cursor that goes on.
 */
#ifndef HTTPD_LISTING_H
#define HTTPD_LISTING_H

#include "httpd/jobs.h"

struct listing;

struct listing *listing_new(struct jobs *jobs);
void listing_free(struct listing *listing);

#endif
