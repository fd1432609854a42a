/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * make_spool: fills a spool with finished jobs, for tests and benchmarks of retention: the documents are
 * those that the daemon would write, by the same modules. The same options give the same bytes.
 *
 * usage: make_spool SPOOL COUNT [--versions N] [--failed PERCENT] [--days D] [--size BYTES]
 *                               [--names PERCENT] [--users N] [--models N] [--now TIME] [--first N]
 *
 * Each job has 1 to N versions; those of failed/ have an error file. They finished evenly over the D
 * days before TIME. Nothing is synced.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "job/job.h"
#include "job/record.h"
#include "spool/file.h"
#include "spool/spool.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

struct plan {
    struct spool *spool;
    unsigned count;
    unsigned first;
    unsigned versions;
    unsigned failed; /* percent */
    unsigned names;  /* percent */
    unsigned days;
    unsigned size;
    unsigned users;
    unsigned models;
    struct wall now;
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "make_spool: %s\n", what);
    exit(1);
}

static void put(const struct plan *plan, enum folder folder, enum entry_kind kind,
                const struct id *id, unsigned version, struct buffer *text)
{
    char name[ENTRY_NAME_SIZE];
    int result;

    entry_write(kind, id, version, name);
    result = file_make(plan->spool->dir[folder], name, plan->spool->job_mode, text->bytes,
                       text->length, false);
    if (result < 0) {
        fail(strerror(-result));
    }
    buffer_free(text);
}

/* Words that compress about as well as an answer does. */
static char *words(unsigned number, unsigned size)
{
    static const char *const parts[] = {"the ",   "answer ", "of ",    "model ",  "to ",
                                        "question ", "is ",   "in ",    "report ", "and ",
                                        "value ", "review ", "shows ", "a ",      "result "};
    struct buffer text = {0};
    uint64_t state = number + 1;

    while (text.length < size) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        if (state >> 61 == 0) {
            buffer_printf(&text, "%u ", (unsigned)(state >> 40) % 10000);
        } else {
            buffer_text(&text, parts[(state >> 33) % (sizeof parts / sizeof parts[0])]);
        }
    }
    return buffer_take(&text);
}

static struct job *make_job(const struct plan *plan, unsigned number)
{
    char *prompt = words(number, 200);
    char model[40], user[40], name[40];
    struct job_context context = {.default_model = "m"};
    struct error error;
    struct job *job;
    json_t *document;

    snprintf(model, sizeof model, "model-%u", number % plan->models);
    snprintf(user, sizeof user, "user-%u", number % plan->users);
    document = json_pack("{s:s, s:s+, s:s, s:{s:i}}", "model", model, "prompt", prompt,
                         " ", "user", user, "metadata", "number", (int)number);
    if (number * 7919 % 100 < plan->names) {
        snprintf(name, sizeof name, "name-%u", number);
        json_object_set_new(document, "name", json_string(name));
    }
    job = job_from_json(document, &context, &error);
    if (job == NULL) {
        fail(error.text);
    }
    json_decref(document);
    free(prompt);
    return job;
}

static void link_name(const struct plan *plan, const struct job *job, enum folder folder,
                      enum entry_kind kind, unsigned version)
{
    char entry[ENTRY_NAME_SIZE], target[ENTRY_NAME_SIZE + 16];

    if (job->name == NULL) {
        return;
    }
    entry_write(kind, &job->id, version, entry);
    snprintf(target, sizeof target, "../%s/%s", folder_name(folder), entry);
    if (symlinkat(target, plan->spool->dir[FOLDER_BY_NAME], job->name) < 0) {
        fail("cannot link a name");
    }
}

static struct record make_record(const struct job *job, struct state *state, int64_t finished,
                                 enum outcome outcome)
{
    struct attempt attempt = {.number = 1,
                              .count = 1,
                              .outcome = outcome,
                              .started = finished - 812,
                              .ended = finished,
                              .http_status = outcome == OUTCOME_OK ? 200 : 400,
                              .request_id = xstrdup("req_0123456789"),
                              .upstream = xasprintf("openai/%s", job->model)};

    state_record(state, &attempt);
    return (struct record){.job = job,
                           .state = state,
                           .times = {.submitted = finished - 5000,
                                     .accepted = finished - 4900,
                                     .started = finished - 812,
                                     .first_token = finished - 5,
                                     .finished = finished},
                           .status = "completed",
                           .provider = "openai",
                           .request_id = "req_0123456789",
                           .store_response = true,
                           .latency_ms = 812,
                           .cost_nano = 90000,
                           .currency = "USD"};
}

