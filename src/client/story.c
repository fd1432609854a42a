/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * story: see story.h. Printing is in story_print.c.
 */
#include "client/story.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/budget.h"
#include "client/locate.h"
#include "client/notified.h"
#include "client/records.h"
#include "client/tally.h"
#include "client/trail.h"

enum { READS = 3 /* a job may move while its files are read */ };

/* What is being gathered. */
struct subject {
    const struct spool *spool;
    const struct id *id;
    struct wall now;
    const char *state; /* word */
    json_t *job;       /* its file, or NULL */
    json_t *memory;    /* cur/ID.state.json, or NULL */
    json_t *error;     /* failed/ID.error.json, or NULL */
};

static void set_time(json_t *object, const char *key, int64_t ms)
{
    char text[TIMETEXT_SIZE];

    if (ms > 0) {
        timetext_write((struct wall){ms}, text);
        json_object_set_new(object, key, json_string(text));
    }
}

/* Copies a member where it is there and not null. */
static void copy(json_t *to, const char *key, const json_t *from)
{
    json_t *value = json_object_get(from, key);

    if (value != NULL && !json_is_null(value)) {
        json_object_set(to, key, value);
    }
}

/* --- why -----------------------------------------------------------------------------------------
 */

static int64_t modified_ms(const struct stat *status)
{
    return clock_ms(status->st_mtim);
}

/* When the run under way was submitted; 0 when it is not in cur/. */
static int64_t submitted_ms(const struct spool *spool, const struct id *id, const json_t *memory)
{
    int64_t submitted = records_time(memory, "submitted");
    struct stat status;

    if (submitted == 0 && locate_job(spool, id, &status) == LOCATION_CUR) {
        submitted = modified_ms(&status);
    }
    return submitted;
}

static char *reason_held(const struct subject *subject)
{
    static const struct {
        const char *hold;
        const char *reason;
    } reasons[] = {
        {"user", "held by a person"},
        {"doubt", "held in doubt: a crash hid whether its request was answered and paid for"},
        {"poison", "held as poison: the daemon died again and again while it ran alone"},
        {"budget", "held: over budget"},
    };
    struct waiting waiting = {.hold = NULL};

    records_waiting(subject->spool, subject->id, &waiting);
    for (size_t i = 0; waiting.hold != NULL && i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(waiting.hold, reasons[i].hold) == 0) {
            return xstrdup(reasons[i].reason);
        }
    }
    return xstrdup("held");
}

static char *reason_delayed(const struct subject *subject)
{
    struct waiting waiting = {.due_ms = 0};
    char due[TIMETEXT_SIZE];

    records_waiting(subject->spool, subject->id, &waiting);
    timetext_write_local((struct wall){waiting.due_ms}, subject->now, due);
    if (records_time(subject->memory, "next_try") == waiting.due_ms) {
        return xasprintf("tries again at %s", due);
    }
    return xasprintf("not before %s", due);
}

static size_t jobs_of_model(const struct spool *spool, const char *model)
{
    json_t *status = records_status(spool);
    json_t *entry;
    size_t i, jobs = 0;

    json_array_foreach(json_object_get(status, "models"), i, entry)
    {
        if (strcmp(jsontext_get_text(entry, "model", ""), model) == 0) {
            jobs += (size_t)jsontext_get_int(entry, "waiting", 0);
        }
    }
    json_decref(status);
    return jobs;
}

/* Those for the same model that were submitted earlier. The folder tells of times, the daemon of
 * models: neither number alone is right, and both are at least as high. */
static char *reason_behind(const struct subject *subject)
{
    const char *model = jsontext_get_text(subject->job, "model", "");
    size_t before =
        tally_before(subject->spool, submitted_ms(subject->spool, subject->id, subject->memory));
    size_t others = jobs_of_model(subject->spool, model);

    others -= others > 0;
    before = before < others ? before : others;
    return before > 0 ? xasprintf("behind %zu %s", before, before == 1 ? "job" : "jobs")
                      : xstrdup("next to be sent");
}

static char *reason_waiting(const struct subject *subject)
{
    const char *model = jsontext_get_text(subject->job, "model", NULL);
    const char *provider = jsontext_get_text(subject->job, "provider", NULL);
    const char *type = jsontext_get_text(subject->job, "type", NULL);
    bool loud;
    char *obstacle = records_obstacle(subject->spool, model, type, provider, &loud);

    if (obstacle == NULL) {
        obstacle = budget_reason_of(subject->spool, subject->id, subject->job);
    }
    return obstacle != NULL ? obstacle : reason_behind(subject);
}

