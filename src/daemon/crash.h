/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash: telling a job that kills the daemon from those that only were there: doubts, crashes, poison.
 *
 * Floor: daemon. A crash is a start that finds marks which no stop by signal recorded. Every marked
 * job gets a doubt; only the sole marked one gets a crash, and more than three hold it. After two crashes
 * with no job finished between, each job in doubt is sent alone until all have ended once.
 */
#ifndef DAEMON_CRASH_H
#define DAEMON_CRASH_H

#include <stdbool.h>

#include "daemon/core.h"

struct crash;

/* Reads what the last stop and the crashes before left in state/. */
struct crash *crash_open(struct core *core);
void crash_close(struct crash *crash);

/* A task was found marked, and the request of its mark has no outcome. Remembered until crash_judge. */
void crash_marked(struct crash *crash, struct task *task);

/* All of cur/ was read: gives each marked task its doubt, crash, hold or loneliness, and lets each go
 * on once that is durable. */
void crash_judge(struct crash *crash);

/* A job ended: the crashes before are over. */
void crash_job_finished(struct crash *crash);

/* A stop by signal leaves these tasks marked: recorded durably, so that the next start is no crash. Returns 0
 * or -errno. */
int crash_record_stop(struct crash *crash);

#endif
