/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bulk: see bulk.h.
 */
#include "client/bulk.h"

#include <assert.h>
#include <stdlib.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/drop.h"

void bulk_add(struct bulk *bulk, const struct made *made)
{
    if (bulk->items == NULL) {
        bulk->items = xcalloc(BULK_JOBS, sizeof *bulk->items);
    }
    assert(bulk->count < BULK_JOBS);
    job_write(made->job, &bulk->text);
    bulk->items[bulk->count++] = (struct bulk_item){
        .job = made->job,
        .name = xstrdup(made->record->name),
        .columns = json_incref(made->record->columns),
        .position = made->position,
        .sample = made->sample,
    };
}

bool bulk_full(const struct bulk *bulk)
{
    return bulk->count == BULK_JOBS || bulk->text.length >= BULK_BYTES;
}

static int drop_run(struct bulk *bulk, const struct spool *spool, const char *run,
                    const char *max_cost, struct error *error)
{
    struct buffer text = {0};
    json_t *header = json_pack("{s:s, s:I, s:s*}", "run", run, "first",
                               (json_int_t)bulk->items[0].position, "max_cost", max_cost);
    int result;

    jsontext_write(&text, header);
    buffer_byte(&text, '\n');
    json_decref(header);
    buffer_append(&text, bulk->text.bytes, bulk->text.length);
    result = drop_list(spool, text.bytes, text.length, bulk->drop, error);
    buffer_free(&text);
    return result;
}

int bulk_drop(struct bulk *bulk, const struct spool *spool, const char *run, const char *max_cost,
              struct error *error)
{
    assert(bulk->count > 0);
    bulk->list = run != NULL;
    if (run != NULL) {
        return drop_run(bulk, spool, run, max_cost, error);
    }
    assert(bulk->count == 1);
    return drop_job(spool, &bulk->items[0].job->id, bulk->text.bytes, bulk->text.length, bulk->drop,
                    error);
}

void bulk_clear(struct bulk *bulk)
{
    for (size_t i = 0; i < bulk->count; i++) {
        job_free(bulk->items[i].job);
        free(bulk->items[i].name);
        json_decref(bulk->items[i].columns);
    }
    bulk->count = 0;
    buffer_clear(&bulk->text);
}

void bulk_free(struct bulk *bulk)
{
    bulk_clear(bulk);
    buffer_free(&bulk->text);
    free(bulk->items);
    *bulk = (struct bulk){0};
}
