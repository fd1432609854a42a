/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_state: what must be remembered of a job beside its file. */
#include "unit.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/state.h"

#define ID  "8f4ef09551a7347196001b88a96351a92976b4e28a5ed4dad9852819b6b6a49c"
#define DAY (INT64_C(86400) * 1000)

/* 2026-12-01T03:00:00Z */
static const int64_t noon = INT64_C(1796094000000);

static struct id the_id(void)
{
    struct id id;
    assert_true(id_read(ID, &id));
    return id;
}

static struct state *fresh(void)
{
    struct id id = the_id();
    return state_new(&id);
}

static struct state *read_text(const char *text)
{
    struct id id = the_id();
    struct error error = {0};
    struct state *state = state_read(text, strlen(text), &id, &error);
    if (state == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return state;
}

static char *written(const struct state *state)
{
    struct buffer out = {0};
    state_write(state, &out);
    return buffer_take(&out);
}

/* What becomes of state when it is written and read. */
static struct state *through_text(struct state *state)
{
    char *text = written(state);
    struct state *again = read_text(text);
    free(text);
    state_free(state);
    return again;
}

static void record(struct state *state, enum outcome outcome, bool counted, const char *code)
{
    struct attempt attempt = {
        .outcome = outcome,
        .counted = counted,
        .started = noon + 1000 * state->sends,
        .ended = noon + 1000 * state->sends + 500,
        .code = xstrdup(code),
        .upstream = xstrdup("openai/m"),
    };
    state_record(state, &attempt);
    assert_null(attempt.code);
}

static struct job *job_of(const char *members)
{
    char text[500];
    struct error error = {0};
    const struct job_context context = {.submitted = {noon}};
    snprintf(text, sizeof text, "{\"model\":\"m\",\"prompt\":\"Hello\"%s}", members);
    struct job *job = job_read(text, strlen(text), &context, &error);
    if (job == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return job;
}

static void holds_have_words(void **unused)
{
    (void)unused;
    assert_null(hold_word(HOLD_NONE));
    assert_string_equal(hold_word(HOLD_USER), "user");
    assert_string_equal(hold_word(HOLD_DOUBT), "doubt");
    assert_string_equal(hold_word(HOLD_POISON), "poison");
    assert_string_equal(hold_word(HOLD_BUDGET), "budget");
}

static void a_new_state_remembers_nothing(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    char *text = written(state);
    assert_string_equal(text, "{\"version\":1,\"id\":\"" ID "\",\"run\":1,\"tries\":0,\"sends\":0,"
                              "\"failures\":0,\"throttled\":0,\"doubts\":0,\"crashes\":0,"
                              "\"next_try\":null,\"hold\":null,\"attempts\":[]}\n");
    free(text);
    state_free(state);
    state_free(NULL);
}

static void all_of_it_reads_back(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    state->run = 3;
    state->tries = 2;
    state->submitted = noon - 5;
    state->crashes = 4;
    state->next_try = noon + 7;
    state->hold = HOLD_POISON;
    state->priority = 0;
    state->not_before = 0;
    state->expires = JOB_NEVER;
    state->keep = 90 * DAY;
    state->stream = true;
    json_array_append_new(state->names, json_string("b"));
    json_array_append_new(state->names, json_string("a"));
    json_array_append_new(state->webhooks, json_string("https://x.example"));
    record(state, OUTCOME_TRANSIENT, true, "http_500");
    record(state, OUTCOME_IN_DOUBT, false, NULL);
    state = through_text(state);
    assert_int_equal(state->run, 3);
    assert_int_equal(state->tries, 2);
    assert_int_equal(state->submitted, noon - 5);
    assert_int_equal(state->sends, 2);
    assert_int_equal(state->failures, 1);
    assert_int_equal(state->doubts, 1);
    assert_int_equal(state->crashes, 4);
    assert_int_equal(state->next_try, noon + 7);
    assert_int_equal(state->hold, HOLD_POISON);
    assert_int_equal(state->priority, 0);
    assert_int_equal(state->not_before, 0);
    assert_true(state->expires == JOB_NEVER);
    assert_int_equal(state->keep, 90 * DAY);
    assert_true(state->stream);
    assert_int_equal(json_array_size(state->names), 2);
    assert_string_equal(json_string_value(json_array_get(state->names, 0)), "b");
    assert_int_equal(json_array_size(state->webhooks), 1);
    assert_int_equal(state->attempt_count, 2);
    assert_string_equal(state->attempts[0].code, "http_500");
    assert_true(state->attempts[0].counted);
    assert_int_equal(state->attempts[1].number, 2);
    assert_int_equal(state->attempts[1].outcome, OUTCOME_IN_DOUBT);
    state->expires = noon;
    state = through_text(state);
    assert_int_equal(state->expires, noon);
    state_free(state);
}

static void what_was_not_widened_reads_back_so(void **unused)
{
    (void)unused;
    struct state *state = through_text(fresh());
    assert_int_equal(state->submitted, 0);
    assert_int_equal(state->next_try, 0);
    assert_int_equal(state->hold, HOLD_NONE);
    assert_int_equal(state->priority, -1);
    assert_int_equal(state->not_before, -1);
    assert_int_equal(state->expires, -1);
    assert_int_equal(state->keep, -1);
    assert_false(state->stream);
    assert_int_equal(json_array_size(state->names), 0);
    state_free(state);
}

static void a_minimal_state_is_read(void **unused)
{
    (void)unused;
    struct state *state = read_text("{\"version\":1,\"id\":\"" ID "\",\"run\":2}");
    assert_int_equal(state->run, 2);
    assert_int_equal(state->attempt_count, 0);
    state_free(state);
}

static void what_is_no_state_of_the_job_is_refused(void **unused)
{
#define STATE(members) "{\"version\":1,\"id\":\"" ID "\"" members "}"
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        STATE(""),
        STATE(",\"run\":1}"),
        "{\"version\":2,\"id\":\"" ID "\",\"run\":1}",
        "{\"version\":1,\"run\":1}",
        "{\"version\":1,\"id\":\"0" ID "\",\"run\":1}",
        "{\"version\":1,\"run\":1,"
        "\"id\":\"0000000000000000000000000000000000000000000000000000000000000000\"}",
        STATE(",\"run\":0"),
        STATE(",\"run\":null,\"tries\":\"\""),
        STATE(",\"run\":1,\"sends\":-1"),
        STATE(",\"run\":1,\"submitted\":5"),
        STATE(",\"run\":1,\"next_try\":\"soon\""),
        STATE(",\"run\":1,\"hold\":\"tired\""),
        STATE(",\"run\":1,\"hold\":true"),
        STATE(",\"run\":1,\"attempts\":{}"),
        STATE(",\"run\":1,\"attempts\":[1]"),
        STATE(",\"run\":1,\"priority\":10"),
        STATE(",\"run\":1,\"not_before\":\"\""),
        STATE(",\"run\":1,\"expires\":\"some day\""),
        STATE(",\"run\":1,\"keep_ms\":\"90d\""),
        STATE(",\"run\":1,\"names\":\"a\""),
        STATE(",\"run\":1,\"names\":[1]"),
        STATE(",\"run\":1,\"webhooks\":[null]"),
    };
    struct id id = the_id();
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct error error = {0};
        if (state_read(texts[i], strlen(texts[i]), &id, &error) != NULL) {
            fail_msg("read: %s", texts[i]);
        }
        assert_int_equal(error.kind, ERROR_DATA);
        assert_true(strlen(error.text) > 0);
    }
}

