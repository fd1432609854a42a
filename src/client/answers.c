/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answers: see answers.h.
 */
#include "client/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/jsonpath.h"
#include "base/jsontext.h"
#include "client/absent.h"
#include "client/cli.h"
#include "client/difference.h"
#include "client/history.h"
#include "client/records.h"
#include "client/screen.h"
#include "client/show.h"
#include "client/story.h"

static int weight(int result)
{
    return result == EXIT_DONE ? 0 : result == EXIT_SOME_FAILED ? 1 : result == EXIT_LATER ? 2 : 3;
}

void answers_note(struct answers *answers, int result)
{
    if (weight(result) > weight(answers->result)) {
        answers->result = result;
    }
}

static void complain(struct answers *answers, const struct error *error)
{
    answers_note(answers, cli_fail(answers->program, error));
}

/* Says why nothing was printed of a job that ended. */
static void tell(struct answers *answers, const struct id *id, const char *why)
{
    char shown[ID_SHORT_SIZE];

    id_write_short(id, shown);
    fflush(stdout);
    fprintf(stderr, "%s: %s: %s\n", answers->program, shown, why);
    answers_note(answers, EXIT_SOME_FAILED);
}

/* A run that ended without an answer: why. */
static void say_failure(struct answers *answers, const struct id *id, const json_t *record)
{
    char *sentence = show_failure(id, record);

    fflush(stdout);
    fprintf(stderr, "%s: %s\n", answers->program, sentence);
    free(sentence);
    answers_note(answers, EXIT_SOME_FAILED);
}

/* For a person why, or as a record where records are wanted. */
static void tell_failure(struct answers *answers, const struct id *id, const json_t *record)
{
    if (answers->json && answers->kind == ANSWERS_TEXT && record != NULL) {
        show_json(stdout, record);
        answers_note(answers, EXIT_SOME_FAILED);
    } else {
        say_failure(answers, id, record);
    }
}

static void tell_unfinished(struct answers *answers, const struct id *id, const char *state)
{
    char *reason = story_reason(answers->spool, id, state, clock_wall(&clock_system));
    char shown[ID_SHORT_SIZE];

    id_write_short(id, shown);
    fflush(stdout);
    fprintf(stderr, "%s: %s is not finished: %s%s%s\n", answers->program, shown, state,
            reason != NULL ? ": " : "", reason != NULL ? reason : "");
    free(reason);
    answers_note(answers, EXIT_LATER);
}

/* --- a record --------------------------------------------------------------------------------- */

/* What was found of a job. */
struct found {
    json_t *record;    /* an output or an error file; NULL: why there is none was told */
    unsigned version;  /* of the output */
    unsigned coming;   /* the version of a run that is under way; 0: none */
    const char *state; /* of that run */
};

static bool is_good(const json_t *record)
{
    return strcmp(jsontext_get_text(record, "status", ""), "completed") == 0;
}

