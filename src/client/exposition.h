/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exposition: the daemon's metrics, passed on by another program.
 *
 * Floor: client. What the daemon wrote last is in state/metrics.prom; whether it lives, and how old
 * what it wrote is, must be told by who reads.
 */
#ifndef CLIENT_EXPOSITION_H
#define CLIENT_EXPOSITION_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "spool/spool.h"

/* Whether a text is one that may be passed on: lines of families llmspool_*, the last of them
 * whole. */
bool exposition_sound(const struct buffer *text);

/* Appends the daemon's metrics, where they are there and sound, and then those of the reader:
 * llmspool_up, llmspool_metrics_readable, and the ages, as of now, of what the daemon tells by
 * time. */
void exposition_write(struct buffer *out, const struct spool *spool, struct wall now);

#endif
