/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_base64: bytes as text, written and read back. */
#include "unit.h"

#include "base/base64.h"

static void the_examples_of_the_rfc_are_read(void **state)
{
    static const struct {
        const char *text, *bytes;
    } rows[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"Zg", "f"},
        {"Zm8", "fo"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct buffer out = {0};
        assert_true(base64_decode(rows[i].text, strlen(rows[i].text), &out));
        assert_int_equal(out.length, strlen(rows[i].bytes));
        assert_string_equal(out.bytes, rows[i].bytes);
        buffer_free(&out);
    }
}

static void what_is_written_reads_back(void **state)
{
    static const char *const texts[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    struct buffer out = {0}, all = {0}, back = {0};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        buffer_clear(&out);
        base64_encode("foobar", i, &out);
        assert_string_equal(out.bytes, texts[i]);
    }
    for (int i = 0; i < 1024; i++) {
        buffer_byte(&all, (char)(i * 7));
    }
    buffer_clear(&out);
    base64_encode(all.bytes, all.length, &out);
    assert_true(base64_decode(out.bytes, out.length, &back));
    assert_int_equal(back.length, all.length);
    assert_memory_equal(back.bytes, all.bytes, all.length);
    buffer_free(&out);
    buffer_free(&all);
    buffer_free(&back);
}

static void every_letter_has_its_value(void **state)
{
    static const char text[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct buffer out = {0};
    (void)state;
    buffer_text(&out, "x"); /* it appends */
    assert_true(base64_decode(text, 64, &out));
    assert_int_equal(out.length, 49);
    for (size_t i = 0; i < 64; i++) {
        const unsigned char *group = (const unsigned char *)out.bytes + 1 + i / 4 * 3;
        unsigned bits = (unsigned)group[0] << 16 | (unsigned)group[1] << 8 | group[2];
        assert_int_equal(bits >> (18 - i % 4 * 6) & 63, i);
    }
    buffer_free(&out);
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = {
        "Z",    "Zm9vY", "Zm9v=", "Zg=",  "Z===",     "====", "Zm-v",
        "Zm 9", "Zh==",  "Zm9=",  "=Zg=", "Zg==Zg==", "Zg==="};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct buffer out = {0};
        if (base64_decode(texts[i], strlen(texts[i]), &out)) {
            fail_msg("%s was read", texts[i]);
        }
        buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_are_read),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_letter_has_its_value),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };
    return UNIT_RUN(tests);
}
