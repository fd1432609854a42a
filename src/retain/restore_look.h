/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_look: whether an archived job may come back into the spool. The inner side of restore.
 *
 * Floor: retain.
 */
#ifndef RETAIN_RESTORE_LOOK_H
#define RETAIN_RESTORE_LOOK_H

#include "retain/restore.h"

/* RESTORE_DONE when neither the job nor another output of it is in the spool, or why it must not come.
 * What was left half deleted or half restored of it is finished first. */
enum restore_end restore_may(const struct spool *spool, const struct bundle *bundle);

#endif
