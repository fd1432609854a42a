/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_refusal: why a document is no job. */
#include "unit.h"

#include <string.h>

#include "job/refusal.h"

static void a_refusal_has_a_word_and_a_sentence(void **state)
{
    (void)state;
    struct error error = {0};
    struct refusal refusal = {NULL, &error};
    assert_int_equal(refuse(&refusal, "bad_value", "%d is too much", 7), -1);
    assert_string_equal(refusal.reason, "bad_value");
    assert_int_equal(error.kind, ERROR_DATA);
    assert_string_equal(error.text, "7 is too much");
}

static void nobody_needs_to_want_the_sentence(void **state)
{
    (void)state;
    struct refusal refusal = {NULL, NULL};
    assert_int_equal(refuse(&refusal, "bad_value", "no"), -1);
    assert_string_equal(refusal.reason, "bad_value");
}

static void control_characters_are_found(void **state)
{
    (void)state;
    assert_true(refusal_has_control("a\nb"));
    assert_true(refusal_has_control("\x7F"));
    assert_true(refusal_has_control("\xC2\x85"));
    assert_false(refusal_has_control(""));
    assert_false(refusal_has_control("gpt-4o mini \xC2\xA0\xC3\x85 \xE2\x82\xAC"));
}

static void quotes_are_short_and_harmless(void **state)
{
    (void)state;
    char out[REFUSAL_QUOTE_SIZE];
    assert_string_equal(refusal_quote("promt", out), "promt");
    assert_string_equal(refusal_quote("a\033[1mb\xC2\x9B", out), "a?[1mb?");
    char long_text[200];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    refusal_quote(long_text, out);
    assert_in_range(strlen(out), 50, REFUSAL_QUOTE_SIZE - 1);
    assert_string_equal(out + strlen(out) - 4, "x…");
    for (size_t i = 0; i + 3 < sizeof long_text; i += 3) {
        memcpy(long_text + i, "€", 3);
    }
    refusal_quote(long_text, out);
    assert_int_equal(strlen(out) % 3, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_has_a_word_and_a_sentence),
        cmocka_unit_test(nobody_needs_to_want_the_sentence),
        cmocka_unit_test(control_characters_are_found),
        cmocka_unit_test(quotes_are_short_and_harmless),
    };
    return UNIT_RUN(tests);
}
