/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events: what a line of the log of events costs, added as the daemon adds it and flushed in
 * batches of several sizes. For the benchmark: prints one line of JSON for each size.
 *
 * usage: events LINES BATCH …
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/events.h"
#include "spool/file.h"

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void fail(const char *what)
{
    fprintf(stderr, "events: %s\n", what);
    exit(1);
}

/* What core_event makes of the end of a job. */
static json_t *fields_of(size_t number)
{
    char id[ID_TEXT_SIZE];
    json_t *fields = json_object();
    json_t *more =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "run", 1, "name", "invoice-000123", "user",
                  "alice", "model", "gpt-4o-mini", "provider", "openai", "reason", "stop");

    snprintf(id, sizeof id, "%064zx", number);
    json_object_set_new(fields, "id", json_string(id));
    json_object_update_new(fields, more);
    return fields;
}

/* Removes the days that were written; returns their bytes. */
static double remove_days(const struct spool *spool)
{
    DIR *list = file_list(spool->dir[FOLDER_EVENTS]);
    const struct dirent *entry;
    double bytes = 0;

    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        struct stat status;

        if (fstatat(spool->dir[FOLDER_EVENTS], entry->d_name, &status, 0) == 0)
            bytes += (double)status.st_size;
        if (unlinkat(spool->dir[FOLDER_EVENTS], entry->d_name, 0) < 0)
            fail("cannot remove a day of events");
    }
    if (list == NULL || closedir(list) != 0)
        fail("cannot list the events");
    return bytes;
}

static void measure(const struct spool *spool, size_t lines, size_t batch)
{
    struct events *events = events_open(spool, &clock_system);
    double fields_us = 0, begin = now_us(), whole;

    for (size_t i = 0; i < lines; i++)
        json_decref(fields_of(i));
    fields_us = (now_us() - begin) / (double)lines;
    begin = now_us();
    for (size_t i = 0; i < lines; i++) {
        events_add(events, "completed", fields_of(i));
        if ((i + 1) % batch == 0 && events_flush(events) < 0)
            fail("cannot write events");
    }
    events_close(events);
    whole = (now_us() - begin) / (double)lines;
    printf("{\"lines\": %zu, \"batch\": %zu, \"line_us\": %.3f, \"with_fields_us\": %.3f, "
           "\"line_bytes\": %.0f}\n",
           lines, batch, whole - fields_us, whole, remove_days(spool) / (double)lines);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/llmspool-bench-XXXXXX", path[sizeof folder + 8],
         clean[sizeof folder + 16];
    struct spool_plan plan = {.path = path};
    struct error error;
    struct spool *spool;
    bool made;

    xalloc_jansson();
    if (argc < 3 || mkdtemp(folder) == NULL)
        fail("usage: events LINES BATCH …");
    snprintf(path, sizeof path, "%s/spool", folder);
    if (spool_make(&plan, &made, &error) < 0 || (spool = spool_open(path, &error)) == NULL)
        fail(error.text);
    for (int i = 2; i < argc; i++)
        measure(spool, strtoul(argv[1], NULL, 10), strtoul(argv[i], NULL, 10));
    spool_close(spool);
    snprintf(clean, sizeof clean, "rm -r %s", folder);
    return system(clean) == 0 && fflush(stdout) == 0 ? 0 : 1;
}
