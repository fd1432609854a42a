/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log: one line each to stderr, with journald priorities (sd-daemon(3): <N> before the line) when
 * stderr is the journal.
 *
 * Floor: base. Never give it a key, a prompt or an answer. Control characters in what is logged
 * are written as \xNN, so that a file name cannot forge a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log {
    enum log_level level; /* lines above it are dropped */
    int fd;               /* where lines go */
    bool journal;         /* write <N> in front, and no time: the journal has its own */
};

/* A log to stderr at level; finds out whether stderr is the journal (JOURNAL_STREAM, systemd.exec(5)). */
void log_init(struct log *log, enum log_level level);

/* "error", "warning", "info", "debug" to a level; false for any other word. */
bool log_level_read(const char *word, enum log_level *level);

void log_error(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_warning(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
