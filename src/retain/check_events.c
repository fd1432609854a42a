/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_events: events/: each line of each day, compressed or not. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "retain/check_form.h"
#include "retain/eventlog_day.h"

/* What the lines of a file are like. */
struct tally {
    uint64_t count;
    uint64_t bad;
    uint64_t first_bad; /* its number, from 1 */
    uint64_t last_bad;
};

static void count_line(struct tally *tally, const char *line, size_t length)
{
    json_t *event = jsontext_read_object(line, length, NULL);
    char why[200];

    tally->count++;
    if (event == NULL || !form_fits(FORM_EVENT, event, why, sizeof why)) {
        tally->last_bad = tally->count;
        tally->first_bad = tally->bad++ == 0 ? tally->count : tally->first_bad;
    }
    json_decref(event);
}

/* Whether a file that lines are appended to ends in the middle of one. */
static bool is_torn(int fd)
{
    struct stat status;
    char last;

    return fstat(fd, &status) == 0 && status.st_size > 0 &&
           pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

static void tell(struct check *check, const struct tally *tally)
{
    if (tally->bad > 0) {
        check_suspect(check, CHECK_EVENT_LINE, "%llu of %llu lines are no events, line %llu first",
                      (unsigned long long)tally->bad, (unsigned long long)tally->count,
                      (unsigned long long)tally->first_bad);
    }
}

static void look_at_day(struct check *check, const struct check_entry *entry, int fd,
                        enum eventlog_kind kind)
{
    bool torn = kind == EVENTLOG_PLAIN && is_torn(fd);
    struct eventlog_file file;
    struct tally tally = {0};
    struct error error;
    const char *line;
    size_t length;
    int result;

    eventlog_attach(fd, entry->name, kind, &file);
    while ((result = eventlog_next(&file, &line, &length, &error)) > 0) {
        count_line(&tally, line, length);
    }
    eventlog_close(&file);
    if (result < 0) {
        check_suspect(check, CHECK_EVENT_LINE, "cannot be read behind line %llu: %s",
                      (unsigned long long)tally.count, error.text);
    }
    if (torn && tally.bad > 0 && tally.last_bad == tally.count) {
        tally.bad--;
    }
    tell(check, &tally);
    if (torn && !check->owned) {
        check_suspect(check, CHECK_EVENT_TORN, "ends in the middle of a line");
    }
}

void check_look_events(struct check *check, const struct check_entry *entry)
{
    enum eventlog_kind kind;
    int32_t day;
    int fd;

    if (!eventlog_name_read(entry->name, &day, &kind)) {
        check_suspect(check, CHECK_UNKNOWN_FILE, "is no day of events");
        return;
    }
    if (kind == EVENTLOG_PACKED && check->options->quick) {
        return;
    }
    fd = openat(check->spool->dir[FOLDER_EVENTS], entry->name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        check_unreadable(check, errno);
        return;
    }
    look_at_day(check, entry, fd, kind);
}
