/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash: see crash.h.
 */
#include "daemon/crash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/mark.h"
#include "daemon/metrics.h"
#include "spool/file.h"

#define STOPPED_FILE "stopped.json" /* {"marked": [IDs]}: left by a stop by signal */
#define CRASHES_FILE "crashes.json" /* {"crashes": N}: in a row, no job finished between */

enum {
    STATE_LIMIT = 64 * 1024 * 1024,
    CRASHES_ALONE = 2, /* from so many on, jobs in doubt are sent alone */
    CRASHES_POISON = 3, /* a job that was alone in more than so many is held */
};

struct crash {
    struct core *core;
    json_t *stopped; /* object with the IDs of the last stop as keys */
    unsigned crashes;
    struct task **marked;
    size_t marked_count;
    size_t marked_capacity;
};

static json_t *state_load(struct core *core, const char *name)
{
    struct buffer text = {0};
    json_t *value = NULL;

    if (file_read_at(core->spool->dir[FOLDER_STATE], name, STATE_LIMIT, &text, NULL) == 0)
        value = jsontext_read_object(text.bytes, text.length, NULL);
    buffer_free(&text);
    return value;
}

static int state_save(struct core *core, const char *name, json_t *value)
{
    struct buffer text = {0};
    int result;

    jsontext_write(&text, value);
    buffer_byte(&text, '\n');
    result = file_replace(core->spool->dir[FOLDER_TMP], core->spool->dir[FOLDER_STATE], name,
                          core->spool->job_mode, text.bytes, text.length, true);
    buffer_free(&text);
    json_decref(value);
    return result;
}

struct crash *crash_open(struct core *core)
{
    struct crash *crash = xcalloc(1, sizeof *crash);
    json_t *stopped = state_load(core, STOPPED_FILE);
    json_t *crashes = state_load(core, CRASHES_FILE);
    json_t *id;
    size_t i;

    crash->core = core;
    crash->stopped = json_object();
    json_array_foreach(json_object_get(stopped, "marked"), i, id)
        json_object_set_new(crash->stopped, json_string_value(id), json_true());
    crash->crashes = (unsigned)jsontext_get_int(crashes, "crashes", 0);
    json_decref(stopped);
    json_decref(crashes);
    return crash;
}

void crash_close(struct crash *crash)
{
    if (crash == NULL)
        return;
    json_decref(crash->stopped);
    free(crash->marked);
    free(crash);
}

void crash_marked(struct crash *crash, struct task *task)
{
    if (crash->marked_count == crash->marked_capacity) {
        crash->marked_capacity = 2 * crash->marked_capacity + 64;
        crash->marked = xrealloc(crash->marked, crash->marked_capacity * sizeof *crash->marked);
    }
    crash->marked[crash->marked_count++] = task;
}

/* A marked task whose answer turned out to lie whole in cur/ is ending already: no doubt. */
static void drop_ended(struct crash *crash)
{
    size_t count = 0;

    for (size_t i = 0; i < crash->marked_count; i++)
        if (crash->marked[i]->phase == TASK_ACCEPTING)
            crash->marked[count++] = crash->marked[i];
    crash->marked_count = count;
}

/* Marks that a stop by signal recorded are doubts, but no crash. */
static bool was_recorded(const struct crash *crash, const struct task *task)
{
    char id[ID_TEXT_SIZE];

    id_write(&task->id, id);
    return json_object_get(crash->stopped, id) != NULL;
}

static size_t count_unrecorded(const struct crash *crash)
{
    size_t count = 0;

    for (size_t i = 0; i < crash->marked_count; i++)
        count += was_recorded(crash, crash->marked[i]) ? 0 : 1;
    return count;
}

static void crash_count(struct crash *crash)
{
    int result;

    crash->crashes++;
    result = state_save(crash->core, CRASHES_FILE,
                        json_pack("{s:i}", "crashes", (int)crash->crashes));
    if (result < 0)
        log_warning(&crash->core->log, "state/%s cannot be written: %s", CRASHES_FILE,
                    strerror(-result));
    log_warning(&crash->core->log, "the last daemon ended with %zu requests in flight: %u %s in a row",
                crash->marked_count, crash->crashes, crash->crashes == 1 ? "crash" : "crashes");
}

void crash_judge(struct crash *crash)
{
    struct core *core = crash->core;
    size_t unrecorded;
    bool sole;

    drop_ended(crash);
    unrecorded = count_unrecorded(crash);
    sole = unrecorded == 1 && crash->marked_count == 1;
    if (unrecorded > 0)
        crash_count(crash);
    for (size_t i = 0; i < crash->marked_count; i++) {
        struct task *task = crash->marked[i];
        struct state *memory = task_memory(task);

        if (sole)
            memory->crashes++;
        if (memory->crashes > CRASHES_POISON)
            memory->hold = HOLD_POISON;
        if (crash->crashes >= CRASHES_ALONE)
            queue_make_alone(core->queue, task);
        mark_doubt(core, task);
        if (memory->hold == HOLD_NONE)
            metrics_retry(core->metrics, OUTCOME_IN_DOUBT);
    }
    crash->marked_count = 0;
    json_object_clear(crash->stopped);
    unlinkat(core->spool->dir[FOLDER_STATE], STOPPED_FILE, 0);
}

void crash_job_finished(struct crash *crash)
{
    if (crash->crashes == 0)
        return;
    crash->crashes = 0;
    unlinkat(crash->core->spool->dir[FOLDER_STATE], CRASHES_FILE, 0);
}

int crash_record_stop(struct crash *crash)
{
    struct core *core = crash->core;
    json_t *marked = json_array();

    for (struct task *task = queue_first(core->queue); task != NULL; task = queue_next(task)) {
        char id[ID_TEXT_SIZE];

        if (task->phase == TASK_WAITING || task->phase == TASK_ACCEPTING)
            continue;
        id_write(&task->id, id);
        json_array_append_new(marked, json_string(id));
    }
    if (json_array_size(marked) == 0) {
        json_decref(marked);
        return 0;
    }
    return state_save(core, STOPPED_FILE, json_pack("{s:o}", "marked", marked));
}
