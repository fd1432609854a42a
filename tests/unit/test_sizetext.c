/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/sizetext.h"

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {{"0", 0},
                {"17", 17},
                {"500KiB", 512000},
                {"64MiB", UINT64_C(64) << 20},
                {"2GiB", UINT64_C(2) << 30},
                {"16777215TiB", UINT64_C(16777215) << 40},
                {"18446744073709551615", UINT64_MAX}};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint64_t bytes = 1;
        assert_int_equal(sizetext_read(rows[i].text, &bytes), 0);
        assert_int_equal(bytes, rows[i].bytes);
    }
}

static void others_are_refused(void **state)
{
    static const char *const texts[] = {"",       "KiB",  "-1",          "1 KiB", "1kib", "1K",
                                        "1.5GiB", "0x10", "16777216TiB", "18446744073709551616"};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        uint64_t bytes = 7;
        assert_true(sizetext_read(texts[i], &bytes) < 0);
        assert_int_equal(bytes, 7);
    }
}

static void sizes_are_written_with_the_greatest_unit(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0"}, {1023, "1023"}, {1025 << 10, "1025KiB"}, {UINT64_C(3) << 40, "3TiB"}};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char text[SIZETEXT_SIZE];
        sizetext_write(rows[i].bytes, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(sizes_are_written_with_the_greatest_unit),
    };
    return UNIT_RUN(tests);
}
