/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chronicle: see chronicle.h. What a person sees of an event is in chronicle_print.c.
 */
#include "client/chronicle.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/chronicle_parts.h"
#include "client/locate.h"
#include "client/records.h"
#include "client/show.h"
#include "job/selection.h"
#include "retain/eventlog.h"
#include "retain/members.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* --- when --- */

/* The moment that text says; days: how many later, where it is a date. */
static int read_moment(const char *option, const char *text, struct wall now, int days,
                       int64_t *moment_ms, struct error *error)
{
    struct wall time;
    int64_t age_ms;
    int32_t day;

    if (timetext_read_duration(text, &age_ms) == 0) {
        *moment_ms = now.ms - age_ms;
    } else if (day_read(text, &day)) {
        *moment_ms = (day + days) * DAY_MS;
    } else if (timetext_read(text, &time) == 0) {
        *moment_ms = time.ms;
    } else {
        error_set(error, ERROR_USAGE,
                  "--%s wants an age such as 2h, a date such as 2026-11-30, or a time such as "
                  "2026-11-30T08:00:00Z, not %s",
                  option, text);
        return -1;
    }
    return 0;
}

int chronicle_since(struct chronicle_plan *plan, const char *text, struct wall now,
                    struct error *error)
{
    return read_moment("since", text, now, 0, &plan->since_ms, error);
}

int chronicle_until(struct chronicle_plan *plan, const char *text, struct wall now,
                    struct error *error)
{
    return read_moment("until", text, now, 1, &plan->until_ms, error);
}

int32_t chronicle_day(int64_t ms)
{
    return (int32_t)(ms / DAY_MS - (ms % DAY_MS < 0));
}

/* The files to read. What could not be written in time stands in the file of the next day. */
static struct eventlog_span span_of(const struct chronicle_plan *plan)
{
    struct eventlog_span span = EVENTLOG_ALL;

    if (plan->since_ms != INT64_MIN) {
        span.first = chronicle_day(plan->since_ms);
    }
    if (plan->until_ms != INT64_MAX) {
        span.last = chronicle_day(plan->until_ms - 1) + 1;
    }
    return span;
}

/* --- which jobs --- */

static void want(struct reading *reading, struct wanted wanted)
{
    reading->wanted =
        xrealloc(reading->wanted, (reading->wanted_count + 1) * sizeof *reading->wanted);
    reading->wanted[reading->wanted_count++] = wanted;
}

/* A job that is not in the spool (any more) is looked for in the events by what was given. */
static int take_job(const struct spool *spool, struct reading *reading, const char *word,
                    struct error *error)
{
    struct reference reference;
    struct error problem;
    size_t length = strlen(word);
    char id[ID_TEXT_SIZE];

    if (locate_reference(spool, word, &reference, &problem) == 0) {
        id_write(&reference.id, id);
        want(reading, (struct wanted){.word = word,
                                      .prefix = xstrdup(id),
                                      .known = locate_state(spool, &reference.id) != NULL});
        return 0;
    }
    if (problem.kind != ERROR_ABSENT) {
        *error = problem;
        return -1;
    }
    bool digits = length >= ID_PREFIX_MIN && strspn(word, "0123456789abcdef") == length;
    want(reading, (struct wanted){.word = word, .prefix = digits ? xstrdup(word) : NULL});
    return 0;
}

static bool begins(const char *id, const struct wanted *wanted)
{
    return wanted->prefix != NULL && strncmp(id, wanted->prefix, strlen(wanted->prefix)) == 0;
}

/* Not every event of a job has its name: from the first that has, its ID is wanted. */
static bool follow_names(struct reading *reading, const char *id, const char *name)
{
    for (size_t i = 0; i < reading->wanted_count; i++) {
        struct wanted *wanted = &reading->wanted[i];

        if (wanted->prefix == NULL && strcmp(wanted->word, name) == 0) {
            wanted->known = true;
            want(reading,
                 (struct wanted){.word = wanted->word, .prefix = xstrdup(id), .known = true});
            return true;
        }
    }
    return false;
}

static bool job_matches(struct reading *reading, const json_t *event)
{
    const char *id = jsontext_get_text(event, "id", "");

    if (reading->wanted_count == 0) {
        return true;
    }
    for (size_t i = 0; i < reading->wanted_count; i++) {
        if (begins(id, &reading->wanted[i])) {
            reading->wanted[i].known = true;
            return true;
        }
    }
    return id[0] != '\0' && follow_names(reading, id, jsontext_get_text(event, "name", ""));
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct id *)a)->bytes, ((const struct id *)b)->bytes, ID_SIZE);
}

