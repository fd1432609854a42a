/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asked: what this process asked of the daemon and the daemon has not taken yet: its drops in new/, its
 * orders in ctl/.
 *
 * Floor: httpd. In memory only: a drop that is forgotten still lies in its folder. A file that is gone was
 * taken; whoever looks finds that out, and a few of the oldest are looked at with each that is added.
 */
#ifndef HTTPD_ASKED_H
#define HTTPD_ASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "spool/spool.h"

struct asked;

/* Begins; spool outlives it. At most limit jobs are remembered, the latest. */
struct asked *asked_new(const struct spool *spool, size_t limit);

/* Frees it; NULL is allowed. */
void asked_free(struct asked *asked);

/* What a file asks for: a job, and where its text lies in the file (length 0: it is an order). */
struct asked_for {
    struct id id;
    size_t at;
    size_t length;
    bool again; /* it is finished, and will be run once more */
};

/* Notes that folder/name asks for these jobs. */
void asked_add(struct asked *asked, enum folder folder, const char *name,
               const struct asked_for *jobs, size_t count);

/* Whether a file that asks for the job still lies there; *again tells what it was noted with. */
bool asked_has(struct asked *asked, const struct id *id, bool *again);

/* Appends the text of a job that asked_has found in new/. False: it cannot be read, or was taken just now. */
bool asked_read(const struct asked *asked, const struct id *id, struct buffer *text);

/* Looks at some of the oldest files, whether they were taken. */
void asked_look(struct asked *asked);

/* How many jobs were asked for and not taken, as far as is known. */
size_t asked_count(const struct asked *asked);

#endif
