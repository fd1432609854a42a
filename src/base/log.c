/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log: one line each to stderr. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/timetext.h"
#include "base/utf8.h"

static const struct {
    const char *word;
    int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

/* systemd names the journal's socket as DEVICE:INODE; it may have been replaced by a redirection
 * that left the variable in place. */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char name[64];
    if (stream == NULL || fstat(fd, &status) != 0) {
        return false;
    }
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, name) == 0;
}

void log_init(struct log *log, enum log_level level)
{
    *log = (struct log){level, STDERR_FILENO, is_journal(STDERR_FILENO)};
}

bool log_level_read(const char *word, enum log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(word, levels[i].word) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* C0, DEL, and C1, which is C2 80 to C2 9F in UTF-8. */
static bool is_control(const char *bytes, size_t size)
{
    unsigned char first = (unsigned char)bytes[0];
    return (size == 1 && (first < 0x20 || first == 0x7F)) ||
           (size == 2 && first == 0xC2 && (unsigned char)bytes[1] < 0xA0);
}

/* Appends text with every control character and every byte that is not UTF-8 as \xNN. */
static void append_safe(struct buffer *line, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t size = utf8_sequence(text, left);
        if (size > 0 && !is_control(text, size)) {
            buffer_append(line, text, size);
        } else {
            size = size > 0 ? size : 1;
            for (size_t i = 0; i < size; i++) {
                buffer_printf(line, "\\x%02x", (unsigned int)(unsigned char)text[i]);
            }
        }
        text += size;
        left -= size;
    }
}

static void append_prefix(const struct log *log, enum log_level level, struct buffer *line)
{
    char time[TIMETEXT_SIZE];
    if (log->journal) {
        buffer_printf(line, "<%d>", levels[level].priority);
        return;
    }
    timetext_write(clock_wall(&clock_system), time);
    buffer_printf(line, "%s %s: ", time, levels[level].word);
}

/* One write, so that lines of several processes do not mix. One that fails has nobody to be told
 * to. */
static void send_line(int fd, const struct buffer *line)
{
    ssize_t written;
    do {
        written = write(fd, line->bytes, line->length);
    } while (written < 0 && errno == EINTR);
}

__attribute__((format(printf, 3, 0))) static void log_line(const struct log *log,
                                                           enum log_level level, const char *format,
                                                           va_list arguments)
{
    if (level > log->level) {
        return;
    }
    int saved = errno;
    struct buffer line = {0};
    char *text = NULL;
    append_prefix(log, level, &line);
    if (vasprintf(&text, format, arguments) >= 0) {
        append_safe(&line, text);
        free(text);
    } else {
        append_safe(&line, format);
    }
    buffer_byte(&line, '\n');
    send_line(log->fd, &line);
    buffer_free(&line);
    errno = saved;
}

void log_error(const struct log *log, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(log, LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
}

void log_warning(const struct log *log, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(log, LOG_LEVEL_WARNING, format, arguments);
    va_end(arguments);
}

void log_info(const struct log *log, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(log, LOG_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

void log_debug(const struct log *log, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_line(log, LOG_LEVEL_DEBUG, format, arguments);
    va_end(arguments);
}
