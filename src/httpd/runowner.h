/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runowner: whose a run is: its first job's, of those that are still there.
 *
 * Floor: httpd. Reads only.
 */
#ifndef HTTPD_RUNOWNER_H
#define HTTPD_RUNOWNER_H

#include "base/error.h"
#include "spool/spool.h"

enum run_owner {
    RUN_NONE, /* there is no such run, or nothing in it yet */
    RUN_OWN,
    RUN_FOREIGN, /* another's, or it cannot be read */
    RUN_UNTAKEN, /* its jobs are in none of the folders, yet or any more */
};

/* How a run is to a user. first is filled where it is RUN_UNTAKEN: the first of its jobs. */
enum run_owner runowner_of(const struct spool *spool, const char *run, const char *user,
                           struct id *first);

/* For a user who may see his own alone: returns 0 where it is RUN_OWN, else -1 with the error of a
 * run that is not there. */
int runowner_check(const struct spool *spool, const char *run, const char *user,
                   struct error *error);

#endif
