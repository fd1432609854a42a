/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_remove: deleting units in batches. Syncs and removals are wrapped to make them fail. */
#include "unit.h"

#include "fresh.h"

#include <sys/resource.h>
#include "retain/remove.h"
#include "spool/move.h"

static struct {
    int syncs;
    int fail_sync; /* this one fails, 0 never */
    int unlinks;
    int fail_unlink;
} seen;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

int __wrap_fsync(int fd)
{
    errno = EIO;
    return ++seen.syncs == seen.fail_sync ? -1 : __real_fsync(fd);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
    errno = EIO;
    return ++seen.unlinks == seen.fail_unlink ? -1 : __real_unlinkat(dir, name, flags);
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof seen);
    return fresh_spool(state);
}

static struct id id_of(unsigned number)
{
    struct id id = {{(unsigned char)number, (unsigned char)(number >> 8)}};
    return id;
}

static void put(struct spool *spool, enum folder folder, enum entry_kind kind, unsigned number,
                unsigned version, const char *text)
{
    struct id id = id_of(number);
    char name[ENTRY_NAME_SIZE];
    entry_write(kind, &id, version, name);
    fresh_write(spool->dir[folder], name, text);
}

static void put_done(struct spool *spool, unsigned number, unsigned versions)
{
    put(spool, FOLDER_DONE, ENTRY_JOB, number, 0, "{}");
    for (unsigned version = 1; version <= versions; version++) {
        put(spool, FOLDER_DONE, ENTRY_OUTPUT, number, version, "{}");
    }
}

static int take(struct spool *spool, struct remove *remove, enum folder folder, unsigned number,
                struct error *error)
{
    struct id id = id_of(number);
    struct unit unit;
    assert_int_equal(unit_lock(spool, folder, &id, &unit), 0);
    return remove_unit(remove, &unit, error);
}

static void must_end(struct remove *remove)
{
    struct error error = {0};
    if (remove_end(remove, &error) != 0) {
        fail_msg("%s", error.text);
    }
}

static int count_calls(void *context, struct error *error)
{
    (void)error;
    ++*(int *)context;
    return 0;
}

/* Every program here may have 512 files open. */
int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit);
int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
    assert_int_equal(resource, RLIMIT_NOFILE);
    *limit = (struct rlimit){512, 512};
    return 0;
}

/* A batch is what may be open at once, but 256 files. */
static void many_units_go_with_few_syncs(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    struct error error;
    struct remove *remove;
    int batches = 0;

    remove = remove_begin(spool, count_calls, &batches);
    for (unsigned i = 0; i < 600; i++) {
        put_done(spool, i, 1 + i % 3);
    }
    seen.syncs = 0;
    for (unsigned i = 0; i < 600; i++) {
        assert_int_equal(take(spool, remove, FOLDER_DONE, i, &error), 0);
    }
    assert_int_equal(batches, 2);
    assert_int_equal(remove_count(remove), 512);
    must_end(remove);
    assert_int_equal(batches, 3);
    assert_int_equal(seen.syncs, 6);
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 0);
}

static void nothing_is_deleted_before_it_is_told(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    struct error error;
    int batches = 0;
    struct remove *remove = remove_begin(spool, count_calls, &batches);
    put_done(spool, 1, 2);
    take(spool, remove, FOLDER_DONE, 1, &error);
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 3);
    struct id id = id_of(1);
    struct unit unit;
    assert_int_equal(unit_lock(spool, FOLDER_DONE, &id, &unit), -EAGAIN);
    assert_int_equal(remove_flush(remove, &error), 0);
    assert_int_equal(batches, 1);
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 0);
    must_end(remove);
    assert_int_equal(batches, 1);
}

static int refuse(void *context, struct error *error)
{
    (void)context;
    error_set(error, ERROR_SYSTEM, "no events");
    return -1;
}

static void who_cannot_tell_deletes_nothing(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    struct error error;
    struct remove *remove = remove_begin(spool, refuse, NULL);
    put_done(spool, 1, 2);
    take(spool, remove, FOLDER_DONE, 1, &error);
    assert_int_equal(remove_end(remove, &error), -1);
    assert_string_equal(error.text, "no events");
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 3);
    struct id id = id_of(1);
    struct unit unit;
    assert_int_equal(unit_lock(spool, FOLDER_DONE, &id, &unit), 0);
    assert_false(unit.gone);
    unit_unlock(&unit);
}

static void a_failed_sync_leaves_units_whole_or_gone(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    struct error error;
    for (unsigned i = 0; i < 4; i++) {
        put_done(spool, i, 2);
    }
    struct remove *remove = remove_begin(spool, NULL, NULL);
    seen.syncs = 0;
    seen.fail_sync = 1;
    take(spool, remove, FOLDER_DONE, 0, &error);
    take(spool, remove, FOLDER_DONE, 1, &error);
    assert_int_equal(remove_end(remove, &error), -1);
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 12);
    remove = remove_begin(spool, NULL, NULL);
    seen.syncs = 0;
    seen.fail_sync = 2;
    take(spool, remove, FOLDER_DONE, 0, &error);
    take(spool, remove, FOLDER_DONE, 1, &error);
    assert_int_equal(remove_end(remove, &error), -1);
    assert_non_null(strstr(error.text, "cannot sync"));
    /* Their outputs went, ID.gone is there, and the next run finishes. */
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 8);
    seen.fail_sync = 0;
    size_t count = 0;
    remove = remove_begin(spool, NULL, NULL);
    assert_int_equal(remove_leftovers(remove, &count, &error), 0);
    assert_int_equal(count, 2);
    must_end(remove);
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 6);
}

