/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ids: archive/ids, written, merged, looked up, and refused when it is damaged. */
#include "unit.h"

#include <time.h>

#include "fresh.h"
#include "retain/ids.h"
#include "retain/ids_file.h"
#include "retain/ids_write.h"
#include "retain/store.h"

static struct id id_of(unsigned number)
{
    struct id id;
    sha256_digest(&number, sizeof number, id.bytes);
    return id;
}

static int by_id(const void *a, const void *b)
{
    const struct archived *first = a, *second = b;
    return memcmp(&first->id, &second->id, sizeof first->id);
}

static struct ids_volume volume_of(const char *path)
{
    struct ids_volume volume = {.path = (char *)(uintptr_t)path, .size = 4711};
    memset(volume.sha256, 0xAA, sizeof volume.sha256);
    memset(volume.index_sha256, 0xBB, sizeof volume.index_sha256);
    return volume;
}

/* The units of jobs from <= number < to, all of them of one version. */
static void add_units(struct ids_write *write, unsigned from, unsigned to, unsigned version)
{
    struct error error;
    size_t count = to - from;
    struct archived *units = calloc(count, sizeof *units);
    for (unsigned i = 0; i < count; i++) {
        units[i].id = id_of(from + i);
        units[i].highest = version;
        units[i].failed = version == 0;
        units[i].frame = 1000ULL * (from + i) + (1ULL << 40);
        units[i].at = from + i;
        units[i].length = version;
        memset(units[i].digest, (int)version, sizeof units[i].digest);
    }
    qsort(units, count, sizeof *units, by_id);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ids_write_unit(write, &units[i], &error), 0);
    }
    free(units);
}

static struct ids *must_open(struct spool *spool)
{
    struct error error = {0};
    struct ids *ids = ids_open(spool, &error);
    if (ids == NULL) {
        fail_msg("%s", error.text);
    }
    return ids;
}

static void must_commit(struct ids_write *write)
{
    struct error error = {0};
    if (ids_write_commit(write, &error) != 0) {
        fail_msg("%s", error.text);
    }
}

static void add_volume(struct spool *spool, const char *path, unsigned from, unsigned to,
                       unsigned version)
{
    struct ids *old = must_open(spool);
    struct ids_write *write = ids_write_begin(spool, old, NULL);
    struct ids_volume volume = volume_of(path);
    ids_write_volume(write, &volume);
    add_units(write, from, to, version);
    must_commit(write);
    ids_close(old);
}

static void nothing_is_archived_without_a_file(void **state)
{
    struct fresh *fresh = *state;
    struct ids *ids = must_open(fresh->spool);
    struct archived archived;
    struct id id = id_of(1);
    assert_false(ids_find(ids, &id, 0, &archived));
    assert_true(ids_current(ids));
    assert_int_equal(ids_count(ids), 0);
    assert_null(ids_volume(ids, 0));
    assert_int_equal(ids_verify(ids, NULL), 0);
    add_volume(fresh->spool, "2026/01/a.tar.zst", 0, 1, 1);
    assert_false(ids_current(ids));
    ids_close(ids);
}

static void finds_each_unit_with_its_place(void **state)
{
    struct fresh *fresh = *state;
    add_volume(fresh->spool, "2026/01/a.tar.zst", 0, 1000, 3);
    struct ids *ids = must_open(fresh->spool);
    assert_int_equal(ids_verify(ids, NULL), 0);
    assert_int_equal(ids_count(ids), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        struct id id = id_of(i);
        struct archived archived;
        assert_true(ids_find(ids, &id, 0, &archived));
        assert_true(id_equal(&archived.id, &id));
        assert_string_equal(archived.volume, "2026/01/a.tar.zst");
        assert_int_equal(archived.frame, 1000ULL * i + (1ULL << 40));
        assert_int_equal(archived.at, i);
        assert_int_equal(archived.length, 3);
        assert_int_equal(archived.highest, 3);
        assert_false(archived.failed);
        assert_false(ids_find(ids, &id, 1, &archived));
    }
    for (unsigned i = 1000; i < 2000; i++) {
        struct id id = id_of(i);
        struct archived archived;
        assert_false(ids_find(ids, &id, 0, &archived));
    }
    ids_close(ids);
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
}

