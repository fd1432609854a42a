/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_move: changing the folder of an entry. The calls that rename and unlink are wrapped. */
#include "unit.h"

#include "fresh.h"
#include "spool/move.h"

static struct {
    int renameat2_error;         /* of every renameat2, 0 for the real one */
    int unlink_error;            /* of the next unlinkat, once */
    void (*before_rename)(void); /* before the next renameat, once */
    void (*before_move)(void);   /* before the next renameat2, once */
    const struct spool *spool;
} faults;

int __real_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
    if (faults.before_move != NULL) {
        faults.before_move();
        faults.before_move = NULL;
    }
    if (faults.renameat2_error != 0) {
        errno = faults.renameat2_error;
        return -1;
    }
    return __real_renameat2(from, a, to, b, flags);
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
    if (faults.before_rename != NULL) {
        faults.before_rename();
        faults.before_rename = NULL;
    }
    return __real_renameat(from, a, to, b);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
    if (faults.unlink_error != 0) {
        errno = faults.unlink_error;
        faults.unlink_error = 0;
        return -1;
    }
    return __real_unlinkat(dir, name, flags);
}

static int setup(void **state)
{
    memset(&faults, 0, sizeof faults);
    fresh_spool(state);
    faults.spool = ((struct fresh *)*state)->spool;
    return 0;
}

static const int *folders(void **state)
{
    const struct fresh *fresh = *state;
    return fresh->spool->dir;
}

