/* SPDX-License-Identifier: GPL-2.0-or-later */
/* glance: see glance.h. */
#include "httpd/glance.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "httpd/filter.h"
#include "httpd/front.h"
#include "httpd/request.h"
#include "httpd/survey.h"
#include "httpd/trend.h"

enum {
    KEPT_MS = 1000,
    KEPT_FACTOR = 10, /* gathering takes at most this part of one thread */
    KEPT_MOST_MS = 30 * 1000,
};

/* A request that waits for what is being gathered. */
struct asker {
    LIST_ENTRY(asker) entry;
    struct request *request;
};

struct glance {
    struct front *front;
    struct trend *trend; /* the work's while busy */
    LIST_HEAD(, asker) askers;
    uv_work_t work;
    bool busy;
    size_t held;
    bool again; /* what is being gathered was overtaken */
    struct mono fresh_until;
    struct buffer whole; /* JSON texts; the work writes them while no request looks */
    struct buffer restricted;
    struct error error; /* why there is none */
    int64_t took_ms;
};

/* --- gathering, in the pool --- */

static void gather(uv_work_t *work)
{
    struct glance *glance = work->data;
    const struct front *front = glance->front;
    struct wall now = clock_wall(front->clock);
    int64_t began_ms = clock_mono(front->clock).ms;
    json_t *survey;

    buffer_clear(&glance->whole);
    buffer_clear(&glance->restricted);
    glance->error = (struct error){.kind = ERROR_NONE};
    survey = survey_read(front->spool, now, &glance->error);
    if (survey != NULL) {
        trend_read(glance->trend, now);
        json_object_set_new(survey, "trend", trend_json(glance->trend, now));
        jsontext_write(&glance->whole, survey);
        survey_restrict(survey);
        jsontext_write(&glance->restricted, survey);
        json_decref(survey);
    }
    glance->took_ms = clock_mono(front->clock).ms - began_ms;
}

/* --- answering --- */

static void answer(const struct glance *glance, struct request *request)
{
    const struct buffer *text = filter_restricts(request) ? &glance->restricted : &glance->whole;
    struct buffer copy = {0};

    if (glance->error.kind != ERROR_NONE) {
        request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "spool", "%s", glance->error.text);
        return;
    }
    buffer_append(&copy, text->bytes, text->length);
    buffer_byte(&copy, '\n');
    request_add_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    request_reply(request, MHD_HTTP_OK, "application/json", &copy);
}

static void begin(struct glance *glance);

static void gathered(uv_work_t *work, int status)
{
    struct glance *glance = work->data;
    int64_t keep = glance->took_ms * KEPT_FACTOR;
    struct asker *asker;

    (void)status; /* it is never cancelled */
    glance->busy = false;
    if (glance->again) {
        begin(glance);
        return;
    }
    keep = keep < KEPT_MS ? KEPT_MS : keep > KEPT_MOST_MS ? KEPT_MOST_MS : keep;
    glance->fresh_until = (struct mono){clock_mono(glance->front->clock).ms + keep};
    while ((asker = LIST_FIRST(&glance->askers)) != NULL) {
        LIST_REMOVE(asker, entry);
        answer(glance, asker->request);
        free(asker);
    }
}

static void begin(struct glance *glance)
{
    int result;

    glance->busy = true;
    glance->again = false;
    result = uv_queue_work(glance->front->loop, &glance->work, gather, gathered);
    assert(result == 0);
}

/* request_gone */
static void asker_gone(void *state)
{
    struct asker *asker = state;

    LIST_REMOVE(asker, entry);
    free(asker);
}

void glance_answer(struct glance *glance, struct request *request)
{
    struct asker *asker;

    if (!glance->busy && clock_mono(glance->front->clock).ms < glance->fresh_until.ms) {
        answer(glance, request);
        return;
    }
    asker = xmalloc(sizeof *asker);
    asker->request = request;
    LIST_INSERT_HEAD(&glance->askers, asker, entry);
    request_wait(request, asker_gone, asker);
    if (!glance->busy)
        begin(glance);
}

void glance_forget(struct glance *glance)
{
    glance->fresh_until = (struct mono){0};
    glance->again = glance->busy;
}

void glance_hold(struct glance *glance)
{
    glance->held++;
}

void glance_release(struct glance *glance)
{
    glance->held--;
}

struct glance *glance_open(struct front *front)
{
    struct glance *glance = xcalloc(1, sizeof *glance);

    glance->front = front;
    glance->trend = trend_open(front->spool);
    glance->work.data = glance;
    LIST_INIT(&glance->askers);
    return glance;
}

void glance_close(struct glance *glance)
{
    if (glance == NULL)
        return;
    while (glance->busy || glance->held > 0)
        uv_run(glance->front->loop, UV_RUN_ONCE);
    assert(LIST_EMPTY(&glance->askers));
    trend_close(glance->trend);
    buffer_free(&glance->whole);
    buffer_free(&glance->restricted);
    free(glance);
}