static void merges_and_finds_the_newest_first(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    add_volume(spool, "2026/01/a.tar.zst", 0, 500, 1);
    add_volume(spool, "2026/02/b.tar.zst", 250, 750, 2);
    add_volume(spool, "2026/02/c.tar.zst", 400, 500, 0);
    struct ids *ids = must_open(spool);
    struct archived archived;
    assert_int_equal(ids_verify(ids, NULL), 0);
    assert_int_equal(ids_count(ids), 1100);
    for (unsigned i = 0; i < 750; i++) {
        struct id id = id_of(i);
        size_t number = 0;
        if (i >= 400 && i < 500) {
            assert_true(ids_find(ids, &id, number++, &archived));
            assert_true(archived.failed);
            assert_string_equal(archived.volume, "2026/02/c.tar.zst");
        }
        if (i >= 250) {
            assert_true(ids_find(ids, &id, number++, &archived));
            assert_int_equal(archived.highest, 2);
            assert_string_equal(archived.volume, "2026/02/b.tar.zst");
        }
        if (i < 500) {
            assert_true(ids_find(ids, &id, number++, &archived));
            assert_int_equal(archived.highest, 1);
            assert_string_equal(archived.volume, "2026/01/a.tar.zst");
        }
        assert_false(ids_find(ids, &id, number, &archived));
    }
    assert_int_equal(ids_volume_find(ids, "2026/02/b.tar.zst"), 1);
    assert_int_equal(ids_volume_find(ids, "2026/02/x.tar.zst"), SIZE_MAX);
    ids_close(ids);
}

static void many_volumes_come_in_one_writing(void **state)
{
    struct fresh *fresh = *state;
    struct ids_write *write = ids_write_begin(fresh->spool, NULL, NULL);
    char path[40];
    for (unsigned i = 0; i < 50; i++) {
        struct ids_volume volume = volume_of(path);
        snprintf(path, sizeof path, "2026/01/%u.tar.zst", i);
        ids_write_volume(write, &volume);
        add_units(write, i * 100, i * 100 + i * 5 + 100, i + 1);
    }
    must_commit(write);
    struct ids *ids = must_open(fresh->spool);
    assert_int_equal(ids_verify(ids, NULL), 0);
    assert_int_equal(ids_count(ids), 50 * 100 + 5 * 49 * 50 / 2);
    struct archived archived;
    struct id id = id_of(205);
    assert_true(ids_find(ids, &id, 0, &archived));
    assert_string_equal(archived.volume, "2026/01/2.tar.zst");
    assert_false(ids_find(ids, &id, 1, &archived));
    ids_close(ids);
}

static void a_volume_is_left_out_and_another_takes_a_place(void **state)
{
    struct fresh *fresh = *state;
    struct spool *spool = fresh->spool;
    add_volume(spool, "2026/01/a.tar.zst", 0, 100, 1);
    add_volume(spool, "2026/01/b.tar.zst", 0, 100, 2);
    add_volume(spool, "2026/01/c.tar.zst", 0, 100, 3);
    struct ids *old = must_open(spool);
    struct ids_write *write = ids_write_begin(spool, old, NULL);
    struct ids_volume again = volume_of("2026/01/again.tar.zst");
    ids_write_leave(write, 0);
    ids_write_instead(write, &again, 1);
    add_units(write, 0, 50, 7);
    must_commit(write);
    ids_close(old);
    struct ids *ids = must_open(spool);
    assert_int_equal(ids_verify(ids, NULL), 0);
    assert_int_equal(ids_count(ids), 150);
    for (unsigned i = 0; i < 100; i++) {
        struct archived archived;
        struct id id = id_of(i);
        assert_true(ids_find(ids, &id, 0, &archived));
        assert_string_equal(archived.volume, "2026/01/c.tar.zst");
        assert_int_equal(ids_find(ids, &id, 1, &archived), i < 50);
        assert_string_equal(archived.volume,
                            i < 50 ? "2026/01/again.tar.zst" : "2026/01/c.tar.zst");
        assert_false(ids_find(ids, &id, 2, &archived));
    }
    ids_close(ids);
}

