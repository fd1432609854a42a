/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * survey: what GET /v1/status tells: the overview of llmspool-status with what a page needs
 * besides.
 *
 * Floor: httpd. Reads folders, so it belongs into the pool; shares nothing with the loop's thread
 * but what it is given.
 */
#ifndef HTTPD_SURVEY_H
#define HTTPD_SURVEY_H

#include <jansson.h>

#include "base/clock.h"
#include "base/error.h"
#include "spool/spool.h"

/* Gathers it: the object of overview_read with `now`, `status_age_ms` (of the daemon's own words;
 * null without any), `states` (jobs by state; null where nobody knows), `ages` (of those that wait,
 * by the columns of shape.h: `minutes` below which, `jobs`, `at_least`), and where the daemon does
 * not tell them `disk` and `webhooks`. NULL with an error. */
json_t *survey_read(const struct spool *spool, struct wall now, struct error *error);

/* Takes out what tells of others' jobs. */
void survey_restrict(json_t *survey);

#endif
