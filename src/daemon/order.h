/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order: one order of ctl/: what kind it is, whose, since when, and for which jobs.
 *
 * Floor: daemon. Reading only; orders.c obeys.
 */
#ifndef DAEMON_ORDER_H
#define DAEMON_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "spool/layout.h"

enum order_kind {
    ORDER_CANCEL,
    ORDER_RETRY,
    ORDER_RERUN,
    ORDER_RELEASE,
    ORDER_FLUSH,
    ORDER_CASCADE, /* a rerun, and then what depends on it */
    ORDER_REDELIVER, /* of what is owed, given up or waiting for its next try */
};

#define ORDER_FLOW "flows/" /* before the name of a flow, in a line */

/* An order that was read. Plain data. */
struct order {
    struct order *next;
    char *name; /* in ctl/ */
    enum order_kind kind;
    struct stat status;  /* of its file */
    int64_t submitted;   /* its ctime, wall ms */
    char *owner;         /* login name whose jobs it is limited to, or NULL: everybody's */
    unsigned long scans; /* obeyed when so many looks at new/ have ended */
    bool all;            /* ALL was among its lines and is not spread out to IDs yet */
    struct id *ids;      /* not settled yet */
    size_t id_count;
    size_t id_capacity;
    struct id *named; /* of a cascade: all of its IDs */
    size_t named_count;
    char **words; /* other lines: gate names, flows/NAME */
    size_t word_count;
};

/* The kind that a file name of ctl/ says (KIND.UNIQUE), or false. */
bool order_kind_read(const char *name, enum order_kind *kind);

/* "cancel", "retry", "rerun", "release", "flush", "cascade", "redeliver". */
const char *order_word(enum order_kind kind);

/* Reads the lines of an order file: full IDs, ALL, and for release and flush names of gates, for
 * cancel and cascade flows. NULL with an
 * error that names the line that is none of these. */
struct order *order_read(const char *name, enum order_kind kind, const char *text, size_t length,
                         struct error *error);

/* Adds an ID to those to be obeyed for. */
void order_add(struct order *order, const struct id *id);

void order_free(struct order *order);

#endif