static struct stat status_of(int dir, const char *name)
{
    struct stat status;
    assert_int_equal(fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status;
}

/* The only name in a folder. */
static void only_name(int dir, char name[NAME_LIMIT])
{
    const struct dirent *entry;
    DIR *list = file_list(dir);
    assert_non_null(list);
    assert_int_equal(file_list_next(list, &entry), 0);
    assert_non_null(entry);
    snprintf(name, NAME_LIMIT, "%s", entry->d_name);
    assert_int_equal(file_list_next(list, &entry), 0);
    assert_null(entry);
    assert_int_equal(closedir(list), 0);
}

typedef int mover(int from_dir, const char *from, int to_dir, const char *to);

static void check_mover(const int *dir, mover *move)
{
    fresh_write(dir[FOLDER_NEW], "a", "one");
    struct stat before = status_of(dir[FOLDER_NEW], "a");
    assert_int_equal(move(dir[FOLDER_NEW], "a", dir[FOLDER_CUR], "b"), 0);
    struct stat after = status_of(dir[FOLDER_CUR], "b");
    assert_true(file_same(&before, &after));
    assert_int_equal(after.st_nlink, 1);
    assert_false(fresh_exists(dir[FOLDER_NEW], "a"));
    assert_int_equal(move(dir[FOLDER_NEW], "a", dir[FOLDER_CUR], "c"), -ENOENT);
    fresh_write(dir[FOLDER_NEW], "a", "two");
    assert_int_equal(move(dir[FOLDER_NEW], "a", dir[FOLDER_CUR], "b"), -EEXIST);
    fresh_expect(dir[FOLDER_NEW], "a", "two");
    fresh_expect(dir[FOLDER_CUR], "b", "one");
    assert_int_equal(unlinkat(dir[FOLDER_NEW], "a", 0), 0);
    assert_int_equal(unlinkat(dir[FOLDER_CUR], "b", 0), 0);
}

static void a_move_keeps_the_inode_and_replaces_nothing(void **state)
{
    check_mover(folders(state), move_noreplace);
}

static void a_move_by_link_does_the_same(void **state)
{
    check_mover(folders(state), move_by_link);
}

static void where_the_flag_is_refused_links_are_used(void **state)
{
    static const int refusals[] = {EINVAL, ENOSYS, EXDEV};
    for (size_t i = 0; i < UNIT_COUNT(refusals); i++) {
        faults.renameat2_error = refusals[i];
        check_mover(folders(state), move_noreplace);
    }
}

static void any_other_failure_is_told(void **state)
{
    const int *dir = folders(state);
    fresh_write(dir[FOLDER_NEW], "a", "one");
    faults.renameat2_error = ENOSPC;
    assert_int_equal(move_noreplace(dir[FOLDER_NEW], "a", dir[FOLDER_CUR], "b"), -ENOSPC);
    fresh_expect(dir[FOLDER_NEW], "a", "one");
    assert_int_equal(fresh_count(dir[FOLDER_CUR]), 0);
}

static void a_move_whose_unlink_fails_has_happened(void **state)
{
    const int *dir = folders(state);
    fresh_write(dir[FOLDER_NEW], "a", "one");
    faults.unlink_error = EIO;
    assert_int_equal(move_by_link(dir[FOLDER_NEW], "a", dir[FOLDER_CUR], "b"), 0);
    struct stat a = status_of(dir[FOLDER_NEW], "a");
    struct stat b = status_of(dir[FOLDER_CUR], "b");
    assert_true(file_same(&a, &b));
}

static void a_symbolic_link_is_moved_not_followed(void **state)
{
    const int *dir = folders(state);
    assert_int_equal(symlinkat("nowhere", dir[FOLDER_NEW], "a"), 0);
    assert_int_equal(move_by_link(dir[FOLDER_NEW], "a", dir[FOLDER_FAILED], "a"), 0);
    assert_true(S_ISLNK(status_of(dir[FOLDER_FAILED], "a").st_mode));
}

static void what_goes_back_to_new_gets_a_fresh_name(void **state)
{
    const struct fresh *fresh = *state;
    const int *dir = folders(state);
    char name[NAME_LIMIT];
    fresh_write(dir[FOLDER_CUR], "a.json", "one");
    assert_int_equal(move_back_to_new(fresh->spool, FOLDER_CUR, "a.json"), 0);
    assert_int_equal(fresh_count(dir[FOLDER_CUR]), 0);
    only_name(dir[FOLDER_NEW], name);
    assert_string_not_equal(name, "a.json");
    assert_int_equal(drop_read(name), DROP_JOB);
    fresh_expect(dir[FOLDER_NEW], name, "one");
    assert_int_equal(move_back_to_new(fresh->spool, FOLDER_CUR, "a.json"), -ENOENT);
}

static void a_drop_leaves_without_a_trace(void **state)
{
    const struct fresh *fresh = *state;
    const int *dir = folders(state);
    fresh_write(dir[FOLDER_NEW], "a.json", "one");
    struct stat expected = status_of(dir[FOLDER_NEW], "a.json");
    assert_int_equal(move_out(fresh->spool, FOLDER_NEW, "a.json", &expected), 0);
    assert_int_equal(fresh_count(dir[FOLDER_NEW]), 0);
    assert_int_equal(fresh_count(dir[FOLDER_TMP]), 0);
    assert_int_equal(move_out(fresh->spool, FOLDER_NEW, "a.json", &expected), -ENOENT);
}

static void another_file_of_that_name_stays(void **state)
{
    const struct fresh *fresh = *state;
    const int *dir = folders(state);
    fresh_write(dir[FOLDER_NEW], "a.json", "one");
    fresh_write(dir[FOLDER_NEW], "b.json", "two");
    struct stat expected = status_of(dir[FOLDER_NEW], "a.json");
    assert_int_equal(move_out(fresh->spool, FOLDER_NEW, "b.json", &expected), -ESTALE);
    fresh_expect(dir[FOLDER_NEW], "b.json", "two");
    assert_int_equal(fresh_count(dir[FOLDER_TMP]), 0);
}

static void swap_the_drop(void)
{
    int new_dir = faults.spool->dir[FOLDER_NEW];
    fresh_write(new_dir, "other", "two");
    assert_int_equal(__real_renameat(new_dir, "other", new_dir, "a.json"), 0);
}

static void a_file_that_takes_the_name_meanwhile_is_put_back(void **state)
{
    const struct fresh *fresh = *state;
    const int *dir = folders(state);
    fresh_write(dir[FOLDER_NEW], "a.json", "one");
    struct stat expected = status_of(dir[FOLDER_NEW], "a.json");
    faults.before_rename = swap_the_drop;
    assert_int_equal(move_out(fresh->spool, FOLDER_NEW, "a.json", &expected), -ESTALE);
    fresh_expect(dir[FOLDER_NEW], "a.json", "two");
    assert_int_equal(fresh_count(dir[FOLDER_NEW]), 1);
    assert_int_equal(fresh_count(dir[FOLDER_TMP]), 0);
}

static void swap_the_list(void)
{
    int new_dir = faults.spool->dir[FOLDER_NEW];
    fresh_write(new_dir, "other", "two");
    assert_int_equal(__real_renameat(new_dir, "other", new_dir, "a.jsonl"), 0);
}

static void take_the_lists_name(void)
{
    fresh_write(faults.spool->dir[FOLDER_NEW], "a.jsonl", "three");
}

static void where_its_name_is_taken_again_it_gets_a_fresh_one(void **state)
{
    const struct fresh *fresh = *state;
    const int *dir = folders(state);
    char name[NAME_LIMIT];
    fresh_write(dir[FOLDER_NEW], "a.jsonl", "one");
    struct stat expected = status_of(dir[FOLDER_NEW], "a.jsonl");
    faults.before_rename = swap_the_list;
    faults.before_move = take_the_lists_name;
    assert_int_equal(move_out(fresh->spool, FOLDER_NEW, "a.jsonl", &expected), -ESTALE);
    fresh_expect(dir[FOLDER_NEW], "a.jsonl", "three");
    assert_int_equal(unlinkat(dir[FOLDER_NEW], "a.jsonl", 0), 0);
    only_name(dir[FOLDER_NEW], name);
    assert_int_equal(drop_read(name), DROP_LIST);
    fresh_expect(dir[FOLDER_NEW], name, "two");
}

static void a_drop_that_cannot_be_deleted_is_told(void **state)
{
    const struct fresh *fresh = *state;
    const int *dir = folders(state);
    fresh_write(dir[FOLDER_NEW], "a.json", "one");
    struct stat expected = status_of(dir[FOLDER_NEW], "a.json");
    faults.unlink_error = EROFS;
    assert_int_equal(move_out(fresh->spool, FOLDER_NEW, "a.json", &expected), -EROFS);
    assert_int_equal(fresh_count(dir[FOLDER_NEW]), 0);
}

static void check_link(int dir, const char *name, const char *target)
{
    char found[100] = "";
    assert_true(readlinkat(dir, name, found, sizeof found - 1) > 0);
    assert_string_equal(found, target);
}

static void a_name_is_pointed_and_pointed_again(void **state)
{
    const struct fresh *fresh = *state;
    const int *dir = folders(state);
    assert_int_equal(move_link(fresh->spool, FOLDER_BY_NAME, "report", "../cur/x.json"), 0);
    check_link(dir[FOLDER_BY_NAME], "report", "../cur/x.json");
    assert_int_equal(move_link(fresh->spool, FOLDER_BY_NAME, "report", "../done/x.v1.json"), 0);
    check_link(dir[FOLDER_BY_NAME], "report", "../done/x.v1.json");
    assert_int_equal(fresh_count(dir[FOLDER_BY_NAME]), 1);
    assert_int_equal(mkdirat(dir[FOLDER_BY_NAME], "folder", 0700), 0);
    assert_int_equal(move_link(fresh->spool, FOLDER_BY_NAME, "folder", "x"), -EISDIR);
    assert_int_equal(fresh_count(dir[FOLDER_TMP]), 0);
}

int main(void)
{
#define MOVE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fresh_end)
    static const struct CMUnitTest tests[] = {
        MOVE_TEST(a_move_keeps_the_inode_and_replaces_nothing),
        MOVE_TEST(a_move_by_link_does_the_same),
        MOVE_TEST(where_the_flag_is_refused_links_are_used),
        MOVE_TEST(any_other_failure_is_told),
        MOVE_TEST(a_move_whose_unlink_fails_has_happened),
        MOVE_TEST(a_symbolic_link_is_moved_not_followed),
        MOVE_TEST(what_goes_back_to_new_gets_a_fresh_name),
        MOVE_TEST(a_drop_leaves_without_a_trace),
        MOVE_TEST(another_file_of_that_name_stays),
        MOVE_TEST(a_file_that_takes_the_name_meanwhile_is_put_back),
        MOVE_TEST(where_its_name_is_taken_again_it_gets_a_fresh_one),
        MOVE_TEST(a_drop_that_cannot_be_deleted_is_told),
        MOVE_TEST(a_name_is_pointed_and_pointed_again),
    };
    return UNIT_RUN(tests);
}
