/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_selection: which finished jobs are meant. */
#include "unit.h"

#include "base/jsontext.h"
#include "base/timetext.h"
#include "job/selection.h"

#define DAY INT64_C(86400000)

static const struct option options[] = {SELECTION_OPTIONS, {NULL, 0, NULL, 0}};

/* Now, in these tests: 2026-12-01T12:00:00Z. */
static struct wall now(void)
{
    struct wall time;
    assert_int_equal(timetext_read("2026-12-01T12:00:00Z", &time), 0);
    return time;
}

static int option_number(const char *name)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return options[i].val;
        }
    }
    fail_msg("there is no --%s", name);
    return 0;
}

/* Gives "--name argument" to a selection; returns what selection_option returns. */
static int give(struct selection *selection, const char *name, const char *argument,
                struct error *error)
{
    return selection_option(selection, option_number(name), argument, error);
}

static json_t *json(const char *text)
{
    json_t *value = text != NULL ? jsontext_read(text, strlen(text), NULL) : NULL;
    assert_true(text == NULL || value != NULL);
    return value;
}

/* A completed job of alice's, which finished a day ago. */
static const char record[] =
    "{\"status\": \"completed\", \"model\": {\"asked\": \"gpt-4o\", \"answered\": "
    "\"gpt-4o-2024-08-06\"}, \"user\": \"alice\", \"truncated\": true, \"mock\": true, \"in_run\": "
    "\"night\", \"usage\": {\"output_tokens\": 9}, \"cost\": {\"amount\": 0.25}, \"times\": "
    "{\"finished\": \"2026-11-30T12:00:00.000Z\"}, \"metadata\": {\"sheet\": \"7\", \"type\": "
    "\"summarize\", \"a=b\": 1, \"c/d\": \"x\"}, \"attempts\": [{\"outcome\": \"ok\"}], "
    "\"nothing\": null}";
static const char job[] = "{\"model\": \"gpt-4o\", \"prompt\": \"Name three\", \"params\": "
                          "{\"temperature\": 0.2}, \"user\": \"other\"}";

/* The error file of a job that failed two days ago. */
static const char failure[] = "{\"status\": \"failed\", \"reason\": \"http_400\", \"model\": "
                              "\"gpt-4o\", \"user\": \"bob\"}";

static bool matches(const struct selection *selection, const char *state, const char *record_text,
                    const char *job_text, int64_t age_ms)
{
    json_t *record_json = json(record_text), *job_json = json(job_text);
    struct id id = {{7}};
    bool result = selection_matches(selection,
                                    &(struct facts){.id = &id,
                                                    .state = state,
                                                    .finished_ms = now().ms - age_ms,
                                                    .record = record_json,
                                                    .job = job_json},
                                    now());
    json_decref(record_json);
    json_decref(job_json);
    return result;
}

struct row {
    const char *option, *argument;
    bool done, failed; /* whether it selects the job above that completed, and the one that failed */
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct selection selection = {0};
        struct error error;
        if (give(&selection, rows[i].option, rows[i].argument, &error) != 1) {
            fail_msg("--%s %s: %s", rows[i].option, rows[i].argument, error.text);
        }
        assert_true(selection_any(&selection));
        if (matches(&selection, "completed", record, job, DAY) != rows[i].done) {
            fail_msg("--%s %s and what was done", rows[i].option, rows[i].argument);
        }
        if (matches(&selection, "failed", failure, NULL, 2 * DAY) != rows[i].failed) {
            fail_msg("--%s %s and what failed", rows[i].option, rows[i].argument);
        }
        selection_free(&selection);
        assert_false(selection_any(&selection));
    }
}

