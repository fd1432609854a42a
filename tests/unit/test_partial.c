/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_partial: the file that shows an answer while it comes. write(2) is wrapped. */
#include "unit.h"

#include "daemon/partial.h"
#include "fresh.h"

#define NAME "00000000000000000000000000000000000000000000000000000000000000ff.partial"

static const struct id id = {.bytes = {[31] = 0xff}};

/* What the wrapped call does and has seen. */
static struct {
    int writes;
    int error;   /* errno of all writes from now on, after … */
    size_t room; /* … so many bytes */
} faults;

ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
    if (fd == STDOUT_FILENO)
        return __real_write(fd, bytes, length);
    faults.writes++;
    if (faults.error != 0 && faults.room == 0) {
        errno = faults.error;
        return -1;
    }
    if (faults.error != 0 && length > faults.room)
        length = faults.room;
    if (faults.error != 0)
        faults.room -= length;
    return __real_write(fd, bytes, length);
}

static int setup(void **state)
{
    memset(&faults, 0, sizeof faults);
    return fresh_folder(state);
}

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

static void the_file_grows_with_the_text(void **state)
{
    const struct fresh *fresh = *state;
    struct buffer text = {0};
    struct partial *partial = partial_open(fresh->dir, &id, 0640, 0);
    assert_int_equal(partial_show(partial, &text, at(0)), 0);
    assert_false(fresh_exists(fresh->dir, NAME)); /* not before there is something to show */
    buffer_text(&text, "one ");
    assert_int_equal(partial_show(partial, &text, at(1000)), 0);
    fresh_expect(fresh->dir, NAME, "one ");
    buffer_text(&text, "two ");
    assert_int_equal(partial_show(partial, &text, at(2000)), 0);
    fresh_expect(fresh->dir, NAME, "one two ");
    buffer_text(&text, "three");
    assert_int_equal(partial_close(partial, &text), 0);
    fresh_expect(fresh->dir, NAME, "one two three");
    buffer_free(&text);
}

static void it_is_written_now_and_then_only(void **state)
{
    const struct fresh *fresh = *state;
    struct buffer text = {0};
    struct partial *partial = partial_open(fresh->dir, &id, 0600, 0);
    assert_int_equal(partial_due_ms(partial, at(0)), -1);
    for (int64_t ms = 0; ms < 10 * PARTIAL_EVERY_MS; ms++) {
        buffer_byte(&text, 'x');
        assert_int_equal(partial_show(partial, &text, at(ms)), 0);
    }
    assert_int_equal(faults.writes, 10);
    assert_int_equal(partial_due_ms(partial, at(10 * PARTIAL_EVERY_MS - 1)), 1);
    assert_int_equal(partial_due_ms(partial, at(11 * PARTIAL_EVERY_MS)), 0);
    assert_int_equal(partial_show(partial, &text, at(10 * PARTIAL_EVERY_MS)), 0);
    assert_int_equal(faults.writes, 11);
    fresh_expect(fresh->dir, NAME, text.bytes);
    assert_int_equal(partial_due_ms(partial, at(99 * PARTIAL_EVERY_MS)), -1);
    assert_int_equal(partial_show(partial, &text, at(99 * PARTIAL_EVERY_MS)), 0);
    assert_int_equal(faults.writes, 11); /* nothing new */
    assert_int_equal(partial_close(partial, NULL), 0);
    buffer_free(&text);
}

static void at_the_end_it_can_be_removed(void **state)
{
    const struct fresh *fresh = *state;
    struct buffer text = {0};
    buffer_text(&text, "text");
    struct partial *partial = partial_open(fresh->dir, &id, 0600, 0);
    assert_int_equal(partial_show(partial, &text, at(0)), 0);
    assert_int_equal(partial_close(partial, NULL), 0);
    assert_false(fresh_exists(fresh->dir, NAME));
    partial = partial_open(fresh->dir, &id, 0600, 0); /* nothing was ever shown */
    assert_int_equal(partial_close(partial, NULL), 0);
    assert_int_equal(partial_close(NULL, NULL), 0);
    buffer_free(&text);
}

