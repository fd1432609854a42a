/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mailing: --mail and --mail-to as the member "mail" of a job or of a list's first line, and whether anybody
 * would send it.
 *
 * Floor: client.
 */
#ifndef CLIENT_MAILING_H
#define CLIENT_MAILING_H

#include <jansson.h>

#include "base/error.h"
#include "spool/spool.h"

/* Of words, "end", "fail" or both with a comma, and of an address (NULL: the login name of who runs this).
 * NULL with an error. */
json_t *mailing_make(const char *words, const char *address, struct error *error);

/* Whether the daemon of the spool has a hook that sends mail, as far as it told. Returns 0, or -1 with an error
 * that has the lines of configuration to add. */
int mailing_check(const struct spool *spool, struct error *error);

#endif
