/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_record: what a finished job leaves: the output file and the error file. */
#include "unit.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "job/record.h"
#include "record_sample.h"

static json_t *parse(struct buffer *out)
{
    struct error error = {0};
    assert_true(out->length > 0);
    assert_int_equal(out->bytes[out->length - 1], '\n');
    assert_ptr_equal(memchr(out->bytes, '\n', out->length), out->bytes + out->length - 1);
    json_t *object = jsontext_read_object(out->bytes, out->length, &error);
    if (object == NULL) {
        fail_msg("%s: %s", error.text, out->bytes);
    }
    buffer_free(out);
    return object;
}

static json_t *output_of(struct sample *sample)
{
    struct buffer out = {0};
    bool completed = strcmp(sample->record.status, "completed") == 0;
    record_write_output(&out, &sample->record, completed ? &sample->answer : NULL);
    return parse(&out);
}

static json_t *error_of(struct sample *sample)
{
    struct buffer out = {0};
    record_write_error(&out, &sample->record);
    return parse(&out);
}

static void check(const json_t *object, const char *key, const char *wanted)
{
    struct buffer out = {0};
    const json_t *value = json_object_get(object, key);
    if (value != NULL) {
        jsontext_write(&out, value);
    } else {
        buffer_text(&out, "absent");
    }
    if (strcmp(out.bytes, wanted) != 0) {
        fail_msg("%s is %s, not %s", key, out.bytes, wanted);
    }
    buffer_free(&out);
}

static void check_order(json_t *object, const char *wanted)
{
    struct buffer out = {0};
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        buffer_printf(&out, "%s%s", out.length > 0 ? " " : "", key);
    }
    assert_string_equal(out.bytes, wanted);
    buffer_free(&out);
}

static void an_output_has_its_keys_in_order(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, ",\"name\":\"report-7\",\"keep\":\"1d\",\"metadata\":{\"b\":1,\"a\":2}");
    sample_attempt(&sample, OUTCOME_OK, 200, NULL);
    json_t *object = output_of(&sample);
    check_order(object, "id version status output finish_reason truncated model provider mock user "
                        "usage times latency_ms attempts sends throttled doubts metadata names "
                        "request_id expires_at sha256 response");
    check(object, "version", "1");
    check(object, "status", "\"completed\"");
    check(object, "output", "\"Good morning.\"");
    check(object, "truncated", "false");
    check(object, "model", "{\"asked\":\"gpt-4o-mini\",\"answered\":\"gpt-4o-mini-2024-07-18\"}");
    check(object, "provider", "\"openai\"");
    check(object, "mock", "false");
    check(object, "user", "null");
    check(object, "usage",
          "{\"input_tokens\":12,\"output_tokens\":3,\"cached_tokens\":0,"
          "\"reasoning_tokens\":null}");
    check(object, "times",
          "{\"submitted\":\"2026-12-01T03:00:00.000Z\","
          "\"accepted\":\"2026-12-01T03:00:00.001Z\","
          "\"started\":\"2026-12-01T03:00:02.000Z\","
          "\"first_token\":\"2026-12-01T03:00:02.400Z\","
          "\"finished\":\"2026-12-01T03:00:02.501Z\"}");
    check(object, "latency_ms", "500");
    check(object, "sends", "1");
    check(object, "metadata", "{\"b\":1,\"a\":2}");
    check(object, "names", "[\"report-7\"]");
    check(object, "expires_at", "\"2026-12-02T03:00:02.501Z\"");
    check(object, "response", "{\"id\":\"chatcmpl-9\",\"choices\":[]}");
    json_decref(object);
    sample_end(&sample);
}

static void what_there_is_not_is_left_out(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, "");
    sample.record.store_response = false;
    json_t *object = output_of(&sample);
    check_order(object, "id version status output finish_reason truncated model provider mock user "
                        "usage times latency_ms attempts sends throttled doubts request_id sha256");
    json_decref(object);
    sample_end(&sample);
}

