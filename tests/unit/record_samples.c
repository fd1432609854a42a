/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_samples: writes records of every shape into a folder, for a test to hold them against the
 * schemas: record_samples DIR makes output.*.json, error.*.json, state.*.json and job.*.json.
 */
#include <stdio.h>
#include <stdlib.h>

#include "record_sample.h"

static const char *folder;

static void save(const char *name, struct buffer *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(text->bytes, 1, text->length, file) != text->length ||
        fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    buffer_free(text);
}

static void save_output(const char *name, const struct sample *sample)
{
    struct buffer text = {0};
    bool completed = strcmp(sample->record.status, "completed") == 0;
    record_write_output(&text, &sample->record, completed ? &sample->answer : NULL);
    save(name, &text);
}

static void save_error(const char *name, const struct sample *sample)
{
    struct buffer text = {0};
    record_write_error(&text, &sample->record);
    save(name, &text);
}

static void save_state(const char *name, const struct state *state)
{
    struct buffer text = {0};
    state_write(state, &text);
    save(name, &text);
}

/* One attempt of every outcome that is recorded, two of them merged. */
static void attempt_all(struct sample *sample)
{
    sample_attempt(sample, OUTCOME_JOB, 400, "context_length_exceeded");
    sample_attempt(sample, OUTCOME_TRANSIENT, 500, "http_500");
    sample_attempt(sample, OUTCOME_THROTTLED, 429, "rate_limit_exceeded");
    sample_attempt(sample, OUTCOME_THROTTLED, 429, "rate_limit_exceeded");
    sample_attempt(sample, OUTCOME_UPSTREAM, 401, "invalid_api_key");
    sample_attempt(sample, OUTCOME_UNKNOWN, 0, "curl_56");
    sample_attempt(sample, OUTCOME_UNUSABLE, 200, "no_json");
    sample->state->attempts[sample->state->attempt_count - 1].raw = xstrdup("<html>");
    sample_attempt(sample, OUTCOME_IN_DOUBT, 0, NULL);
    sample_attempt(sample, OUTCOME_CANCELLED, 0, "cancelled");
    sample_attempt(sample, OUTCOME_OK, 200, NULL);
}

static void outputs(void)
{
    struct sample sample;
    sample_start(&sample, ",\"name\":\"a\",\"keep\":\"1d\",\"user\":\"u\",\"metadata\":{\"k\":1}");
    attempt_all(&sample);
    save_output("output.text", &sample);
    sample_output(&sample, json_pack("{s:[f, n, b]}", "parsed", 1e20, 1));
    save_output("output.parsed", &sample);
    sample_end(&sample);

    sample_start(&sample, "");
    sample_output(&sample, json_null());
    sample.answer.tool_calls = json_pack("[{s:s}]", "id", "call_1");
    sample.answer.refusal = xstrdup("No.");
    sample.record.mock = true;
    sample.record.times.first_token = 0;
    sample.record.request_id = NULL;
    sample.record.store_response = false;
    save_output("output.null", &sample);
    sample_ending(&sample, "expired", "expired");
    sample.record.times.started = 0;
    sample.record.provider = NULL;
    save_output("output.expired", &sample);
    sample_end(&sample);
}

static void errors(void)
{
    struct buffer refusal = {0};
    struct sample sample;
    sample_start(&sample, ",\"name\":\"a\",\"user\":\"u\",\"metadata\":{}");
    attempt_all(&sample);
    sample_ending(&sample, "failed", "Model:NotFound");
    sample.record.raw = "\xFF<html>";
    sample.record.raw_length = 7;
    save_error("error.failed", &sample);
    sample_end(&sample);

    sample_start(&sample, "");
    sample_ending(&sample, "cancelled", "cancelled");
    sample.record.times = (struct job_times){.submitted = SAMPLE_NOON, .finished = SAMPLE_NOON};
    sample.record.provider = NULL;
    sample.record.request_id = NULL;
    save_error("error.cancelled", &sample);
    sample_end(&sample);

    record_write_refusal(&refusal, "a\xFF.json", "bad_json", "No.", SAMPLE_NOON, SAMPLE_NOON);
    save("error.refused", &refusal);
}

static void states(void)
{
    struct sample sample;
    sample_start(&sample, "");
    save_state("state.fresh", sample.state);
    attempt_all(&sample);
    sample.state->run = 2;
    sample.state->tries = 1;
    sample.state->submitted = SAMPLE_NOON;
    sample.state->next_try = SAMPLE_NOON + 1;
    sample.state->hold = HOLD_DOUBT;
    sample.state->priority = 0;
    sample.state->not_before = 0;
    sample.state->expires = JOB_NEVER;
    sample.state->keep = 0;
    sample.state->stream = true;
    json_array_append_new(sample.state->names, json_string("b"));
    json_array_append_new(sample.state->webhooks, json_string("https://x.example"));
    save_state("state.full", sample.state);
    sample.state->expires = SAMPLE_NOON;
    save_state("state.expires", sample.state);
    sample_end(&sample);
}

/* Jobs completed at acceptance. */
static void jobs(void)
{
    const char *text = "{\"prompt\":\"Hello\",\"type\":\"chat\",\"delay\":\"10m\"}";
    const struct job_context context = {
        .default_model = "m", .submitted = {SAMPLE_NOON}, .owner = "alice"};
    struct buffer written = {0};
    struct job *job = job_read(text, strlen(text), &context, NULL);
    assert(job != NULL);
    job_write(job, &written);
    save("job.completed", &written);
    job_free(job);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: record_samples DIR\n");
        return 64;
    }
    folder = argv[1];
    outputs();
    errors();
    states();
    jobs();
    return 0;
}
