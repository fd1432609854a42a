/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_awaited: where a job that is waited for stands, by the files of a spool. */
#include "unit.h"

#include "fresh.h"

#include "base/xalloc.h"
#include "client/awaited.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

static void put(const struct fresh *fresh, enum folder folder, const char *name, const char *text)
{
    fresh_write(fresh->spool->dir[folder], name, text);
}

static void gone(const struct fresh *fresh, enum folder folder, const char *name)
{
    assert_int_equal(unlinkat(fresh->spool->dir[folder], name, 0), 0);
}

/* The job, or its version, looked at for the first time. */
static struct awaited look(const struct fresh *fresh, unsigned version)
{
    struct awaited awaited = {.version = version};

    assert_true(id_read(HEX, &awaited.id));
    awaited_look(fresh->spool, NULL, &awaited); /* nothing asks for it */
    return awaited;
}

static void a_job_in_no_folder_is_missing(void **state)
{
    struct awaited awaited = look(*state, 0);

    assert_int_equal(awaited.state, AWAITED_OPEN);
    assert_true(awaited.missing);
}

static void a_job_in_cur_goes_on_with_its_first_run(void **state)
{
    struct awaited awaited;

    put(*state, FOLDER_CUR, HEX ".json", "{}");
    awaited = look(*state, 0);
    assert_int_equal(awaited.state, AWAITED_OPEN);
    assert_false(awaited.missing);
    assert_int_equal(awaited.run, 1);
}

static void done_and_failed_are_ends(void **state)
{
    put(*state, FOLDER_DONE, HEX ".json", "{}");
    assert_int_equal(look(*state, 0).state, AWAITED_COMPLETED);
    put(*state, FOLDER_FAILED, HEX ".json", "{}");
    assert_int_equal(look(*state, 0).state, AWAITED_FAILED);
}

static void outputs_alone_are_no_end(void **state)
{
    put(*state, FOLDER_DONE, HEX ".v1.json", "{\"status\":\"completed\"}");
    assert_true(look(*state, 0).missing);
    put(*state, FOLDER_CUR, HEX ".json", "{}");
    assert_int_equal(look(*state, 0).state, AWAITED_OPEN);
}

static void a_rerun_that_was_seen_under_way_is_judged_by_its_own_output(void **state)
{
    struct awaited awaited;

    put(*state, FOLDER_DONE, HEX ".v1.json", "{\"status\":\"completed\"}");
    put(*state, FOLDER_CUR, HEX ".json", "{}");
    put(*state, FOLDER_CUR, HEX ".state.json", "{\"run\":2}");
    awaited = look(*state, 0);
    assert_int_equal(awaited.run, 2);
    gone(*state, FOLDER_CUR, HEX ".json");
    put(*state, FOLDER_DONE, HEX ".v2.json", "{\"status\":\"failed\"}");
    put(*state, FOLDER_DONE, HEX ".json", "{}");
    awaited_look(((struct fresh *)*state)->spool, NULL, &awaited);
    assert_int_equal(awaited.state, AWAITED_FAILED);
    assert_int_equal(awaited.found, 2);
}

static void without_a_run_of_its_own_the_good_answer_counts(void **state)
{
    put(*state, FOLDER_DONE, HEX ".v1.json", "{\"status\":\"completed\"}");
    put(*state, FOLDER_DONE, HEX ".v2.json", "{\"status\":\"failed\"}");
    put(*state, FOLDER_DONE, HEX ".json", "{}");
    assert_int_equal(look(*state, 0).state, AWAITED_COMPLETED);
}

