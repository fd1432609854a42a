/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kept: what was answered about jobs a moment ago, for those who ask again and again.
 *
 * Floor: httpd. Whether the job's file is still the one that was read costs one look, where reading all of a
 * job anew costs twenty; what its file does not tell of (a try that failed, an old version that was
 * pruned) is told a moment late. Bounded by number and bytes; the oldest goes first.
 */
#ifndef HTTPD_KEPT_H
#define HTTPD_KEPT_H

#include "base/buffer.h"
#include "base/clock.h"
#include "httpd/brief.h"

struct kept;

/* An answer. Plain data, borrowed until the next call. */
struct kept_answer {
    bool ended;
    char tag[BRIEF_TAG_SIZE]; /* of one that has ended */
    struct buffer text;
};

struct kept *kept_new(const struct spool *spool);
void kept_free(struct kept *kept);

/* Forgets all answers: who may see them has changed. */
void kept_clear(struct kept *kept);

/* What was answered about a job, or NULL: it was not, too long ago, or the job's file has changed. */
const struct kept_answer *kept_find(struct kept *kept, const struct id *id, struct mono now);

/* Keeps what brief_write(brief, true) wrote, with the end of its line. */
void kept_add(struct kept *kept, const struct brief *brief, const struct buffer *text,
              struct mono now);

#endif
