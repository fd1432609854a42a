/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sha256: SHA-256 and hex. */
#include "unit.h"

#include <string.h>

#include "base/sha256.h"

/* The examples of FIPS 180-4 and the digest of nothing. */
static void digests_are_those_of_the_standard(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void digest_and_hex_agree(void **state)
{
    (void)state;
    unsigned char digest[SHA256_SIZE];
    char direct[SHA256_HEX_SIZE], written[SHA256_HEX_SIZE];
    sha256_digest("with\0nul", 8, digest);
    sha256_hex("with\0nul", 8, direct);
    hex_write(digest, sizeof digest, written);
    assert_string_equal(direct, written);
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    unsigned char bytes[256], back[256];
    char text[513];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)i;
    }
    hex_write(bytes, sizeof bytes, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_true(hex_read(text, back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
}

static void text_may_go_on_behind_the_digits(void **state)
{
    (void)state;
    unsigned char bytes[2];
    assert_true(hex_read("beef.json", bytes, 2));
    assert_memory_equal(bytes, "\xBE\xEF", 2);
}

static void what_is_not_lower_case_hex_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[2];
    const char *const wrong[] = {"", "b", "bee", "BEEF", "be g", "gbee", "be/f", "be:f", "be`f"};
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        /* Copied to the heap, so that reading behind the end is seen. */
        char *text = strdup(wrong[i]);
        assert_false(hex_read(text, bytes, 2));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(digest_and_hex_agree),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(text_may_go_on_behind_the_digits),
        cmocka_unit_test(what_is_not_lower_case_hex_is_refused),
    };
    return UNIT_RUN(tests);
}
