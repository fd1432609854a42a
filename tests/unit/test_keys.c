/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_keys: every key that a job may have at its top level. */
#include "unit.h"

#include <string.h>

#include "job/keys.h"

static void the_table_is_sorted_and_every_key_is_found(void **state)
{
    size_t count;
    const struct key *keys = key_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(key_find(keys[i].name), &keys[i]);
        assert_true(i == 0 || strcmp(keys[i - 1].name, keys[i].name) < 0);
    }
    assert_null(key_find(""));
    assert_null(key_find("Model"));
    assert_null(key_find("zebra"));
}

static void the_identity_group_is_that_of_the_specification(void **state)
{
    static const char *const identity[] = {"input",    "messages", "model",  "params", "prompt",
                                           "provider", "sample",   "system", "type",   "user"};
    size_t count, found = 0;
    const struct key *keys = key_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].identity) {
            assert_in_range(found, 0, UNIT_COUNT(identity) - 1);
            assert_string_equal(keys[i].name, identity[found]);
            found++;
        }
    }
    assert_int_equal(found, UNIT_COUNT(identity));
}

static void unknown(const char *name, const char *sentence)
{
    struct error error = {0};
    struct refusal refusal = {NULL, &error};
    assert_int_equal(key_refuse_unknown(name, &refusal), -1);
    assert_string_equal(refusal.reason, "unknown_key");
    assert_string_equal(error.text, sentence);
}

static void the_nearest_key_is_named(void **state)
{
    (void)state;
    unknown("promt", "unknown key \"promt\" (did you mean \"prompt\"?); put your own data into "
                     "\"metadata\"");
    unknown("Priority", "unknown key \"Priority\" (did you mean \"priority\"?); put your own data "
                        "into \"metadata\"");
    unknown("colour", "unknown key \"colour\"; put your own data into \"metadata\"");
    unknown("", "unknown key \"\"; put your own data into \"metadata\"");
}

static void parameters_are_led_to_params(void **state)
{
    (void)state;
    unknown("temperature",
            "unknown key \"temperature\" (did you mean \"temperature\" inside \"params\"?)");
    unknown("temprature",
            "unknown key \"temprature\" (did you mean \"temperature\" inside \"params\"?)");
    unknown("n", "unknown key \"n\" (did you mean \"n\" inside \"params\"?)");
}

static void a_key_is_nearer_than_a_parameter(void **state)
{
    (void)state;
    unknown("keed", "unknown key \"keed\" (did you mean \"keep\"?); put your own data into "
                    "\"metadata\""); /* seed is as near */
}

static void a_key_cannot_play_with_the_terminal(void **state)
{
    (void)state;
    unknown("\033[2J\nok", "unknown key \"?[2J?ok\"; put your own data into \"metadata\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_and_every_key_is_found),
        cmocka_unit_test(the_identity_group_is_that_of_the_specification),
        cmocka_unit_test(the_nearest_key_is_named),
        cmocka_unit_test(parameters_are_led_to_params),
        cmocka_unit_test(a_key_is_nearer_than_a_parameter),
        cmocka_unit_test(a_key_cannot_play_with_the_terminal),
    };
    return UNIT_RUN(tests);
}