static void requests_are_numbered_and_counted(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    record(state, OUTCOME_TRANSIENT, true, "http_500");
    record(state, OUTCOME_THROTTLED, false, "http_429");
    record(state, OUTCOME_IN_DOUBT, false, NULL);
    record(state, OUTCOME_UNUSABLE, true, "no_json");
    record(state, OUTCOME_OK, false, NULL);
    assert_int_equal(state->sends, 5);
    assert_int_equal(state->failures, 2);
    assert_int_equal(state->throttled, 1);
    assert_int_equal(state->doubts, 1);
    assert_int_equal(state->attempt_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(state->attempts[i].number, i + 1);
        assert_int_equal(state->attempts[i].count, 1);
    }
    state_free(state);
}

static void throttled_requests_in_a_row_are_one_record(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    record(state, OUTCOME_THROTTLED, false, "http_429");
    record(state, OUTCOME_THROTTLED, false, "http_429");
    record(state, OUTCOME_THROTTLED, false, "http_429");
    record(state, OUTCOME_THROTTLED, false, "http_503");
    record(state, OUTCOME_TRANSIENT, true, "http_500");
    record(state, OUTCOME_THROTTLED, false, "http_503");
    assert_int_equal(state->attempt_count, 4);
    assert_int_equal(state->attempts[0].number, 1);
    assert_int_equal(state->attempts[0].count, 3);
    assert_int_equal(state->attempts[0].started, noon);
    assert_int_equal(state->attempts[0].ended, noon + 2500);
    assert_int_equal(state->attempts[1].number, 4);
    assert_int_equal(state->attempts[3].number, 6);
    assert_int_equal(state->throttled, 5);
    assert_int_equal(state->sends, 6);
    state_free(state);
}

