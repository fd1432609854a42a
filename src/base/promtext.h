/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * promtext: metrics as Prometheus reads them: its text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * Floor: base. Writes the same bytes in every locale. A family is its two comment lines and then
 * all of its samples; nothing of another family may come between them.
 */
#ifndef BASE_PROMTEXT_H
#define BASE_PROMTEXT_H

#include "base/buckets.h"
#include "base/buffer.h"

/* What an HTTP answer says that holds it. */
#define PROMTEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum promtext_kind { PROMTEXT_COUNTER, PROMTEXT_GAUGE, PROMTEXT_HISTOGRAM };

struct promtext_label {
    const char *name; /* NULL ends a list */
    const char *value;
};

enum { PROMTEXT_LABELS = 8 }; /* at most so many on a sample, with the one that ends the list */

/* Begins a family: its HELP and TYPE lines. The name is a good one: a letter, then letters, digits
 * and underscores. */
void promtext_family(struct buffer *out, const char *name, enum promtext_kind kind,
                     const char *help);

/* A sample of a counter or gauge. labels may be NULL: none. In their values backslash, quote and
 * newline are escaped, and bytes that are no UTF-8 become U+FFFD. */
void promtext_sample(struct buffer *out, const char *name, const struct promtext_label *labels,
                     double value);

/* The samples of a histogram: its buckets, cumulated, up to +Inf, then _sum and _count. */
void promtext_histogram(struct buffer *out, const char *name, const struct promtext_label *labels,
                        const struct buckets_scale *scale, const struct buckets *buckets);

/* Copies a text that was written by these calls, with a label more on every sample. None may have
 * it already. */
void promtext_label_all(struct buffer *out, const struct buffer *text, const char *name,
                        const char *value);

#endif