static void tool_calls_and_refusals_stand_beside_a_null(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, "");
    sample_output(&sample, json_null());
    sample.answer.tool_calls = json_pack("[{s:s}]", "id", "call_1");
    sample.answer.refusal = xstrdup("I would rather not.");
    sample.answer.truncated = true;
    json_t *object = output_of(&sample);
    check(object, "output", "null");
    check(object, "tool_calls", "[{\"id\":\"call_1\"}]");
    check(object, "refusal", "\"I would rather not.\"");
    check(object, "truncated", "true");
    json_decref(object);
    sample_end(&sample);
}

/* The digest that another program would compute from what the file says. */
static void check_digest(json_t *output, const char *hashed)
{
    struct sample sample;
    char hex[SHA256_HEX_SIZE];
    struct buffer out = {0};
    sample_start(&sample, "");
    sample_output(&sample, output);
    record_write_output(&out, &sample.record, &sample.answer);
    if (!record_output_whole(out.bytes, out.length, &sample.job->id, 1)) {
        fail_msg("not whole: %s", out.bytes);
    }
    json_t *object = parse(&out);
    sha256_hex(hashed, strlen(hashed), hex);
    assert_string_equal(jsontext_get_text(object, "sha256", ""), hex);
    json_decref(object);
    sample_end(&sample);
}

static void the_digest_is_of_the_text_or_the_canonical_form(void **state)
{
    (void)state;
    check_digest(json_string("H\xC3\xA9 \"\n"), "H\xC3\xA9 \"\n");
    check_digest(json_string(""), "");
    check_digest(json_null(), "null");
    check_digest(json_pack("{s:f, s:[b, i]}", "b", 0.1, "a", 1, -7), "{\"a\":[true,-7],\"b\":0.1}");
    check_digest(json_pack("[s, s]", "one", "two"), "[\"one\",\"two\"]");
    check_digest(json_real(1e21), "1e+21");
    check_digest(json_integer(INT64_C(9007199254740993)), "9007199254740992");
}

static void large_numbers_of_an_answer_read_back(void **state)
{
    (void)state;
    check_digest(json_real(1e20), "100000000000000000000");
    check_digest(json_pack("[f, f]", -9.3e18, 5e-324), "[-9300000000000000000,5e-324]");
}

static void the_job_may_have_several_names(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, ",\"name\":\"own\"");
    json_array_append_new(sample.state->names, json_string("b"));
    json_array_append_new(sample.state->names, json_string("own"));
    json_array_append_new(sample.state->names, json_string("a"));
    json_t *object = output_of(&sample);
    check(object, "names", "[\"own\",\"b\",\"a\"]");
    json_decref(object);
    object = error_of(&sample);
    check(object, "names", "[\"own\",\"b\",\"a\"]");
    json_decref(object);
    sample_end(&sample);
}

static void the_longest_keep_decides(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, ",\"keep\":\"1d\"");
    sample.state->keep = 1000;
    json_t *object = output_of(&sample);
    check(object, "expires_at", "\"2026-12-02T03:00:02.501Z\"");
    json_decref(object);
    sample.state->keep = INT64_C(2) * 86400 * 1000;
    object = output_of(&sample);
    check(object, "expires_at", "\"2026-12-03T03:00:02.501Z\"");
    json_decref(object);
    sample_end(&sample);
}

static void no_time_is_before_it_was_submitted(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, ",\"keep\":\"0\"");
    sample_attempt(&sample, OUTCOME_OK, 200, NULL);
    sample.state->attempts[0].started = sample.state->attempts[0].ended = SAMPLE_NOON - 9;
    sample.record.times = (struct job_times){.submitted = SAMPLE_NOON,
                                             .accepted = SAMPLE_NOON - 1,
                                             .started = SAMPLE_NOON - 2,
                                             .first_token = 0,
                                             .finished = SAMPLE_NOON - 3};
    json_t *object = output_of(&sample);
    check(object, "times",
          "{\"submitted\":\"2026-12-01T03:00:00.000Z\","
          "\"accepted\":\"2026-12-01T03:00:00.000Z\","
          "\"started\":\"2026-12-01T03:00:00.000Z\",\"first_token\":null,"
          "\"finished\":\"2026-12-01T03:00:00.000Z\"}");
    check(object, "expires_at", "\"2026-12-01T03:00:00.000Z\"");
    const json_t *attempt = json_array_get(json_object_get(object, "attempts"), 0);
    check(attempt, "started", "\"2026-12-01T03:00:00.000Z\"");
    check(attempt, "ended", "\"2026-12-01T03:00:00.000Z\"");
    json_decref(object);
    sample_end(&sample);
}

