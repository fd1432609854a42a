/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notified: see notified.h.
 */
#include "client/notified.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/records.h"

enum { RECEIVERS_SHOWN = 3 };

/* What an event says of a debt's state; NULL: it is about none. */
static const char *state_of(const char *kind)
{
    static const struct {
        const char *end;
        const char *state;
    } ends[] = {{"_delivered", "delivered"}, {"_failed", "owed"}, {"_gave_up", "gave_up"}};

    if (strncmp(kind, "webhook_", 8) != 0 && strncmp(kind, "hook_", 5) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const char *end = strchr(kind, '_');

        if (strcmp(end, ends[i].end) == 0) {
            return ends[i].state;
        }
    }
    return NULL;
}

/* The entry of the debt that an event is about, or a new one. */
static json_t *entry_of(json_t *all, const json_t *event)
{
    static const char *const same[] = {"webhook_id", "hook", "of", "run"};
    json_t *entry;
    size_t i;

    json_array_foreach (all, i, entry) {
        bool is = true;

        for (size_t k = 0; k < sizeof same / sizeof same[0]; k++) {
            json_t *one = json_object_get(entry, same[k]), *other = json_object_get(event, same[k]);

            is = is && (one == other || (one != NULL && json_equal(one, other)));
        }
        if (is) {
            return entry;
        }
    }
    entry = json_object();
    json_array_append_new(all, entry);
    return entry;
}

json_t *notified_read(const json_t *events)
{
    static const char *const kept[] = {"webhook_id", "receiver", "hook", "of",
                                       "run",        "time",     "next_try", "message"};
    json_t *all = json_array();
    json_t *event;
    size_t i;

    json_array_foreach (events, i, event) {
        const char *state = state_of(jsontext_get_text(event, "event", ""));
        json_t *entry;

        if (state == NULL) {
            continue;
        }
        entry = entry_of(all, event);
        json_object_clear(entry);
        json_object_set_new(entry, "state", json_string(state));
        json_object_set_new(entry, "tries",
                            json_integer(jsontext_get_int(
                                event, "attempts", jsontext_get_int(event, "attempt", 1))));
        for (size_t k = 0; k < sizeof kept / sizeof kept[0]; k++) {
            if (json_object_get(event, kept[k]) != NULL) {
                json_object_set(entry, kept[k], json_object_get(event, kept[k]));
            }
        }
    }
    return all;
}

static void add_entry(struct buffer *text, const json_t *entry, struct wall now)
{
    const char *state = jsontext_get_text(entry, "state", "");
    int tries = (int)jsontext_get_int(entry, "tries", 1);
    const char *s = tries == 1 ? "y" : "ies";
    int64_t next = records_time(entry, "next_try");
    char moment[TIMETEXT_SIZE];

    buffer_printf(text, "%s%s: ", text->length > 0 ? "; " : "",
                  jsontext_get_text(entry, "receiver", jsontext_get_text(entry, "hook", "")));
    if (strcmp(state, "owed") == 0) {
        timetext_write_local((struct wall){next}, now, moment);
        buffer_printf(text, "owed, %d tr%s failed (%s), next at %s", tries, s,
                      jsontext_get_text(entry, "message", ""), moment);
    } else if (strcmp(state, "gave_up") == 0) {
        buffer_printf(text, "given up after %d tr%s (%s), llmspool-ctl redeliver tries again", tries,
                      s, jsontext_get_text(entry, "message", ""));
    } else {
        timetext_write_local((struct wall){records_time(entry, "time")}, now, moment);
        buffer_printf(text, "told of %s at %s", jsontext_get_text(entry, "of", "it"), moment);
    }
}

char *notified_text(const json_t *notified, struct wall now)
{
    struct buffer text = {0};
    json_t *entry;
    size_t i;

    json_array_foreach (notified, i, entry) {
        add_entry(&text, entry, now);
    }
    return text.length > 0 ? buffer_take(&text) : NULL;
}

char *notified_overview(const json_t *webhooks, struct wall now)
{
    long owed = (long)jsontext_get_int(webhooks, "owed", 0);
    long failed = (long)jsontext_get_int(webhooks, "failed", 0);
    const json_t *receivers = json_object_get(webhooks, "receivers");
    int64_t oldest = records_time(webhooks, "oldest");
    struct buffer text = {0};
    char age[TIMETEXT_SIZE];

    if (owed == 0 && failed == 0) {
        return NULL;
    }
    if (owed > 0) {
        buffer_printf(&text, "%ld owed", owed);
    }
    if (oldest > 0) {
        timetext_write_duration(now.ms > oldest ? now.ms - oldest : 0, age);
        buffer_printf(&text, ", the oldest for %s", age);
    }
    if (failed > 0) {
        buffer_printf(&text, "%s%ld given up", text.length > 0 ? ", " : "", failed);
    }
    for (size_t i = 0; i < json_array_size(receivers) && i < RECEIVERS_SHOWN; i++) {
        const json_t *receiver = json_array_get(receivers, i);

        buffer_printf(&text, "; %s: %s", jsontext_get_text(receiver, "receiver", ""),
                      jsontext_get_text(receiver, "message", ""));
    }
    if (json_array_size(receivers) > RECEIVERS_SHOWN) {
        buffer_printf(&text, "; %zu other receivers fail (--json)",
                      json_array_size(receivers) - RECEIVERS_SHOWN);
    }
    return buffer_take(&text);
}