static void each_option_selects(void **unused)
{
    static const struct row rows[] = {
        {"state", "completed", true, false},
        {"state", "failed", false, true},
        {"state", "cancelled,failed", false, true},
        {"state", "cancelled,expired", false, false},
        {"failed", NULL, false, true},
        {"reason", "http_400", false, true},
        {"reason", "http_4*", false, false},
        {"truncated", NULL, true, false},
        {"model", "gpt-4o", true, true},
        {"model", "gpt-4o-*", true, false},
        {"model", "*", true, true},
        {"model", "gpt-4", false, false},
        {"type", "chat", true, true},
        {"type", "summarize", true, false},
        {"type", "embed", false, false},
        {"user", "alice", true, false},
        {"user", "bob", false, true},
        {"user", "a*", false, false},
        {"run", "night", true, false},
        {"run", "day", false, false},
    };
    (void)unused;
    check(rows, UNIT_COUNT(rows));
}

static void ages_are_counted_from_now_or_from_a_date(void **unused)
{
    static const struct row rows[] = {
        {"older-than", "23h", true, true},        {"older-than", "24h", false, true},
        {"older-than", "3d", false, false},       {"older-than", "0", true, true},
        {"newer-than", "24h", true, false},       {"newer-than", "48h", true, true},
        {"newer-than", "1h", false, false},       {"newer-than", "0", false, false},
        {"older-than", "2026-11-30", false, true}, {"older-than", "2026-12-01", true, true},
        {"newer-than", "2026-11-30", true, false}, {"newer-than", "2026-11-29", true, true},
        {"older-than", "2026-11-30T12:00:00.001Z", true, true},
        {"older-than", "2026-11-30T13:00:00+01:00", false, true},
        {"newer-than", "1970-01-01", true, true},  {"older-than", "1970-01-01", false, false},
    };
    (void)unused;
    check(rows, UNIT_COUNT(rows));
}

static void conditions_look_into_record_and_job(void **unused)
{
    static const struct row rows[] = {
        {"where", "user=alice", true, false},
        {"where", "user!=alice", false, true},
        {"where", "prompt=Name three", true, false},
        {"where", "prompt!=x", true, true},
        {"where", "prompt~Name*", true, false},
        {"where", "prompt~name*", false, false},
        {"where", "usage.output_tokens=9", true, false},
        {"where", "usage.output_tokens=9.0", true, false},
        {"where", "usage.output_tokens>8.5", true, false},
        {"where", "usage.output_tokens>9", false, false},
        {"where", "usage.output_tokens>=9", true, false},
        {"where", "usage.output_tokens<10", true, false},
        {"where", "usage.output_tokens<9", false, false},
        {"where", "usage.output_tokens<=9", true, false},
        {"where", "usage.output_tokens!=10", true, true},
        {"where", "usage.output_tokens=nan", false, false},
        {"where", "usage.output_tokens=0x9", false, false},
        {"where", "usage.output_tokens=", false, false},
        {"where", "cost.amount>1e-1", true, false},
        {"where", "params.temperature=0.20", true, false},
        {"where", "metadata.sheet=7", true, false},
        {"where", "metadata.sheet=7.0", false, false},
        {"where", "times.finished>=2026-11-30", true, false},
        {"where", "times.finished>=2026-12", false, false},
        {"where", "mock=true", true, false},
        {"where", "nothing=null", true, false},
        {"where", "attempts.0.outcome=ok", true, false},
        {"where", "usage={\"output_tokens\":9}", true, false},
        {"where", "/metadata/c~1d=x", true, false},
        {"where", "/metadata/c~1d~?", true, false},
        {"where", "absent=", false, false},
        {"where", "absent~*", false, false},
        {"where", "reason=http_400", false, true},
        {"where", "reason=http=400", false, false},
    };
    (void)unused;
    check(rows, UNIT_COUNT(rows));
}

static void all_that_is_said_must_hold(void **unused)
{
    struct selection selection = {0};
    (void)unused;
    assert_true(matches(&selection, "completed", record, job, DAY));
    assert_int_equal(give(&selection, "user", "alice", NULL), 1);
    assert_int_equal(give(&selection, "where", "mock=true", NULL), 1);
    assert_true(matches(&selection, "completed", record, job, DAY));
    assert_int_equal(give(&selection, "where", "usage.output_tokens>100", NULL), 1);
    assert_false(matches(&selection, "completed", record, job, DAY));
    selection_free(&selection);

    assert_int_equal(give(&selection, "user", "bob", NULL), 1);
    assert_int_equal(give(&selection, "user", "alice", NULL), 1); /* the last one counts */
    assert_true(matches(&selection, "completed", record, job, DAY));
    selection_free(&selection);

    assert_int_equal(give(&selection, "state", "failed", NULL), 1);
    assert_int_equal(give(&selection, "state", "completed", NULL), 1); /* but states add up */
    assert_true(matches(&selection, "completed", record, job, DAY));
    assert_true(matches(&selection, "failed", failure, NULL, DAY));
    selection_free(&selection);
}

