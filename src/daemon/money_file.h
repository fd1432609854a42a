/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * money_file: writing state/money: lines appended off the loop, and the whole file replaced.
 *
 * Floor: daemon. Beneath money, which alone uses it. One write runs at a time in libuv's thread
 * pool and takes all lines that gathered while the one before ran. What cannot be written is kept
 * and tried again; after a failed sync the whole file is written anew, because nobody knows then
 * what of it is on the disk (see fsync(2)).
 */
#ifndef DAEMON_MONEY_FILE_H
#define DAEMON_MONEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/buffer.h"

struct money_file;

struct money_file_setup {
    uv_loop_t *loop;
    int dir;
    int temp_dir;
    mode_t mode;
    int64_t lazy_ms; /* between writes that nobody waits for, and between tries */

    /* Appends the text of the whole file as it should be now, all lines that were added included.
     */
    void (*snapshot)(void *context, struct buffer *out);
    /* Writing begins to fail (-errno), or works again (0). */
    void (*turned)(void *context, int result);
    void *context;
};

typedef void money_file_done(void *context, int result);

struct money_file *money_file_new(const struct money_file_setup *setup);

/* Replaces the file and waits for it: at the start and the end. No write may run. 0 or -errno. */
int money_file_replace(struct money_file *file);

/* Where lines are appended; call money_file_touch afterwards, which has them written within
 * lazy_ms. */
struct buffer *money_file_lines(struct money_file *file);
void money_file_touch(struct money_file *file);

/* Calls done when all lines up to now are durable, or could not be made so. */
void money_file_flush(struct money_file *file, money_file_done *done, void *context);

/* -errno while the last write failed, else 0. */
int money_file_failing(const struct money_file *file);

/* Whether something runs. */
bool money_file_writing(const struct money_file *file);

/* Frees it; no write may run. The loop must run once more for its timer. NULL is allowed. */
void money_file_free(struct money_file *file);

#endif
