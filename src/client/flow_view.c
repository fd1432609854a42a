/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_view: see flow_view.h.
 */
#include "client/flow_view.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/moneytext.h"
#include "base/xalloc.h"
#include "client/locate.h"
#include "client/records.h"
#include "job/field.h"
#include "spool/file.h"

enum { PARENTS_SHOWN = 5 };

static void look_at_record(struct flow_look *step, const json_t *record)
{
    const json_t *cost = json_object_get(record, "cost");
    const json_t *times = json_object_get(record, "times");

    step->started = records_time(times, "started");
    step->finished = records_time(times, "finished");
    if (cost != NULL && json_is_number(json_object_get(cost, "amount"))) {
        char number[JSONTEXT_NUMBER_SIZE];

        jsontext_number(json_number_value(json_object_get(cost, "amount")), number);
        step->cost = xasprintf("%s %s", number, jsontext_get_text(cost, "currency", ""));
    }
}

static void look_at_step(const struct spool *spool, struct flow_look *step)
{
    const struct flow_entry *entry = step->entry;
    json_t *record = NULL;

    step->state = entry->status;
    step->finished = entry->ended;
    if (entry->status == NULL) {
        step->state = entry->noted ? locate_state(spool, &entry->id) : NULL;
        step->state = step->state != NULL ? step->state : "waiting";
        return;
    }
    if (entry->noted) {
        record = strcmp(entry->status, "completed") == 0
                     ? records_output(spool, &entry->id, 0, NULL, NULL)
                     : records_error(spool, &entry->id, NULL);
    }
    if (record != NULL) {
        look_at_record(step, record);
        json_decref(record);
    }
}

struct flow_view *flow_view_read(const struct spool *spool, const char *name, struct error *error)
{
    struct flow_record *record = flow_record_read(spool, name, error);
    struct flow_view *view;

    if (record == NULL) {
        return NULL;
    }
    view = xcalloc(1, sizeof *view);
    view->record = record;
    view->steps = xcalloc(record->count, sizeof *view->steps);
    for (size_t i = 0; i < record->count; i++) {
        view->steps[i].entry = &record->steps[i];
        look_at_step(spool, &view->steps[i]);
    }
    return view;
}

void flow_view_free(struct flow_view *view)
{
    if (view == NULL) {
        return;
    }
    for (size_t i = 0; i < view->record->count; i++) {
        free(view->steps[i].cost);
    }
    free(view->steps);
    flow_record_free(view->record);
    free(view);
}

void flow_view_reason(const struct flow_view *view, const struct flow_look *step,
                      struct buffer *out)
{
    const struct flow_entry *entry = step->entry;
    size_t open = 0;

    if (entry->status != NULL || entry->noted) {
        return;
    }
    for (size_t i = 0; i < entry->after_count; i++) {
        long parent = flow_record_find(view->record, entry->after[i]);

        if (parent >= 0 && view->record->steps[parent].status != NULL) {
            continue;
        }
        if (++open <= PARENTS_SHOWN) {
            buffer_printf(out, "%s%s", open == 1 ? "after " : ", ", entry->after[i]);
        }
    }
    if (open > PARENTS_SHOWN) {
        buffer_printf(out, " and %zu more", open - PARENTS_SHOWN);
    }
}

static json_t *step_json(const struct flow_view *view, const struct flow_look *step)
{
    const struct flow_entry *entry = step->entry;
    json_t *json = json_object();
    json_t *after = json_array();
    struct buffer reason = {0};
    char id[ID_TEXT_SIZE];

    id_write(&entry->id, id);
    flow_view_reason(view, step, &reason);
    field_text(json, "name", entry->name);
    field_text(json, "id", entry->noted ? id : NULL);
    field_text(json, "state", step->state);
    field_text(json, "reason", reason.bytes != NULL ? reason.bytes : entry->reason);
    for (size_t i = 0; i < entry->after_count; i++) {
        json_array_append_new(after, json_string(entry->after[i]));
    }
    json_object_set_new(json, "after", after);
    field_time_or_null(json, "started", step->started);
    field_time_or_null(json, "finished", step->finished);
    field_text(json, "cost", step->cost);
    buffer_free(&reason);
    return json;
}

json_t *flow_view_json(const struct flow_view *view)
{
    json_t *json = json_object();
    json_t *steps = json_array();

    field_text(json, "flow", view->record->name);
    field_text(json, "user", view->record->user);
    field_time(json, "submitted", view->record->submitted);
    field_time_or_null(json, "ended", view->record->ended);
    for (size_t i = 0; i < view->record->count; i++) {
        json_array_append_new(steps, step_json(view, &view->steps[i]));
    }
    json_object_set_new(json, "steps", steps);
    return json;
}

/* --- steps that wait ---------------------------------------------------------------------------- */

static bool is_called(const struct flow_record *record, const struct flow_entry *entry,
                      const char *word)
{
    size_t length = strlen(record->name);
    char id[ID_TEXT_SIZE];

    id_write(&entry->unresolved, id);
    if (strncmp(word, record->name, length) == 0 && word[length] == '/') {
        return strcmp(word + length + 1, entry->name) == 0;
    }
    return strcmp(word, entry->name) == 0 ||
           (strlen(word) >= ID_PREFIX_MIN && strncmp(id, word, strlen(word)) == 0);
}

/* Steps of a name that wait, and whom to tell of them. */
struct wanted {
    const struct spool *spool;
    const char *word;
    void (*found)(void *context, const struct flow_view *view, const struct flow_look *step);
    void *context;
    int count;
};

static int look_for_steps(void *context, struct flow_record *record)
{
    struct wanted *wanted = context;
    struct flow_view view = {.record = record};

    for (size_t i = 0; i < record->count; i++) {
        struct flow_look step = {.entry = &record->steps[i]};

        if (step.entry->status == NULL && !step.entry->noted &&
            is_called(record, step.entry, wanted->word)) {
            look_at_step(wanted->spool, &step);
            wanted->found(wanted->context, &view, &step);
            wanted->count++;
        }
    }
    return 0;
}

int flow_view_waiting(const struct spool *spool, const char *word,
                      void (*found)(void *context, const struct flow_view *view,
                                    const struct flow_look *step),
                      void *context, struct error *error)
{
    struct wanted wanted = {.spool = spool, .word = word, .found = found, .context = context};

    return flow_record_each(spool, look_for_steps, &wanted, error) < 0 ? -1 : wanted.count;
}
