/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_canonical: the canonical form against the vectors of RFC 8785 (jsontext). */
#include "unit.h"

#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"

/* RFC 8785, Appendix B: the bits of a double and its text. */
static const struct {
    uint64_t bits;
    const char *text;
} numbers[] = {
    {UINT64_C(0x0000000000000000), "0"},
    {UINT64_C(0x8000000000000000), "0"},
    {UINT64_C(0x0000000000000001), "5e-324"},
    {UINT64_C(0x8000000000000001), "-5e-324"},
    {UINT64_C(0x7fefffffffffffff), "1.7976931348623157e+308"},
    {UINT64_C(0xffefffffffffffff), "-1.7976931348623157e+308"},
    {UINT64_C(0x4340000000000000), "9007199254740992"},
    {UINT64_C(0xc340000000000000), "-9007199254740992"},
    {UINT64_C(0x4340000000000001), "9007199254740994"},
    {UINT64_C(0x4430000000000000), "295147905179352830000"},
    {UINT64_C(0x44b52d02c7e14af5), "9.999999999999997e+22"},
    {UINT64_C(0x44b52d02c7e14af6), "1e+23"},
    {UINT64_C(0x44b52d02c7e14af7), "1.0000000000000001e+23"},
    {UINT64_C(0x444b1ae4d6e2ef4e), "999999999999999700000"},
    {UINT64_C(0x444b1ae4d6e2ef4f), "999999999999999900000"},
    {UINT64_C(0x444b1ae4d6e2ef50), "1e+21"},
    {UINT64_C(0x3eb0c6f7a0b5ed8c), "9.999999999999997e-7"},
    {UINT64_C(0x3eb0c6f7a0b5ed8d), "0.000001"},
    {UINT64_C(0x41b3de4355555553), "333333333.3333332"},
    {UINT64_C(0x41b3de4355555554), "333333333.33333325"},
    {UINT64_C(0x41b3de4355555555), "333333333.3333333"},
    {UINT64_C(0x41b3de4355555556), "333333333.3333334"},
    {UINT64_C(0x41b3de4355555557), "333333333.33333343"},
    {UINT64_C(0xbecbf647612f3696), "-0.0000033333333333333333"},
    {UINT64_C(0x43143ff3c1cb0959), "1424953923781206.2"},
};

static void numbers_are_those_of_appendix_b(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(numbers); i++) {
        double number;
        char text[JSONTEXT_NUMBER_SIZE];
        memcpy(&number, &numbers[i].bits, sizeof number);
        assert_int_equal(jsontext_number(number, text), strlen(numbers[i].text));
        assert_string_equal(text, numbers[i].text);
    }
}

static void read_file(struct buffer *out, const char *name, const char *end)
{
    char path[128], part[1024];
    size_t length;
    snprintf(path, sizeof path, "tests/unit/data/jcs/%s.%s.json", name, end);
    FILE *file = unit_data(path);
    while ((length = fread(part, 1, sizeof part, file)) > 0) {
        buffer_append(out, part, length);
    }
    assert_int_equal(ferror(file), 0);
    assert_int_equal(fclose(file), 0);
}

/* Reads NAME.in.json and compares its canonical form with NAME.out.json, which ends in a newline
 * that is not part of it; the canonical form is also its own. */
static void check_document(const char *name)
{
    struct buffer in = {0}, wanted = {0}, out = {0};
    struct error error;
    read_file(&in, name, "in");
    read_file(&wanted, name, "out");
    for (int round = 0; round < 2; round++) {
        json_t *value = jsontext_read(in.bytes, in.length, &error);
        if (value == NULL) {
            fail_msg("%s: %s", name, error.text);
        }
        buffer_clear(&out);
        jsontext_write_canonical(&out, value);
        buffer_byte(&out, '\n');
        assert_string_equal(out.bytes, wanted.bytes);
        json_decref(value);
        buffer_clear(&in);
        buffer_append(&in, out.bytes, out.length);
    }
    buffer_free(&in);
    buffer_free(&wanted);
    buffer_free(&out);
}

static void arrays_keep_their_order(void **state)
{
    (void)state;
    check_document("arrays");
}

static void keys_are_not_sorted_for_people(void **state)
{
    (void)state;
    check_document("french");
}

static void keys_are_sorted_at_every_level(void **state)
{
    (void)state;
    check_document("structures");
}

static void nothing_is_normalised(void **state)
{
    (void)state;
    check_document("unicode");
}

static void values_have_one_form(void **state)
{
    (void)state;
    check_document("values");
}

static void keys_are_ordered_by_utf16(void **state)
{
    (void)state;
    check_document("weird");
}

static void a_key_comes_before_those_it_begins(void **state)
{
    (void)state;
    struct buffer out = {0};
    json_t *object = json_pack("{s:i,s:i,s:i,s:i,s:i}", "ab", 1, "a", 2, "", 3, "a\xF0\x90\x80\x80",
                               4, "a\xEF\xBF\xBF", 5);
    assert_non_null(object);
    jsontext_write_canonical(&out, object);
    assert_string_equal(out.bytes, "{\"\":3,\"a\":2,\"ab\":1,\"a\xF0\x90\x80\x80\":4,"
                                   "\"a\xEF\xBF\xBF\":5}");
    json_decref(object);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_appendix_b),
        cmocka_unit_test(arrays_keep_their_order),
        cmocka_unit_test(keys_are_not_sorted_for_people),
        cmocka_unit_test(keys_are_sorted_at_every_level),
        cmocka_unit_test(nothing_is_normalised),
        cmocka_unit_test(values_have_one_form),
        cmocka_unit_test(keys_are_ordered_by_utf16),
        cmocka_unit_test(a_key_comes_before_those_it_begins),
    };
    return UNIT_RUN(tests);
}