static void attempts_of_the_try_before_keep_their_times(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, "");
    sample_attempt(&sample, OUTCOME_TRANSIENT, 500, "http_500");
    sample.state->attempts[0].started = SAMPLE_NOON - 1000;
    sample.state->tries = 1;
    json_t *object = output_of(&sample);
    const json_t *attempt = json_array_get(json_object_get(object, "attempts"), 0);
    check(attempt, "started", "\"2026-12-01T02:59:59.000Z\"");
    json_decref(object);
    sample_end(&sample);
}

static void a_rerun_that_failed_says_why(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, "");
    sample_ending(&sample, "cancelled", "cancelled");
    sample.state->run = 2;
    sample.record.times.started = 0;
    sample.record.times.first_token = 0;
    sample.record.provider = NULL;
    json_t *object = output_of(&sample);
    check(object, "version", "2");
    check(object, "status", "\"cancelled\"");
    check(object, "reason", "\"cancelled\"");
    check(object, "message", "\"It ended.\"");
    check(object, "output", "null");
    check(object, "provider", "null");
    check(object, "latency_ms", "null");
    check(object, "model", "{\"asked\":\"gpt-4o-mini\",\"answered\":null}");
    check(object, "usage",
          "{\"input_tokens\":null,\"output_tokens\":null,\"cached_tokens\":null,"
          "\"reasoning_tokens\":null}");
    check(object, "response", "absent");
    json_decref(object);
    sample_end(&sample);
}

static void an_error_file_has_its_keys_in_order(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, ",\"user\":\"alice\",\"metadata\":{\"a\":1},\"name\":\"n\"");
    sample_ending(&sample, "failed", "max_attempts");
    sample_attempt(&sample, OUTCOME_UNUSABLE, 200, "no_json");
    sample.state->run = 2;
    sample.state->tries = 1;
    sample.record.raw = "<html>";
    sample.record.raw_length = 6;
    json_t *object = error_of(&sample);
    check_order(object, "id run tries status reason message model provider user attempts sends "
                        "throttled doubts times metadata names request_id raw");
    check(object, "run", "2");
    check(object, "tries", "1");
    check(object, "reason", "\"max_attempts\"");
    check(object, "user", "\"alice\"");
    check(object, "times",
          "{\"submitted\":\"2026-12-01T03:00:00.000Z\","
          "\"accepted\":\"2026-12-01T03:00:00.001Z\","
          "\"started\":\"2026-12-01T03:00:02.000Z\","
          "\"finished\":\"2026-12-01T03:00:02.501Z\"}");
    check(object, "raw", "\"<html>\"");
    json_decref(object);
    sample_end(&sample);
}

static void an_error_file_gives_its_history_back(void **state)
{
    (void)state;
    struct sample sample;
    sample_start(&sample, ",\"name\":\"n\"");
    sample_ending(&sample, "failed", "max_attempts");
    sample_attempt(&sample, OUTCOME_TRANSIENT, 500, "http_500");
    json_t *object = error_of(&sample);
    struct state *again = state_again(&sample.job->id, 1, 1, SAMPLE_NOON, object);
    assert_int_equal(again->sends, 1);
    assert_int_equal(again->attempt_count, 1);
    assert_string_equal(again->attempts[0].code, "http_500");
    state_free(again);
    json_decref(object);
    sample_end(&sample);
}

static void a_provider_code_becomes_a_machine_word(void **state)
{
    static const char *const rows[][2] = {
        {"http_500", "\"http_500\""},
        {"DeploymentNotFound", "\"deploymentnotfound\""},
        {"content-filter: sexual\n", "\"content_filter__sexual_\""},
        {"", "\"unknown\""},
        {NULL, "\"unknown\""},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct sample sample;
        sample_start(&sample, "");
        sample_ending(&sample, "failed", rows[i][0]);
        json_t *object = error_of(&sample);
        check(object, "reason", rows[i][1]);
        json_decref(object);
        sample_end(&sample);
    }
}

