/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_buffer: bytes that grow. */
#include "unit.h"

#include <string.h>

#include "base/buffer.h"

static void a_zeroed_buffer_is_empty_and_can_be_freed(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_clear(&buffer);
    buffer_drop(&buffer, 0);
    assert_null(buffer.bytes);
    buffer_free(&buffer);
    buffer_free(NULL);
}

static void reserving_or_adding_nothing_leaves_empty_text(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append(&buffer, NULL, 0);
    assert_string_equal(buffer.bytes, "");
    assert_int_equal(buffer.length, 0);
    buffer_free(&buffer);
    assert_null(buffer.bytes);
}

static void all_ways_of_adding_append(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append(&buffer, "abc", 2);
    buffer_text(&buffer, "-text-");
    buffer_byte(&buffer, '!');
    buffer_printf(&buffer, "%d %s", 42, "end");
    assert_string_equal(buffer.bytes, "ab-text-!42 end");
    assert_int_equal(buffer.length, strlen("ab-text-!42 end"));
    buffer_free(&buffer);
}

static void bytes_may_hold_nul(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append(&buffer, "a\0b", 3);
    assert_int_equal(buffer.length, 3);
    assert_memory_equal(buffer.bytes, "a\0b\0", 4);
    buffer_free(&buffer);
}

static void growing_byte_by_byte_keeps_everything_and_its_end(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (size_t i = 0; i < 10000; i++) {
        buffer_byte(&buffer, (char)('a' + i % 26));
        assert_int_equal(buffer.length, i + 1);
        assert_int_equal(buffer.bytes[i + 1], '\0');
        assert_true(buffer.capacity > buffer.length);
    }
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(buffer.bytes[i], 'a' + i % 26);
    }
    buffer_free(&buffer);
}

static void printing_fits_whatever_room_was_left(void **state)
{
    (void)state;
    for (size_t before = 0; before < 130; before++) {
        struct buffer buffer = {0};
        for (size_t i = 0; i < before; i++) {
            buffer_byte(&buffer, '.');
        }
        buffer_printf(&buffer, "%s", "0123456789");
        assert_int_equal(buffer.length, before + 10);
        assert_string_equal(buffer.bytes + before, "0123456789");
        buffer_free(&buffer);
    }
}

static void dropping_keeps_the_rest(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_text(&buffer, "first second");
    buffer_drop(&buffer, 6);
    assert_string_equal(buffer.bytes, "second");
    buffer_drop(&buffer, 6);
    assert_string_equal(buffer.bytes, "");
    assert_int_equal(buffer.length, 0);
    buffer_free(&buffer);
}

static void clearing_keeps_the_memory(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_text(&buffer, "something");
    size_t capacity = buffer.capacity;
    buffer_clear(&buffer);
    assert_string_equal(buffer.bytes, "");
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer.capacity, capacity);
    buffer_free(&buffer);
}

static void taking_empties_the_buffer(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char *nothing = buffer_take(&buffer);
    assert_string_equal(nothing, "");
    free(nothing);
    buffer_text(&buffer, "mine");
    char *text = buffer_take(&buffer);
    assert_string_equal(text, "mine");
    assert_null(buffer.bytes);
    assert_int_equal(buffer.capacity, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_buffer_is_empty_and_can_be_freed),
        cmocka_unit_test(reserving_or_adding_nothing_leaves_empty_text),
        cmocka_unit_test(all_ways_of_adding_append),
        cmocka_unit_test(bytes_may_hold_nul),
        cmocka_unit_test(growing_byte_by_byte_keeps_everything_and_its_end),
        cmocka_unit_test(printing_fits_whatever_room_was_left),
        cmocka_unit_test(dropping_keeps_the_rest),
        cmocka_unit_test(clearing_keeps_the_memory),
        cmocka_unit_test(taking_empties_the_buffer),
    };
    return UNIT_RUN(tests);
}
