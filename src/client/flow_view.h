/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_view: how a flow stands: its record, and of each step the state, times and money of its job.
 *
 * Floor: client. Reads only.
 */
#ifndef CLIENT_FLOW_VIEW_H
#define CLIENT_FLOW_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"
#include "retain/flow_record.h"
#include "spool/spool.h"

/* A step as it stands. */
struct flow_look {
    const struct flow_entry *entry;
    const char *state;   /* a word of the states */
    int64_t started;     /* wall ms of its last request; 0: none */
    int64_t finished;    /* wall ms; 0: not yet */
    char *cost;          /* amount and currency, or NULL: none is known */
};

struct flow_view {
    struct flow_record *record;
    struct flow_look *steps; /* as many as the record has */
};

/* Reads a flow and its steps' jobs. NULL with an error. */
struct flow_view *flow_view_read(const struct spool *spool, const char *name, struct error *error);
void flow_view_free(struct flow_view *view);

/* Appends why a step waits, "after draft, facts": the parents that have not ended; nothing where there is
 * none. */
void flow_view_reason(const struct flow_view *view, const struct flow_look *step,
                      struct buffer *out);

/* The flow as JSON: flow, submitted, ended, steps. */
json_t *flow_view_json(const struct flow_view *view);

/* Finds steps that wait and are called so, by name, FLOW/STEP or ID, and calls for each. Returns how many, or -1
 * with an error. */
int flow_view_waiting(const struct spool *spool, const char *word,
                      void (*found)(void *context, const struct flow_view *view,
                                    const struct flow_look *step),
                      void *context, struct error *error);

#endif
