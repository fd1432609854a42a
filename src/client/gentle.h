/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gentle: letting others go first, for long work at night.
 *
 * Floor: client.
 */
#ifndef CLIENT_GENTLE_H
#define CLIENT_GENTLE_H

/* The process takes the processor and the disk only when nobody else wants them (nice(2),
 * ioprio_set(2)). What the system refuses is no error. */
void gentle(void);

#endif
