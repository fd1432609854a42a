/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_unit: one finished job as a unit, and its lock. Calls that change the disk are wrapped. */
#include "unit.h"

#include <sys/wait.h>

#include "fresh.h"
#include "spool/unit.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"
#define OTHER                                                                                      \
    "ff112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

static struct {
    int calls;                   /* wrapped calls so far */
    int kill_at;                 /* the process dies instead of this call, 0 never */
    int unlinks;                 /* names removed so far */
    int syncs_before;            /* syncs before the first removal */
    int unsynced;                /* removals since the last sync */
    bool gone_was_last;          /* ID.gone went with nothing unsynced before it */
    int fail_at;                 /* this call fails with EIO, 0 never */
    void (*after_open)(int dir); /* after the next openat, once */
} seen;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);

/* Only what opens what is there comes here with a wish in seen.after_open. */
int __wrap_openat(int dir, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int fd = __real_openat(dir, name, flags, mode);
    void (*after)(int) = seen.after_open;
    if (after != NULL) {
        seen.after_open = NULL;
        after(dir);
    }
    return fd;
}

static bool next_call(void)
{
    seen.calls++;
    if (seen.calls == seen.kill_at) {
        _exit(9);
    }
    errno = EIO;
    return seen.calls != seen.fail_at;
}

int __wrap_fsync(int fd)
{
    if (!next_call()) {
        return -1;
    }
    if (seen.unlinks == 0) {
        seen.syncs_before++;
    }
    seen.unsynced = 0;
    return __real_fsync(fd);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
    if (!next_call()) {
        return -1;
    }
    int result = __real_unlinkat(dir, name, flags);
    if (result == 0) {
        seen.gone_was_last = strcmp(name, HEX ".gone") == 0 && seen.unsynced == 0;
        seen.unlinks++;
        seen.unsynced++;
    }
    return result;
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof seen);
    fresh_spool(state);
    memset(&seen, 0, sizeof seen);
    return 0;
}

static struct id sample_id(void)
{
    struct id id;
    assert_true(id_read(HEX, &id));
    return id;
}

static int lock_it(void **state, enum folder folder, struct unit *unit)
{
    const struct fresh *fresh = *state;
    struct id id = sample_id();
    return unit_lock(fresh->spool, folder, &id, unit);
}

static int done_dir(void **state)
{
    const struct fresh *fresh = *state;
    return fresh->spool->dir[FOLDER_DONE];
}

static void a_unit_is_locked_by_its_job_file(void **state)
{
    struct unit unit;
    fresh_write(done_dir(state), HEX ".json", "job");
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    assert_false(unit.gone);
    assert_int_equal(unit.status.st_size, 3);
    unit_unlock(&unit);
    assert_int_equal(unit.fd, -1);
    unit_unlock(&unit);
}

static void or_by_what_is_left_of_it(void **state)
{
    struct unit unit;
    fresh_write(done_dir(state), HEX ".gone", "job");
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    assert_true(unit.gone);
    unit_unlock(&unit);
}

static void a_unit_that_is_not_there_is_told(void **state)
{
    struct unit unit;
    fresh_write(done_dir(state), OTHER ".json", "job");
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), -ENOENT);
    assert_int_equal(unit.fd, -1);
    fresh_write(done_dir(state), HEX ".json", "job");
    assert_int_equal(lock_it(state, FOLDER_FAILED, &unit), -ENOENT);
}

static void only_one_hand_has_it(void **state)
{
    struct unit first, second;
    fresh_write(done_dir(state), HEX ".json", "job");
    assert_int_equal(lock_it(state, FOLDER_DONE, &first), 0);
    assert_int_equal(lock_it(state, FOLDER_DONE, &second), -EAGAIN);
    assert_int_equal(second.fd, -1);
    unit_unlock(&first);
    assert_int_equal(lock_it(state, FOLDER_DONE, &second), 0);
    unit_unlock(&second);
}

static void readers_need_no_lock(void **state)
{
    struct unit unit;
    fresh_write(done_dir(state), HEX ".json", "job");
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    fresh_expect(done_dir(state), HEX ".json", "job");
    unit_unlock(&unit);
}

