/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify: telling systemd how a server stands, by the protocol of sd_notify(3), without libsystemd.
 *
 * Floor: base. Where NOTIFY_SOCKET is not set every call does nothing.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/* Sends one datagram of newline-separated assignments, such as "READY=1\nSTATUS=…". A failure is
 * ignored: nobody depends on it. */
void notify_send(const char *state);

/* How often WATCHDOG=1 should be sent, ms (half of WATCHDOG_USEC), or 0 when nobody waits for
 * it. */
int64_t notify_watchdog_ms(void);

/* The first socket that systemd opened for this process (sd_listen_fds(3)), or -1. */
int notify_socket(void);

/* Monotonic microseconds, as MONOTONIC_USEC wants them. */
int64_t notify_monotonic_us(void);

#endif
