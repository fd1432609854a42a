/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trail: see trail.h.
 */
#include "client/trail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum { DAY_NAME_LENGTH = 16 /* YYYY-MM-DD.jsonl */ };

static const off_t read_limit = 512 * 1024 * 1024; /* bytes of all days together */

/* --- the days ------------------------------------------------------------------------------------
 */

struct days {
    char **names;
    size_t count;
};

static bool is_day(const char *name)
{
    static const char pattern[] = "0000-00-00.jsonl";

    if (strlen(name) != DAY_NAME_LENGTH) {
        return false;
    }
    for (size_t i = 0; i < DAY_NAME_LENGTH; i++) {
        bool digit = name[i] >= '0' && name[i] <= '9';

        if (pattern[i] == '0' ? !digit : name[i] != pattern[i]) {
            return false;
        }
    }
    return true;
}

static int compare_later_first(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

static struct days days_read(const struct spool *spool)
{
    DIR *list = file_list(spool->dir[FOLDER_EVENTS]);
    struct days days = {0};
    const struct dirent *entry;

    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        if (is_day(entry->d_name)) {
            days.names = xrealloc(days.names, (days.count + 1) * sizeof *days.names);
            days.names[days.count++] = xstrdup(entry->d_name);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    if (days.count > 1) {
        qsort(days.names, days.count, sizeof *days.names, compare_later_first);
    }
    return days;
}

static void days_free(struct days *days)
{
    for (size_t i = 0; i < days->count; i++) {
        free(days->names[i]);
    }
    free(days->names);
}

/* --- one day -------------------------------------------------------------------------------------
 */

/* Opens a day's file, set to where what may be read of it begins; *left goes down by what it has.
 */
static FILE *day_open(const struct spool *spool, const char *name, off_t *left, bool *cut)
{
    int fd = openat(spool->dir[FOLDER_EVENTS], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    struct stat status;

    if (file == NULL || fstat(fd, &status) != 0) {
        *cut = true;
        if (file == NULL && fd >= 0) {
            close(fd);
        }
        return file;
    }
    if (status.st_size > *left) {
        *cut = true;
        if (fseeko(file, status.st_size - *left, SEEK_SET) != 0) {
            *left = 0;
            return file;
        }
        status.st_size = *left;
    }
    *left -= status.st_size;
    return file;
}

/* Adds the events of the day that are the job's. A torn line is no JSON, and skipped. */
static json_t *day_read(FILE *file, const char *id)
{
    json_t *events = json_array();
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;

    while ((length = getline(&line, &capacity, file)) > 0) {
        json_t *event;

        if (strstr(line, id) == NULL) {
            continue;
        }
        event = jsontext_read_object(line, (size_t)length, NULL);
        if (event != NULL && strcmp(jsontext_get_text(event, "id", ""), id) == 0) {
            json_array_append(events, event);
        }
        json_decref(event);
    }
    free(line);
    return events;
}

static bool has_acceptance(const json_t *events)
{
    const json_t *first = json_array_get(events, 0);

    return first != NULL && strcmp(jsontext_get_text(first, "event", ""), "accepted") == 0;
}

json_t *trail_read(const struct spool *spool, const struct id *id, bool *cut)
{
    struct days days = days_read(spool);
    json_t *events = json_array();
    char text[ID_TEXT_SIZE];
    off_t left = read_limit;

    *cut = false;
    id_write(id, text);
    for (size_t i = 0; i < days.count && !*cut && !has_acceptance(events); i++) {
        FILE *file = day_open(spool, days.names[i], &left, cut);
        json_t *day;

        if (file == NULL) {
            continue;
        }
        day = day_read(file, text);
        json_array_extend(day, events);
        json_decref(events);
        events = day;
        fclose(file);
    }
    days_free(&days);
    return events;
}
