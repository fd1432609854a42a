/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pending: drops and orders that were not taken yet. */
#include "unit.h"

#include "fresh.h"

#include "base/xalloc.h"
#include "client/pending.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"
#define OTHER                                                                                      \
    "ff112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

/* What was told: how many jobs and orders for all, and the last of each. */
struct told {
    int jobs, all;
    char id[ID_TEXT_SIZE];
    char name[NAME_LIMIT];
    enum folder folder;
};

static void tell_job(void *context, const struct id *id, enum folder folder, const char *name)
{
    struct told *told = context;

    told->jobs++;
    told->folder = folder;
    id_write(id, told->id);
    snprintf(told->name, sizeof told->name, "%s", name);
}

static void tell_all(void *context, const char *name)
{
    struct told *told = context;

    told->all++;
    snprintf(told->name, sizeof told->name, "%s", name);
}

static void put(const struct fresh *fresh, enum folder folder, const char *name, const char *text)
{
    fresh_write(fresh->spool->dir[folder], name, text);
}

static void drops_of_ours_say_their_job(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};

    put(fresh, FOLDER_NEW, HEX ".1.json", "{}");
    put(fresh, FOLDER_NEW, ".hidden.json", "{}");
    put(fresh, FOLDER_NEW, HEX ".blob", "x");
    assert_false(pending_drops(fresh->spool, tell_job, &told));
    assert_int_equal(told.jobs, 1);
    assert_int_equal(told.folder, FOLDER_NEW);
    assert_string_equal(told.id, HEX);
    assert_string_equal(told.name, HEX ".1.json");
}

static void a_file_or_list_of_others_may_hold_any_job(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};

    put(fresh, FOLDER_NEW, "job.json", "{}");
    assert_true(pending_drops(fresh->spool, tell_job, &told));
    assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_NEW], "job.json", 0), 0);
    put(fresh, FOLDER_NEW, HEX ".jsonl", "{}");
    assert_true(pending_drops(fresh->spool, tell_job, &told));
    assert_int_equal(told.jobs, 0);
}

static void a_name_is_that_of_the_newest_drop(void **state)
{
    struct fresh *fresh = *state;
    char hex[ID_TEXT_SIZE];
    struct id id;

    assert_false(pending_name(fresh->spool, "report", &id));
    put(fresh, FOLDER_NEW, HEX ".1.json", "{\"name\":\"report\"}");
    assert_true(pending_name(fresh->spool, "report", &id));
    assert_false(pending_name(fresh->spool, "other", &id));
    /* A clock tick of the file system later, so that the times differ. */
    usleep(20000);
    put(fresh, FOLDER_NEW, OTHER ".1.json", "{\"name\":\"report\"}");
    assert_true(pending_name(fresh->spool, "report", &id));
    id_write(&id, hex);
    assert_string_equal(hex, OTHER);
}

static void what_is_no_job_has_no_name(void **state)
{
    struct fresh *fresh = *state;
    struct id id;

    put(fresh, FOLDER_NEW, HEX ".1.json", "");
    put(fresh, FOLDER_NEW, HEX ".2.json", "[\"report\"]");
    put(fresh, FOLDER_NEW, HEX ".3.json", "{\"name\":7}");
    assert_false(pending_name(fresh->spool, "report", &id));
}

static void orders_to_retry_or_rerun_say_their_jobs(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};

    put(fresh, FOLDER_CTL, "cancel.1", OTHER "\n");
    put(fresh, FOLDER_CTL, "pause", "");
    put(fresh, FOLDER_CTL, "retry.1", "nonsense\n" HEX "\n\n");
    pending_orders(fresh->spool, tell_job, tell_all, &told);
    assert_int_equal(told.jobs, 1);
    assert_int_equal(told.folder, FOLDER_CTL);
    assert_string_equal(told.id, HEX);
    assert_string_equal(told.name, "retry.1");
}

static void an_order_for_all_is_for_each(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};

    put(fresh, FOLDER_CTL, "rerun.x", "ALL\n");
    put(fresh, FOLDER_CTL, "rerun.empty", "");
    pending_orders(fresh->spool, tell_job, tell_all, &told);
    assert_int_equal(told.jobs, 0);
    assert_int_equal(told.all, 1);
    assert_string_equal(told.name, "rerun.x");
}

#define SPOOL_TEST(test) cmocka_unit_test_setup_teardown(test, fresh_spool, fresh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(drops_of_ours_say_their_job),
        SPOOL_TEST(a_file_or_list_of_others_may_hold_any_job),
        SPOOL_TEST(a_name_is_that_of_the_newest_drop),
        SPOOL_TEST(what_is_no_job_has_no_name),
        SPOOL_TEST(orders_to_retry_or_rerun_say_their_jobs),
        SPOOL_TEST(an_order_for_all_is_for_each),
    };

    xalloc_jansson();
    return UNIT_RUN(tests);
}
