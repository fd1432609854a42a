/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intake: new/: finding what was dropped, reading it safely, handing jobs to admit and lists to list.
 *
 * Floor: daemon. Works in small portions between the loop's other business; correctness comes from
 * scanning the folder, hints only make it quick.
 */
#ifndef DAEMON_INTAKE_H
#define DAEMON_INTAKE_H

#include <stdbool.h>

#include "daemon/core.h"

struct intake *intake_open(struct core *core);
void intake_close(struct intake *intake);

/* A hint: this name arrived in new/. */
void intake_hint(struct intake *intake, const char *name);

/* Look at all of new/, from the beginning. Returns what to ask intake_taken for, to learn whether all
 * is taken that is there now. */
unsigned long intake_scan(struct intake *intake);

/* Does a portion of the work. Returns whether there is more to do at once. */
bool intake_work(struct intake *intake);

/* Nothing is being looked at, and nothing of it is on its way into cur/ (what must be looked at again
 * later may still lie there). */
bool intake_idle(const struct intake *intake);

/* Whether as many full looks at new/ have ended, and all that was found until then is taken. What is
 * found later does not matter, so this comes true however much is being dropped. */
bool intake_taken(const struct intake *intake, unsigned long scans);

/* Files that wait in new/ because they cannot be taken yet, and why the last of them does ("" when
 * there is none). */
size_t intake_waiting(const struct intake *intake, const char **reason);

#endif
