/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upkeep: whether somebody looks after a spool's finished work.
 *
 * Floor: client.
 */
#ifndef CLIENT_UPKEEP_H
#define CLIENT_UPKEEP_H

#include <jansson.h>

#include "base/clock.h"
#include "spool/spool.h"

/* What is to be told when llmspool-prune has not run for three days: {"since": TIME} of its last run, or
 * of the making of the spool when it never ran. NULL when it runs, or finished counts no jobs. */
json_t *upkeep_read(const struct spool *spool, size_t finished, struct wall now);

/* Says it in a sentence, which the caller frees. */
char *upkeep_sentence(const json_t *upkeep, struct wall now);

#endif