static void an_outage_does_not_make_the_record_grow(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    for (int i = 0; i < 100; i++) {
        record(state, OUTCOME_TRANSIENT, false, "http_500");
    }
    for (int i = 0; i < 100; i++) {
        record(state, OUTCOME_UPSTREAM, false, "http_401");
    }
    assert_int_equal(state->attempt_count, 2);
    assert_int_equal(state->sends, 200);
    assert_int_equal(state->failures, 0);
    state_free(state);
}

static void one_report_may_stand_for_several_requests(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    for (unsigned count = 2; count <= 3; count++) {
        struct attempt attempt = {.outcome = OUTCOME_THROTTLED, .count = count};
        state_record(state, &attempt);
    }
    assert_int_equal(state->attempt_count, 1);
    assert_int_equal(state->attempts[0].count, 5);
    assert_int_equal(state->sends, 5);
    assert_int_equal(state->throttled, 5);
    state_free(state);
}

static void what_counts_or_is_in_doubt_stands_alone(void **unused)
{
    static const enum outcome alone[] = {OUTCOME_TRANSIENT, OUTCOME_IN_DOUBT, OUTCOME_CANCELLED,
                                         OUTCOME_OK};
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(alone); i++) {
        struct state *state = fresh();
        bool counted = alone[i] == OUTCOME_TRANSIENT;
        record(state, alone[i], counted, "x");
        record(state, alone[i], counted, "x");
        assert_int_equal(state->attempt_count, 2);
        state_free(state);
    }
}

static void another_upstream_is_another_record(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    record(state, OUTCOME_THROTTLED, false, NULL);
    struct attempt attempt = {.outcome = OUTCOME_THROTTLED, .upstream = xstrdup("openai/n")};
    state_record(state, &attempt);
    assert_int_equal(state->attempt_count, 2);
    assert_int_equal(attempt.number, 2);
    state_free(state);
}

static void unreadable_answers_are_never_merged_away(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    for (int i = 0; i < 2; i++) {
        struct attempt attempt = {.outcome = OUTCOME_UNUSABLE, .raw = xstrdup("<html>")};
        state_record(state, &attempt);
        assert_null(attempt.raw);
    }
    state = through_text(state);
    assert_int_equal(state->attempt_count, 2);
    assert_string_equal(state->attempts[1].raw, "<html>");
    state_free(state);
}

static void no_request_is_from_before_it_was_submitted(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    struct attempt attempt = {.outcome = OUTCOME_OK, .started = noon - 10, .ended = noon - 20};
    state->submitted = noon;
    state_record(state, &attempt);
    assert_int_equal(state->attempts[0].started, noon);
    assert_int_equal(state->attempts[0].ended, noon);
    state_free(state);
}

/* One row of widening: what job and duplicate say, and whether the state changes. */
static struct state *widened(const char *job_members, const char *duplicate_members, bool wanted)
{
    struct state *state = fresh();
    struct job *job = job_of(job_members);
    struct job *duplicate = job_of(duplicate_members);
    if (state_widen(state, job, duplicate) != wanted) {
        fail_msg("%s, then %s: %s", job_members, duplicate_members,
                 wanted ? "not changed" : "changed");
    }
    assert_false(state_widen(state, job, duplicate)); /* once is enough */
    job_free(job);
    job_free(duplicate);
    return state;
}

