/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_view: how a batch stands.
 *
 * Floor: client. Reads only.
 */
#ifndef CLIENT_BATCH_VIEW_H
#define CLIENT_BATCH_VIEW_H

#include <jansson.h>

#include "base/error.h"
#include "client/screen.h"
#include "spool/spool.h"

/* runs/RUN/batch.json (schema batch) with the counts of now, and "status" finalizing while all have ended and the
 * results are still being written; of a batch that lies in new/ still, validating without counts. NULL: there is no
 * batch of that name (ERROR_ABSENT), or it cannot be read. */
json_t *batch_view_read(const struct spool *spool, const char *run, struct error *error);

/* Tells it to a person. */
void batch_view_print(const struct screen *screen, const json_t *batch);

#endif
