/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * derive: new jobs made of old ones with some values changed, which take the old ones' places in their
 * runs.
 *
 * Floor: client. All are made and checked before the first is dropped. They are dropped as lists, one or
 * more for each run (spool-layout/README, Lists), and made anew for that, so that no more than one
 * list's text is in memory.
 */
#ifndef CLIENT_DERIVE_H
#define CLIENT_DERIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/change.h"
#include "spool/spool.h"

struct derivation;

/* Begins without jobs; spool and changes must outlive it. */
struct derivation *derive_new(const struct spool *spool, const struct changes *changes,
                              struct wall now);

/* Makes the new job of an old one. Returns 0, or -1 with an error: the old one cannot be read, the
 * change makes no job of it (ERROR_DATA), or the same job (ERROR_DATA). */
int derive_add(struct derivation *derivation, const struct id *old, struct error *error);

/* Finds the places of the old jobs in all runs. Returns 0, or -1 with an error. */
int derive_places(struct derivation *derivation, struct error *error);

/* Drops the new jobs durably. Returns 0, or -1 with an error: some may have been dropped then, and to
 * do all again does no harm. */
int derive_drop(const struct derivation *derivation, struct error *error);

/* One new job. */
struct derived {
    struct id old;
    struct id id;
};

/* The number-th new job (from 0), or NULL; and the name of the number-th run in which it takes a place,
 * or NULL. */
const struct derived *derive_job(const struct derivation *derivation, size_t number);
const char *derive_run(const struct derivation *derivation, size_t job, size_t number);

/* How many of the new jobs take places in a run; runs are numbered from 0, *name is NULL behind the
 * last. */
size_t derive_run_size(const struct derivation *derivation, size_t run, const char **name);

/* Frees it; NULL is allowed. */
void derive_free(struct derivation *derivation);

#endif
