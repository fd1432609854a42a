/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_order: see flow_order.h.
 */
#include "client/flow_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "client/drop.h"
#include "client/flow_view.h"
#include "client/locate.h"
#include "job/field.h"
#include "spool/file.h"

bool flow_order_has(const struct verb *verb)
{
    return verb->kind == VERB_CANCEL || verb->kind == VERB_HOLD || verb->kind == VERB_RELEASE ||
           verb->kind == VERB_RETRY;
}

static int cancel(const struct spool *spool, const char *name, struct error *error)
{
    char *line = xasprintf("flows/%s\n", name);
    int result = drop_order(spool, "cancel", line, strlen(line), error);

    free(line);
    return result;
}

/* Steps that wait by one switch, those that are jobs by one each. */
static int hold(const struct spool *spool, const struct flow_record *record, bool on,
                struct error *error)
{
    char *name = xasprintf(HOLD_FLOW "%s", record->name);
    int result = drop_switch(spool, name, on, error);

    free(name);
    for (size_t i = 0; result >= 0 && i < record->count; i++) {
        char id[ID_TEXT_SIZE];

        if (!record->steps[i].noted || record->steps[i].status != NULL) {
            continue;
        }
        id_write(&record->steps[i].id, id);
        name = xasprintf("hold.%s", id);
        result = drop_switch(spool, name, on, error);
        free(name);
    }
    return result < 0 ? -1 : 0;
}

/* The flow is dropped again: what was answered is answered by that, what failed is tried. */
static int retry(const struct spool *spool, const struct flow_record *record, struct error *error)
{
    json_t *flow = json_object();
    json_t *steps = json_array();
    struct buffer text = {0};
    char drop[NAME_LIMIT];
    struct id id;
    int result = 0;

    field_text(flow, "flow", record->name);
    for (size_t i = 0; result == 0 && i < record->count; i++) {
        json_t *step = flow_record_step(spool, record->name, &record->steps[i], error);

        result = step != NULL ? json_array_append_new(steps, step) : -1;
    }
    json_object_set_new(flow, "steps", steps);
    jsontext_write(&text, flow);
    sha256_digest(text.bytes, text.length, id.bytes);
    if (result == 0) {
        result = drop_job(spool, &id, text.bytes, text.length, drop, error);
    }
    buffer_free(&text);
    json_decref(flow);
    return result;
}

static bool retry_makes_sense(const struct flow_record *record, struct error *error)
{
    if (record->ended == 0) {
        error_set(error, ERROR_DATA,
                  "flow %s has not ended: llmspool-ctl retry JOB tries one of its jobs again",
                  record->name);
        return false;
    }
    if (strcmp(record->steps[0].name, FLOW_NAMELESS) == 0) {
        error_set(error, ERROR_DATA,
                  "%s is one job without a name: drop it again as it was dropped", record->name);
        return false;
    }
    return true;
}

int flow_order(const struct spool *spool, const struct verb *verb, const char *name, bool dry_run,
               bool quiet, struct error *error)
{
    struct flow_record *record = flow_record_read(spool, name, error);
    int result = 0;

    if (record == NULL) {
        return -1;
    }
    if (verb->kind == VERB_RETRY && !retry_makes_sense(record, error)) {
        result = -1;
    } else if (!dry_run) {
        switch (verb->kind) {
        case VERB_CANCEL:
            result = cancel(spool, name, error);
            break;
        case VERB_RETRY:
            result = retry(spool, record, error);
            break;
        default:
            result = hold(spool, record, verb->kind == VERB_HOLD, error);
        }
    }
    if (result == 0 && !quiet) {
        static const char *const done[] = {[VERB_CANCEL] = "will be cancelled",
                                           [VERB_HOLD] = "will be held",
                                           [VERB_RELEASE] = "will be released",
                                           [VERB_RETRY] = "will be tried again"};

        printf("flow %s: %s\n", name, done[verb->kind]);
    }
    flow_record_free(record);
    return result;
}

