/* SPDX-License-Identifier: GPL-2.0-or-later */
/* members: the jobs of a run, read from its manifest. */
#include "retain/members.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"

static FILE *manifest_open(const struct spool *spool, const char *run, struct error *error)
{
    char *path = xasprintf("%s/manifest.jsonl", run);
    int fd = openat(spool->dir[FOLDER_RUNS], path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

    if (file == NULL && fd >= 0) {
        close(fd);
    } else if (file == NULL && (errno == ENOENT || errno == ENOTDIR)) {
        error_set(error, ERROR_ABSENT, "there is no run %s in %s", run, spool->path);
    } else if (file == NULL) {
        error_system(error, errno, "cannot read %s/runs/%s", spool->path, path);
    }
    free(path);
    return file;
}

int members_each(const struct spool *spool, const char *run,
                 int (*visit)(void *context, const struct id *id, const json_t *line),
                 void *context, struct error *error)
{
    FILE *file = layout_name_ok(run) ? manifest_open(spool, run, error) : NULL;
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    int result = 0;

    if (file == NULL) {
        if (!layout_name_ok(run)) {
            error_set(error, ERROR_USAGE, "%s is no name of a run", run);
        }
        return -1;
    }
    while (result == 0 && (length = getline(&text, &room, file)) > 0) {
        json_t *line = jsontext_read_object(text, (size_t)length, NULL);
        struct id id;

        if (line != NULL) {
            bool known = id_read(jsontext_get_text(line, "id", ""), &id);

            result = visit(context, known ? &id : NULL, line);
        }
        json_decref(line);
    }
    free(text);
    fclose(file);
    return result;
}

struct gathering {
    struct id *ids;
    size_t count;
    size_t capacity;
};

static int gather(void *context, const struct id *id, const json_t *line)
{
    struct gathering *gathering = context;

    (void)line;
    if (id == NULL) {
        return 0;
    }
    if (gathering->count == gathering->capacity) {
        gathering->capacity = 2 * gathering->capacity + 64;
        gathering->ids = xrealloc(gathering->ids, gathering->capacity * sizeof *gathering->ids);
    }
    gathering->ids[gathering->count++] = *id;
    return 0;
}

int members_select(const struct spool *spool, struct selection *selection, struct error *error)
{
    struct gathering gathering = {0};

    if (selection->run == NULL) {
        return 0;
    }
    if (members_each(spool, selection->run, gather, &gathering, error) < 0) {
        free(gathering.ids);
        return -1;
    }
    selection_members(selection, gathering.ids, gathering.count);
    return 0;
}
