/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * story_print: a job's story for a person; see story.h.
 */
#include "client/story.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/chronicle.h"
#include "client/notified.h"
#include "client/records.h"
#include "client/show.h"
#include "client/table.h"

enum { INDENT = 11, EVENTS_SHOWN = 40 };

/* One line "label      text"; nothing where there is no text. */
static void put(const struct screen *screen, enum tone tone, const char *label, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        screen_paragraph(screen, tone, label, INDENT, text);
    }
}

static const char *local_time(int64_t ms, struct wall now, char text[TIMETEXT_SIZE])
{
    if (ms > 0) {
        timetext_write_local((struct wall){ms}, now, text);
    } else {
        strcpy(text, "-");
    }
    return text;
}

/* A file's path with its ID cut to 12 digits and a star, so that it fits and a shell still finds
 * it. */
static const char *short_path(const char *path, struct buffer *out)
{
    const char *name = strchr(path, '/');

    buffer_clear(out);
    if (name == NULL || strlen(name) < ID_TEXT_SIZE) {
        buffer_text(out, path);
    } else {
        buffer_append(out, path, (size_t)(name + ID_SHORT_SIZE - path));
        buffer_printf(out, "*%s", name + ID_TEXT_SIZE);
    }
    return out->bytes;
}

static void print_state(const struct screen *screen, const json_t *story)
{
    const char *state = jsontext_get_text(story, "state", "");
    const char *reason = jsontext_get_text(story, "reason", NULL);
    char *text = reason != NULL ? xasprintf("%s: %s", state, reason) : xstrdup(state);

    put(screen, screen_tone(state), "state", text);
    put(screen, TONE_PLAIN, "advice",
        jsontext_get_text(json_object_get(story, "error"), "advice", NULL));
    free(text);
}

static void print_names(const struct screen *screen, const json_t *story)
{
    struct buffer text = {0};
    json_t *name;
    size_t i;

    json_array_foreach(json_object_get(story, "names"), i, name)
    {
        buffer_printf(&text, "%s%s", i > 0 ? ", " : "", json_string_value(name));
    }
    put(screen, TONE_PLAIN, "name", text.bytes);
    buffer_free(&text);
}

/* The keys that say how it runs, in one line. */
static void print_job(const struct screen *screen, const json_t *story)
{
    static const char *const texts[] = {"provider", "user",    "not_before", "expires",
                                        "timeout",  "max_age", "on_doubt",   "keep"};
    const json_t *job = json_object_get(story, "job");
    struct buffer text = {0};

    if (job == NULL) {
        return;
    }
    buffer_text(&text, jsontext_get_text(job, "model", "?"));
    if (json_object_get(job, "priority") != NULL) {
        buffer_printf(&text, ", priority %d", (int)jsontext_get_int(job, "priority", 0));
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *value = jsontext_get_text(job, texts[i], NULL);

        if (value != NULL) {
            buffer_printf(&text, ", %s %s", texts[i], value);
        }
    }
    put(screen, TONE_PLAIN, "model", text.bytes);
    buffer_free(&text);
}

static void print_times(const struct screen *screen, const json_t *story, struct wall now)
{
    static const char *const keys[] = {"submitted", "accepted", "started", "finished"};
    const json_t *times = json_object_get(story, "times");
    struct buffer text = {0};
    char moment[TIMETEXT_SIZE];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        int64_t ms = records_time(times, keys[i]);

        if (ms > 0) {
            buffer_printf(&text, "%s%s %s", text.length > 0 ? ", " : "", keys[i],
                          local_time(ms, now, moment));
        }
    }
    put(screen, TONE_PLAIN, "times", text.bytes);
    buffer_free(&text);
}

/* Who was told of its end, and who is still to be. */
static void print_notified(const struct screen *screen, const json_t *story, struct wall now)
{
    char *text = notified_text(json_object_get(story, "webhooks"), now);

    put(screen, TONE_PLAIN, "webhooks", text);
    free(text);
}

static void attempt_row(struct table *table, const json_t *attempt, struct wall now)
{
    int64_t started = records_time(attempt, "started");
    int64_t took = records_time(attempt, "ended") - started;
    int status = (int)jsontext_get_int(attempt, "http_status", 0);
    int count = (int)jsontext_get_int(attempt, "count", 1);
    char moment[TIMETEXT_SIZE], duration[TIMETEXT_SIZE];

    timetext_write_duration(took > 0 ? took : 0, duration);
    table_cell(table, "%d", (int)jsontext_get_int(attempt, "n", 0));
    table_cell(table, "%s", local_time(started, now, moment));
    table_cell(table, "%s", duration);
    table_cell(table, count > 1 ? "%s, %d times" : "%s", jsontext_get_text(attempt, "outcome", ""),
               count);
    if (status > 0) {
        table_cell(table, "%d", status);
    } else {
        table_cell(table, "-");
    }
    table_cell(table, "%s",
               jsontext_get_text(attempt, "message", jsontext_get_text(attempt, "code", "")));
}

