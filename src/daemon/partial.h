/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * partial: cur/ID.partial, the answer so far of a running job with "stream": true.
 *
 * Floor: daemon. Knows no stream: whoever reads one hands in its text each time it grew, and once
 * more when partial_due_ms says so. The file is for other programs to follow; it is never synced,
 * and nothing hangs on it: a call that fails harms nothing but the file.
 */
#ifndef DAEMON_PARTIAL_H
#define DAEMON_PARTIAL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "spool/layout.h"

enum { PARTIAL_EVERY_MS = 200 }; /* at most so often a file is written */

struct partial;

/* For one request of a job. cur is the folder's descriptor and must outlive it; mode is the file's,
 * whatever the umask. The file is made, or emptied for those who follow it since an earlier
 * request, when the first text is shown. reader may read it besides, as visible_grant has it. */
struct partial *partial_open(int cur, const struct id *id, mode_t mode, uid_t reader);

/* Appends what text has beyond what the file has; text only grows, by whole characters. Writes at
 * once, or not before PARTIAL_EVERY_MS after the last time. Returns 0, or -errno the first time
 * that it fails: a person is told once, though later calls try again. What is in the file is a
 * beginning of the text in any case. */
int partial_show(struct partial *partial, const struct buffer *text, struct mono now);

/* Milliseconds until partial_show is to be called again, though no more text comes; -1: not at
 * all. */
int64_t partial_due_ms(const struct partial *partial, struct mono now);

/* Writes the rest of text and keeps the file, or removes it when text is NULL; frees. NULL is
 * allowed for partial. Returns 0 or -errno. */
int partial_close(struct partial *partial, const struct buffer *text);

#endif
