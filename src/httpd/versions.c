/* SPDX-License-Identifier: GPL-2.0-or-later */
/* versions: see versions.h. */
#include "httpd/versions.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/jsonscan.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum {
    VERSIONS_TOLD = 1000, /* the newest */
    WAITING_MAX = 256,
    OUTPUT_LIMIT = 256 * 1024 * 1024,
};

/* A request for the outputs of a job. */
struct asker {
    STAILQ_ENTRY(asker) entry;
    struct request *request; /* NULL: it is gone */
    struct id id;
    unsigned lowest, highest; /* highest 0: none */
    struct buffer text;       /* the pool's, while it is the first */
};

struct versions {
    struct jobs *jobs;
    uv_work_t work;
    STAILQ_HEAD(, asker) askers; /* for the first, outputs are being read */
    size_t count;
};

struct versions *versions_new(struct jobs *jobs)
{
    struct versions *versions = xcalloc(1, sizeof *versions);

    versions->jobs = jobs;
    versions->work.data = versions;
    STAILQ_INIT(&versions->askers);
    return versions;
}

void versions_free(struct versions *versions)
{
    free(versions);
}

int versions_load(const struct spool *spool, const struct id *id, unsigned version,
                  struct buffer *text, struct stat *status)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_OUTPUT, id, version, name);
    return file_read_at(spool->dir[FOLDER_DONE], name, OUTPUT_LIMIT, text, status);
}

/* --- in the pool --- */

/* What is told of a version beside its number. */
static void write_version(const struct spool *spool, const struct id *id, unsigned version,
                          struct buffer *out)
{
    static const struct jsonspan keys[] = {JSONSPAN("status"), JSONSPAN("model"), JSONSPAN("times"),
                                           JSONSPAN("cost")};
    static const char *const names[] = {"status", "model", "times", "cost"};
    struct jsonspan values[4] = {{0}};
    struct buffer text = {0};
    char hex[ID_TEXT_SIZE];

    id_write(id, hex);
    buffer_printf(out, "{\"version\":%u", version);
    if (versions_load(spool, id, version, &text, NULL) == 0 &&
        jsonscan_find((struct jsonspan){text.bytes, text.length}, keys, values, 4)) {
        for (size_t i = 0; i < 4; i++) {
            if (values[i].text != NULL)
                buffer_printf(out, ",\"%s\":%.*s", names[i], (int)values[i].length, values[i].text);
        }
    }
    buffer_printf(out, ",\"links\":{\"self\":\"/v1/jobs/%s/versions/%u\"}}", hex, version);
    buffer_free(&text);
}

static void read_outputs(uv_work_t *work)
{
    const struct versions *versions = work->data;
    struct asker *asker = STAILQ_FIRST(&versions->askers);
    unsigned version = asker->lowest;
    char hex[ID_TEXT_SIZE];

    if (asker->highest >= VERSIONS_TOLD && version <= asker->highest - VERSIONS_TOLD)
        version = asker->highest - VERSIONS_TOLD + 1;
    id_write(&asker->id, hex);
    buffer_printf(&asker->text, "{\"id\":\"%s\",\"versions\":[", hex);
    for (bool first = true; version > 0 && version <= asker->highest; version++, first = false) {
        buffer_text(&asker->text, first ? "" : ",");
        write_version(versions->jobs->front->spool, &asker->id, version, &asker->text);
    }
    buffer_text(&asker->text, "]}\n");
}

/* --- on the loop --- */

/* request_gone */
static void gone(void *state)
{
    ((struct asker *)state)->request = NULL;
}

static void start(struct versions *versions);

static void outputs_read(uv_work_t *work, int status)
{
    struct versions *versions = work->data;
    struct asker *asker = STAILQ_FIRST(&versions->askers);

    (void)status;
    STAILQ_REMOVE_HEAD(&versions->askers, entry);
    versions->count--;
    versions->jobs->busy--;
    if (!STAILQ_EMPTY(&versions->askers))
        start(versions);
    if (asker->request != NULL)
        request_reply(asker->request, MHD_HTTP_OK, "application/json", &asker->text);
    buffer_free(&asker->text);
    free(asker);
}

static void start(struct versions *versions)
{
    versions->jobs->busy++;
    (void)uv_queue_work(versions->jobs->front->loop, &versions->work, read_outputs, outputs_read);
}

void versions_tell(struct request *request, struct brief *brief)
{
    struct versions *versions = request->front->jobs->versions;
    struct asker *asker;

    if (versions->count >= WAITING_MAX) {
        jobs_unavailable(request, "too many ask for the versions of jobs");
        return;
    }
    asker = xcalloc(1, sizeof *asker);
    asker->request = request;
    asker->id = brief->id;
    asker->lowest = brief->lowest;
    asker->highest = brief->highest;
    STAILQ_INSERT_TAIL(&versions->askers, asker, entry);
    request_wait(request, gone, asker);
    if (versions->count++ == 0)
        start(versions);
}
