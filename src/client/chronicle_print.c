/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chronicle_print: an event for a person; see chronicle.h.
 */
#include "client/chronicle.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "client/records.h"

enum { SHORT_DIGITS = ID_SHORT_SIZE - 1 };

void chronicle_details(struct buffer *text, json_t *event)
{
    static const char *const known[] = {"time", "event", "id", "name", "run", "user", "model"};
    const char *key;
    json_t *value;

    json_object_foreach (event, key, value) {
        bool skip = false;

        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            skip = skip || strcmp(key, known[i]) == 0;
        }
        if (skip) {
            continue;
        }
        buffer_printf(text, "%s%s ", text->length > 0 ? ", " : "", key);
        if (json_is_string(value)) {
            buffer_text(text, json_string_value(value));
        } else {
            jsontext_write(text, value);
        }
    }
}

static enum tone tone_of(const char *kind)
{
    static const char *const bad[] = {"failed",      "expired",    "refused",    "doubt",
                                      "events_lost", "events_cut", "gate_closed"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (strcmp(kind, bad[i]) == 0) {
            return TONE_BAD;
        }
    }
    return strcmp(kind, "completed") == 0 ? TONE_GOOD : TONE_PLAIN;
}

void chronicle_line(const struct screen *screen, json_t *event, struct wall now)
{
    static const char *const whose[] = {"name", "model", "user"};
    const char *kind = jsontext_get_text(event, "event", "");
    int64_t ms = records_time(event, "time");
    struct buffer text = {0};
    char moment[TIMETEXT_SIZE] = "-";

    for (size_t i = 0; i < sizeof whose / sizeof whose[0]; i++) {
        const char *value = jsontext_get_text(event, whose[i], NULL);

        if (value != NULL) {
            buffer_printf(&text, "%s%s", text.length > 0 ? ", " : "", value);
        }
    }
    chronicle_details(&text, event);
    if (ms > 0) {
        timetext_write_local((struct wall){ms}, now, moment);
    }
    screen_line(screen, tone_of(kind), "%19s  %-15s %-*.*s  %s", moment, kind, SHORT_DIGITS,
                SHORT_DIGITS, jsontext_get_text(event, "id", "-"),
                text.bytes != NULL ? text.bytes : "");
    buffer_free(&text);
}
