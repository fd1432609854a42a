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

static int drop_run(const struct bulk *bulk, const struct spool *spool,
                    const struct bulk_header *header, char *drop, struct error *error)
{
    struct buffer text = {0};
    json_t *first = json_pack("{s:s, s:s*, s:O*}", "run", header->run, "max_cost", header->max_cost,
                              "mail", header->mail);
    int result;

    if (bulk != NULL) {
        json_object_set_new(first, "first", json_integer((json_int_t)bulk->items[0].position));
    }
    if (header->more) {
        json_object_set_new(first, "more", json_true());
    }
    jsontext_write(&text, first);
    buffer_byte(&text, '\n');
    json_decref(first);
    if (bulk != NULL) {
        buffer_append(&text, bulk->text.bytes, bulk->text.length);
    }
    result = drop_list(spool, text.bytes, text.length, drop, error);
    buffer_free(&text);
    return result;
}

/* The only job says itself who is sent a mail. */
static void add_mail(struct bulk *bulk, json_t *mail)
{
    struct job *job = bulk->items[0].job;

    json_object_set(job->document, "mail", mail);
    buffer_clear(&bulk->text);
    job_write(job, &bulk->text);
}

int bulk_drop(struct bulk *bulk, const struct spool *spool, const struct bulk_header *header,
              struct error *error)
{
    assert(bulk->count > 0);
    bulk->list = header->run != NULL;
    if (header->run != NULL) {
        return drop_run(bulk, spool, header, bulk->drop, error);
    }
    assert(bulk->count == 1);
    if (header->mail != NULL) {
        add_mail(bulk, header->mail);
    }
    return drop_job(spool, &bulk->items[0].job->id, bulk->text.bytes, bulk->text.length, bulk->drop,
                    error);
}

int bulk_close(const struct spool *spool, const struct bulk_header *header, struct error *error)
{
    char drop[NAME_LIMIT];

    return drop_run(NULL, spool, header, drop, error);
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
