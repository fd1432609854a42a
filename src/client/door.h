/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * door: whether webhooks may go where jobs send them, by what the daemon of the spool said last.
 *
 * Floor: client. So that a webhook to localhost fails where it is asked for, with the line that
 * allows it, and not later in failed/.
 */
#ifndef CLIENT_DOOR_H
#define CLIENT_DOOR_H

#include "base/error.h"
#include "spool/spool.h"

struct door;

/* Reads state/status.json at the first check. spool must outlive it. */
struct door *door_new(const struct spool *spool);

/* Whether a webhook of a job, which was read well, may come in. Where no daemon has told its rules
 * yet, or it stopped and its configuration was changed since, all may. Returns 0, or -1 with an
 * error of kind ERROR_DATA. */
int door_check_webhook(struct door *door, const char *webhook, struct error *error);

/* NULL is allowed. */
void door_free(struct door *door);

#endif
