/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pattern: regular expressions of JSON Schema, as far as POSIX's can say the same. */
#include "unit.h"

#include "base/buffer.h"
#include "provider/pattern.h"

static enum pattern_match search(const char *pattern, const char *text)
{
    size_t work = 1000000;
    return pattern_search(pattern, text, &work);
}

static void patterns_find_what_ecmascript_finds(void **state)
{
    static const struct {
        const char *pattern, *found, *missed; /* NULL: none */
    } rows[] = {
        {"", "", NULL},
        {"b", "abc", "ac"},
        {"^a", "ab", "ba"},
        {"a$", "ba", "ab"},
        {"^a$", "a", "a\n"},
        {"^\\d{4}-\\d{2}$", "2026-11", "2026-1"},
        {"^\\w+$", "a_1", "a b"},
        {"^\\s\\S$", "\tx", "xx"},
        {"^\\D\\W$", "x-", "1-"},
        {"^a.c$", "a-c", "a\nc"},
        {"^.{3}$", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xc3\xb6"},
        {"^[\xc3\xa4\xc3\xb6]+$", "\xc3\xb6", "a"},
        {"^(?:ab|cd)+$", "abcd", "abc"},
        {"^(a(b)?)*$", "aba", "bb"},
        {"^a+?b*?c??$", "aab", "b"},
        {"^a{2,}$", "aaa", "a"},
        {"^a{1,2}$", "aa", "aaa"},
        {"^[\\w.-]+@[\\w-]+\\.[a-z]{2,}$", "a.b-c@d.org", "a b@c.de"},
        {"^[^\\d\\s]$", "x", "1"},
        {"^[\\]\\[^-]+$", "]^[-", "a"},
        {"^[\\^]$", "^", "a"},
        {"^[\\^-]+$", "^-", "\\"},
        {"^[^\\^]$", "a", "^"},
        {"^[a-]$", "-", "b"},
        {"^[\\\\/]$", "\\", "|"},
        {"^[.:=[]$", "[", "]"},
        {"^[ -~]*$", "a b~", "\xc3\xa4"},
        {"^\\$\\(\\.\\/\\-\\]\\}$", "$(./-]}", "$("},
        {"^\\t\\n$", "\t\n", "tn"},
        {"a|^b", "ca", "cb"},
        {"}", "}", "{"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        if (search(rows[i].pattern, rows[i].found) != PATTERN_MATCHED) {
            fail_msg("%s does not find %s", rows[i].pattern, rows[i].found);
        }
        if (rows[i].missed != NULL &&
            search(rows[i].pattern, rows[i].missed) != PATTERN_UNMATCHED) {
            fail_msg("%s finds %s", rows[i].pattern, rows[i].missed);
        }
    }
}

static void what_posix_cannot_say_is_not_judged(void **state)
{
    static const char *const patterns[] = {
        "\\bword",
        "(?=a)",
        "(?!a)a",
        "(?<name>a)",
        "(a)\\1",
        "\\u0041",
        "\\x41",
        "\\p{L}",
        "[\\D]",
        "[]",
        "[^]",
        "[a",
        "(a",
        "a)",
        "*a",
        "a**",
        "a{",
        "a{,2}",
        "a{2",
        "^*",
        "\\",
        "[\\]",
        "a{9999}",
        "(|*)",
        "[a-\\]]",
        "a{1001}",
        "\xff",
        "[b-a]",
        "[\xc3\xa4-\xc3\xbc]",
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(patterns); i++) {
        if (search(patterns[i], "aword") != PATTERN_UNKNOWN) {
            fail_msg("%s was judged", patterns[i]);
        }
    }
}

static void repetitions_of_repetitions_are_bounded(void **state)
{
    struct buffer out = {0};
    (void)state;
    assert_int_not_equal(pattern_translate("(a{100}){100}", &out), 0);
    assert_int_equal(pattern_translate("((a{100}){100}){100}", &out), 0);
    assert_int_equal(pattern_translate("((((a+)+)+)+){900}b{900}{900}", &out), 0);
    buffer_clear(&out);
    for (int i = 0; i < 20; i++) {
        buffer_text(&out, "(");
    }
    assert_int_equal(search(out.bytes, "a"), PATTERN_UNKNOWN);
    buffer_clear(&out);
    for (int i = 0; i < 1001; i++) {
        buffer_text(&out, "a");
    }
    assert_int_equal(search(out.bytes, "a"), PATTERN_UNKNOWN);
    buffer_free(&out);
}

static void work_is_taken_and_never_more_than_there_is(void **state)
{
    size_t work = 100;
    (void)state;
    assert_int_equal(pattern_search("^[a-z]+$", "abcdefgh", &work), PATTERN_MATCHED);
    assert_true(work < 100);
    work = 5;
    assert_int_equal(pattern_search("^[a-z]+$", "abcdefgh", &work), PATTERN_UNKNOWN);
    assert_int_equal(work, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_find_what_ecmascript_finds),
        cmocka_unit_test(what_posix_cannot_say_is_not_judged),
        cmocka_unit_test(repetitions_of_repetitions_are_bounded),
        cmocka_unit_test(work_is_taken_and_never_more_than_there_is),
    };
    return UNIT_RUN(tests);
}
