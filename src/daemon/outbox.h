/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox: the debts of outbox/: each is tried when it is due until it is paid or given up.
 *
 * Floor: daemon. A debt is a file outbox/HASH.json: a JSON object with `webhook` (delivered over
 * HTTP) or `hook` (a command that is run). In memory is what choosing needs, of a bounded number of
 * debts; of the others it is known that there are more, and outbox/ is read again when there is
 * room. A debt whose try failed is replaced by one with `attempts`, `next_try` and `last`; one that
 * is paid is unlinked; one that is given up is moved to outbox/failed/ with `gave_up`.
 */
#ifndef DAEMON_OUTBOX_H
#define DAEMON_OUTBOX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core.h"
#include "daemon/order.h"

struct outbox;

/* NULL with an error when HTTP cannot be set up. */
struct outbox *outbox_open(struct core *core, struct error *error);

/* Adds a debt to a publication: the file outbox/HASH.json with debt (a new reference, taken over), tried
 * as soon as the publication is durable. HASH is hash, 64 lower-case hex digits: a debt that is owed
 * twice has the same and is one. debt has `webhook` or `hook`, and `time`; with `id` and `user` it is a
 * job's, which an order redeliver may name. */
void outbox_owe(struct core *core, struct publication *publication, const char *hash, json_t *debt);

/* Looks through outbox/: at the start, and when something there may not be known. */
void outbox_look(struct outbox *outbox);

/* Once a minute: looks through outbox/ where somebody else changed it. */
void outbox_minute(struct outbox *outbox);

/* Some work, on the loop: reads on, starts what is due. Returns whether there is more at once. */
bool outbox_work(struct outbox *outbox);

/* In how many ms something becomes due by time alone; -1: nothing. */
int64_t outbox_wake_ms(const struct outbox *outbox);

/* The wall clock was set by so much: next tries are moved along. */
void outbox_clock_moved(struct outbox *outbox, int64_t moved_ms);

/* The configuration is another: receivers that were left alone are tried again. Returns 0, or -1 with an
 * error and nothing changed. */
int outbox_configure(struct outbox *outbox, const struct config *config, struct error *error);

/* What is owed by this daemon's knowledge, and how much of it is due for the first time, or being
 * tried: --until-empty waits for that. */
size_t outbox_owed(const struct outbox *outbox);
size_t outbox_due(const struct outbox *outbox);

/* Does what an order redeliver says, a part at each call: debts of outbox/failed/ come back with
 * fresh counters, those in backoff are due now. Returns whether all of it is done. */
bool outbox_redeliver(struct outbox *outbox, const struct order *order);

/* Starts nothing more and breaks off what is in flight: it stays owed. */
void outbox_stop(struct outbox *outbox);

/* Whether nothing is in flight and nothing is being written. */
bool outbox_idle(const struct outbox *outbox);

/* "webhooks" of state/status.json. */
json_t *outbox_json(const struct outbox *outbox);

/* After outbox_stop. NULL is allowed. */
void outbox_close(struct outbox *outbox);

#endif