static void covers_what_is_archived_as_it_is(void **state)
{
    struct fresh *fresh = *state;
    add_volume(fresh->spool, "2026/01/a.tar.zst", 0, 10, 2);
    add_volume(fresh->spool, "2026/01/b.tar.zst", 5, 15, 0);
    add_volume(fresh->spool, "2026/01/c.tar.zst", 0, 10, 3);
    struct ids *ids = must_open(fresh->spool);
    struct finished finished = {.folder = FOLDER_DONE, .id = id_of(7), .highest = 3};
    memset(finished.digest, 3, sizeof finished.digest);
    assert_true(ids_covers(ids, &finished));
    finished.highest = 2; /* the digest is of version 3 */
    assert_false(ids_covers(ids, &finished));
    memset(finished.digest, 2, sizeof finished.digest);
    assert_true(ids_covers(ids, &finished));
    finished.folder = FOLDER_FAILED;
    assert_false(ids_covers(ids, &finished));
    memset(finished.digest, 0, sizeof finished.digest);
    assert_true(ids_covers(ids, &finished));
    finished.id = id_of(3);
    assert_false(ids_covers(ids, &finished));
    ids_close(ids);
}

static void units_out_of_order_are_refused(void **state)
{
    struct fresh *fresh = *state;
    struct ids_write *write = ids_write_begin(fresh->spool, NULL, NULL);
    struct ids_volume volume = volume_of("2026/01/a.tar.zst");
    struct archived unit = {.id = {{5}}, .highest = 1};
    struct error error;
    ids_write_volume(write, &volume);
    assert_int_equal(ids_write_unit(write, &unit, &error), 0);
    assert_int_equal(ids_write_unit(write, &unit, &error), -1);
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, "2026/01/a.tar.zst"));
    ids_write_abandon(write);
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_ARCHIVE]), 0);
}

/* Whether opening or verifying the file as it is refuses it, in words that name it. */
static bool refused(struct spool *spool)
{
    struct error error = {0};
    struct ids *ids = ids_open(spool, &error);
    bool bad = ids == NULL || ids_verify(ids, &error) < 0;
    ids_close(ids);
    if (bad) {
        assert_int_equal(error.kind, ERROR_DATA);
        assert_non_null(strstr(error.text, "archive/ids is damaged"));
    }
    return bad;
}

static void each_flipped_byte_is_found(void **state)
{
    struct fresh *fresh = *state;
    int dir = fresh->spool->dir[FOLDER_ARCHIVE];
    add_volume(fresh->spool, "2026/01/a.tar.zst", 0, 5, 1);
    add_volume(fresh->spool, "2026/01/b.tar.zst", 3, 8, 2);
    assert_false(refused(fresh->spool));
    int fd = openat(dir, IDS_NAME, O_RDWR | O_CLOEXEC);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    for (off_t at = 0; at < status.st_size; at++) {
        unsigned char byte, flipped;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ (unsigned char)(1 << (at % 8));
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        if (!refused(fresh->spool)) {
            fail_msg("a flipped byte at %ld of %ld", (long)at, (long)status.st_size);
        }
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_false(refused(fresh->spool));
    for (off_t size = status.st_size - 1; size >= 0; size--) {
        assert_int_equal(ftruncate(fd, size), 0);
        assert_true(refused(fresh->spool));
    }
    close(fd);
}

static void a_damaged_file_is_not_carried_on(void **state)
{
    struct fresh *fresh = *state;
    int dir = fresh->spool->dir[FOLDER_ARCHIVE];
    struct error error;
    add_volume(fresh->spool, "2026/01/a.tar.zst", 0, 5, 1);
    int fd = openat(dir, IDS_NAME, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 100), 1);
    close(fd);
    struct ids *old = must_open(fresh->spool);
    struct ids_write *write = ids_write_begin(fresh->spool, old, NULL);
    assert_int_equal(ids_write_commit(write, &error), -1);
    assert_int_equal(error.kind, ERROR_DATA);
    assert_true(ids_current(old));
    ids_close(old);
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
}

static void paths_that_lead_out_are_refused(void **state)
{
    struct fresh *fresh = *state;
    add_volume(fresh->spool, "../2026/a.tar.zst", 0, 5, 1);
    assert_true(refused(fresh->spool));
}

