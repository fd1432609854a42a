/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * records: see records.h.
 */
#include "client/records.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/unit.h"

enum { RECORD_LIMIT = 1024 * 1024 * 1024 };

json_t *records_load(const struct spool *spool, enum folder folder, const char *name,
                     struct error *error)
{
    struct buffer text = {0};
    json_t *record = NULL;
    int result = file_read_at(spool->dir[folder], name, RECORD_LIMIT, &text, NULL);

    if (result == -ENOENT) {
        error_set(error, ERROR_ABSENT, "there is no %s/%s", folder_name(folder), name);
    } else if (result < 0) {
        error_system(error, -result, "%s/%s cannot be read", folder_name(folder), name);
    } else {
        record = jsontext_read_object(text.bytes != NULL ? text.bytes : "", text.length, error);
        if (record == NULL) {
            error_prefix(error, "%s/%s", folder_name(folder), name);
        }
    }
    buffer_free(&text);
    return record;
}

static json_t *load_entry(const struct spool *spool, enum folder folder, enum entry_kind kind,
                          const struct id *id, unsigned version, struct error *error)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return records_load(spool, folder, name, error);
}

int records_versions(const struct spool *spool, const struct id *id, unsigned *lowest,
                     unsigned *highest)
{
    return unit_versions(spool, id, lowest, highest);
}

static bool is_good(const json_t *output)
{
    return strcmp(jsontext_get_text(output, "status", ""), "completed") == 0;
}

/* The newest good output, or the newest at all. */
static json_t *newest_output(const struct spool *spool, const struct id *id, unsigned *found,
                             struct error *error)
{
    unsigned lowest, highest;
    json_t *newest = NULL;
    int result = unit_versions(spool, id, &lowest, &highest);

    if (result < 0 || highest == 0) {
        error_set(error, ERROR_ABSENT, "it has no output");
        return NULL;
    }
    for (unsigned version = highest; version >= lowest && version > 0; version--) {
        json_t *output = load_entry(spool, FOLDER_DONE, ENTRY_OUTPUT, id, version, error);

        if (output != NULL && is_good(output)) {
            json_decref(newest);
            *found = version;
            return output;
        }
        if (newest == NULL) {
            newest = output;
            *found = version;
        } else {
            json_decref(output);
        }
    }
    return newest;
}

json_t *records_output(const struct spool *spool, const struct id *id, unsigned version,
                       unsigned *found, struct error *error)
{
    unsigned unwanted;

    if (found == NULL) {
        found = &unwanted;
    }
    if (version == 0) {
        return newest_output(spool, id, found, error);
    }
    *found = version;
    return load_entry(spool, FOLDER_DONE, ENTRY_OUTPUT, id, version, error);
}

json_t *records_error(const struct spool *spool, const struct id *id, struct error *error)
{
    return load_entry(spool, FOLDER_FAILED, ENTRY_ERROR, id, 0, error);
}

