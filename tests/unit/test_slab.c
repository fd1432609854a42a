/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_slab: walking through a folder in the order of IDs, in bounded memory. */
#include "unit.h"

#include "fresh.h"

#include "httpd/slab.h"

#define SPOOL_TEST(test) cmocka_unit_test_setup_teardown(test, fresh_spool, fresh_end)

enum { JOBS = 500, LIMIT = 16 };

static void make_job(const struct spool *spool, unsigned number)
{
    struct id id = {.bytes = {(unsigned char)(number * 37 >> 3), (unsigned char)(number * 101)}};
    char name[ENTRY_NAME_SIZE];
    int fd;

    id.bytes[31] = (unsigned char)(number >> 8);
    id.bytes[30] = (unsigned char)number;
    entry_write(ENTRY_JOB, &id, 0, name);
    fd = openat(spool->dir[FOLDER_DONE], name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    entry_write(ENTRY_OUTPUT, &id, 1, name);
    fd = openat(spool->dir[FOLDER_DONE], name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

/* Goes through all, taking at most so many of each slab. Returns how many there were, in order. */
static size_t walk(const struct spool *spool, size_t take, struct mono pace)
{
    struct slab slab = {0};
    struct cursor cursor = {.folder = FOLDER_DONE};
    struct mono now = {1};
    size_t count = 0;

    for (;;) {
        int64_t at = slab_seek(&slab, spool, &cursor, LIMIT, now);
        size_t first = (size_t)at;

        assert_true(at >= 0);
        assert_true(slab.count <= LIMIT);
        for (; (size_t)at < slab.count && (size_t)at < first + take; at++) {
            if (cursor.after)
                assert_true(memcmp(slab.ids[at].bytes, cursor.id.bytes, ID_SIZE) > 0);
            cursor.id = slab.ids[at];
            cursor.after = true;
            count++;
        }
        if ((size_t)at == slab.count && slab.last)
            break;
        now.ms += pace.ms;
    }
    slab_free(&slab);
    return count;
}

static void each_job_comes_once(void **state)
{
    const struct fresh *fresh = *state;

    assert_int_equal(walk(fresh->spool, LIMIT, (struct mono){0}), 0);
    for (unsigned i = 0; i < JOBS; i++)
        make_job(fresh->spool, i);
    assert_int_equal(walk(fresh->spool, LIMIT, (struct mono){0}), JOBS);
    assert_int_equal(walk(fresh->spool, 5, (struct mono){0}), JOBS);
    assert_int_equal(walk(fresh->spool, 7, (struct mono){60000}), JOBS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(each_job_comes_once),
    };

    return UNIT_RUN(tests);
}
