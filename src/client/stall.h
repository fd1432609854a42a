/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stall: why jobs that are waited for do not move, told once a reason, so that no wait is mute.
 *
 * Floor: client. Used by wait, once a second while nothing finishes.
 */
#ifndef CLIENT_STALL_H
#define CLIENT_STALL_H

#include <stdbool.h>

#include "base/clock.h"
#include "client/awaited.h"
#include "spool/spool.h"

struct stall;

/* Told a reason, as the end of a sentence: "no daemon runs on this spool (…)", "paused (…)". */
typedef void stall_tell(void *context, const char *reason);

/* spool and clock outlive it. */
struct stall *stall_new(const struct spool *spool, const struct clock *clock, stall_tell *tell,
                        void *context);

/* Frees it; NULL is allowed. */
void stall_free(struct stall *stall);

/* How a job that goes on gets on. */
enum movement {
    MOVEMENT_FREE,  /* it runs, or nothing is in its way */
    MOVEMENT_LATER, /* it moves by itself at some time: delayed, or asked to wait by the provider */
    MOVEMENT_NONE,  /* somebody must do something first */
};

/* Begins a round of looks: what the spool and its daemon say now holds for all of it. */
void stall_begin(struct stall *stall);

/* Looks what is in the job's way, and tells it if it was not told before. */
enum movement stall_look(struct stall *stall, struct awaited *awaited);

#endif
