/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eventlog: the events of many days, read as one stream. */
#include "retain/eventlog.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "retain/eventlog_day.h"
#include "retain/eventlog_list.h"
#include "spool/file.h"

static int compare_days(const void *a, const void *b)
{
    const struct eventlog_entry *left = a, *right = b;

    return (left->day > right->day) - (left->day < right->day);
}

/* Notes a file of a day; the list is sorted, and the files of one day made one entry, at the end.
 */
static void note(struct eventlog_list *list, int32_t day, enum eventlog_kind kind)
{
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 64;
        list->entries = xrealloc(list->entries, list->capacity * sizeof *list->entries);
    }
    list->entries[list->count++] = (struct eventlog_entry){
        .day = day, .plain = kind == EVENTLOG_PLAIN, .packed = kind == EVENTLOG_PACKED};
}

static void join(struct eventlog_list *list)
{
    size_t kept = 0;

    if (list->count > 1) {
        qsort(list->entries, list->count, sizeof *list->entries, compare_days);
    }
    for (size_t i = 0; i < list->count; i++) {
        struct eventlog_entry *last = kept > 0 ? &list->entries[kept - 1] : NULL;

        if (last != NULL && last->day == list->entries[i].day) {
            last->plain |= list->entries[i].plain;
            last->packed |= list->entries[i].packed;
        } else {
            list->entries[kept++] = list->entries[i];
        }
    }
    list->count = kept;
}

int eventlog_list(const struct spool *spool, struct eventlog_list *list, struct error *error)
{
    DIR *dir = file_list(spool->dir[FOLDER_EVENTS]);
    const struct dirent *found;
    int result = dir != NULL ? 0 : -errno;

    *list = (struct eventlog_list){0};
    while (result == 0 && (result = file_list_next(dir, &found)) == 0 && found != NULL) {
        enum eventlog_kind kind;
        int32_t day;

        if (eventlog_name_read(found->d_name, &day, &kind)) {
            note(list, day, kind);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    if (result < 0) {
        error_system(error, -result, "cannot list %s/events", spool->path);
        free(list->entries);
        *list = (struct eventlog_list){0};
        return -1;
    }
    join(list);
    return 0;
}

bool eventlog_days(const struct spool *spool, struct eventlog_span *span)
{
    struct eventlog_list list;
    bool any = eventlog_list(spool, &list, NULL) == 0 && list.count > 0;

    if (any) {
        *span = (struct eventlog_span){list.entries[0].day, list.entries[list.count - 1].day};
    }
    free(list.entries);
    return any;
}

static int each_of_day(const struct spool *spool, int32_t day,
                       int (*visit)(void *context, const char *text, size_t length), void *context,
                       struct error *error)
{
    struct eventlog_day files;
    const char *line;
    size_t length;
    int result, stopped = 0;

    if (eventlog_day_open(spool, day, &files, error) < 0) {
        return -1;
    }
    while (stopped == 0 && (result = eventlog_day_next(&files, &line, &length, error)) == 1) {
        stopped = visit(context, line, length);
    }
    eventlog_day_close(&files);
    return stopped != 0 ? stopped : result;
}

int eventlog_each(const struct spool *spool, struct eventlog_span span, bool newest_first,
                  int (*visit)(void *context, const char *text, size_t length), void *context,
                  struct error *error)
{
    struct eventlog_list list;
    bool damaged = false;
    int result = eventlog_list(spool, &list, error);

    for (size_t i = 0; i < list.count && result == 0; i++) {
        int32_t day = list.entries[newest_first ? list.count - 1 - i : i].day;

        if (day < span.first || day > span.last) {
            continue;
        }
        result = each_of_day(spool, day, visit, context, damaged ? NULL : error);
        if (result == -1) { /* the other days are not worse for it */
            damaged = true;
            result = 0;
        }
    }
    free(list.entries);
    return result == 0 && damaged ? -1 : result;
}