/* Whether name is that of the error file of something refused under a name that was not its own. */
static bool is_refusal(const char *name)
{
    static const char prefix[] = "refused-", suffix[] = ".json.error.json";
    size_t length = strlen(name);

    return strncmp(name, prefix, sizeof prefix - 1) == 0 && length >= sizeof suffix &&
           strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

json_t *records_refusal(const struct spool *spool, const char *name)
{
    DIR *list = file_list(spool->dir[FOLDER_FAILED]);
    const struct dirent *entry = NULL;
    json_t *found = NULL;

    while (list != NULL && found == NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        if (is_refusal(entry->d_name)) {
            found = records_load(spool, FOLDER_FAILED, entry->d_name, NULL);
            if (strcmp(jsontext_get_text(found, "name", ""), name) != 0) {
                json_decref(found);
                found = NULL;
            }
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    return found;
}

json_t *records_job(const struct spool *spool, const struct id *id, struct error *error)
{
    static const enum folder folders[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE, FOLDER_CUR};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        json_t *job = load_entry(spool, folders[i], ENTRY_JOB, id, 0, error);

        if (job != NULL) {
            return job;
        }
    }
    return NULL;
}

json_t *records_state(const struct spool *spool, const struct id *id)
{
    return load_entry(spool, FOLDER_CUR, ENTRY_STATE, id, 0, NULL);
}

int64_t records_time(const json_t *object, const char *key)
{
    const char *text = jsontext_get_text(object, key, NULL);
    struct wall time = {0};

    return text != NULL && timetext_read(text, &time) == 0 ? time.ms : 0;
}

/* A word that outlives the JSON it was read from: holds are a closed set. */
static const char *hold_of(const json_t *state)
{
    static const char *const holds[] = {"user", "doubt", "poison", "budget"};
    const char *hold = jsontext_get_text(state, "hold", NULL);

    for (size_t i = 0; hold != NULL && i < sizeof holds / sizeof holds[0]; i++) {
        if (strcmp(hold, holds[i]) == 0) {
            return holds[i];
        }
    }
    return NULL;
}

int records_waiting(const struct spool *spool, const struct id *id, struct waiting *waiting)
{
    json_t *job = load_entry(spool, FOLDER_CUR, ENTRY_JOB, id, 0, NULL);
    json_t *state = records_state(spool, id);
    char order[ENTRY_NAME_SIZE] = "hold.";
    int64_t not_before = records_time(job, "not_before");
    int64_t next_try = records_time(state, "next_try");
    int result = job != NULL ? 0 : -ENOENT;

    if (json_object_get(state, "not_before") != NULL) {
        not_before = records_time(state, "not_before");
    }
    id_write(id, order + 5);
    waiting->hold = hold_of(state);
    if (faccessat(spool->dir[FOLDER_CTL], order, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        waiting->hold = "user";
    }
    waiting->held = waiting->hold != NULL;
    waiting->due_ms = not_before > next_try ? not_before : next_try;
    json_decref(job);
    json_decref(state);
    return result;
}

const char *records_failed_state(const struct spool *spool, const struct id *id)
{
    static const char *const states[] = {"failed", "cancelled", "expired", "refused"};
    json_t *record = records_error(spool, id, NULL);
    const char *word = jsontext_get_text(record, "status", "failed");
    const char *state = states[0];

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(word, states[i]) == 0) {
            state = states[i];
        }
    }
    json_decref(record);
    return state;
}

json_t *records_status(const struct spool *spool)
{
    return records_load(spool, FOLDER_STATE, "status.json", NULL);
}

/* --- why it does not move ------------------------------------------------------------------------
 */

static bool same_provider(const json_t *model, const char *provider)
{
    const char *named = jsontext_get_text(model, "provider", NULL);

    return named == provider || (named != NULL && provider != NULL && strcmp(named, provider) == 0);
}

/* What status.json says of a model for jobs of one type; NULL: chats. */
static const json_t *find_model(const json_t *status, const char *name, const char *type,
                                const char *provider)
{
    json_t *model;
    size_t i;

    json_array_foreach(json_object_get(status, "models"), i, model)
    {
        if (strcmp(jsontext_get_text(model, "model", ""), name) == 0 &&
            strcmp(jsontext_get_text(model, "type", "chat"), type != NULL ? type : "chat") == 0 &&
            same_provider(model, provider)) {
            return model;
        }
    }
    return NULL;
}

/* The gate of this name, or NULL. */
static const json_t *find_gate(const json_t *gates, const char *name)
{
    json_t *gate;
    size_t i;

    json_array_foreach (gates, i, gate) {
        if (name != NULL && strcmp(jsontext_get_text(gate, "gate", ""), name) == 0) {
            return gate;
        }
    }
    return NULL;
}

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
    return strcmp(jsontext_get_text(a, key, ""), jsontext_get_text(b, key, "")) == 0;
}

/* Whether a person has to open the gates that keep a model. A refused key is tried again and again,
 * so that its reason has an end as well; of several gates one that opens by itself is enough. */
static bool gates_are_loud(const json_t *status, const json_t *model)
{
    const json_t *gates = json_object_get(status, "gates");
    const json_t *first = find_gate(gates, jsontext_get_text(model, "gate", NULL));
    bool loud = json_is_true(json_object_get(first, "loud"));
    json_t *gate;
    size_t i;

    json_array_foreach (gates, i, gate) {
        bool beside = same_member(gate, first, "provider") && same_member(gate, first, "model");
        bool open = strcmp(jsontext_get_text(gate, "state", ""), "open") == 0;

        loud = loud && (!beside || open || json_is_true(json_object_get(gate, "loud")));
    }
    return loud;
}

char *records_obstacle(const struct spool *spool, const char *model, const char *type,
                       const char *provider, bool *loud)
{
    json_t *status;
    const char *reason;
    char *obstacle = NULL;

    *loud = true;
    if (!spool_owned(spool)) {
        return xasprintf("no daemon runs on this spool (start it: llmspoold -s %s)", spool->path);
    }
    status = records_status(spool);
    reason = jsontext_get_text(status, "trouble", NULL);
    if (reason == NULL &&
        faccessat(spool->dir[FOLDER_CTL], "pause", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        reason = "paused (llmspool-ctl resume)";
    }
    if (reason == NULL && model != NULL) {
        const json_t *entry = find_model(status, model, type, provider);

        reason = jsontext_get_text(entry, "reason", NULL);
        *loud = reason == NULL || strncmp(reason, "gate:", 5) != 0 || gates_are_loud(status, entry);
    }
    if (reason != NULL) {
        obstacle = xstrdup(reason);
    }
    json_decref(status);
    return obstacle;
}
