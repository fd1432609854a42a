/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eventlog_list: which days of events there are. An inner side of eventlog.h.
 *
 * Floor: retain.
 */
#ifndef RETAIN_EVENTLOG_LIST_H
#define RETAIN_EVENTLOG_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "spool/spool.h"

struct eventlog_entry {
    int32_t day;
    bool plain;  /* YYYY-MM-DD.jsonl is there */
    bool packed; /* YYYY-MM-DD.jsonl.zst is */
};

struct eventlog_list {
    struct eventlog_entry *entries; /* by day; the caller frees them */
    size_t count;
    size_t capacity;
};

/* Lists them. Returns 0, or -1 with an error and an empty list. */
int eventlog_list(const struct spool *spool, struct eventlog_list *list, struct error *error);

#endif
