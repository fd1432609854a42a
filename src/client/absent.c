/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * absent: see absent.h.
 */
#include "client/absent.h"

#include "retain/ids.h"

void absent_tell(const struct spool *spool, const struct id *id, const char *word,
                 const char *command, struct error *error)
{
    struct ids *ids = ids_open(spool, error);
    struct archived archived;
    char hex[ID_TEXT_SIZE];

    if (ids == NULL) {
        error_prefix(error, "there is no job %s in %s, and what is archived is not known", word,
                     spool->path);
    } else if (ids_find(ids, id, 0, &archived)) {
        id_write(id, hex);
        error_set(error, ERROR_ABSENT, "%s is archived in archive/%s: llmspool-archive %s %s", word,
                  archived.volume, command, hex);
    } else {
        error_set(error, ERROR_ABSENT, "there is no job %s in %s", word, spool->path);
    }
    ids_close(ids);
}

bool absent_archived(const struct spool *spool, const struct id *id)
{
    struct ids *ids = ids_open(spool, NULL);
    struct archived archived;
    bool found = ids != NULL && ids_find(ids, id, 0, &archived);

    ids_close(ids);
    return found;
}
