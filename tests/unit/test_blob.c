/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_blob: taking attachments into blobs/. The call that renames is wrapped. */
#include "unit.h"

#include "fresh.h"
#include "spool/blob.h"

#define FOO   "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" /* of "foo" */
#define OTHER "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9" /* of "bar" */

static void (*before_rename)(const struct fresh *fresh); /* once */
static const struct fresh *world;

int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
    if (before_rename != NULL) {
        before_rename(world);
        before_rename = NULL;
    }
    return __real_renameat(from, a, to, b);
}

static struct id id_of(const char *hex)
{
    struct id id;
    assert_true(id_read(hex, &id));
    return id;
}

/* Drops a file and has it taken; returns what blob_accept says. */
static int take(const struct fresh *fresh, const char *hex, const char *text, bool movable)
{
    char name[BLOB_NAME_SIZE];
    struct id id = id_of(hex);
    struct stat status;
    blob_drop_write(&id, name);
    fresh_write(fresh->spool->dir[FOLDER_NEW], name, text);
    int fd = openat(fresh->spool->dir[FOLDER_NEW], name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    world = fresh;
    int result = blob_accept(fresh->spool, name, fd, &status, movable);
    close(fd);
    return result;
}

static void a_file_moves_or_is_copied(void **state)
{
    const struct fresh *fresh = *state;
    for (int movable = 0; movable < 2; movable++) {
        struct id foo = id_of(FOO);
        struct stat status;
        assert_int_equal(take(fresh, FOO, "foo", movable == 1), 0);
        fresh_expect(fresh->spool->dir[FOLDER_BLOBS], FOO, "foo");
        assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_NEW]), 0);
        assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
        assert_int_equal(fstatat(fresh->spool->dir[FOLDER_BLOBS], FOO, &status, 0), 0);
        assert_int_equal(status.st_mode & 07777, fresh->spool->job_mode);
        assert_int_equal(blob_size(fresh->spool, &foo), 3);
        assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_BLOBS], FOO, 0), 0);
        assert_int_equal(blob_size(fresh->spool, &foo), -ENOENT);
    }
}

static void another_digest_stays_where_it_was_dropped(void **state)
{
    const struct fresh *fresh = *state;
    for (int movable = 0; movable < 2; movable++) {
        assert_int_equal(take(fresh, FOO, "bar", movable == 1), -EBADMSG);
        fresh_expect(fresh->spool->dir[FOLDER_NEW], FOO ".blob", "bar");
        assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_BLOBS]), 0);
        assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
        unlinkat(fresh->spool->dir[FOLDER_NEW], FOO ".blob", 0);
    }
}

static void one_that_is_there_is_young_again(void **state)
{
    const struct fresh *fresh = *state;
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct stat before, after;
    int dir = fresh->spool->dir[FOLDER_BLOBS];
    fresh_write(dir, FOO, "foo");
    assert_int_equal(utimensat(dir, FOO, old, 0), 0);
    assert_int_equal(fstatat(dir, FOO, &before, 0), 0);
    assert_int_equal(take(fresh, FOO, "foo", true), 0);
    assert_int_equal(fstatat(dir, FOO, &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(after.st_mtim.tv_sec > 1000);
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_NEW]), 0);
}

static void one_that_is_damaged_is_replaced(void **state)
{
    const struct fresh *fresh = *state;
    struct id foo = id_of(FOO);
    struct buffer bytes = {0};
    for (int movable = 0; movable < 2; movable++) {
        fresh_write(fresh->spool->dir[FOLDER_BLOBS], FOO, "fxo");
        assert_int_equal(blob_read(fresh->spool, &foo, 100, &bytes), -EBADMSG);
        buffer_clear(&bytes);
        assert_int_equal(take(fresh, FOO, "foo", movable == 1), 0);
        assert_int_equal(blob_read(fresh->spool, &foo, 3, &bytes), 0);
        assert_string_equal(bytes.bytes, "foo");
        assert_int_equal(blob_read(fresh->spool, &foo, 2, &bytes), -EFBIG);
        buffer_clear(&bytes);
        assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_BLOBS], FOO, 0), 0);
    }
    buffer_free(&bytes);
}

static void what_is_on_its_way_out_comes_back(void **state)
{
    const struct fresh *fresh = *state;
    struct id foo = id_of(FOO);
    fresh_write(fresh->spool->dir[FOLDER_BLOBS], FOO ".gone", "foo");
    assert_int_equal(blob_size(fresh->spool, &foo), 3);
    fresh_expect(fresh->spool->dir[FOLDER_BLOBS], FOO, "foo");
    assert_false(fresh_exists(fresh->spool->dir[FOLDER_BLOBS], FOO ".gone"));
}

static void replace_drop(const struct fresh *fresh)
{
    fresh_write(fresh->dir, "other", "xyz");
    assert_int_equal(__real_renameat(fresh->dir, "other", fresh->spool->dir[FOLDER_NEW],
                                     FOO ".blob"), 0);
}

/* What was read is what is taken. */
static void a_file_that_takes_the_name_meanwhile_is_not_believed(void **state)
{
    const struct fresh *fresh = *state;
    before_rename = replace_drop;
    assert_int_equal(take(fresh, FOO, "foo", true), -ESTALE);
    fresh_expect(fresh->spool->dir[FOLDER_NEW], FOO ".blob", "xyz");
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_BLOBS]), 0);
}

static void marks_are_made_once(void **state)
{
    const struct fresh *fresh = *state;
    struct id foo = id_of(FOO), job = id_of(OTHER);
    assert_false(blob_used(fresh->spool, &foo, &job));
    assert_int_equal(blob_use(fresh->spool, &foo, &job), 0);
    assert_int_equal(blob_use(fresh->spool, &foo, &job), 0);
    assert_true(blob_used(fresh->spool, &foo, &job));
    assert_true(fresh_exists(fresh->spool->dir[FOLDER_BLOBS], FOO "." OTHER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_moves_or_is_copied, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(another_digest_stays_where_it_was_dropped, fresh_spool,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(one_that_is_there_is_young_again, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(one_that_is_damaged_is_replaced, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(what_is_on_its_way_out_comes_back, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_file_that_takes_the_name_meanwhile_is_not_believed,
                                        fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(marks_are_made_once, fresh_spool, fresh_end),
    };
    return UNIT_RUN(tests);
}
