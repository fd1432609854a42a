/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * units: the jobs of a volume one after the other: by its index or, where that is damaged, by walking
 * through the volume itself.
 *
 * Floor: retain.
 */
#ifndef RETAIN_UNITS_H
#define RETAIN_UNITS_H

#include "retain/volume.h"

struct units;

/* Begins. *error tells what is wrong with the index when it cannot be used (ERROR_NONE: nothing); the units
 * then come from the volume, and have no line, state, time or digests. Never NULL. */
struct units *units_open(const struct volume *volume, struct error *error);

/* The next job; what *unit held is freed. Returns 1, 0 at the end, -1 with an error. */
int units_next(struct units *units, struct index_unit *unit, struct error *error);

/* Reads the job: compared with the index, where there is one. Returns 0, or -1 with an error. */
int units_read(struct units *units, const struct index_unit *unit, struct bundle *bundle,
               struct error *error);

/* NULL is allowed. */
void units_close(struct units *units);

#endif