static bool run_matches(const struct reading *reading, const json_t *event)
{
    struct id id;

    return reading->plan->run == NULL ||
           (reading->run.member_count > 0 && id_read(jsontext_get_text(event, "id", ""), &id) &&
            bsearch(&id, reading->run.members, reading->run.member_count, sizeof id, compare_ids) !=
                NULL);
}

/* --- each event --- */

static bool equals(const char *wanted, const json_t *event, const char *key)
{
    return wanted == NULL || strcmp(wanted, jsontext_get_text(event, key, "")) == 0;
}

static bool matches(struct reading *reading, const json_t *event)
{
    const struct chronicle_plan *plan = reading->plan;
    int64_t ms = records_time(event, "time");

    return ms >= plan->since_ms && ms < plan->until_ms && job_matches(reading, event) &&
           run_matches(reading, event) && equals(plan->user, event, "user") &&
           equals(plan->kind, event, "event") &&
           (plan->model == NULL ||
            fnmatch(plan->model, jsontext_get_text(event, "model", ""), 0) == 0);
}

/* Whether the line can be one that is meant. */
static bool may_match(const struct reading *reading, const char *text, size_t length)
{
    for (size_t i = 0; i < reading->needle_count; i++) {
        const char *needle = reading->needles[i];

        if (memmem(text, length, needle, strlen(needle)) == NULL) {
            return false;
        }
    }
    return true;
}

int chronicle_look(void *context, const char *text, size_t length)
{
    struct reading *reading = context;
    json_t *event;

    if (!may_match(reading, text, length)) {
        return 0;
    }
    event = jsontext_read_object(text, length, NULL);
    if (event != NULL && matches(reading, event)) {
        if (reading->plan->json) {
            show_json(reading->screen->out, event);
        } else {
            chronicle_line(reading->screen, event, reading->now);
        }
    }
    json_decref(event);
    return 0;
}

/* --- all of them --- */

/* Only what JSON has no other way to write, and fnmatch(3) takes as it is. */
static void add_needle(struct reading *reading, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@";

    if (text != NULL && text[strspn(text, plain)] == '\0') {
        reading->needles[reading->needle_count++] = text;
    }
}

int chronicle_open(const struct spool *spool, struct reading *reading, struct error *error)
{
    const struct chronicle_plan *plan = reading->plan;

    for (char **word = plan->jobs; word != NULL && *word != NULL; word++) {
        if (take_job(spool, reading, *word, error) < 0) {
            return -1;
        }
    }
    if (reading->wanted_count == 1) { /* others might be known by their names */
        add_needle(reading, reading->wanted[0].prefix);
    }
    if (reading->wanted_count == 0) { /* with jobs, any event tells that one is known */
        add_needle(reading, plan->user);
        add_needle(reading, plan->model);
        add_needle(reading, plan->kind);
    }
    if (plan->run != NULL) {
        reading->run.run = xstrdup(plan->run);
    }
    return members_select(spool, &reading->run, error);
}

/* Every job that was asked for is in the spool or was told of. */
static int check_wanted(const struct reading *reading, struct error *error)
{
    for (size_t i = 0; i < reading->wanted_count; i++) {
        if (!reading->wanted[i].known) {
            error_set(error, ERROR_ABSENT, "no event tells of a job %s, and it is not in the spool",
                      reading->wanted[i].word);
            return -1;
        }
    }
    return 0;
}

void chronicle_close(struct reading *reading)
{
    for (size_t i = 0; i < reading->wanted_count; i++) {
        free(reading->wanted[i].prefix);
    }
    free(reading->wanted);
    selection_free(&reading->run);
}

int chronicle_print(const struct spool *spool, const struct chronicle_plan *plan,
                    const struct screen *screen, struct wall now, struct error *error)
{
    struct reading reading = {.plan = plan, .screen = screen, .now = now};
    int result = chronicle_open(spool, &reading, error);

    if (result == 0) {
        result = eventlog_each(spool, span_of(plan), false, chronicle_look, &reading, error);
    }
    if (result == 0) {
        result = check_wanted(&reading, error);
    }
    chronicle_close(&reading);
    return result;
}
