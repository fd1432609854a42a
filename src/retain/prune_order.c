/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prune_order: which units are too many. */
#include "retain/prune_order.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

uint64_t prune_order_hash(const struct id *id)
{
    uint64_t hash;

    memcpy(&hash, id->bytes, sizeof hash);
    return hash;
}

void prune_order_add(struct prune_order *order, const struct prune_place *place)
{
    if (order->count == order->capacity) {
        order->capacity = order->capacity + order->capacity / 2 + 1024;
        order->places = xrealloc(order->places, order->capacity * sizeof *order->places);
    }
    order->places[order->count++] = *place;
}

/* Newest first. */
static int compare(const void *a, const void *b)
{
    const struct prune_place *left = a, *right = b;

    if (left->time_ms != right->time_ms) {
        return left->time_ms > right->time_ms ? -1 : 1;
    }
    return (left->hash < right->hash) - (left->hash > right->hash);
}

/* How many of the newest may stay by number and bytes. */
static size_t staying(const struct prune_order *order, uint64_t count, uint64_t bytes)
{
    uint64_t used = 0;
    size_t stay = 0;

    while (stay < order->count && (count == 0 || stay < count) &&
           (bytes == 0 || used + order->places[stay].bytes <= bytes)) {
        used += order->places[stay].bytes;
        stay++;
    }
    return stay;
}

void prune_order_settle(struct prune_order *order, uint64_t count, uint64_t bytes,
                        uint64_t excess)
{
    uint64_t freed = 0;
    size_t stay, enough = order->count;

    if (order->count > 1) {
        qsort(order->places, order->count, sizeof *order->places, compare);
    }
    stay = staying(order, count, bytes);
    while (enough > 0 && freed < excess) {
        enough--;
        freed += order->places[enough].bytes;
    }
    stay = enough < stay ? enough : stay;
    order->any = stay < order->count;
    if (order->any) {
        order->last = order->places[stay];
    }
    free(order->places);
    order->places = NULL;
    order->count = order->capacity = 0;
}

bool prune_order_surplus(const struct prune_order *order, const struct prune_place *place)
{
    return order->any && compare(place, &order->last) >= 0;
}
