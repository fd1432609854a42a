/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pressure: see pressure.h.
 */
#include "client/pressure.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"

struct list {
    struct list *next;
    size_t jobs;
    char drop[];
};

struct pressure {
    const struct spool *spool;
    struct list *lists; /* oldest first, as they are taken */
    struct list **last;
    uint64_t in_lists;
};

struct pressure *pressure_new(const struct spool *spool)
{
    struct pressure *pressure = xcalloc(1, sizeof *pressure);

    pressure->spool = spool;
    pressure->last = &pressure->lists;
    return pressure;
}

void pressure_note(struct pressure *pressure, const char *drop, size_t jobs)
{
    size_t length = strlen(drop);
    struct list *list = xmalloc(sizeof *list + length + 1);

    list->next = NULL;
    list->jobs = jobs;
    memcpy(list->drop, drop, length + 1);
    *pressure->last = list;
    pressure->last = &list->next;
    pressure->in_lists += jobs;
}

static void forget_taken(struct pressure *pressure)
{
    struct list *list;

    for (struct list **at = &pressure->lists; (list = *at) != NULL;) {
        if (faccessat(pressure->spool->dir[FOLDER_NEW], list->drop, F_OK, AT_SYMLINK_NOFOLLOW) ==
            0) {
            at = &list->next;
            continue;
        }
        pressure->in_lists -= list->jobs;
        *at = list->next;
        free(list);
    }
    pressure->last = &pressure->lists;
    while (*pressure->last != NULL) {
        pressure->last = &(*pressure->last)->next;
    }
}

uint64_t pressure_in_cur(const struct spool *spool)
{
    static const char *const states[] = {"waiting", "delayed", "held", "running", "accepting"};
    json_t *status = records_status(spool);
    const json_t *counts = json_object_get(status, "counts");
    uint64_t all = 0;

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        json_int_t count = jsontext_get_int(counts, states[i], 0);

        all += count > 0 ? (uint64_t)count : 0;
    }
    json_decref(status);
    return all;
}

uint64_t pressure_waiting(struct pressure *pressure)
{
    forget_taken(pressure);
    return pressure->in_lists + pressure_in_cur(pressure->spool);
}

void pressure_free(struct pressure *pressure)
{
    if (pressure == NULL) {
        return;
    }
    while (pressure->lists != NULL) {
        struct list *list = pressure->lists;

        pressure->lists = list->next;
        free(list);
    }
    free(pressure);
}
