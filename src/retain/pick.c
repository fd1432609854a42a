/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pick: the units that are to be archived or deleted, sorted in place. */
#include "retain/pick.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define ARCHIVED UINT32_C(0x80000000)

enum { FEW = 12 }; /* items that are sorted by insertion */

uint32_t pick_month_key(unsigned month, bool failed)
{
    return (uint32_t)(month << 1 | (failed ? 1 : 0));
}

uint32_t pick_volume_key(size_t volume, bool failed)
{
    return ARCHIVED | (uint32_t)(volume << 1) | (failed ? 1 : 0);
}

bool pick_is_archived(const struct pick_item *item)
{
    return (item->key & ARCHIVED) != 0 && !pick_is_nothing(item);
}

bool pick_is_nothing(const struct pick_item *item)
{
    return item->key == (uint32_t)PICK_NOTHING;
}

enum folder pick_folder(const struct pick_item *item)
{
    return (item->key & 1) != 0 ? FOLDER_FAILED : FOLDER_DONE;
}

unsigned pick_group(const struct pick_item *item)
{
    return (item->key & ~ARCHIVED) >> 1;
}

void pick_add(struct pick *pick, const struct id *id, uint32_t key)
{
    if (pick->count == pick->capacity) {
        pick->capacity += pick->capacity / 2 + 1024;
        pick->items = xrealloc(pick->items, pick->capacity * sizeof *pick->items);
    }
    pick->items[pick->count++] = (struct pick_item){.id = *id, .key = key};
}

static bool less(const struct pick_item *a, const struct pick_item *b)
{
    /* Whether it failed is in the last bit and no matter. */
    uint32_t first = a->key >> 1, second = b->key >> 1;

    return first != second ? first < second : memcmp(&a->id, &b->id, sizeof a->id) < 0;
}

static void swap(struct pick_item *a, struct pick_item *b)
{
    struct pick_item item = *a;

    *a = *b;
    *b = item;
}

static void sort_few(struct pick_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && less(&items[j], &items[j - 1]); j--) {
            swap(&items[j], &items[j - 1]);
        }
    }
}

/* Puts the middle one of three where the comparing begins, and returns how many come before it
 * afterwards. */
static size_t partition(struct pick_item *items, size_t count)
{
    struct pick_item *middle = &items[count / 2], *last = &items[count - 1];
    size_t before = 0;

    if (less(last, items)) {
        swap(last, items);
    }
    if (less(items, middle)) {
        swap(items, middle);
    }
    if (less(last, items)) {
        swap(last, items);
    }
    for (size_t i = 1; i < count; i++) {
        if (less(&items[i], &items[0])) {
            before++;
            swap(&items[i], &items[before]);
        }
    }
    swap(&items[0], &items[before]);
    return before;
}

/* Quicksort without a copy, which qsort(3) would make: IDs are hashes, and nobody can choose an order
 * that is bad for it. The larger part is not a deeper call. */
static void sort(struct pick_item *items, size_t count)
{
    while (count > FEW) {
        size_t before = partition(items, count);
        size_t after = count - before - 1;

        if (before < after) {
            sort(items, before);
            items += before + 1;
            count = after;
        } else {
            sort(items + before + 1, after);
            count = before;
        }
    }
    sort_few(items, count);
}

void pick_sort(struct pick *pick)
{
    sort(pick->items, pick->count);
}

size_t pick_run(const struct pick *pick, size_t from)
{
    size_t end = from;

    while (end < pick->count && pick->items[end].key >> 1 == pick->items[from].key >> 1) {
        end++;
    }
    return end - from;
}

void pick_free(struct pick *pick)
{
    free(pick->items);
    *pick = (struct pick){0};
}
