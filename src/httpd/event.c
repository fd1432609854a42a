/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event: see event.h. */
#include "httpd/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsonscan.h"
#include "base/xalloc.h"

enum { KIND, TIME, ID, USER, MODEL, IN_RUN, KEYS };

/* What a value says, or NULL when it is no string or has a NUL. */
static char *word(struct jsonspan value)
{
    struct buffer text = {0};

    buffer_reserve(&text, value.length);
    if (value.text == NULL || !jsonspan_string(value, &text) ||
        memchr(text.bytes, '\0', text.length) != NULL) {
        buffer_free(&text);
        return NULL;
    }
    return buffer_take(&text);
}

void event_read(struct event *event, struct position position, const char *line, size_t length)
{
    static const struct jsonspan keys[KEYS] = {
        [KIND] = JSONSPAN("event"), [TIME] = JSONSPAN("time"),   [ID] = JSONSPAN("id"),
        [USER] = JSONSPAN("user"),  [MODEL] = JSONSPAN("model"), [IN_RUN] = JSONSPAN("in_run"),
    };
    struct jsonspan values[KEYS];
    char *id;

    *event = (struct event){.position = position, .text = xmemdup(line, length), .length = length};
    if (!jsonscan_find((struct jsonspan){line, length}, keys, values, KEYS))
        return;
    event->kind = word(values[KIND]);
    event->time = word(values[TIME]);
    event->user = word(values[USER]);
    event->model = word(values[MODEL]);
    event->in_run = word(values[IN_RUN]);
    id = word(values[ID]);
    event->has_id = id != NULL && id_read(id, &event->id);
    free(id);
}

bool event_is(const char *line, size_t length)
{
    struct event event;
    bool is;

    event_read(&event, (struct position){0}, line, length);
    is = event.kind != NULL;
    event_free(&event);
    return is;
}

void event_free(struct event *event)
{
    free(event->text);
    free(event->kind);
    free(event->time);
    free(event->user);
    free(event->model);
    free(event->in_run);
    *event = (struct event){.position = event->position};
}