static void members_are_looked_up(void **unused)
{
    struct selection selection = {0};
    struct id *members = calloc(3, sizeof *members);
    (void)unused;
    members[0].bytes[0] = 9;
    members[1].bytes[0] = 7;
    members[2].bytes[0] = 1;
    assert_int_equal(give(&selection, "run", "day", NULL), 1);
    assert_true(selection_needs_record(&selection));
    selection_members(&selection, members, 3);
    assert_false(selection_needs_record(&selection));
    assert_true(matches(&selection, "completed", record, job, DAY)); /* whatever in_run says */
    assert_true(matches(&selection, NULL, NULL, NULL, DAY));
    selection_members(&selection, NULL, 0);
    assert_false(matches(&selection, "completed", record, job, DAY));
    assert_int_equal(give(&selection, "truncated", NULL, NULL), 1);
    assert_true(selection_needs_record(&selection));
    selection_free(&selection);
}

static void a_job_alone_is_enough_to_match(void **unused)
{
    struct selection selection = {0};
    (void)unused;
    assert_false(selection_needs_job(&selection));
    assert_int_equal(give(&selection, "user", "other", NULL), 1);
    assert_int_equal(give(&selection, "model", "gpt-4o", NULL), 1);
    assert_false(selection_needs_job(&selection));
    assert_int_equal(give(&selection, "type", "chat", NULL), 1);
    assert_int_equal(give(&selection, "where", "prompt~Name*", NULL), 1);
    assert_true(selection_needs_job(&selection));
    assert_true(matches(&selection, NULL, NULL, job, DAY));
    assert_false(matches(&selection, NULL, record, job, DAY)); /* the record's user comes first */
    assert_false(matches(&selection, NULL, NULL, NULL, DAY));
    selection_free(&selection);
}

static void bad_arguments_are_refused(void **unused)
{
    static const struct {
        const char *option, *argument, *says;
    } rows[] = {
        {"run", "no/name", "--run wants a run's name, not no/name"},
        {"run", "", "--run wants"},
        {"state", "done", "--state wants completed, failed, cancelled or expired, not done"},
        {"state", "failed,", "--state wants"},
        {"state", "", "--state wants"},
        {"older-than", "yesterday", "--older-than wants a duration such as 90d, or a date"},
        {"older-than", "2026-02-30", "--older-than wants"},
        {"newer-than", "-1d", "--newer-than wants"},
        {"newer-than", "", "--newer-than wants"},
        {"where", "user", "--where wants FIELD=VALUE"},
        {"where", "=alice", "--where wants"},
        {"where", "", "--where wants"},
        {"where", "a!b", "--where wants"},
    };
    struct selection selection = {0};
    struct error error;
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        assert_int_equal(give(&selection, rows[i].option, rows[i].argument, &error), -1);
        assert_int_equal(error.kind, ERROR_USAGE);
        if (strncmp(error.text, rows[i].says, strlen(rows[i].says)) != 0) {
            fail_msg("%s", error.text);
        }
    }
    assert_int_equal(selection_option(&selection, 's', "DIR", &error), 0);
    selection_free(&selection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_selects),
        cmocka_unit_test(ages_are_counted_from_now_or_from_a_date),
        cmocka_unit_test(conditions_look_into_record_and_job),
        cmocka_unit_test(all_that_is_said_must_hold),
        cmocka_unit_test(members_are_looked_up),
        cmocka_unit_test(a_job_alone_is_enough_to_match),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return UNIT_RUN(tests);
}
