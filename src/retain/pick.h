/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pick: the units that are to be archived, or that are and are to be deleted: 36 bytes for each.
 *
 * Floor: retain. Plain memory, sorted in place.
 */
#ifndef RETAIN_PICK_H
#define RETAIN_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/layout.h"

/* A unit, and what it is sorted by before its ID. */
struct pick_item {
    struct id id;
    uint32_t key; /* see the functions; do not take it apart elsewhere */
};

/* Zeroed at first. Plain data: read items and count. */
struct pick {
    struct pick_item *items;
    size_t count;
    size_t capacity;
};

enum { PICK_NOTHING = UINT32_MAX };

/* Keys: to be archived, of a month (counted from January 1970); archived, in a volume (its number in
 * archive/ids); neither. The first come first, then by volume, then the rest. */
uint32_t pick_month_key(unsigned month, bool failed);
uint32_t pick_volume_key(size_t volume, bool failed);

bool pick_is_archived(const struct pick_item *item);
bool pick_is_nothing(const struct pick_item *item);
enum folder pick_folder(const struct pick_item *item);

/* The month or the volume. */
unsigned pick_group(const struct pick_item *item);

void pick_add(struct pick *pick, const struct id *id, uint32_t key);

/* Sorts by group and ID. */
void pick_sort(struct pick *pick);

/* How many items from `from` on are of its group. */
size_t pick_run(const struct pick *pick, size_t from);

void pick_free(struct pick *pick);

#endif
