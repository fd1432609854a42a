/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_text: the places {{outputs.PARENT.FIELD}} of one text.
 *
 * Floor: job. The inner side of flow.
 */
#ifndef JOB_FLOW_TEXT_H
#define JOB_FLOW_TEXT_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"

/* A place that was found. */
struct flow_place {
    const char *parent; /* a key of the parents */
    char *path;         /* to a field of its output, or NULL: all of it */
};

typedef int flow_visit(void *context, const struct flow_place *place, struct buffer *out,
                       struct error *error);

/* Copies text to out and calls visit for each place, which appends what is to stand there. parents is an
 * object with a key for each. Returns 0; -1 with an error when a place is not ended or names no parent,
 * or visit failed. */
int flow_text(const char *text, size_t length, json_t *parents, flow_visit *visit,
              void *context, struct buffer *out, struct error *error);

#endif
