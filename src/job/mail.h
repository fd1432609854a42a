/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mail: who is sent a mail at the end of a job or run: {"to": ADDRESS, "on": ["end", "fail"]}.
 *
 * Floor: job. Pure. An address may go into a header of a mail and into a command line, so its rule is far
 * stricter than RFC 5322's.
 */
#ifndef JOB_MAIL_H
#define JOB_MAIL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

enum { MAIL_ADDRESS_LIMIT = 254 }; /* RFC 5321, 4.5.3.1.3, without its brackets */

/* The sentence for one that is not mail_allowed: address and login name. */
#define MAIL_FOREIGN                                                                                \
    "mail to %s is not sent for %s: in a shared spool it goes to whoever submits, unless the daemon's " \
    "configuration allows more with mail_allow"

/* Whether text is an address: a login name, or a name, @ and a host name. Names are 1 to 64 of A-Z a-z 0-9
 * . _ + = -, beginning with a letter, digit or underscore, without two dots in a row or one at the end. */
bool mail_address_good(const char *text);

/* Whether a value is such an object: `to`, an address, may be absent, `on` is one or both of its words. -1
 * with an error of kind ERROR_DATA. */
int mail_check(const json_t *value, struct error *error);

/* Whether a user of a shared spool may have mail sent to an address: his own login name, the only one without
 * asking, and what one of the patterns of fnmatch(3) fits (NULL-terminated, or NULL). */
bool mail_allowed(const char *to, const char *owner, char *const *patterns);

/* Whether an end with this status (completed, failed, cancelled, expired) is to be told: "end" means all,
 * "fail" those that failed or expired. */
bool mail_wants(const json_t *mail, const char *status);

/* The same for a run of which so many jobs did not complete. */
bool mail_wants_run(const json_t *mail, bool failures);

/* Its address, borrowed, or NULL: whoever submitted it. */
const char *mail_to(const json_t *mail);

#endif
