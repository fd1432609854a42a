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

/* Begins to read a file; closed by eventlog_close, with its descriptor. */
void eventlog_attach(int fd, const char *name, enum eventlog_kind kind, struct eventlog_file *file);

/* The next line, without its newline (the last may have none), valid until the next call. Returns
 * 1, 0 at the end, or -1 with an error. */
int eventlog_next(struct eventlog_file *file, const char **line, size_t *length,
                  struct error *error);

void eventlog_close(struct eventlog_file *file);

/* The files of a day: one, or both where a kill or a late writer left them; fd is -1 for one that
 * is not there. What the plain one has that the packed one has, too, is passed over. */
struct eventlog_day {
    struct eventlog_file plain;
    struct eventlog_file packed;
};

/* Opens them, the plain one first: so lines that are packed meanwhile are seen, and seen once. It
 * is no failure when there is none. Returns 0, or -1 with an error and nothing open. */
int eventlog_day_open(const struct spool *spool, int32_t day, struct eventlog_day *files,
                      struct error *error);

/* The next line of the day, as eventlog_next. */
int eventlog_day_next(struct eventlog_day *files, const char **line, size_t *length,
                      struct error *error);

void eventlog_day_close(struct eventlog_day *files);

#endif
