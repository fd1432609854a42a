/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * records: reading what the spool holds of a job: its file, its state, its outputs, its error file.
 *
 * Floor: client. Reads only; everything returned is the caller's own.
 */
#ifndef CLIENT_RECORDS_H
#define CLIENT_RECORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "spool/spool.h"

/* Any file of a folder that is a JSON object, or NULL with an error (ERROR_ABSENT: there is none).
 */
json_t *records_load(const struct spool *spool, enum folder folder, const char *name,
                     struct error *error);

/* The output of a version (0: the latest good one; the latest of any status when none is good).
 * NULL with an error (ERROR_ABSENT) when there is none. *version receives its number unless NULL.
 */
json_t *records_output(const struct spool *spool, const struct id *id, unsigned version,
                       unsigned *found, struct error *error);

/* The lowest and highest versions in done/, both 0 for none. */
int records_versions(const struct spool *spool, const struct id *id, unsigned *lowest,
                     unsigned *highest);

/* failed/ID.error.json, or NULL with an error. */
json_t *records_error(const struct spool *spool, const struct id *id, struct error *error);

/* The error file of a file that was dropped as new/NAME by one of our commands and refused (the daemon
 * keeps such files under names of its own), or NULL when there is none. Reads all of failed/. */
json_t *records_refusal(const struct spool *spool, const char *name);

/* The job's file from cur/, done/ or failed/, or NULL with an error. */
json_t *records_job(const struct spool *spool, const struct id *id, struct error *error);

/* cur/ID.state.json, or NULL when there is none. */
json_t *records_state(const struct spool *spool, const struct id *id);

/* Why a job of cur/ may wait by itself. */
struct waiting {
    bool held;
    const char *hold; /* user, doubt, poison, budget; NULL: not held */
    int64_t due_ms;   /* wall ms: the later of not_before and the next try; 0: at once */
};
int records_waiting(const struct spool *spool, const struct id *id, struct waiting *waiting);

/* The word in failed/ID.error.json: failed, cancelled, expired (failed when it cannot be read). */
const char *records_failed_state(const struct spool *spool, const struct id *id);

/* A member of one of these that is a time, as wall ms; 0 when it is absent, null or no time. */
int64_t records_time(const json_t *object, const char *key);

/* state/status.json as the daemon last wrote it, or NULL when there is none. */
json_t *records_status(const struct spool *spool);

/* Why the job with this model, type (NULL: chat) and provider (NULL: none named) does not move, as a sentence's end
 * ("gate: 429 until 12:00:03", "no daemon runs on this spool", "paused", …), or NULL when nothing
 * keeps it. The caller frees it. loud tells whether a person must do something about it. */
char *records_obstacle(const struct spool *spool, const char *model, const char *type,
                       const char *provider, bool *loud);

#endif
