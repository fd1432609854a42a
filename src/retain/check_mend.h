/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_mend: mending what check found, as far as that needs no guess.
 *
 * Floor: retain. Beneath check. The caller owns the spool (spool_own). Every step is durable before
 * the next one relies on it, and each leaves what a second run takes up: kill it anywhere. Nothing
 * that may hold an answer is deleted: it is moved to failed/ under a name of its own, with an error
 * file that says why.
 */
#ifndef RETAIN_CHECK_MEND_H
#define RETAIN_CHECK_MEND_H

#include "retain/check_topic.h"

/* Looks again at what is suspected, under the unit lock where it belongs to a unit, and mends it.
 * Returns 1 with *done (a phrase, the caller's to free) when it was mended; 0 when it is not there
 * any more; -1 when it is left, with an error where mending was tried. */
int check_mend(struct check *check, const struct suspicion *suspicion, char **done,
               struct error *error);

#endif
