/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_again: what depends on jobs that are asked again, resolved again when they have ended.
 *
 * Done on the loop: it is one person's order, and writes one file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/flows_core.h"
#include "job/field.h"

/* How a step is touched by the order. */
enum touch { TOUCH_NONE, TOUCH_ASKED, TOUCH_DEPENDS };

/* Whether one of these jobs is meant by a word that is no step. */
static bool means_one(const struct spool *spool, const char *word, const struct id *ids,
                      size_t count)
{
    struct id id;
    bool found = false;

    if (!id_read(word, &id) && !flows_by_name(spool, word, &id))
        return false;
    for (size_t i = 0; i < count && !found; i++)
        found = id_equal(&id, &ids[i]);
    return found;
}

/* Those that became one of the jobs, and those that are after one of them outside the flow. */
static bool touch_first(const struct flows *flows, const struct flow_record *record,
                        const struct id *ids, size_t count, enum touch *touched)
{
    bool any = false;

    for (size_t i = 0; i < record->count; i++) {
        const struct flow_entry *entry = &record->steps[i];

        for (size_t n = 0; n < count && entry->noted; n++)
            if (id_equal(&entry->id, &ids[n]))
                touched[i] = TOUCH_ASKED;
        for (size_t n = 0; n < entry->after_count; n++)
            if (flow_record_find(record, entry->after[n]) < 0 &&
                means_one(flows->core->spool, entry->after[n], ids, count))
                touched[i] = TOUCH_DEPENDS;
        any = any || touched[i] != TOUCH_NONE;
    }
    return any;
}

/* Spreads to children until nothing is new. The children are gone through as in flow_add: each edge
 * once for each time that its parent is new, which is once. */
static void touch_rest(const struct flow *flow, enum touch *touched)
{
    const struct flow_record *record = flow->record;
    size_t *line = xcalloc(record->count, sizeof *line);
    size_t count = 0;

    for (size_t i = 0; i < record->count; i++)
        if (touched[i] != TOUCH_NONE)
            line[count++] = i;
    for (size_t at = 0; at < count; at++)
        for (size_t n = flow->child_start[line[at]]; n < flow->child_start[line[at] + 1]; n++) {
            size_t child = flow->children[n];

            if (touched[child] == TOUCH_NONE)
                line[count++] = child;
            touched[child] = TOUCH_DEPENDS;
        }
    free(line);
}

/* Lines that undo the ends of what is touched; what is asked again stays the job that it is. */
static void write_again(const struct flow_record *record, const enum touch *touched,
                        struct buffer *out)
{
    for (size_t i = 0; i < record->count; i++) {
        json_t *line;
        char id[ID_TEXT_SIZE];

        if (touched[i] == TOUCH_NONE)
            continue;
        line = json_object();
        id_write(&record->steps[i].id, id);
        field_text(line, "step", record->steps[i].name);
        json_object_set_new(line, "again", json_true());
        if (touched[i] == TOUCH_ASKED)
            field_text(line, "id", id);
        jsontext_write(out, line);
        buffer_byte(out, '\n');
        json_decref(line);
    }
}

static int again(struct flows *flows, struct flow_record *record, const struct id *ids,
                 size_t count)
{
    struct flow flow = {.flows = flows, .record = record};
    enum touch *touched = xcalloc(record->count, sizeof *touched);
    struct buffer lines = {0};
    int result = 0;

    if (touch_first(flows, record, ids, count, touched)) {
        flow_connect(&flow);
        touch_rest(&flow, touched);
        write_again(record, touched, &lines);
        result = flow_record_append(flows->core->spool, record->name, lines.bytes, lines.length);
        free(flow.child_start);
        free(flow.children);
        buffer_free(&lines);
    }
    free(touched);
    return result;
}

static bool may_order(const char *owner, const struct flow_record *record)
{
    return owner == NULL || (record->user != NULL && strcmp(owner, record->user) == 0);
}

bool flows_again(struct flows *flows, const char *name, const char *owner, const struct id *ids,
                 size_t count)
{
    struct core *core = flows->core;
    struct flow_record *record;
    struct error error;
    struct flow *flow;
    int result;

    HASH_FIND_STR(flows->all, name, flow);
    if (flow != NULL)
        return false;
    record = flow_record_read(core->spool, name, &error);
    if (record == NULL || !may_order(owner, record)) {
        if (record == NULL)
            log_warning(&core->log, "%s", error.text);
        flow_record_free(record);
        return true;
    }
    result = again(flows, record, ids, count);
    flow_record_free(record);
    if (result < 0) {
        log_error(&core->log, "flows/%s cannot be written: %s", name, strerror(-result));
        return true;
    }
    record = flow_record_read(core->spool, name, &error);
    if (record != NULL && record->ended == 0)
        flow_add(flows, record);
    else
        flow_record_free(record);
    return true;
}