static void an_unreadable_answer_is_kept_bounded_and_readable(void **state)
{
    struct sample sample;
    size_t length = 3 * RECORD_RAW_LIMIT;
    char *raw = xmalloc(length);
    (void)state;
    memset(raw, 0xFF, length);
    sample_start(&sample, "");
    sample_ending(&sample, "failed", "unusable");
    sample.record.raw = raw;
    sample.record.raw_length = length;
    json_t *object = error_of(&sample);
    size_t kept = strlen(jsontext_get_text(object, "raw", ""));
    assert_in_range(kept, RECORD_RAW_LIMIT - 3, RECORD_RAW_LIMIT);
    json_decref(object);
    sample.record.raw = "a\0b";
    sample.record.raw_length = 3;
    object = error_of(&sample);
    check(object, "raw",
          "\"a\xEF\xBF\xBD"
          "b\"");
    json_decref(object);
    free(raw);
    sample_end(&sample);
}

static void a_refusal_names_the_file(void **state)
{
    (void)state;
    struct buffer out = {0};
    record_write_refusal(&out, "caf\xE9.json", "bad_json", "line 1, column 2: no", SAMPLE_NOON,
                         SAMPLE_NOON - 5);
    json_t *object = parse(&out);
    check_order(object, "status name reason message times");
    check(object, "status", "\"refused\"");
    check(object, "name", "\"caf\xEF\xBF\xBD.json\"");
    check(object, "reason", "\"bad_json\"");
    check(object, "message", "\"line 1, column 2: no\"");
    check(object, "times",
          "{\"submitted\":\"2026-12-01T03:00:00.000Z\","
          "\"finished\":\"2026-12-01T03:00:00.000Z\"}");
    json_decref(object);
}

static void a_torn_or_foreign_output_is_not_whole(void **state)
{
    (void)state;
    struct sample sample;
    struct buffer out = {0};
    sample_start(&sample, "");
    record_write_output(&out, &sample.record, &sample.answer);
    struct id id = sample.job->id;
    assert_true(record_output_whole(out.bytes, out.length, &id, 1));
    assert_false(record_output_whole(out.bytes, out.length, &id, 2));
    for (size_t length = 0; length < out.length - 1; length++) {
        assert_false(record_output_whole(out.bytes, length, &id, 1));
    }
    id.bytes[0] ^= 1;
    assert_false(record_output_whole(out.bytes, out.length, &id, 1));
    id.bytes[0] ^= 1;
    char *place = strstr(out.bytes, "Good morning.");
    assert_non_null(place);
    place[0] = 'g';
    assert_false(record_output_whole(out.bytes, out.length, &id, 1));
    buffer_free(&out);
    assert_false(record_output_whole("[]", 2, &id, 1));
    assert_false(record_output_whole("{}", 2, &id, 1));
    sample_end(&sample);
}

static void an_answer_is_cleared_twice_without_harm(void **state)
{
    (void)state;
    struct answer answer = {.output = json_string("x"), .refusal = xstrdup("y")};
    answer_clear(&answer);
    assert_null(answer.output);
    answer_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_output_has_its_keys_in_order),
        cmocka_unit_test(what_there_is_not_is_left_out),
        cmocka_unit_test(tool_calls_and_refusals_stand_beside_a_null),
        cmocka_unit_test(the_digest_is_of_the_text_or_the_canonical_form),
        cmocka_unit_test(large_numbers_of_an_answer_read_back),
        cmocka_unit_test(the_job_may_have_several_names),
        cmocka_unit_test(the_longest_keep_decides),
        cmocka_unit_test(no_time_is_before_it_was_submitted),
        cmocka_unit_test(attempts_of_the_try_before_keep_their_times),
        cmocka_unit_test(a_rerun_that_failed_says_why),
        cmocka_unit_test(an_error_file_has_its_keys_in_order),
        cmocka_unit_test(an_error_file_gives_its_history_back),
        cmocka_unit_test(a_provider_code_becomes_a_machine_word),
        cmocka_unit_test(an_unreadable_answer_is_kept_bounded_and_readable),
        cmocka_unit_test(a_refusal_names_the_file),
        cmocka_unit_test(a_torn_or_foreign_output_is_not_whole),
        cmocka_unit_test(an_answer_is_cleared_twice_without_harm),
    };
    return UNIT_RUN(tests);
}
