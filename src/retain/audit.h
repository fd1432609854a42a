/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit: the log of events against what the spool and its archives hold.
 *
 * Floor: retain. Reads only and takes no lock; what is found is looked at again with the events
 * that came meanwhile, so that a daemon and llmspool-prune may run. Memory: 48 bytes for each job
 * that events tell of, and an eighth more while lines are gathered; 32 for each that is suspected,
 * 40 for each that was forgotten.
 *
 * The codes:
 *
 *     audit_lost     an event tells of an answer, none that its job went, and nobody has it
 *     audit_job      the same of a job without an answer
 *     audit_version  the lowest or newest version that events tell of is with nobody
 *     audit_untold   a job is in done/, and no event of the days that are there tells of it
 *     audit_events   lines could not be written (events_lost): the rest may be due to that
 */
#ifndef RETAIN_AUDIT_H
#define RETAIN_AUDIT_H

#include "base/clock.h"
#include "base/error.h"
#include "spool/spool.h"

/* Calls finding for each: file is its path below the spool, message a phrase that follows it; all
 * are valid during the call. now is the time; moment_ms passes between the two looks. Returns 0,
 * whatever was found, or -1 with an error when events, archive/ids or
 * archive/forgotten.jsonl cannot be read, without which nothing can be said. */
int audit_run(const struct spool *spool, struct wall now, int64_t moment_ms,
              void (*finding)(void *context, const char *file, const char *code,
                              const char *message),
              void *context, struct error *error);

#endif
