/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slab: see slab.h. */
#include "httpd/slab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "spool/file.h"

enum { KEPT_MS = 10 * 1000 };

static int compare(const void *a, const void *b)
{
    return memcmp(((const struct id *)a)->bytes, ((const struct id *)b)->bytes, ID_SIZE);
}

void slab_free(struct slab *slab)
{
    free(slab->ids);
    *slab = (struct slab){0};
}

/* Whether what follows the cursor is in memory. */
static bool serves(const struct slab *slab, const struct cursor *cursor, struct mono now)
{
    if (!slab->filled || slab->from.folder != cursor->folder || now.ms - slab->read.ms > KEPT_MS)
        return false;
    if (!cursor->after)
        return !slab->from.after && cursor->after == slab->from.after;
    if (slab->from.after && compare(&cursor->id, &slab->from.id) < 0)
        return false;
    return slab->last ||
           (slab->count > 0 && compare(&cursor->id, &slab->ids[slab->count - 1]) < 0);
}

/* Of twice as many as are wanted the smaller half stays. */
static void cut(struct slab *slab)
{
    qsort(slab->ids, slab->count, sizeof *slab->ids, compare);
    if (slab->count > slab->limit) {
        slab->count = slab->limit;
        slab->last = false;
    }
}

static void add(struct slab *slab, const struct id *id)
{
    if (slab->from.after && compare(id, &slab->from.id) <= 0)
        return;
    /* Behind a cut the last of those that stayed is the greatest that may come in. */
    if (!slab->last && compare(id, &slab->ids[slab->limit - 1]) >= 0)
        return;
    slab->ids[slab->count++] = *id;
    if (slab->count == 2 * slab->limit)
        cut(slab);
}

static int fill(struct slab *slab, const struct spool *spool)
{
    DIR *list = file_list(spool->dir[slab->from.folder]);
    const struct dirent *found = NULL;
    int result;

    if (list == NULL)
        return -errno;
    while ((result = file_list_next(list, &found)) == 0 && found != NULL) {
        struct entry entry = entry_read(found->d_name);

        if (entry.kind == ENTRY_JOB)
            add(slab, &entry.id);
    }
    (void)closedir(list);
    cut(slab);
    slab->filled = result == 0;
    return result;
}

/* The first ID behind the cursor's. */
static int64_t first_behind(const struct slab *slab, const struct cursor *cursor)
{
    size_t low = 0, high = slab->count;

    while (cursor->after && low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&slab->ids[middle], &cursor->id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (int64_t)low;
}

int64_t slab_seek(struct slab *slab, const struct spool *spool, const struct cursor *cursor,
                  size_t limit, struct mono now)
{
    int result;

    if (!serves(slab, cursor, now)) {
        slab_free(slab);
        *slab = (struct slab){.from = *cursor, .read = now, .last = true, .limit = limit};
        slab->ids = xcalloc(2 * limit, sizeof *slab->ids);
        result = fill(slab, spool);
        if (result < 0)
            return result;
    }
    return first_behind(slab, cursor);
}