static void the_lock_dies_with_its_process(void **state)
{
    struct unit unit;
    fresh_write(done_dir(state), HEX ".json", "job");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(lock_it(state, FOLDER_DONE, &unit) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    unit_unlock(&unit);
}

static void begin_to_delete(int dir)
{
    assert_int_equal(renameat(dir, HEX ".json", dir, HEX ".gone"), 0);
}

static void take_back_and_finish_again(int dir)
{
    assert_int_equal(renameat(dir, HEX ".json", dir, "elsewhere"), 0);
    fresh_write(dir, HEX ".json", "another");
}

static void restore(int dir)
{
    assert_int_equal(renameat(dir, HEX ".gone", dir, HEX ".json"), 0);
}

static void what_was_renamed_before_it_was_locked_is_looked_up_again(void **state)
{
    struct unit unit;
    fresh_write(done_dir(state), HEX ".json", "job");
    seen.after_open = begin_to_delete;
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    assert_true(unit.gone);
    unit_unlock(&unit);
    /* ID.json was looked for in vain just before. */
    seen.after_open = restore;
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    assert_false(unit.gone);
    unit_unlock(&unit);
    seen.after_open = take_back_and_finish_again;
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    assert_int_equal(unit.status.st_size, strlen("another"));
    unit_unlock(&unit);
}

static void a_link_in_the_jobs_place_is_not_followed(void **state)
{
    struct unit unit;
    fresh_write(done_dir(state), OTHER ".json", "job");
    assert_int_equal(symlinkat(OTHER ".json", done_dir(state), HEX ".json"), 0);
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), -ELOOP);
}

/* A unit with outputs and sidecars in done/, one of another beside it. */
static void fill_done(void **state, int first, int last)
{
    static const char *const names[] = {HEX ".gone",    HEX ".error.json", HEX ".state.json",
                                        HEX ".partial", OTHER ".json",     OTHER ".v1.json"};
    for (size_t i = 0; i < UNIT_COUNT(names); i++) {
        if (!fresh_exists(done_dir(state), names[i])) {
            fresh_write(done_dir(state), names[i], "x");
        }
    }
    for (int version = first; version <= last; version++) {
        char name[ENTRY_NAME_SIZE];
        struct id id = sample_id();
        entry_write(ENTRY_OUTPUT, &id, (unsigned)version, name);
        if (!fresh_exists(done_dir(state), name)) {
            fresh_write(done_dir(state), name, "x");
        }
    }
}

static void finish_gone(void **state)
{
    struct unit unit;
    assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
    assert_int_equal(unit_finish_gone(&unit), 0);
    unit_unlock(&unit);
    assert_int_equal(fresh_count(done_dir(state)), 2);
    fresh_expect(done_dir(state), OTHER ".json", "x");
    fresh_expect(done_dir(state), OTHER ".v1.json", "x");
}

static void what_is_left_of_a_unit_goes_and_nothing_else(void **state)
{
    fill_done(state, 1, 3);
    finish_gone(state);
}

static void also_where_the_first_outputs_were_pruned(void **state)
{
    fill_done(state, 4, 12);
    finish_gone(state);
}

static void the_renaming_is_durable_first_and_the_rest_before_the_end(void **state)
{
    fill_done(state, 1, 3);
    finish_gone(state);
    assert_int_equal(seen.syncs_before, 1);
    assert_true(seen.gone_was_last);
    assert_int_equal(seen.unlinks, 7);
}

/* Runs unit_finish_gone in a process that dies at its k-th change. */
static bool finish_and_die(void **state, int k)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct unit unit;
        memset(&seen, 0, sizeof seen);
        seen.kill_at = k;
        if (lock_it(state, FOLDER_DONE, &unit) != 0 || unit_finish_gone(&unit) != 0) {
            _exit(1);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_in_set((LargestIntegralType)WEXITSTATUS(status), ((LargestIntegralType[]){0, 9}), 2);
    return WEXITSTATUS(status) == 9;
}

static void killed_at_any_moment_it_is_finished_by_the_next(void **state)
{
    int k = 1;
    for (;; k++) {
        fill_done(state, 1, 3);
        if (!finish_and_die(state, k)) {
            break;
        }
        assert_true(fresh_exists(done_dir(state), HEX ".gone"));
        finish_gone(state);
    }
    assert_true(k > 9);
}

static void failing_at_any_call_it_says_so_and_keeps_the_mark(void **state)
{
    int k = 1;
    for (;; k++) {
        struct unit unit;
        fill_done(state, 1, 3);
        assert_int_equal(lock_it(state, FOLDER_DONE, &unit), 0);
        memset(&seen, 0, sizeof seen);
        seen.fail_at = k;
        int result = unit_finish_gone(&unit);
        unit_unlock(&unit);
        memset(&seen, 0, sizeof seen);
        if (result == 0) {
            break;
        }
        assert_int_equal(result, -EIO);
        assert_true(fresh_exists(done_dir(state), HEX ".gone"));
    }
    assert_true(k > 9);
}