static void a_failed_deletion_is_told_and_finished_later(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    struct error error;
    for (int fail = 1;; fail++) {
        put_done(spool, 1, 2);
        struct remove *remove = remove_begin(spool, NULL, NULL);
        seen.unlinks = 0;
        seen.fail_unlink = fail;
        take(spool, remove, FOLDER_DONE, 1, &error);
        bool failed = remove_end(remove, &error) < 0;
        assert_int_equal(failed, seen.unlinks >= fail);
        seen.fail_unlink = 0;
        if (failed) {
            size_t count = 0;
            assert_non_null(strstr(error.text, "cannot delete done/0100"));
            remove = remove_begin(spool, NULL, NULL);
            assert_int_equal(remove_leftovers(remove, &count, &error), 0);
            assert_int_equal(count, 1);
            must_end(remove);
        }
        assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 0);
        if (!failed) {
            assert_true(fail > 5);
            break;
        }
    }
}

static void what_another_has_locked_is_left(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    struct error error;
    struct unit unit;
    struct id id = id_of(3);
    size_t count = 0;
    put(spool, FOLDER_DONE, ENTRY_GONE, 3, 0, "{}");
    put(spool, FOLDER_DONE, ENTRY_OUTPUT, 3, 1, "{}");
    put(spool, FOLDER_FAILED, ENTRY_GONE, 4, 0, "{}");
    put(spool, FOLDER_FAILED, ENTRY_ERROR, 4, 0, "{}");
    assert_int_equal(unit_lock(spool, FOLDER_DONE, &id, &unit), 0);
    struct remove *remove = remove_begin(spool, NULL, NULL);
    assert_int_equal(remove_leftovers(remove, &count, &error), 0);
    assert_int_equal(count, 1);
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 2);
    assert_int_equal(fresh_count(spool->dir[FOLDER_FAILED]), 0);
    unit_unlock(&unit);
    assert_int_equal(remove_leftovers(remove, &count, &error), 0);
    assert_int_equal(count, 2);
    must_end(remove);
    assert_int_equal(fresh_count(spool->dir[FOLDER_DONE]), 0);
}

#define HEX "0100000000000000000000000000000000000000000000000000000000000000"
#define OTHER "0200000000000000000000000000000000000000000000000000000000000000"

static void only_links_that_lead_to_the_unit_go(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    int links = spool->dir[FOLDER_BY_NAME];
    struct error error;
    put(spool, FOLDER_DONE, ENTRY_JOB, 1, 0, "{\"name\":\"a\"}");
    put(spool, FOLDER_DONE, ENTRY_OUTPUT, 1, 1, "{\"names\":[\"old\"]}");
    put(spool, FOLDER_DONE, ENTRY_OUTPUT, 1, 2,
        "{\"names\":[\"a\",\"b\",\"elsewhere\",\"again\",\"none\",\"../x\",7]}");
    move_link(spool, FOLDER_BY_NAME, "a", "../done/" HEX ".v2.json");
    move_link(spool, FOLDER_BY_NAME, "b", "../done/" HEX ".v2.json");
    move_link(spool, FOLDER_BY_NAME, "old", "../done/" HEX ".v1.json");
    move_link(spool, FOLDER_BY_NAME, "elsewhere", "../done/" OTHER ".v1.json");
    move_link(spool, FOLDER_BY_NAME, "again", "../cur/" HEX ".json");
    move_link(spool, FOLDER_BY_NAME, "stranger", "../done/" HEX ".v2.json");
    struct remove *remove = remove_begin(spool, NULL, NULL);
    take(spool, remove, FOLDER_DONE, 1, &error);
    must_end(remove);
    assert_false(fresh_exists(links, "a"));
    assert_false(fresh_exists(links, "b"));
    assert_false(fresh_exists(links, "old"));
    assert_true(fresh_exists(links, "elsewhere"));
    assert_true(fresh_exists(links, "again"));
    assert_true(fresh_exists(links, "stranger"));
    assert_int_equal(fresh_count(spool->dir[FOLDER_TMP]), 0);
}

static void names_of_failed_jobs_go_too(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    struct error error;
    put(spool, FOLDER_FAILED, ENTRY_JOB, 1, 0, "{}");
    put(spool, FOLDER_FAILED, ENTRY_ERROR, 1, 0, "{\"names\":[\"f\"]}");
    move_link(spool, FOLDER_BY_NAME, "f", "../failed/" HEX ".error.json");
    struct remove *remove = remove_begin(spool, NULL, NULL);
    take(spool, remove, FOLDER_FAILED, 1, &error);
    must_end(remove);
    assert_int_equal(fresh_count(spool->dir[FOLDER_BY_NAME]), 0);
    assert_int_equal(fresh_count(spool->dir[FOLDER_FAILED]), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_units_go_with_few_syncs, setup, fresh_end),
        cmocka_unit_test_setup_teardown(nothing_is_deleted_before_it_is_told, setup, fresh_end),
        cmocka_unit_test_setup_teardown(who_cannot_tell_deletes_nothing, setup, fresh_end),
        cmocka_unit_test_setup_teardown(a_failed_sync_leaves_units_whole_or_gone, setup, fresh_end),
        cmocka_unit_test_setup_teardown(a_failed_deletion_is_told_and_finished_later, setup,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(what_another_has_locked_is_left, setup, fresh_end),
        cmocka_unit_test_setup_teardown(only_links_that_lead_to_the_unit_go, setup, fresh_end),
        cmocka_unit_test_setup_teardown(names_of_failed_jobs_go_too, setup, fresh_end),
    };
    return UNIT_RUN(tests);
}