static void an_earlier_request_s_text_is_gone_with_the_first_of_the_next(void **state)
{
    const struct fresh *fresh = *state;
    struct stat before, after;
    struct buffer text = {0};
    fresh_write(fresh->dir, NAME, "a long text of before");
    assert_int_equal(fstatat(fresh->dir, NAME, &before, 0), 0);
    buffer_text(&text, "new");
    struct partial *partial = partial_open(fresh->dir, &id, 0600, 0);
    assert_int_equal(partial_show(partial, &text, at(0)), 0);
    fresh_expect(fresh->dir, NAME, "new");
    assert_int_equal(fstatat(fresh->dir, NAME, &after, 0), 0);
    assert_true(file_same(&before, &after)); /* who follows it goes on */
    assert_int_equal(partial_close(partial, NULL), 0);
    buffer_free(&text);
}

static void its_mode_is_the_one_asked_for(void **state)
{
    const struct fresh *fresh = *state;
    struct stat status;
    struct buffer text = {0};
    buffer_text(&text, "text");
    mode_t mask = umask(077);
    struct partial *partial = partial_open(fresh->dir, &id, 0644, 0);
    assert_int_equal(partial_show(partial, &text, at(0)), 0);
    (void)umask(mask);
    assert_int_equal(fstatat(fresh->dir, NAME, &status, 0), 0);
    assert_int_equal(status.st_mode & ALLPERMS, 0644);
    assert_int_equal(partial_close(partial, NULL), 0);
    buffer_free(&text);
}

static void a_link_in_its_place_is_not_followed(void **state)
{
    const struct fresh *fresh = *state;
    struct buffer text = {0};
    buffer_text(&text, "text");
    fresh_write(fresh->dir, "victim", "precious");
    assert_int_equal(symlinkat("victim", fresh->dir, NAME), 0);
    struct partial *partial = partial_open(fresh->dir, &id, 0600, 0);
    assert_int_equal(partial_show(partial, &text, at(0)), -ELOOP);
    fresh_expect(fresh->dir, "victim", "precious");
    assert_int_equal(partial_close(partial, NULL), 0);
    buffer_free(&text);
}

static void a_full_disk_is_told_once_and_leaves_whole_characters(void **state)
{
    const struct fresh *fresh = *state;
    struct buffer text = {0};
    struct partial *partial = partial_open(fresh->dir, &id, 0600, 0);
    buffer_text(&text, "gr");
    assert_int_equal(partial_show(partial, &text, at(0)), 0);
    buffer_text(&text, "\xc3\xbc\xc3\x9f");
    faults.error = ENOSPC;
    faults.room = 3; /* ends within the second character */
    assert_int_equal(partial_show(partial, &text, at(1000)), -ENOSPC);
    fresh_expect(fresh->dir, NAME, "gr");
    assert_int_equal(partial_due_ms(partial, at(1000)), PARTIAL_EVERY_MS);
    assert_int_equal(partial_show(partial, &text, at(2000)), 0); /* nobody wants to hear it again */
    fresh_expect(fresh->dir, NAME, "gr");
    faults.error = 0; /* there is room again */
    assert_int_equal(partial_show(partial, &text, at(3000)), 0);
    fresh_expect(fresh->dir, NAME, "gr\xc3\xbc\xc3\x9f");
    assert_int_equal(partial_close(partial, NULL), 0);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_file_grows_with_the_text, setup, fresh_end),
        cmocka_unit_test_setup_teardown(it_is_written_now_and_then_only, setup, fresh_end),
        cmocka_unit_test_setup_teardown(at_the_end_it_can_be_removed, setup, fresh_end),
        cmocka_unit_test_setup_teardown(
            an_earlier_request_s_text_is_gone_with_the_first_of_the_next, setup, fresh_end),
        cmocka_unit_test_setup_teardown(its_mode_is_the_one_asked_for, setup, fresh_end),
        cmocka_unit_test_setup_teardown(a_link_in_its_place_is_not_followed, setup, fresh_end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_once_and_leaves_whole_characters, setup,
                                        fresh_end),
    };
    return UNIT_RUN(tests);
}