static void not_widened(const char *job_members, const char *duplicate_members)
{
    struct state *state = widened(job_members, duplicate_members, false);
    char *text = written(state);
    struct state *untouched = fresh();
    char *wanted = written(untouched);
    assert_string_equal(text, wanted);
    free(wanted);
    free(text);
    state_free(untouched);
    state_free(state);
}

static void an_equal_duplicate_changes_nothing(void **unused)
{
    (void)unused;
    not_widened("", "");
    not_widened(",\"name\":\"a\",\"webhook\":\"https://x.example\",\"stream\":true",
                ",\"name\":\"a\",\"webhook\":\"https://x.example\",\"stream\":true");
}

static void a_narrower_duplicate_changes_nothing(void **unused)
{
    (void)unused;
    not_widened(",\"priority\":2", "");
    not_widened("", ",\"priority\":6");
    not_widened("", ",\"not_before\":\"2026-12-01T03:00:00Z\"");
    not_widened("", ",\"expires\":\"2026-12-01T03:00:00Z\"");
    not_widened(",\"expires\":\"2026-12-01T03:00:01Z\"", ",\"expires\":\"2026-12-01T03:00:00Z\"");
    not_widened(",\"keep\":\"90d\"", ",\"keep\":\"1d\"");
    not_widened(",\"keep\":\"90d\"", "");
    not_widened(",\"stream\":true", ",\"stream\":false");
}

static void a_wider_duplicate_widens(void **unused)
{
    (void)unused;
    struct state *state = widened(",\"priority\":7,\"not_before\":\"2026-12-02T00:00:00Z\","
                                  "\"expires\":\"2026-12-03T00:00:00Z\",\"keep\":\"1d\"",
                                  ",\"priority\":1,\"not_before\":\"2026-12-01T03:00:00Z\","
                                  "\"expires\":\"2026-12-04T00:00:00Z\",\"keep\":\"2d\","
                                  "\"stream\":true,\"name\":\"a\",\"webhook\":\"hook\"",
                                  true);
    assert_int_equal(state->priority, 1);
    assert_int_equal(state->not_before, noon);
    assert_int_equal(state->expires, noon + 3 * DAY - 3 * 3600 * 1000);
    assert_int_equal(state->keep, 2 * DAY);
    assert_true(state->stream);
    assert_string_equal(json_string_value(json_array_get(state->names, 0)), "a");
    assert_string_equal(json_string_value(json_array_get(state->webhooks, 0)), "hook");
    state_free(state);
}

static void what_a_duplicate_leaves_out_is_the_widest(void **unused)
{
    (void)unused;
    struct state *state = widened(",\"priority\":7,\"not_before\":\"2026-12-02T00:00:00Z\","
                                  "\"expires\":\"2026-12-03T00:00:00Z\"",
                                  "", true);
    assert_int_equal(state->priority, JOB_PRIORITY_DEFAULT);
    assert_int_equal(state->not_before, 0);
    assert_true(state->expires == JOB_NEVER);
    state_free(state);
}

static void the_widest_of_all_duplicates_stays(void **unused)
{
    static const char *const rows[] = {
        ",\"priority\":3,\"name\":\"a\",\"keep\":\"5d\"",
        ",\"priority\":1,\"name\":\"b\",\"keep\":\"1d\"",
        ",\"priority\":2,\"name\":\"a\",\"keep\":\"3d\"",
        ",\"priority\":9,\"name\":\"own\"",
    };
    struct state *state = fresh();
    struct job *job = job_of(",\"name\":\"own\"");
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct job *duplicate = job_of(rows[i]);
        assert_int_equal(state_widen(state, job, duplicate), i < 2);
        job_free(duplicate);
        state = through_text(state);
    }
    assert_int_equal(state->priority, 1);
    assert_int_equal(state->keep, 5 * DAY);
    assert_int_equal(json_array_size(state->names), 2);
    job_free(job);
    state_free(state);
}

