/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_roll: the places of a run called one by one. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "retain/roll.h"

#define A "aa112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"
#define B "bb112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"
#define LINE(position, id) "{\"position\":" #position ",\"id\":\"" id "\"}\n"

struct heard {
    uint64_t positions[16];
    char first[16]; /* digit of the ID, or - */
    size_t count;
    size_t most;
};

static int hear(void *context, const struct member *member)
{
    struct heard *heard = context;

    heard->positions[heard->count] = member->position;
    heard->first[heard->count++] = member->refused ? '-' : member->id.bytes[0] == 0xaa ? 'a' : 'b';
    return heard->count == heard->most ? 7 : 0;
}

static struct heard call(const char *text, size_t most)
{
    struct heard heard = {.most = most};

    assert_int_equal(roll_text(text, strlen(text), hear, &heard), most > 0 ? 7 : 0);
    return heard;
}

static void each_place_is_called_once_as_its_last_line_says(void **state)
{
    struct heard heard = call(LINE(1, A) LINE(2, A) LINE(1, B) "{\"position\":3,\"id\":null}\n", 0);

    (void)state;
    assert_int_equal(heard.count, 3);
    assert_string_equal(heard.first, "-ba");
    assert_int_equal(heard.positions[1], 1);
    assert_int_equal(heard.positions[2], 2);
}

static void torn_and_foreign_lines_are_none(void **state)
{
    struct heard heard = call("what\n\n" LINE(5, A) "{\"position\":6,\"id\":\"" A "\"}", 0);

    (void)state;
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.positions[0], 5);
    assert_int_equal(call("", 0).count, 0);
}

static void places_far_apart_are_told_apart(void **state)
{
    struct heard heard = call(LINE(0, A) LINE(4096, A) LINE(9007199254740991, B)
                                  LINE(4095, A) LINE(4096, B) LINE(9007199254740990, A), 0);

    (void)state;
    assert_int_equal(heard.count, 5);
    assert_string_equal(heard.first, "abab" "a");
}

static void the_caller_may_stop(void **state)
{
    (void)state;
    assert_int_equal(call(LINE(1, A) LINE(2, A) LINE(3, A), 2).count, 2);
}

/* 100,000 places in falling order, each twice: as many are called. */
static int count(void *context, const struct member *member)
{
    (void)member;
    ++*(size_t *)context;
    return 0;
}

static void many_places_in_any_order_are_all_called(void **state)
{
    struct buffer text = {0};
    size_t called = 0;

    (void)state;
    for (int i = 100000; i > 0; i--) {
        buffer_printf(&text, "{\"position\":%d,\"id\":\"" A "\"}\n", i);
        buffer_printf(&text, "{\"position\":%d,\"id\":\"" B "\"}\n", i * 7 % 100000 + 1);
    }
    assert_int_equal(roll_text(text.bytes, text.length, count, &called), 0);
    assert_int_equal(called, 100000);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place_is_called_once_as_its_last_line_says),
        cmocka_unit_test(torn_and_foreign_lines_are_none),
        cmocka_unit_test(places_far_apart_are_told_apart),
        cmocka_unit_test(the_caller_may_stop),
        cmocka_unit_test(many_places_in_any_order_are_all_called),
    };
    return UNIT_RUN(tests);
}