static bool is_active(const char *state)
{
    static const char *const active[] = {"dropped", "waiting", "delayed", "held", "running"};

    for (size_t i = 0; i < sizeof active / sizeof active[0]; i++) {
        if (strcmp(state, active[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The run that a job of cur/ or new/ is in: its output may be there already, but not durably. */
static unsigned run_under_way(const struct spool *spool, const struct id *id)
{
    json_t *memory = records_state(spool, id);
    unsigned run = (unsigned)jsontext_get_int(memory, "run", 1);

    json_decref(memory);
    return run;
}

/* The latest good version while a later run is under way. */
static struct found find_earlier(struct answers *answers, const struct id *id, const char *state)
{
    struct found found = {.coming = run_under_way(answers->spool, id), .state = state};
    struct error error;

    found.record = records_output(answers->spool, id, 0, &found.version, &error);
    if (found.record == NULL || found.version >= found.coming || !is_good(found.record)) {
        tell_unfinished(answers, id, state);
        json_decref(found.record);
        found.record = NULL;
    }
    return found;
}

/* The record of a job that is archived; NULL, untold, where it is not or cannot be read. */
static json_t *find_archived(const struct answers *answers, const struct id *id, unsigned version)
{
    return absent_archived(answers->spool, id) ? shelf_record(answers->shelf, id, version, NULL)
                                               : NULL;
}

static struct found find_version(struct answers *answers, const struct id *id, const char *state,
                                 unsigned version)
{
    struct found found = {.version = version};
    struct error error;
    char shown[ID_SHORT_SIZE];

    if (is_active(state) && version == run_under_way(answers->spool, id)) {
        tell_unfinished(answers, id, state);
        return found;
    }
    found.record = records_output(answers->spool, id, version, NULL, &error);
    if (found.record == NULL) {
        found.record = find_archived(answers, id, version);
    }
    if (found.record == NULL) {
        id_write_short(id, shown);
        error_prefix(&error, "%s has no version %u", shown, version);
        complain(answers, &error);
    }
    return found;
}

static struct found find_latest(struct answers *answers, const struct id *id, const char *state)
{
    bool completed = strcmp(state, "completed") == 0;
    struct found found = {.version = 0};
    struct error error;
    char shown[ID_SHORT_SIZE];

    found.record = completed ? records_output(answers->spool, id, 0, &found.version, &error)
                             : records_error(answers->spool, id, &error);
    if (found.record == NULL && completed) {
        id_write_short(id, shown);
        error_prefix(&error, "%s", shown);
        complain(answers, &error);
    } else if (found.record == NULL) {
        tell_failure(answers, id, NULL);
    }
    return found;
}

static struct found find_record(struct answers *answers, const struct id *id, unsigned version,
                                const char *state)
{
    if (version != 0) {
        return find_version(answers, id, state, version);
    }
    return is_active(state) ? find_earlier(answers, id, state) : find_latest(answers, id, state);
}

/* --- what is printed of it -------------------------------------------------------------------- */

static void print_exact(const json_t *output)
{
    const json_t *value = show_find(output);
    struct buffer text = {0};

    if (json_is_string(value)) {
        fwrite(json_string_value(value), 1, json_string_length(value), stdout);
        return;
    }
    jsontext_write(&text, value);
    fwrite(text.bytes, 1, text.length, stdout);
    buffer_free(&text);
}

static void print_value(const struct answers *answers, const json_t *value)
{
    if (answers->json) {
        show_json(stdout, value);
    } else {
        show_value(stdout, value);
    }
}

static void print_raw(struct answers *answers, const struct id *id, const json_t *record)
{
    const json_t *response = json_object_get(record, "response");

    if (response == NULL) {
        response = json_object_get(record, "raw"); /* of an answer that could not be used */
    }
    if (response != NULL) {
        print_value(answers, response);
    } else if (is_good(record)) {
        tell(answers, id, "the provider's whole answer was not kept (store_response = no)");
    }
}

static void print_field(struct answers *answers, const struct id *id, const json_t *record)
{
    const json_t *value = jsonpath_find(record, answers->field);
    struct error error;

    if (value != NULL) {
        print_value(answers, value);
    } else {
        error_set(&error, ERROR_ABSENT, "its record has no field %s", answers->field);
        tell(answers, id, error.text);
    }
    if (!is_good(record)) {
        answers_note(answers, EXIT_SOME_FAILED);
    }
}

static void print_record(struct answers *answers, const struct id *id, const json_t *record)
{
    if (answers->kind == ANSWERS_FIELD) {
        print_field(answers, id, record);
        return;
    }
    if (answers->kind == ANSWERS_RAW) {
        print_raw(answers, id, record);
    }
    if (!is_good(record)) {
        tell_failure(answers, id, record);
    } else if (answers->kind == ANSWERS_EXACT) {
        print_exact(record);
    } else if (answers->kind == ANSWERS_TEXT && answers->json) {
        show_json(stdout, record);
    } else if (answers->kind == ANSWERS_TEXT) {
        show_answer(stdout, record);
    }
}

static void print_found(struct answers *answers, const struct id *id, const struct found *found)
{
    char shown[ID_SHORT_SIZE];

    if (found->record == NULL) {
        return;
    }
    print_record(answers, id, found->record);
    if (found->coming > 0) {
        id_write_short(id, shown);
        fflush(stdout);
        fprintf(stderr, "%s: %s: this is version %u; version %u is %s\n", answers->program, shown,
                found->version, found->coming, found->state);
    }
}

static void print_history(const struct answers *answers, const struct id *id, const char *state)
{
    json_t *history = history_read(answers->spool, id, state);
    struct screen screen = screen_open(stdout);
    json_t *row;
    size_t i;

    if (answers->json) {
        json_array_foreach (history, i, row) {
            show_json(stdout, row);
        }
    } else {
        history_print(&screen, history, clock_wall(&clock_system));
    }
    json_decref(history);
}

static void print_job(const struct answers *answers, const json_t *job)
{
    struct buffer text = {0};

    if (answers->json) {
        show_json(stdout, job);
    } else {
        jsontext_write_pretty(&text, job);
        printf("%s\n", text.bytes);
    }
    buffer_free(&text);
}

static void print_request(struct answers *answers, const struct id *id, const char *state)
{
    struct error error;
    json_t *job = records_job(answers->spool, id, &error);

    if (job == NULL && strcmp(state, "dropped") == 0) {
        tell_unfinished(answers, id, state);
    } else if (job == NULL) {
        complain(answers, &error);
    } else {
        print_job(answers, job);
    }
    json_decref(job);
}

/* --- a job ------------------------------------------------------------------------------------ */

static void tell_absent(struct answers *answers, const struct id *id, const char *word)
{
    struct error error;

    absent_tell(answers->spool, id, word, "get", &error);
    complain(answers, &error);
}

/* A job that is in no folder: perhaps it was put away. Its history is not told: an archive may have
 * some of its versions only. */
static void print_archived(struct answers *answers, const struct id *id, unsigned version,
                           const char *word)
{
    bool request = answers->kind == ANSWERS_REQUEST;
    bool archived = answers->kind != ANSWERS_HISTORY && absent_archived(answers->spool, id);
    json_t *document = !archived ? NULL
                       : request ? shelf_job(answers->shelf, id, NULL)
                                 : shelf_record(answers->shelf, id, version, NULL);

    if (document == NULL) {
        tell_absent(answers, id, word);
    } else if (request) {
        print_job(answers, document);
    } else {
        print_record(answers, id, document);
    }
    json_decref(document);
}

bool answers_find(struct answers *answers, const char *word, struct reference *reference)
{
    struct error error;

    if (locate_reference(answers->spool, word, reference, &error) == 0) {
        return true;
    }
    complain(answers, &error);
    return false;
}

void answers_print(struct answers *answers, const struct reference *reference, const char *word)
{
    const struct id *id = &reference->id;
    unsigned version = reference->version != 0 ? reference->version : answers->version;
    const char *state = locate_state(answers->spool, id);
    struct found found;

    if (state == NULL) {
        print_archived(answers, id, version, word);
    } else if (answers->kind == ANSWERS_HISTORY) {
        print_history(answers, id, state);
    } else if (answers->kind == ANSWERS_REQUEST) {
        print_request(answers, id, state);
    } else {
        found = find_record(answers, id, version, state);
        print_found(answers, id, &found);
        json_decref(found.record);
    }
}

/* --- two answers ------------------------------------------------------------------------------ */

static void write_name(const struct id *id, unsigned version, char *name, size_t size)
{
    char text[ID_TEXT_SIZE];

    snprintf(name, size, "%s@v%u", show_id(stdout, id, text), version);
}

/* An output with an answer, or NULL, which was told. */
static json_t *find_answer(struct answers *answers, const struct reference *reference,
                           unsigned *version)
{
    char hex[ID_TEXT_SIZE];
    const char *state = locate_state(answers->spool, &reference->id);
    struct found found = {.record = NULL};

    id_write(&reference->id, hex);
    if (state == NULL) {
        tell_absent(answers, &reference->id, hex);
    } else {
        found = find_record(answers, &reference->id, reference->version, state);
    }
    if (found.record != NULL && !is_good(found.record)) {
        say_failure(answers, &reference->id, found.record);
        json_decref(found.record);
        found.record = NULL;
    }
    *version = found.version;
    return found.record;
}

void answers_diff(struct answers *answers, const struct reference *old_one,
                  const struct reference *new_one)
{
    struct screen screen = screen_open(stdout);
    unsigned versions[2];
    char names[2][ID_TEXT_SIZE + 16];
    json_t *old_output = find_answer(answers, old_one, &versions[0]);
    json_t *new_output = find_answer(answers, new_one, &versions[1]);

    if (old_output != NULL && new_output != NULL) {
        write_name(&old_one->id, versions[0], names[0], sizeof names[0]);
        write_name(&new_one->id, versions[1], names[1], sizeof names[1]);
        difference_print(&screen, &(struct difference_side){names[0], show_find(old_output)},
                         &(struct difference_side){names[1], show_find(new_output)}, answers->json);
    }
    json_decref(old_output);
    json_decref(new_output);
}
