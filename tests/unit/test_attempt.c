/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_attempt: one request for a job and how it ended. */
#include "unit.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/attempt.h"

static json_t *parse(const char *text)
{
    struct error error;
    json_t *value = jsontext_read(text, strlen(text), &error);
    assert_non_null(value);
    return value;
}

static char *written(const struct attempt *attempt)
{
    struct buffer out = {0};
    json_t *value = attempt_json(attempt);
    jsontext_write(&out, value);
    json_decref(value);
    return buffer_take(&out);
}

static void every_outcome_has_a_word_that_reads_back(void **state)
{
    static const char *const words[] = {"ok",        "not_sent", "job",     "transient",
                                        "throttled", "upstream", "unknown", "unusable",
                                        "in_doubt",  "cancelled"};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(words); i++) {
        enum outcome outcome = OUTCOME_OK;
        assert_string_equal(outcome_word((enum outcome)i), words[i]);
        assert_true(outcome_read(words[i], &outcome));
        assert_int_equal(outcome, i);
    }
}

static void unknown_outcome_words_are_refused(void **state)
{
    (void)state;
    enum outcome outcome = OUTCOME_JOB;
    assert_false(outcome_read("OK", &outcome));
    assert_false(outcome_read("", &outcome));
    assert_false(outcome_read("okay", &outcome));
    assert_int_equal(outcome, OUTCOME_JOB);
}

static void only_server_faults_count(void **state)
{
    (void)state;
    for (enum outcome outcome = OUTCOME_OK; outcome <= OUTCOME_CANCELLED; outcome++) {
        bool counts = outcome == OUTCOME_TRANSIENT || outcome == OUTCOME_UNKNOWN ||
                      outcome == OUTCOME_UNUSABLE;
        assert_int_equal(outcome_counts(outcome), counts);
    }
}

static void what_has_nothing_to_say_is_left_out(void **state)
{
    (void)state;
    struct attempt attempt = {.number = 3, .count = 1, .started = 1000, .ended = 2500};
    char *text = written(&attempt);
    assert_string_equal(text, "{\"n\":3,\"started\":\"1970-01-01T00:00:01.000Z\","
                              "\"ended\":\"1970-01-01T00:00:02.500Z\",\"outcome\":\"ok\"}");
    free(text);
}

static void a_full_attempt_reads_back(void **state)
{
    (void)state;
    struct attempt attempt = {
        .number = 2,
        .count = 4,
        .outcome = OUTCOME_UNUSABLE,
        .counted = true,
        .started = 1796094001204,
        .ended = 1796094001290,
        .http_status = 200,
        .code = xstrdup("no_json"),
        .message = xstrdup("The answer \"was\" no JSON."),
        .request_id = xstrdup("req_1"),
        .upstream = xstrdup("openai/gpt-4o-mini"),
    };
    struct attempt again;
    json_t *value = attempt_json(&attempt);
    assert_true(attempt_from_json(value, &again));
    assert_int_equal(again.number, 2);
    assert_int_equal(again.count, 4);
    assert_int_equal(again.outcome, OUTCOME_UNUSABLE);
    assert_true(again.counted);
    assert_int_equal(again.started, 1796094001204);
    assert_int_equal(again.ended, 1796094001290);
    assert_int_equal(again.http_status, 200);
    assert_string_equal(again.code, attempt.code);
    assert_string_equal(again.message, attempt.message);
    assert_string_equal(again.request_id, attempt.request_id);
    assert_string_equal(again.upstream, attempt.upstream);
    json_decref(value);
    attempt_clear(&attempt);
    attempt_clear(&again);
    assert_null(again.code);
}

static void a_servers_invalid_bytes_do_not_spoil_the_record(void **state)
{
    (void)state;
    char message[] = "caf\xE9 is shut";
    struct attempt attempt = {.number = 1, .count = 1, .message = message};
    json_t *value = attempt_json(&attempt);
    assert_string_equal(jsontext_get_text(value, "message", ""), "caf\xEF\xBF\xBD is shut");
    json_decref(value);
}

static void what_is_no_attempt_is_told_apart(void **state)
{
#define TIMES "\"started\":\"2026-12-01T03:00:00Z\",\"ended\":\"2026-12-01T03:00:00Z\""
    static const char *const texts[] = {
        "3",
        "{}",
        "{\"n\":1,\"outcome\":\"ok\"}",
        "{\"n\":0," TIMES ",\"outcome\":\"ok\"}",
        "{\"n\":-1," TIMES ",\"outcome\":\"ok\"}",
        "{\"n\":4294967296," TIMES ",\"outcome\":\"ok\"}",
        "{\"n\":1," TIMES "}",
        "{\"n\":1," TIMES ",\"outcome\":\"good\"}",
        "{\"n\":1,\"started\":\"noon\",\"ended\":\"noon\",\"outcome\":\"ok\"}",
        "{\"n\":1," TIMES ",\"outcome\":\"ok\",\"count\":0}",
        "{\"n\":1," TIMES ",\"outcome\":\"ok\",\"http_status\":\"200\"}",
        "{\"n\":1," TIMES ",\"outcome\":\"ok\",\"http_status\":20000}",
        "{\"n\":1," TIMES ",\"outcome\":\"ok\",\"code\":\"a\",\"message\":7}",
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct attempt attempt;
        json_t *value = parse(texts[i]);
        assert_false(attempt_from_json(value, &attempt));
        assert_null(attempt.code);
        json_decref(value);
    }
    struct attempt attempt;
    json_t *value = parse("{\"n\":1," TIMES ",\"outcome\":\"ok\",\"code\":null}");
    assert_true(attempt_from_json(value, &attempt));
    assert_int_equal(attempt.count, 1);
    assert_false(attempt.counted);
    assert_null(attempt.code);
    json_decref(value);
    attempt_clear(&attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_has_a_word_that_reads_back),
        cmocka_unit_test(unknown_outcome_words_are_refused),
        cmocka_unit_test(only_server_faults_count),
        cmocka_unit_test(what_has_nothing_to_say_is_left_out),
        cmocka_unit_test(a_full_attempt_reads_back),
        cmocka_unit_test(a_servers_invalid_bytes_do_not_spoil_the_record),
        cmocka_unit_test(what_is_no_attempt_is_told_apart),
    };
    return UNIT_RUN(tests);
}