static void names_of_volumes_are_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"llmspool-host-20260201-20260228-1.tar.zst", true},
        {"llmspool-my-host.example-20260201-20260228-120.tar.zst", true},
        {"llmspool-a-20260201-20260228-01.tar.zst", false},
        {"llmspool-a-20260201-20260228-0.tar.zst", false},
        {"llmspool-a-20260201-20260230-1.tar.zst", false},
        {"llmspool-a-20260201-2026022-1.tar.zst", false},
        {"llmspool--20260201-20260228-1.tar.zst", false},
        {"llmspool-a-20260201-20260228-1.idx.jsonl.zst", false},
        {"llmspool-a-20260201-20260228-1.tar", false},
        {"llmspool-20260228-1.tar.zst", false},
        {"llmspool-.tar.zst", false},
        {"llmspool--.tar.zst", false},
        {"llmspool-a-20260201-20260228-9999999999.tar.zst", false},
        {"", false},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct store_name name;
        char text[STORE_NAME_SIZE];
        if (store_name_read(cases[i].text, &name) != cases[i].good) {
            fail_msg("%s", cases[i].text);
        }
        if (cases[i].good) {
            store_name_write(&name, STORE_VOLUME, text);
            assert_string_equal(text, cases[i].text);
        }
    }
    char sibling[STORE_PATH_SIZE];
    store_sibling("2026/02/llmspool-a-20260201-20260228-1.tar.zst", STORE_INDEX, sibling);
    assert_string_equal(sibling, "2026/02/llmspool-a-20260201-20260228-1.idx.jsonl.zst");
}

static void volumes_are_listed_by_number(void **state)
{
    struct fresh *fresh = *state;
    int dir = fresh->spool->dir[FOLDER_ARCHIVE];
    static const char *const folders[] = {"2026", "2026/02", "2026/03", "x", "2026/xx"};
    static const char *const files[] = {"2026/02/llmspool-h-20260201-20260202-10.tar.zst",
                                        "2026/02/llmspool-h-20260201-20260202-9.tar.zst",
                                        "2026/02/llmspool-h-20260201-20260202-9.sha256",
                                        "2026/03/llmspool-h-20260301-20260302-2.tar.zst",
                                        "x/llmspool-h-20260301-20260302-3.tar.zst",
                                        "2026/xx/llmspool-h-20260301-20260302-4.tar.zst",
                                        "2027"};
    struct store_volume *volumes;
    assert_int_equal(store_list(fresh->spool, &volumes), 0);
    for (size_t i = 0; i < UNIT_COUNT(folders); i++) {
        assert_int_equal(mkdirat(dir, folders[i], 0700), 0);
    }
    for (size_t i = 0; i < UNIT_COUNT(files) - 1; i++) {
        fresh_write(dir, files[i], "");
    }
    assert_int_equal(store_list(fresh->spool, &volumes), 3);
    assert_string_equal(volumes[0].path, files[3]);
    assert_string_equal(volumes[1].path, files[1]);
    assert_string_equal(volumes[2].path, files[0]);
    free(volumes);
}

static void the_lock_is_for_one_and_tells_whose(void **state)
{
    struct fresh *fresh = *state;
    struct error error;
    int lock = store_lock(fresh->spool, "llmspool-archive create", &error);
    assert_true(lock >= 0);
    assert_int_equal(store_lock(fresh->spool, "another", &error), -1);
    assert_int_equal(error.kind, ERROR_LATER);
    assert_non_null(strstr(error.text, "llmspool-archive create, process "));
    close(lock);
    lock = store_lock(fresh->spool, "another", &error);
    assert_true(lock >= 0);
    close(lock);
}

static void only_its_own_leftovers_are_cleared(void **state)
{
    struct fresh *fresh = *state;
    int tmp = fresh->spool->dir[FOLDER_TMP];
    char name[STORE_TEMP_SIZE];
    fresh_write(tmp, "archive.x", "");
    fresh_write(tmp, "llmspoold.0123456789abcdef01234567", "");
    close(store_temp_make(fresh->spool, name));
    assert_true(store_temp_is(name));
    assert_int_equal(store_temp_clear(fresh->spool), 0);
    assert_int_equal(fresh_count(tmp), 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_archived_without_a_file, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(finds_each_unit_with_its_place, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(merges_and_finds_the_newest_first, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(many_volumes_come_in_one_writing, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_volume_is_left_out_and_another_takes_a_place, fresh_spool,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(covers_what_is_archived_as_it_is, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(units_out_of_order_are_refused, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(each_flipped_byte_is_found, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_not_carried_on, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(paths_that_lead_out_are_refused, fresh_spool, fresh_end),
        cmocka_unit_test(names_of_volumes_are_read_back),
        cmocka_unit_test_setup_teardown(volumes_are_listed_by_number, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(the_lock_is_for_one_and_tells_whose, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(only_its_own_leftovers_are_cleared, fresh_spool, fresh_end),
    };
    return UNIT_RUN(tests);
}