static void print_attempts(const struct screen *screen, const json_t *story, struct wall now)
{
    static const char *const headings[] = {"N",    "STARTED", "TOOK", "OUTCOME",
                                           "HTTP", "MESSAGE", NULL};
    struct table table = table_start(headings);
    json_t *attempt;
    size_t i;

    json_array_foreach(json_object_get(story, "attempts"), i, attempt)
    {
        attempt_row(&table, attempt, now);
    }
    if (table_rows(&table) > 0) {
        screen_line(screen, TONE_STRONG, "attempts");
    }
    table_end(&table, screen, 2);
}

static void print_outputs(const struct screen *screen, const json_t *story, struct wall now)
{
    static const char *const headings[] = {"VERSION", "STATUS", "FINISHED", "FILE", NULL};
    struct table table = table_start(headings);
    struct buffer path = {0};
    json_t *output;
    size_t i;

    json_array_foreach(json_object_get(story, "outputs"), i, output)
    {
        char moment[TIMETEXT_SIZE];

        table_cell(&table, "%d", (int)jsontext_get_int(output, "version", 0));
        table_cell(&table, "%s%s", jsontext_get_text(output, "status", ""),
                   jsontext_get_bool(output, "mock", false) ? " (mock)" : "");
        table_cell(
            &table, "%s",
            local_time(records_time(json_object_get(output, "times"), "finished"), now, moment));
        table_cell(&table, "%s", short_path(jsontext_get_text(output, "file", ""), &path));
    }
    buffer_free(&path);
    if (table_rows(&table) > 0) {
        screen_line(screen, TONE_STRONG, "outputs");
    }
    table_end(&table, screen, 2);
}

static void print_events(const struct screen *screen, const json_t *story, struct wall now)
{
    static const char *const headings[] = {"TIME", "EVENT", "DETAILS", NULL};
    const json_t *events = json_object_get(story, "events");
    size_t count = json_array_size(events);
    size_t first = count > EVENTS_SHOWN ? count - EVENTS_SHOWN : 0;
    struct table table = table_start(headings);

    for (size_t i = first; i < count; i++) {
        json_t *event = json_array_get(events, i);
        struct buffer details = {0};
        char moment[TIMETEXT_SIZE];

        chronicle_details(&details, event);
        table_cell(&table, "%s", local_time(records_time(event, "time"), now, moment));
        table_cell(&table, "%s", jsontext_get_text(event, "event", ""));
        table_cell(&table, "%s", details.bytes != NULL ? details.bytes : "");
        buffer_free(&details);
    }
    if (first > 0) {
        screen_line(screen, TONE_STRONG, "events (the last %d of %zu; all with --json)",
                    EVENTS_SHOWN, count);
    } else if (count > 0) {
        screen_line(screen, TONE_STRONG, "events");
    }
    table_end(&table, screen, 2);
}

/* Those but the outputs, which have their table. */
static void print_files(const struct screen *screen, const json_t *story)
{
    const json_t *files = json_object_get(story, "files");
    size_t count = json_array_size(files) - json_array_size(json_object_get(story, "outputs"));
    struct buffer text = {0}, path = {0};

    for (size_t i = 0; i < count; i++) {
        buffer_printf(&text, "%s%s", i > 0 ? ", " : "",
                      short_path(json_string_value(json_array_get(files, i)), &path));
    }
    put(screen, TONE_PLAIN, "files", text.bytes);
    buffer_free(&text);
    buffer_free(&path);
}

void story_print(const struct screen *screen, const struct id *id, const json_t *story,
                 struct wall now)
{
    char shown[ID_TEXT_SIZE];

    put(screen, TONE_PLAIN, "job", show_id(screen->out, id, shown));
    print_state(screen, story);
    print_names(screen, story);
    print_job(screen, story);
    print_times(screen, story, now);
    print_notified(screen, story, now);
    print_files(screen, story);
    print_attempts(screen, story, now);
    print_outputs(screen, story, now);
    print_events(screen, story, now);
}
