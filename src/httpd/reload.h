/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reload: the tokens file, certificate and key are read again when they changed, or when that is
 * asked for; and so is who may see the spool's jobs.
 *
 * Floor: httpd. What cannot be read is told, and what was read before stays in use; but where the
 * tokens file is gone, no token is valid.
 */
#ifndef HTTPD_RELOAD_H
#define HTTPD_RELOAD_H

struct front;
struct reload;

/* Looks at the files each second from now on. */
struct reload *reload_open(struct front *front);

/* Reads all of them now. */
void reload_now(struct reload *reload);

/* The loop must run once more; NULL is allowed. */
void reload_close(struct reload *reload);

#endif
