/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trail: see trail.h.
 */
#include "client/trail.h"

#include <string.h>

#include "base/jsontext.h"
#include "retain/eventlog.h"

static const size_t read_limit = 512 * 1024 * 1024; /* bytes: no further day is begun */

/* One day being read. */
struct day {
    const char *id;
    json_t *events; /* of the job, in their order */
    size_t taken;   /* bytes read, of all days */
};

/* Takes an event that is the job's. A torn line is no JSON, and passed over. */
static int look(void *context, const char *text, size_t length)
{
    struct day *day = context;
    json_t *event;

    day->taken += length;
    if (memmem(text, length, day->id, ID_TEXT_SIZE - 1) == NULL) {
        return 0;
    }
    event = jsontext_read_object(text, length, NULL);
    if (event != NULL && strcmp(jsontext_get_text(event, "id", ""), day->id) == 0) {
        json_array_append(day->events, event);
    }
    json_decref(event);
    return 0;
}

static bool has_acceptance(const json_t *events)
{
    const json_t *first = json_array_get(events, 0);

    return first != NULL && strcmp(jsontext_get_text(first, "event", ""), "accepted") == 0;
}

json_t *trail_read(const struct spool *spool, const struct id *id, bool *cut)
{
    struct eventlog_span span;
    char text[ID_TEXT_SIZE];
    json_t *events = json_array();
    struct day day = {.id = text};
    bool any = eventlog_days(spool, &span);

    *cut = false;
    id_write(id, text);
    for (int32_t at = span.last; any && !*cut && at >= span.first && !has_acceptance(events);
         at--) {
        day.events = json_array();
        *cut = day.taken > read_limit ||
               eventlog_each(spool, (struct eventlog_span){at, at}, false, look, &day, NULL) < 0;
        json_array_extend(day.events, events);
        json_decref(events);
        events = day.events;
    }
    return events;
}
