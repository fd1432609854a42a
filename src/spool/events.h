/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events: the log of transitions: events/YYYY-MM-DD.jsonl (UTC days), one JSON object a line,
 * appended under an OFD lock because several programs write it.
 *
 * Floor: spool. Lines are gathered in memory and written by events_flush with one write(2) for all
 * of them: the owner calls it before anything that must not be seen without its event. The log is
 * not synced; what it tells can be found again in job, output and error files.
 */
#ifndef SPOOL_EVENTS_H
#define SPOOL_EVENTS_H

#include <jansson.h>
#include <stdint.h>

#include "base/clock.h"
#include "spool/spool.h"

struct events;

/* Opens the log of a spool; at a flush a last line without its newline (another writer died
 * while it was written) is ended with one. spool and clock must outlive it. */
struct events *events_open(const struct spool *spool, const struct clock *clock);

/* Calls heard(context, kind) for each event that is added from now on. */
void events_listen(struct events *events, void (*heard)(void *context, const char *kind),
                   void *context);

/* Adds an event: `time` (now) and `event` (kind) first, then the members of fields (a new reference
 * that is taken over, or NULL) that are not null. */
void events_add(struct events *events, const char *kind, json_t *fields);

/* Writes what was added. Returns 0, or -errno; lines that could not be written are kept and tried
 * again at the next flush, up to 16 MiB, then the oldest are dropped and counted in an event
 * `events_lost`. */
int events_flush(struct events *events);

/* Cuts the last line of each day's file where a crash left it torn: neither ended by a newline nor
 * whole. A file that another program is writing is passed over. *bytes receives how many were cut.
 * Returns 0, or -errno when a file could not be looked at, after all the others were. */
int events_mend(const struct spool *spool, uint64_t *bytes);

/* Flushes and frees; NULL is allowed. */
void events_close(struct events *events);

#endif