static void a_retry_keeps_the_history_and_starts_afresh(void **unused)
{
    (void)unused;
    struct id id = the_id();
    struct state *before = fresh();
    record(before, OUTCOME_THROTTLED, false, "http_429");
    record(before, OUTCOME_THROTTLED, false, "http_429");
    record(before, OUTCOME_TRANSIENT, true, "http_500");
    json_t *history = json_pack("{s:o, s:i, s:[s]}", "attempts", state_attempts(before), "sends",
                                (int)before->sends, "names", "a");
    struct state *state = state_again(&id, 2, 1, noon + 5, history);
    json_decref(history);
    assert_int_equal(state->run, 2);
    assert_int_equal(state->tries, 1);
    assert_int_equal(state->submitted, noon + 5);
    assert_int_equal(state->sends, 3);
    assert_int_equal(state->failures, 0);
    assert_int_equal(state->throttled, 0);
    assert_int_equal(state->attempt_count, 2);
    assert_int_equal(state->attempts[0].count, 2);
    assert_int_equal(json_array_size(state->names), 1);
    record(state, OUTCOME_OK, false, NULL);
    assert_int_equal(state->attempts[2].number, 4);
    state_free(before);
    state_free(state);
}

static void a_damaged_history_loses_no_count(void **unused)
{
    (void)unused;
    struct id id = the_id();
    json_t *history = json_pack("{s:[i], s:i}", "attempts", 7, "sends", 3);
    struct state *state = state_again(&id, 1, 1, noon, history);
    assert_int_equal(state->sends, 3);
    assert_int_equal(state->attempt_count, 0);
    state_free(state);
    json_decref(history);
    struct state *before = fresh();
    record(before, OUTCOME_TRANSIENT, true, "http_500");
    history = json_pack("{s:o, s:s}", "attempts", state_attempts(before), "sends", "none");
    state = state_again(&id, 1, 1, noon, history);
    assert_int_equal(state->sends, 1);
    state_free(state);
    state_free(before);
    json_decref(history);
}

static void of_a_code_only_what_counted_with_this_model_is_a_failure(void **unused)
{
    (void)unused;
    struct state *state = fresh();
    record(state, OUTCOME_TRANSIENT, true, "teapot");
    record(state, OUTCOME_TRANSIENT, false, "teapot");
    record(state, OUTCOME_TRANSIENT, true, "other");
    record(state, OUTCOME_TRANSIENT, true, "teapot");
    assert_int_equal(state_count_failures(state, "teapot"), 2);
    assert_int_equal(state_count(state, OUTCOME_TRANSIENT, "teapot"), 3);
    state_fall_back(state, "n", "transient");
    assert_int_equal(state_count_failures(state, "teapot"), 0);
    state_free(state);
}

static void a_rerun_has_no_history(void **unused)
{
    (void)unused;
    struct id id = the_id();
    struct state *state = state_again(&id, 4, 0, noon, NULL);
    assert_int_equal(state->run, 4);
    assert_int_equal(state->sends, 0);
    assert_int_equal(state->attempt_count, 0);
    state_free(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_have_words),
        cmocka_unit_test(a_new_state_remembers_nothing),
        cmocka_unit_test(all_of_it_reads_back),
        cmocka_unit_test(what_was_not_widened_reads_back_so),
        cmocka_unit_test(a_minimal_state_is_read),
        cmocka_unit_test(what_is_no_state_of_the_job_is_refused),
        cmocka_unit_test(requests_are_numbered_and_counted),
        cmocka_unit_test(throttled_requests_in_a_row_are_one_record),
        cmocka_unit_test(an_outage_does_not_make_the_record_grow),
        cmocka_unit_test(one_report_may_stand_for_several_requests),
        cmocka_unit_test(what_counts_or_is_in_doubt_stands_alone),
        cmocka_unit_test(another_upstream_is_another_record),
        cmocka_unit_test(unreadable_answers_are_never_merged_away),
        cmocka_unit_test(no_request_is_from_before_it_was_submitted),
        cmocka_unit_test(an_equal_duplicate_changes_nothing),
        cmocka_unit_test(a_narrower_duplicate_changes_nothing),
        cmocka_unit_test(a_wider_duplicate_widens),
        cmocka_unit_test(what_a_duplicate_leaves_out_is_the_widest),
        cmocka_unit_test(the_widest_of_all_duplicates_stays),
        cmocka_unit_test(a_retry_keeps_the_history_and_starts_afresh),
        cmocka_unit_test(a_damaged_history_loses_no_count),
        cmocka_unit_test(of_a_code_only_what_counted_with_this_model_is_a_failure),
        cmocka_unit_test(a_rerun_has_no_history),
    };
    return UNIT_RUN(tests);
}
