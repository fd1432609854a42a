/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook_body: the body of a webhook: what a debt says and what is told of its job's record,
 * within a bound of size.
 *
 * Floor: daemon. Text in, text out. spool-layout/README, section 28, and the schema webhook say
 * what is in it.
 */
#ifndef DAEMON_WEBHOOK_BODY_H
#define DAEMON_WEBHOOK_BODY_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/jsonscan.h"

/* What is told of. */
struct webhook_debt {
    const char *id;
    unsigned run;
    const char *event;  /* completed, failed, cancelled, expired */
    const char *record; /* path in the spool */
    const char *time;   /* when it came to be owed: RFC 3339 */
};

/* How it is told. */
struct webhook_form {
    size_t limit;           /* bytes of the body, as far as leaving out members can keep it there */
    const char *public_url; /* of llmspool-httpd; NULL: none */
};

/* Appends the body. record is the text of the output or error file, or a NULL text where it is gone
 * or tells of another run: then the debt alone is told. Members are passed on byte by byte. Those
 * that make the body too large are left out, the largest first, and named in `omitted`. */
void webhook_body_write(struct buffer *out, const struct webhook_debt *debt, struct jsonspan record,
                        const struct webhook_form *form);

#endif