static char *reason_dropped(const struct subject *subject)
{
    bool loud;
    char *obstacle;

    if (!spool_owned(subject->spool)) {
        return records_obstacle(subject->spool, NULL, NULL, NULL, &loud);
    }
    if (faccessat(subject->spool->dir[FOLDER_CTL], "drain", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return xstrdup("draining: new/ is left alone (llmspool-ctl undrain)");
    }
    obstacle = records_obstacle(subject->spool, NULL, NULL, NULL, &loud);
    return obstacle != NULL ? obstacle : xstrdup("about to be taken from new/");
}

static char *reason_running(const struct subject *subject)
{
    return spool_owned(subject->spool)
               ? NULL
               : xstrdup("in doubt: no daemon runs, the last one ended while its request was in "
                         "flight");
}

static char *reason_failed(const struct subject *subject)
{
    const char *message = jsontext_get_text(subject->error, "message", NULL);

    return message != NULL ? xstrdup(message) : NULL;
}

static char *find_reason(const struct subject *subject)
{
    static const struct {
        const char *state;
        char *(*reason)(const struct subject *subject);
    } reasons[] = {
        {"dropped", reason_dropped},  {"waiting", reason_waiting}, {"delayed", reason_delayed},
        {"held", reason_held},        {"running", reason_running}, {"failed", reason_failed},
        {"cancelled", reason_failed}, {"expired", reason_failed},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(subject->state, reasons[i].state) == 0) {
            return reasons[i].reason(subject);
        }
    }
    return NULL;
}

/* --- parts ---------------------------------------------------------------------------------------
 */

/* The job's keys but those that are its question. */
static json_t *job_keys(const json_t *job)
{
    static const char *const question[] = {"prompt", "messages", "system", "params", "input"};
    json_t *keys = json_deep_copy(job);

    for (size_t i = 0; keys != NULL && i < sizeof question / sizeof question[0]; i++) {
        json_object_del(keys, question[i]);
    }
    return keys;
}

static json_t *output_row(const json_t *output, const char *file)
{
    static const char *const kept[] = {"version", "status",        "reason",     "message",
                                       "mock",    "finish_reason", "truncated",  "model",
                                       "usage",   "times",         "latency_ms", "expires_at"};
    json_t *row = json_object();

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        copy(row, kept[i], output);
    }
    json_object_set_new(row, "file", json_string(file));
    return row;
}

static json_t *read_outputs(const struct subject *subject)
{
    json_t *outputs = json_array();
    unsigned lowest = 0, highest = 0;

    records_versions(subject->spool, subject->id, &lowest, &highest);
    for (unsigned version = lowest; version > 0 && version <= highest; version++) {
        json_t *output = records_output(subject->spool, subject->id, version, NULL, NULL);
        char name[ENTRY_NAME_SIZE], *file;

        if (output == NULL) {
            continue; /* pruned meanwhile */
        }
        entry_write(ENTRY_OUTPUT, subject->id, version, name);
        file = xasprintf("done/%s", name);
        json_array_append_new(outputs, output_row(output, file));
        free(file);
        json_decref(output);
    }
    return outputs;
}

/* What the document with the newest history says of attempts: the state while it is in cur/, else
 * the error file or the newest output. */
static json_t *read_history(const struct subject *subject)
{
    unsigned lowest, highest = 0;

    if (subject->memory != NULL || subject->error != NULL) {
        return json_incref(subject->memory != NULL ? subject->memory : subject->error);
    }
    records_versions(subject->spool, subject->id, &lowest, &highest);
    if (highest > 0 && strcmp(subject->state, "completed") == 0) {
        return records_output(subject->spool, subject->id, highest, NULL, NULL);
    }
    return NULL;
}

/* The times of the run that is under way or was the last. */
static json_t *read_times(const struct subject *subject, const json_t *history,
                          const json_t *events)
{
    json_t *times = json_deep_copy(json_object_get(history, "times"));
    json_t *event;
    size_t i;

    if (times != NULL) {
        return times;
    }
    times = json_object();
    set_time(times, "submitted", submitted_ms(subject->spool, subject->id, subject->memory));
    json_array_foreach(events, i, event)
    {
        const char *kind = jsontext_get_text(event, "event", "");

        if (strcmp(kind, "accepted") == 0 || strcmp(kind, "started") == 0) {
            set_time(times, kind, records_time(event, "time"));
        }
    }
    return times;
}

static void add_names(json_t *names, const json_t *more)
{
    json_t *name;
    size_t i;

    json_array_foreach(more, i, name)
    {
        bool known = false;

        for (size_t k = 0; k < json_array_size(names); k++) {
            known = known || json_equal(json_array_get(names, k), name);
        }
        if (!known) {
            json_array_append(names, name);
        }
    }
}

static json_t *read_names(const struct subject *subject, const json_t *history)
{
    const char *own = jsontext_get_text(subject->job, "name", NULL);
    json_t *names = json_array();

    if (own != NULL) {
        json_array_append_new(names, json_string(own));
    }
    add_names(names, json_object_get(history, "names"));
    return names;
}

static void add_file(json_t *files, const struct spool *spool, enum folder folder,
                     enum entry_kind kind, const struct id *id)
{
    char name[ENTRY_NAME_SIZE], *path;
    struct stat status;

