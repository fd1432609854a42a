/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long finished work is kept, and which of several rules counts. */
#include "unit.h"

#include "base/jsontext.h"
#include "retain/policy.h"

#define DAY INT64_C(86400000)

static char gpt[] = "gpt-*", all[] = "*", ann[] = "ann";
static struct policy_rule models[] = {{gpt, 10 * DAY}, {all, 20 * DAY}};
static struct policy_rule users[] = {{all, 40 * DAY}, {ann, 5 * DAY}};

static struct policy sample(size_t model_count, size_t user_count)
{
    return (struct policy){.outputs_ms = 90 * DAY,
                           .failed_ms = 30 * DAY,
                           .models = models,
                           .model_count = model_count,
                           .users = users,
                           .user_count = user_count};
}

static struct finished unit_of(enum folder folder, const char *text)
{
    json_t *record = text != NULL ? jsontext_read_object(text, strlen(text), NULL) : NULL;

    return (struct finished){.folder = folder,
                             .finished_ms = 1000 * DAY,
                             .record = record,
                             .newest = json_incref(record)};
}

static void expect_due(const struct policy *policy, enum folder folder, const char *record,
                       int64_t days)
{
    struct finished finished = unit_of(folder, record);

    assert_int_equal(policy_due(policy, &finished), (1000 + days) * DAY);
    finished_clear(&finished);
}

#define GPT   "{\"model\": {\"asked\": \"gpt-4\", \"answered\": \"x\"}"
#define LLAMA "{\"model\": \"llama\""

static void folders_have_their_ages(void **state)
{
    struct policy policy = sample(0, 0);
    (void)state;
    expect_due(&policy, FOLDER_DONE, GPT "}", 90);
    expect_due(&policy, FOLDER_FAILED, LLAMA "}", 30);
}

static void the_first_fitting_model_comes_before_the_folder(void **state)
{
    struct policy policy = sample(2, 0);
    (void)state;
    expect_due(&policy, FOLDER_DONE, GPT "}", 10);
    expect_due(&policy, FOLDER_DONE, LLAMA "}", 20);
    expect_due(&policy, FOLDER_FAILED, GPT "}", 30);
}

static void the_user_comes_before_the_model(void **state)
{
    struct policy policy = sample(2, 2);
    (void)state;
    expect_due(&policy, FOLDER_DONE, GPT ", \"user\": \"ann\"}", 5);
    expect_due(&policy, FOLDER_DONE, GPT ", \"user\": \"bob\"}", 40);
    expect_due(&policy, FOLDER_DONE, GPT "}", 40);
}

static void the_job_itself_comes_first(void **state)
{
    struct policy policy = sample(2, 2);
    struct finished finished = unit_of(FOLDER_DONE, GPT ", \"user\": \"ann\"}");
    (void)state;
    finished.expires_ms = 2000 * DAY;
    assert_int_equal(policy_due(&policy, &finished), 2000 * DAY);
    finished_clear(&finished);
}

static void what_cannot_be_read_is_never_due(void **state)
{
    struct policy policy = sample(0, 0);
    struct finished finished = unit_of(FOLDER_DONE, NULL);
    (void)state;
    finished.finished_ms = 0;
    assert_int_equal(policy_due(&policy, &finished), INT64_MAX);
    finished = unit_of(FOLDER_DONE, "{}");
    finished.finished_ms = 0;
    assert_int_equal(policy_due(&policy, &finished), INT64_MAX);
    finished_clear(&finished);
}

static void the_shortest_age_is_that_of_any_rule(void **state)
{
    struct policy policy = sample(0, 0);
    (void)state;
    assert_int_equal(policy_shortest(&policy, FOLDER_DONE), 90 * DAY);
    policy = sample(2, 0);
    assert_int_equal(policy_shortest(&policy, FOLDER_DONE), 10 * DAY);
    policy = sample(2, 2);
    assert_int_equal(policy_shortest(&policy, FOLDER_DONE), 5 * DAY);
    assert_int_equal(policy_shortest(&policy, FOLDER_FAILED), 30 * DAY);
}

static void old_versions_go_but_never_the_latest_good_one(void **state)
{
    static const struct {
        unsigned keep, lowest, highest, good, first;
    } rows[] = {
        {0, 1, 9, 9, 1}, {3, 1, 9, 9, 7}, {3, 1, 9, 8, 7}, {3, 1, 9, 2, 2},
        {3, 1, 3, 3, 1}, {3, 5, 7, 7, 5}, {1, 5, 7, 7, 7}, {3, 5, 8, 8, 6},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct policy policy = {.versions = rows[i].keep};
        struct finished finished = {
            .lowest = rows[i].lowest, .highest = rows[i].highest, .version = rows[i].good};
        assert_int_equal(policy_first_kept(&policy, &finished), rows[i].first);
    }
}

static void room_is_a_share_or_a_size(void **state)
{
    static const char *const bad[] = {"", "%", "100%", "-1%", "10 %", "lots"};
    struct policy_room room;
    (void)state;
    assert_int_equal(policy_room_read("10%", &room), 0);
    assert_int_equal(room.percent, 10);
    assert_int_equal(room.bytes, 0);
    assert_int_equal(policy_room_read("5GiB", &room), 0);
    assert_int_equal(room.percent, 0);
    assert_int_equal(room.bytes, UINT64_C(5) << 30);
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        assert_true(policy_room_read(bad[i], &room) < 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_have_their_ages),
        cmocka_unit_test(the_first_fitting_model_comes_before_the_folder),
        cmocka_unit_test(the_user_comes_before_the_model),
        cmocka_unit_test(the_job_itself_comes_first),
        cmocka_unit_test(what_cannot_be_read_is_never_due),
        cmocka_unit_test(the_shortest_age_is_that_of_any_rule),
        cmocka_unit_test(old_versions_go_but_never_the_latest_good_one),
        cmocka_unit_test(room_is_a_share_or_a_size),
    };
    return UNIT_RUN(tests);
}
