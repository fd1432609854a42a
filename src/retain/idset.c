/* SPDX-License-Identifier: GPL-2.0-or-later */
/* idset: a sorted array of job IDs. */
#include "retain/idset.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static int compare(const void *a, const void *b)
{
    const struct id *first = a, *second = b;

    return memcmp(first->bytes, second->bytes, ID_SIZE);
}

void idset_add(struct idset *set, const struct id *id)
{
    if (set->count == set->capacity) {
        set->capacity = 2 * set->capacity + 16;
        set->ids = xrealloc(set->ids, set->capacity * sizeof *set->ids);
    }
    set->ids[set->count++] = *id;
}

void idset_sort(struct idset *set)
{
    size_t kept = 0;

    if (set->count > 0) {
        qsort(set->ids, set->count, sizeof *set->ids, compare);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (i == 0 || !id_equal(&set->ids[kept - 1], &set->ids[i])) {
            set->ids[kept++] = set->ids[i];
        }
    }
    set->count = kept;
}

bool idset_has(const struct idset *set, const struct id *id)
{
    return set->count > 0 &&
           bsearch(id, set->ids, set->count, sizeof *set->ids, compare) != NULL;
}

void idset_free(struct idset *set)
{
    free(set->ids);
    *set = (struct idset){0};
}
