/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_diff: which lines two texts have in common. */
#include "unit.h"

#include <stdbool.h>

#include "base/buffer.h"
#include "base/diff.h"

/* The differences as signs and lines; a text that is not ended is shown with a %. */
static char *differ(const char *old_text, const char *new_text)
{
    size_t count;
    struct diff_line *lines =
        diff_lines(old_text, strlen(old_text), new_text, strlen(new_text), &count);
    struct buffer out = {0};
    buffer_text(&out, "");
    for (size_t i = 0; i < count; i++) {
        bool ended = lines[i].text[lines[i].length - 1] == '\n';
        buffer_printf(&out, "%c%.*s%s ", lines[i].sign, (int)(lines[i].length - ended),
                      lines[i].text, ended ? "" : "%");
    }
    free(lines);
    return buffer_take(&out);
}

static void expect(const char *old_text, const char *new_text, const char *wanted)
{
    char *found = differ(old_text, new_text);
    assert_string_equal(found, wanted);
    free(found);
}

static void small_texts(void **unused)
{
    (void)unused;
    expect("", "", "");
    expect("a\n", "a\n", " a ");
    expect("", "a\nb\n", "+a +b ");
    expect("a\nb\n", "", "-a -b ");
    expect("a\nb\nc\n", "a\nx\nc\n", " a -b +x  c ");
    expect("a\nb\nc\n", "b\nc\nd\n", "-a  b  c +d ");
    expect("a\nb", "a\nb\n", " a -b% +b ");
    expect("a\na\n", "a\na\na\n", " a  a +a ");
    expect("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", "-a -b  c +b  a  b -b  a +c ");
}

static void numbers_are_those_of_the_texts(void **unused)
{
    size_t count;
    struct diff_line *lines = diff_lines("a\nb\nc\n", 6, "a\nx\ny\nc\n", 8, &count);
    static const size_t wanted[][2] = {{1, 1}, {2, 1}, {2, 2}, {2, 3}, {3, 4}};
    (void)unused;
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lines[i].old_number, wanted[i][0]);
        assert_int_equal(lines[i].new_number, wanted[i][1]);
    }
    free(lines);
}

/* A text of up to 12 lines out of three. */
static size_t random_text(char text[32], unsigned *seed)
{
    size_t lines = (size_t)rand_r(seed) % 13;
    for (size_t i = 0; i < lines; i++) {
        text[2 * i] = (char)('a' + rand_r(seed) % 3);
        text[2 * i + 1] = '\n';
    }
    return 2 * lines;
}

/* The fewest changes, by the table that everybody knows. */
static size_t fewest(const char *old_text, size_t old_length, const char *new_text,
                     size_t new_length)
{
    size_t table[14][14] = {{0}};
    for (size_t x = 0; x <= old_length / 2; x++) {
        for (size_t y = 0; y <= new_length / 2; y++) {
            if (x == 0 || y == 0) {
                table[x][y] = x + y;
            } else if (old_text[2 * x - 2] == new_text[2 * y - 2]) {
                table[x][y] = table[x - 1][y - 1];
            } else {
                size_t left = table[x - 1][y], above = table[x][y - 1];
                table[x][y] = 1 + (left < above ? left : above);
            }
        }
    }
    return table[old_length / 2][new_length / 2];
}

/* Of any two texts the lines make both again, and no shorter list of changes does. */
static void the_changes_are_right_and_the_fewest(void **unused)
{
    unsigned seed = 4711;
    (void)unused;
    for (int round = 0; round < 5000; round++) {
        char old_text[32], new_text[32];
        size_t old_length = random_text(old_text, &seed), new_length = random_text(new_text, &seed);
        struct buffer old_again = {0}, new_again = {0};
        size_t count, changes = 0;
        struct diff_line *lines = diff_lines(old_text, old_length, new_text, new_length, &count);
        for (size_t i = 0; i < count; i++) {
            changes += lines[i].sign != ' ';
            if (lines[i].sign != '+') {
                buffer_append(&old_again, lines[i].text, lines[i].length);
            }
            if (lines[i].sign != '-') {
                buffer_append(&new_again, lines[i].text, lines[i].length);
            }
        }
        assert_int_equal(old_again.length, old_length);
        assert_int_equal(new_again.length, new_length);
        assert_true(old_length == 0 || memcmp(old_again.bytes, old_text, old_length) == 0);
        assert_true(new_length == 0 || memcmp(new_again.bytes, new_text, new_length) == 0);
        assert_int_equal(changes, fewest(old_text, old_length, new_text, new_length));
        buffer_free(&old_again);
        buffer_free(&new_again);
        free(lines);
    }
}

/* Texts with nothing in common but their first and last lines. */
static void what_differs_too_much_is_all_changed(void **unused)
{
    struct buffer old_text = {0}, new_text = {0};
    size_t count, removed = 0, added = 0;
    struct diff_line *lines;
    (void)unused;
    buffer_text(&old_text, "same\n");
    buffer_text(&new_text, "same\n");
    for (int i = 0; i < 3 * DIFF_LIMIT; i++) {
        buffer_printf(&old_text, "old %d\n", i);
        buffer_printf(&new_text, "new %d\n", i);
    }
    buffer_text(&old_text, "end\n");
    buffer_text(&new_text, "end\n");
    lines = diff_lines(old_text.bytes, old_text.length, new_text.bytes, new_text.length, &count);
    for (size_t i = 0; i < count; i++) {
        removed += lines[i].sign == '-';
        added += lines[i].sign == '+';
    }
    assert_int_equal(removed, 3 * DIFF_LIMIT);
    assert_int_equal(added, 3 * DIFF_LIMIT);
    assert_int_equal(count, 6 * DIFF_LIMIT + 2);
    assert_int_equal(lines[0].sign, ' ');
    assert_int_equal(lines[count - 1].sign, ' ');
    free(lines);
    buffer_free(&old_text);
    buffer_free(&new_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_texts),
        cmocka_unit_test(numbers_are_those_of_the_texts),
        cmocka_unit_test(the_changes_are_right_and_the_fewest),
        cmocka_unit_test(what_differs_too_much_is_all_changed),
    };
    return UNIT_RUN(tests);
}