/* --- a rerun with what depends on it ---------------------------------------------------------------- */

/* The job that FLOW/STEP became, or that any other word means. */
static int find_job(const struct spool *spool, const char *word, struct id *id,
                    struct error *error)
{
    const char *slash = strchr(word, '/');
    struct reference reference;
    struct flow_record *record;
    char *name;
    long number;

    if (slash == NULL) {
        if (locate_reference(spool, word, &reference, error) < 0) {
            return -1;
        }
        *id = reference.id;
        return 0;
    }
    name = xstrndup(word, (size_t)(slash - word));
    record = flow_record_read(spool, name, error);
    free(name);
    if (record == NULL) {
        return -1;
    }
    number = flow_record_find(record, slash + 1);
    if (number >= 0 && record->steps[number].noted) {
        *id = record->steps[number].id;
    } else {
        error_set(error, ERROR_ABSENT, "%s is no step that became a job", word);
    }
    number = number >= 0 && record->steps[number].noted ? 0 : -1;
    flow_record_free(record);
    return (int)number;
}

static bool leads_to(const struct spool *spool, const char *name, const struct id *id)
{
    char target[NAME_LIMIT], text[ID_TEXT_SIZE];
    ssize_t length = readlinkat(spool->dir[FOLDER_BY_NAME], name, target, sizeof target - 1);

    if (length < 0) {
        return false;
    }
    target[length] = '\0';
    id_write(id, text);
    return strstr(target, text) != NULL;
}

/* Whether the job is a step of the flow, or one is after it. */
static bool concerns(const struct spool *spool, const struct flow_record *record,
                     const struct id *id)
{
    char text[ID_TEXT_SIZE];

    id_write(id, text);
    for (size_t i = 0; i < record->count; i++) {
        const struct flow_entry *entry = &record->steps[i];

        if (entry->noted && id_equal(&entry->id, id)) {
            return true;
        }
        for (size_t n = 0; n < entry->after_count; n++) {
            if (strcmp(entry->after[n], text) == 0 ||
                (flow_record_find(record, entry->after[n]) < 0 &&
                 leads_to(spool, entry->after[n], id))) {
                return true;
            }
        }
    }
    return false;
}

/* The flows that a job concerns, as lines of an order. */
struct concerned {
    const struct spool *spool;
    const struct id *id;
    struct buffer *lines;
    int count;
};

static int add_flow(void *context, struct flow_record *record)
{
    struct concerned *concerned = context;

    if (concerns(concerned->spool, record, concerned->id)) {
        buffer_printf(concerned->lines, "flows/%s\n", record->name);
        concerned->count++;
    }
    return 0;
}

/* Adds their lines. Returns how many, or -1. */
static int add_flows(const struct spool *spool, const struct id *id, struct buffer *lines,
                     struct error *error)
{
    struct concerned concerned = {.spool = spool, .id = id, .lines = lines};

    return flow_record_each(spool, add_flow, &concerned, error) < 0 ? -1 : concerned.count;
}

int flow_cascade(const struct spool *spool, const char *word, bool dry_run, bool quiet,
                 struct error *error)
{
    struct buffer lines = {0};
    char text[ID_TEXT_SIZE];
    struct id id;
    int flows, result = 0;

    if (find_job(spool, word, &id, error) < 0) {
        return -1;
    }
    id_write(&id, text);
    buffer_printf(&lines, "%s\n", text);
    flows = add_flows(spool, &id, &lines, error);
    if (flows >= 0 && !dry_run) {
        result = drop_order(spool, "cascade", lines.bytes, lines.length, error);
    }
    if (flows >= 0 && result == 0 && !quiet) {
        printf("%.12s: will be asked again, and what depends on it in %d flow%s\n", text, flows,
               flows == 1 ? "" : "s");
    }
    buffer_free(&lines);
    return flows < 0 ? -1 : result;
}