static void a_failed_unit_goes_with_its_error_file(void **state)
{
    const struct fresh *fresh = *state;
    int failed = fresh->spool->dir[FOLDER_FAILED];
    struct unit unit;
    fresh_write(failed, HEX ".gone", "x");
    fresh_write(failed, HEX ".error.json", "x");
    fill_done(state, 1, 1);
    assert_int_equal(lock_it(state, FOLDER_FAILED, &unit), 0);
    assert_int_equal(unit_finish_gone(&unit), 0);
    unit_unlock(&unit);
    assert_int_equal(fresh_count(failed), 0);
    assert_int_equal(fresh_count(done_dir(state)), 7);
}

static void expect_versions(void **state, unsigned lowest, unsigned highest)
{
    const struct fresh *fresh = *state;
    struct id id = sample_id();
    unsigned found_lowest = 77, found_highest = 77;
    assert_int_equal(unit_versions(fresh->spool, &id, &found_lowest, &found_highest), 0);
    assert_int_equal(found_lowest, lowest);
    assert_int_equal(found_highest, highest);
}

static void a_job_without_outputs_has_none(void **state)
{
    expect_versions(state, 0, 0);
    fresh_write(done_dir(state), HEX ".json", "x");
    fresh_write(done_dir(state), OTHER ".v1.json", "x");
    expect_versions(state, 0, 0);
}

static void outputs_are_counted_up_from_the_first(void **state)
{
    fresh_write(done_dir(state), HEX ".v1.json", "x");
    expect_versions(state, 1, 1);
    for (int i = 2; i <= 12; i++) {
        char name[ENTRY_NAME_SIZE];
        snprintf(name, sizeof name, HEX ".v%d.json", i);
        fresh_write(done_dir(state), name, "x");
    }
    expect_versions(state, 1, 12);
}

static void pruned_first_outputs_are_looked_past(void **state)
{
    static const struct {
        enum folder folder;
        const char *name;
    } traces[] = {
        {FOLDER_DONE, HEX ".json"}, {FOLDER_DONE, HEX ".gone"}, {FOLDER_CUR, HEX ".state.json"}};
    const struct fresh *fresh = *state;
    fresh_write(done_dir(state), HEX ".v5.json", "x");
    fresh_write(done_dir(state), HEX ".v6.json", "x");
    fresh_write(done_dir(state), OTHER ".v11.json", "x");
    for (size_t i = 0; i < UNIT_COUNT(traces); i++) {
        fresh_write(fresh->spool->dir[traces[i].folder], traces[i].name, "x");
        expect_versions(state, 5, 6);
        assert_int_equal(unlinkat(fresh->spool->dir[traces[i].folder], traces[i].name, 0), 0);
    }
}

static void a_thousand_pruned_outputs_are_looked_past_too(void **state)
{
    fresh_write(done_dir(state), HEX ".json", "x");
    fresh_write(done_dir(state), HEX ".v1999.json", "x");
    expect_versions(state, 1999, 1999);
}

static void a_job_that_nothing_knows_costs_no_reading_of_the_folder(void **state)
{
    fresh_write(done_dir(state), HEX ".v5.json", "x");
    expect_versions(state, 0, 0);
}

int main(void)
{
#define UNIT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fresh_end)
    static const struct CMUnitTest tests[] = {
        UNIT_TEST(a_unit_is_locked_by_its_job_file),
        UNIT_TEST(or_by_what_is_left_of_it),
        UNIT_TEST(a_unit_that_is_not_there_is_told),
        UNIT_TEST(only_one_hand_has_it),
        UNIT_TEST(readers_need_no_lock),
        UNIT_TEST(the_lock_dies_with_its_process),
        UNIT_TEST(what_was_renamed_before_it_was_locked_is_looked_up_again),
        UNIT_TEST(a_link_in_the_jobs_place_is_not_followed),
        UNIT_TEST(what_is_left_of_a_unit_goes_and_nothing_else),
        UNIT_TEST(also_where_the_first_outputs_were_pruned),
        UNIT_TEST(the_renaming_is_durable_first_and_the_rest_before_the_end),
        UNIT_TEST(killed_at_any_moment_it_is_finished_by_the_next),
        UNIT_TEST(failing_at_any_call_it_says_so_and_keeps_the_mark),
        UNIT_TEST(a_failed_unit_goes_with_its_error_file),
        UNIT_TEST(a_job_without_outputs_has_none),
        UNIT_TEST(outputs_are_counted_up_from_the_first),
        UNIT_TEST(pruned_first_outputs_are_looked_past),
        UNIT_TEST(a_thousand_pruned_outputs_are_looked_past_too),
        UNIT_TEST(a_job_that_nothing_knows_costs_no_reading_of_the_folder),
    };
    return UNIT_RUN(tests);
}