static void what_was_asked_for_again_has_not_ended_until_that_was_taken(void **state)
{
    const struct fresh *fresh = *state;
    struct awaited awaited = {0};
    struct asks *asks = asks_new();

    assert_true(id_read(HEX, &awaited.id));
    put(fresh, FOLDER_DONE, HEX ".json", "{}");
    put(fresh, FOLDER_NEW, HEX ".1.json", "{}");
    put(fresh, FOLDER_NEW, HEX ".2.json", "{}");
    put(fresh, FOLDER_CTL, "rerun.1", HEX "\n");
    awaited_oblige(&awaited, asks, FOLDER_NEW, HEX ".1.json");
    awaited_oblige(&awaited, asks, FOLDER_CTL, "rerun.1");
    awaited_oblige(&awaited, asks, FOLDER_NEW, HEX ".2.json");
    awaited_oblige(&awaited, asks, FOLDER_NEW, HEX ".1.json"); /* known already */
    assert_non_null(awaited_dropped(&awaited));
    gone(fresh, FOLDER_NEW, HEX ".1.json");
    asks_round(asks);
    awaited_look(fresh->spool, asks, &awaited);
    assert_int_equal(awaited.state, AWAITED_OPEN);
    gone(fresh, FOLDER_NEW, HEX ".2.json");
    asks_round(asks);
    awaited_look(fresh->spool, asks, &awaited);
    assert_int_equal(awaited.state, AWAITED_OPEN);
    assert_null(awaited_dropped(&awaited));
    gone(fresh, FOLDER_CTL, "rerun.1");
    asks_round(asks);
    awaited_look(fresh->spool, asks, &awaited);
    assert_int_equal(awaited.state, AWAITED_COMPLETED);
    assert_non_null(awaited.taken);
    awaited_clear(&awaited, asks);
    asks_free(asks);
}

static void a_version_is_there_when_its_run_has_left_cur(void **state)
{
    put(*state, FOLDER_CUR, HEX ".json", "{}");
    put(*state, FOLDER_DONE, HEX ".v1.json", "{\"status\":\"completed\"}");
    assert_int_equal(look(*state, 1).state, AWAITED_OPEN); /* being published */
    assert_int_equal(look(*state, 2).state, AWAITED_OPEN);
    put(*state, FOLDER_CUR, HEX ".state.json", "{\"run\":2}");
    assert_int_equal(look(*state, 1).state, AWAITED_COMPLETED);
    assert_int_equal(look(*state, 2).state, AWAITED_OPEN);
}

static void a_version_that_nothing_makes_is_none(void **state)
{
    put(*state, FOLDER_DONE, HEX ".v1.json", "{\"status\":\"completed\"}");
    put(*state, FOLDER_DONE, HEX ".v2.json", "{\"status\":\"expired\"}");
    put(*state, FOLDER_DONE, HEX ".json", "{}");
    assert_int_equal(look(*state, 1).state, AWAITED_COMPLETED);
    assert_int_equal(look(*state, 2).state, AWAITED_FAILED);
    assert_int_equal(look(*state, 3).state, AWAITED_NO_VERSION);
}

static void a_run_number_that_cannot_be_one_is_the_first(void **state)
{
    put(*state, FOLDER_CUR, HEX ".json", "{}");
    put(*state, FOLDER_CUR, HEX ".state.json", "{\"run\":-4}");
    assert_int_equal(look(*state, 0).run, 1);
}

#define SPOOL_TEST(test) cmocka_unit_test_setup_teardown(test, fresh_spool, fresh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(a_job_in_no_folder_is_missing),
        SPOOL_TEST(a_job_in_cur_goes_on_with_its_first_run),
        SPOOL_TEST(done_and_failed_are_ends),
        SPOOL_TEST(outputs_alone_are_no_end),
        SPOOL_TEST(a_rerun_that_was_seen_under_way_is_judged_by_its_own_output),
        SPOOL_TEST(without_a_run_of_its_own_the_good_answer_counts),
        SPOOL_TEST(what_was_asked_for_again_has_not_ended_until_that_was_taken),
        SPOOL_TEST(a_version_is_there_when_its_run_has_left_cur),
        SPOOL_TEST(a_version_that_nothing_makes_is_none),
        SPOOL_TEST(a_run_number_that_cannot_be_one_is_the_first),
    };

    xalloc_jansson();
    return UNIT_RUN(tests);
}
