/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_nearest: the known word that an unknown one was probably meant to be. */
#include "unit.h"

#include <string.h>

#include "base/nearest.h"

static const char *const keys[] = {"model",  "prompt", "messages", "input",   "type",
                                   "system", "params", "user",     "priority"};

static void check(const char *word, const char *wanted)
{
    const char *found = nearest_word(word, keys, UNIT_COUNT(keys));
    if (wanted == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, wanted);
    }
}

static void one_slip_is_recognised(void **state)
{
    (void)state;
    check("promt", "prompt");      /* left out */
    check("mmodel", "model");      /* too many */
    check("massages", "messages"); /* mistaken */
    check("pirority", "priority"); /* swapped */
}

static void letter_case_hardly_counts(void **state)
{
    (void)state;
    check("Model", "model");
    check("PARAMS", NULL); /* six halves are half of its length */
    check("PARAms", "params");
}

static void strange_words_have_no_neighbour(void **state)
{
    (void)state;
    check("temperature", NULL);
    check("xyz", NULL);
    check("", NULL);
    check("uxyr", NULL); /* two edits in four letters */
}

static void the_first_of_equals_wins(void **state)
{
    (void)state;
    const char *const words[] = {"bat", "cat"};
    assert_ptr_equal(nearest_word("hat", words, 2), words[0]);
}

static void nearer_beats_earlier(void **state)
{
    (void)state;
    const char *const words[] = {"abcdxx", "abcdex", "abcdef"};
    assert_ptr_equal(nearest_word("abcdeg", words, 3), words[1]);
    assert_ptr_equal(nearest_word("abcdeF", words, 3), words[2]);
    assert_null(nearest_word("abcdef", words, 0));
}

static void a_word_of_megabytes_is_dismissed(void **state)
{
    (void)state;
    size_t size = 8 << 20;
    char *word = malloc(size);
    assert_non_null(word);
    memset(word, 'm', size - 1);
    word[size - 1] = '\0';
    check(word, NULL);
    free(word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slip_is_recognised),
        cmocka_unit_test(letter_case_hardly_counts),
        cmocka_unit_test(strange_words_have_no_neighbour),
        cmocka_unit_test(the_first_of_equals_wins),
        cmocka_unit_test(nearer_beats_earlier),
        cmocka_unit_test(a_word_of_megabytes_is_dismissed),
    };
    return UNIT_RUN(tests);
}
