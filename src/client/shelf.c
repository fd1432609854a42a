/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shelf: see shelf.h.
 */
#include "client/shelf.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "client/archive.h"

struct shelf {
    const struct spool *spool;
    struct archive archive;
    bool open;
};

struct shelf *shelf_new(const struct spool *spool)
{
    struct shelf *shelf = xcalloc(1, sizeof *shelf);

    shelf->spool = spool;
    return shelf;
}

static void close_archive(struct shelf *shelf)
{
    if (shelf->open) {
        archive_close(&shelf->archive);
        shelf->open = false;
    }
}

void shelf_free(struct shelf *shelf)
{
    if (shelf != NULL) {
        close_archive(shelf);
        free(shelf);
    }
}

/* Opens the archive, again where it has changed since. */
static int open_archive(struct shelf *shelf, struct error *error)
{
    if (shelf->open && shelf->archive.ids != NULL && !ids_current(shelf->archive.ids)) {
        close_archive(shelf);
    }
    if (!shelf->open && archive_open(&shelf->archive, shelf->spool->path, error) < 0) {
        return -1;
    }
    shelf->open = true;
    return 0;
}

static int fetch(struct shelf *shelf, const struct id *id, unsigned version,
                 struct bundle *bundle, struct error *error)
{
    return open_archive(shelf, error) < 0
               ? -1
               : archive_fetch(&shelf->archive, id, version, bundle, error);
}

json_t *shelf_record(struct shelf *shelf, const struct id *id, unsigned version,
                     struct error *error)
{
    struct bundle bundle = {0};
    json_t *record;

    if (fetch(shelf, id, version, &bundle, error) < 0) {
        return NULL;
    }
    record = json_incref(bundle_record(&bundle, version)->document);
    bundle_clear(&bundle);
    return record;
}

json_t *shelf_job(struct shelf *shelf, const struct id *id, struct error *error)
{
    struct bundle bundle = {0};
    json_t *job;

    if (fetch(shelf, id, 0, &bundle, error) < 0) {
        return NULL;
    }
    job = json_incref(bundle.files[0].document);
    bundle_clear(&bundle);
    return job;
}
