/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prune_tell: what llmspool-prune did, or would do, in words and as JSON.
 *
 * Floor: client.
 */
#ifndef CLIENT_PRUNE_TELL_H
#define CLIENT_PRUNE_TELL_H

#include <stdbool.h>
#include <stdio.h>

#include "retain/prune.h"

/* Prints the summary, and a line for what should have gone and stays. */
void prune_tell(FILE *out, const struct prune_report *report, bool dry_run);

/* Prints it as one object on a line. */
void prune_tell_json(FILE *out, const struct prune_report *report, bool dry_run);

/* Rewrites the line of progress on a terminal; NULL clears it. */
void prune_tell_progress(FILE *out, const struct prune_report *report);

#endif
