/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_utf8: where valid UTF-8 ends. */
#include "unit.h"

#include <string.h>

#include "base/utf8.h"

static void check(const char *text, size_t wanted)
{
    assert_int_equal(utf8_sequence(text, strlen(text)), wanted);
}

static void characters_have_one_to_four_bytes(void **state)
{
    (void)state;
    check("a", 1);
    check("\x7F", 1);
    check("\xC2\x80", 2);
    check("\xDF\xBF", 2);
    check("\xE0\xA0\x80", 3);
    check("\xED\x9F\xBF", 3);
    check("\xEE\x80\x80", 3);
    check("\xEF\xBF\xBF", 3);
    check("\xF0\x90\x80\x80", 4);
    check("\xF4\x8F\xBF\xBF", 4);
    assert_int_equal(utf8_sequence("\0", 1), 1);
    assert_int_equal(utf8_sequence("", 0), 0);
}

static void malformed_sequences_are_refused(void **state)
{
    (void)state;
    check("\x80", 0);             /* continuation first */
    check("\xC0\x80", 0);         /* overlong */
    check("\xC1\xBF", 0);         /* overlong */
    check("\xE0\x9F\xBF", 0);     /* overlong */
    check("\xF0\x8F\xBF\xBF", 0); /* overlong */
    check("\xED\xA0\x80", 0);     /* surrogate */
    check("\xED\xBF\xBF", 0);     /* surrogate */
    check("\xF4\x90\x80\x80", 0); /* above U+10FFFF */
    check("\xF5\x80\x80\x80", 0); /* above U+10FFFF */
    check("\xFF", 0);             /* never a lead */
    check("\xC3z", 0);            /* continuation missing */
    check("\xE2\x82z", 0);        /* continuation missing */
    check("\xF0\x9F\x98z", 0);    /* continuation missing */
}

static void sequences_that_are_cut_are_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < 4; length++) {
        assert_int_equal(utf8_sequence("\xF0\x9F\x98\x82", length), 0);
    }
    assert_int_equal(utf8_sequence("\xE2\x82\xAC", 2), 0);
    assert_int_equal(utf8_sequence("\xC3\xBC", 1), 0);
}

static void a_text_is_valid_as_a_whole(void **state)
{
    (void)state;
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x82", 11));
    assert_false(utf8_valid("gr\xC3\xBC\xC3", 5));
    assert_false(utf8_valid("a\xFF"
                            "b",
                            3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_one_to_four_bytes),
        cmocka_unit_test(malformed_sequences_are_refused),
        cmocka_unit_test(sequences_that_are_cut_are_refused),
        cmocka_unit_test(a_text_is_valid_as_a_whole),
    };
    return UNIT_RUN(tests);
}
