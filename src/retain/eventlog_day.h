/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eventlog_day: the files of one day of events, read line by line. The inner side of eventlog.h.
 *
 * Floor: retain.
 */
#ifndef RETAIN_EVENTLOG_DAY_H
#define RETAIN_EVENTLOG_DAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "retain/frames.h"
#include "spool/spool.h"

enum eventlog_kind { EVENTLOG_PLAIN, EVENTLOG_PACKED };

enum { EVENTLOG_NAME_SIZE = 24 };

/* Writes YYYY-MM-DD.jsonl, for a packed one with .zst behind it. */
void eventlog_name(int32_t day, enum eventlog_kind kind, char name[EVENTLOG_NAME_SIZE]);

/* Takes such a name apart; false for any other. */
bool eventlog_name_read(const char *name, int32_t *day, enum eventlog_kind *kind);

/* A file being read. */
struct eventlog_file {
    int fd;
    struct frames *frames; /* of a packed one */
    struct buffer text;    /* read and not given out */
    size_t taken;          /* of it, by the line given out last */
    char name[EVENTLOG_NAME_SIZE];
};

/* Opens a day's file. Returns 0, -ENOENT, or another -errno. */
int eventlog_open(const struct spool *spool, int32_t day, enum eventlog_kind kind,
                  struct eventlog_file *file);

/* As eventlog_open for a descriptor that is borrowed. */
void eventlog_attach(int fd, const char *name, enum eventlog_kind kind,
                     struct eventlog_file *file);

/* The next line, without its newline (the last may have none), valid until the next call. Returns 1,
 * 0 at the end, or -1 with an error. */
int eventlog_next(struct eventlog_file *file, const char **line, size_t *length,
                  struct error *error);

void eventlog_close(struct eventlog_file *file);

/* Which of the files of a day that has both tell all of it: a kill may leave lines in both. */
struct eventlog_choice {
    bool packed;
    bool plain; /* after the packed ones */
};

/* Reads both files. Returns 0, or -1 with an error. */
int eventlog_choose(const struct spool *spool, int32_t day, struct eventlog_choice *choice,
                    struct error *error);

#endif