    entry_write(kind, id, 0, name);
    if (fstatat(spool->dir[folder], name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
    }
    path = xasprintf("%s/%s", folder_name(folder), name);
    json_array_append_new(files, json_string(path));
    free(path);
}

static json_t *read_files(const struct subject *subject, const json_t *outputs)
{
    static const struct {
        enum folder folder;
        enum entry_kind kind;
    } known[] = {
        {FOLDER_CUR, ENTRY_JOB},    {FOLDER_CUR, ENTRY_STATE},    {FOLDER_DONE, ENTRY_JOB},
        {FOLDER_FAILED, ENTRY_JOB}, {FOLDER_FAILED, ENTRY_ERROR},
    };
    json_t *files = json_array();
    json_t *output;
    size_t i;

    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        add_file(files, subject->spool, known[i].folder, known[i].kind, subject->id);
    }
    json_array_foreach(outputs, i, output)
    {
        json_array_append(files, json_object_get(output, "file"));
    }
    return files;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static void add_run(json_t *story, const struct subject *subject, const json_t *history)
{
    json_int_t version = jsontext_get_int(history, "version", 1);

    /* The version of a state file is that of its format, that of an output is its run. */
    if (subject->memory != NULL || subject->error != NULL) {
        version = jsontext_get_int(history, "run", 1);
    }
    json_object_set_new(story, "run", json_integer(version));
}

static void add_history(json_t *story, const json_t *history)
{
    static const char *const kept[] = {"attempts", "sends", "failures", "throttled", "doubts",
                                       "tries",    "hold",  "next_try", "request_id"};

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        copy(story, kept[i], history);
    }
}

static void add_error(json_t *story, const json_t *error)
{
    static const char *const kept[] = {"reason", "message", "advice"};
    json_t *said = json_object();

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        copy(said, kept[i], error);
    }
    json_object_set_new(story, "error", said);
}

static json_t *tell(const struct subject *subject)
{
    char id[ID_TEXT_SIZE];
    char *reason = find_reason(subject);
    json_t *history = read_history(subject);
    json_t *outputs = read_outputs(subject);
    bool cut;
    json_t *events = trail_read(subject->spool, subject->id, &cut);
    json_t *story;

    id_write(subject->id, id);
    story = json_pack("{s:s, s:s, s:s?, s:b}", "id", id, "state", subject->state, "reason", reason,
                      "daemon_up", spool_owned(subject->spool));
    add_run(story, subject, history);
    json_object_set_new(story, "names", read_names(subject, history));
    if (subject->job != NULL) {
        json_object_set_new(story, "job", job_keys(subject->job));
    }
    json_object_set_new(story, "times", read_times(subject, history, events));
    add_history(story, history);
    if (subject->error != NULL) {
        add_error(story, subject->error);
    }
    json_object_set(story, "outputs", outputs);
    json_object_set_new(story, "files", read_files(subject, outputs));
    json_object_set_new(story, "webhooks", notified_read(events));
    json_object_set_new(story, "events", events);
    json_object_set_new(story, "events_cut", json_boolean(cut));
    json_decref(outputs);
    json_decref(history);
    free(reason);
    return story;
}

static void subject_load(struct subject *subject)
{
    subject->job = records_job(subject->spool, subject->id, NULL);
    subject->memory = records_state(subject->spool, subject->id);
    if (locate_job(subject->spool, subject->id, NULL) == LOCATION_FAILED) {
        subject->error = records_error(subject->spool, subject->id, NULL);
    }
}

static void subject_clear(struct subject *subject)
{
    json_decref(subject->job);
    json_decref(subject->memory);
    json_decref(subject->error);
}

static bool same_state(const char *now, const char *before)
{
    return now != NULL && strcmp(now, before) == 0;
}

json_t *story_read(const struct spool *spool, const struct id *id, struct wall now,
                   struct error *error)
{
    json_t *story = NULL;
    bool settled = false;
    char shown[ID_SHORT_SIZE];

    for (int i = 0; i < READS && !settled; i++) {
        struct subject subject = {spool, id, now, locate_state(spool, id), NULL, NULL, NULL};

        json_decref(story);
        story = NULL;
        if (subject.state == NULL) {
            continue;
        }
        subject_load(&subject);
        story = tell(&subject);
        settled = same_state(locate_state(spool, id), subject.state);
        subject_clear(&subject);
    }
    if (story == NULL) {
        id_write_short(id, shown);
        error_set(error, ERROR_ABSENT, "there is no job %s in %s", shown, spool->path);
    }
    return story;
}

char *story_reason(const struct spool *spool, const struct id *id, const char *state,
                   struct wall now)
{
    struct subject subject = {spool, id, now, state, NULL, NULL, NULL};
    char *reason;

    subject_load(&subject);
    reason = find_reason(&subject);
    subject_clear(&subject);
    return reason;
}
