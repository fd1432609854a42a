/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_responses_stream: the events of a streamed response.
 *
 * The last event carries the whole response, so little is folded: the text, for whoever watches,
 * and the finished items, for servers whose last event leaves the output out.
 */
#include <string.h>

#include "base/jsontext.h"
#include "provider/openai_responses.h"

enum { ITEMS_LIMIT = 4096 };

#define ITEMS "finished items" /* a member of the document while it is folded */

/* The document so far. */
static json_t *fold_document(struct fold *fold)
{
    if (fold->document == NULL) {
        fold->document = json_pack("{s:[]}", ITEMS);
    }
    return fold->document;
}

static bool take_response(struct fold *fold, const json_t *data, bool done)
{
    json_t *response = json_object_get(data, "response");
    if (!json_is_object(response)) {
        return false;
    }
    json_object_update(fold_document(fold), response);
    fold->done = done;
    return true;
}

static bool take_progress(struct fold *fold, const json_t *data)
{
    return take_response(fold, data, false);
}

static bool take_end(struct fold *fold, const json_t *data)
{
    return take_response(fold, data, true);
}

static bool take_text(struct fold *fold, const json_t *data)
{
    fold_show(fold, json_object_get(data, "delta"));
    return true;
}

static bool take_item(struct fold *fold, const json_t *data)
{
    json_t *items = json_object_get(fold_document(fold), ITEMS);
    json_t *item = json_object_get(data, "item");
    if (!json_is_object(item) || json_array_size(items) >= ITEMS_LIMIT) {
        return false;
    }
    json_array_append(items, item);
    return true;
}

/* The events that matter; there are many more. */
static const struct {
    const char *type;
    bool (*take)(struct fold *fold, const json_t *data);
} events[] = {
    {"response.created", take_progress},      {"response.queued", take_progress},
    {"response.in_progress", take_progress},  {"response.output_text.delta", take_text},
    {"response.output_item.done", take_item}, {"response.completed", take_end},
    {"response.incomplete", take_end},        {"response.failed", take_end},
    {"response.cancelled", take_end},
};

static bool responses_take(struct fold *fold, const char *name, json_t *data)
{
    const char *type = jsontext_get_text(data, "type", name);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (strcmp(events[i].type, type) == 0) {
            return events[i].take(fold, data);
        }
    }
    return true;
}

static bool responses_complete(struct fold *fold, const struct job *job)
{
    json_t *items = json_object_get(fold->document, ITEMS);
    (void)job;
    if (json_array_size(json_object_get(fold->document, "output")) == 0) {
        json_object_set(fold->document, "output", items);
    }
    json_object_del(fold->document, ITEMS);
    return fold->done;
}

const struct stream_kind openai_responses_stream = {.take = responses_take,
                                                    .complete = responses_complete};