static void put_output(const struct plan *plan, const struct job *job, unsigned number,
                       unsigned version, int64_t finished)
{
    struct state *state = state_new(&job->id);
    struct record record;
    char *text = words(number * 31 + version, plan->size);
    struct answer answer = {.output = json_string(text),
                            .finish_reason = xstrdup("stop"),
                            .model = xstrdup("gpt-4o-2024-08-06"),
                            .usage = {60, (int64_t)plan->size / 4, 0, -1}};
    struct buffer out = {0};

    answer.response = json_pack(
        "{s:s, s:s, s:i, s:s, s:[{s:i, s:{s:s, s:s}, s:s}], s:{s:i, s:i, s:i}}", "id",
        "chatcmpl-0123456789", "object", "chat.completion", "created", (int)(finished / 1000),
        "model", "gpt-4o-2024-08-06", "choices", "index", 0, "message", "role", "assistant",
        "content", text, "finish_reason", "stop", "usage", "prompt_tokens", 60,
        "completion_tokens", (int)plan->size / 4, "total_tokens", 60 + (int)plan->size / 4);
    state->run = version;
    record = make_record(job, state, finished, OUTCOME_OK);
    record_write_output(&out, &record, &answer);
    put(plan, FOLDER_DONE, ENTRY_OUTPUT, &job->id, version, &out);
    answer_clear(&answer);
    state_free(state);
    free(text);
}

static void put_error(const struct plan *plan, const struct job *job, int64_t finished)
{
    struct state *state = state_new(&job->id);
    struct record record = make_record(job, state, finished, OUTCOME_JOB);
    struct buffer out = {0};

    record.status = "failed";
    record.reason = "context_length_exceeded";
    record.message = "The provider refuses the job: it is too long.";
    record_write_error(&out, &record);
    put(plan, FOLDER_FAILED, ENTRY_ERROR, &job->id, 0, &out);
    state_free(state);
}

static void make_unit(const struct plan *plan, unsigned number)
{
    struct job *job = make_job(plan, number);
    bool failed = number * 104729 % 100 < plan->failed;
    unsigned versions = failed ? 0 : 1 + number % plan->versions;
    int64_t age = (int64_t)(number * 2654435761U) * plan->days / UINT32_MAX * DAY_MS +
                  number % DAY_MS;
    int64_t finished = plan->now.ms - age;
    struct buffer text = {0};

    job_write(job, &text);
    put(plan, failed ? FOLDER_FAILED : FOLDER_DONE, ENTRY_JOB, &job->id, 0, &text);
    for (unsigned version = 1; version <= versions; version++) {
        put_output(plan, job, number, version, finished - (versions - version) * 60000LL);
    }
    if (failed) {
        put_error(plan, job, finished);
    }
    link_name(plan, job, failed ? FOLDER_FAILED : FOLDER_DONE, failed ? ENTRY_ERROR : ENTRY_OUTPUT,
              versions);
    job_free(job);
}

static void read_options(int argc, char **argv, struct plan *plan)
{
    static const struct option options[] = {
        {"versions", required_argument, NULL, 'v'}, {"failed", required_argument, NULL, 'f'},
        {"days", required_argument, NULL, 'd'},     {"size", required_argument, NULL, 's'},
        {"names", required_argument, NULL, 'n'},    {"users", required_argument, NULL, 'u'},
        {"models", required_argument, NULL, 'm'},   {"now", required_argument, NULL, 't'},
        {"first", required_argument, NULL, 'i'},    {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        unsigned number = option == 't' || option == '?' ? 0 : (unsigned)atoi(optarg);

        switch (option) {
        case 'v': plan->versions = number; break;
        case 'f': plan->failed = number; break;
        case 'd': plan->days = number; break;
        case 's': plan->size = number; break;
        case 'n': plan->names = number; break;
        case 'u': plan->users = number; break;
        case 'm': plan->models = number; break;
        case 'i': plan->first = number; break;
        case 't':
            if (timetext_read(optarg, &plan->now) < 0) {
                fail("--now has no time");
            }
            break;
        default: exit(64);
        }
    }
}

int main(int argc, char **argv)
{
    struct plan plan = {.versions = 1,
                        .days = 365,
                        .size = 400,
                        .users = 5,
                        .models = 3,
                        .now = clock_wall(&clock_system)};
    struct error error;

    xalloc_jansson();
    read_options(argc, argv, &plan);
    if (argc - optind != 2 || plan.versions == 0 || plan.users == 0 || plan.models == 0) {
        fail("usage: make_spool SPOOL COUNT [options]");
    }
    plan.spool = spool_open(argv[optind], &error);
    if (plan.spool == NULL) {
        fail(error.text);
    }
    plan.count = (unsigned)atoi(argv[optind + 1]);
    for (unsigned i = 0; i < plan.count; i++) {
        make_unit(&plan, plan.first + i);
    }
    spool_close(plan.spool);
    return 0;
}
