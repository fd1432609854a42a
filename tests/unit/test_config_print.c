/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_print: the effective configuration as it is printed, and what is written about it. */
#include "config_fixture.h"

#include "daemon/config_table.h"

static void keys_are_masked_where_they_are_printed(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *key;
        const char *masked;
    } cases[] = {{KEY, "sk-***89"}, {"short-key-1", "***"}};
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        static const char *const settings[] = {"key = '%s'", "key_env = TEST_KEY"};
        assert_int_equal(setenv("TEST_KEY", cases[i].key, 1), 0);
        for (size_t j = 0; j < UNIT_COUNT(settings); j++) {
            char *setting = j == 0 ? xasprintf("key = '%s'", cases[i].key) : xstrdup(settings[j]);
            char *text = xasprintf("provider openai { %s }", setting);
            struct config *config = accept(fixture, text);
            char *output = printed(config);
            assert_null(strstr(output, cases[i].key));
            assert_non_null(strstr(output, cases[i].masked));
            free(output);
            config_free(config);
            free(text);
            free(setting);
        }
    }
}

/* What is printed of text, read and printed again; the caller frees what is returned. */
static char *printed_twice(const struct fixture *fixture, const char *text)
{
    struct config *config = accept(fixture, text);
    char *first = printed(config);
    config_free(config);
    config = accept(fixture, first);
    char *second = printed(config);
    config_free(config);
    assert_string_equal(first, second);
    free(second);
    return first;
}

static void what_is_printed_reads_back_as_the_same(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    char *output =
        printed_twice(fixture, "concurrency = 3\nbackoff = 1500ms\nhalt_after = never\n"
                               "drain_timeout = 0\nanswer_limit = 1025KiB\nfloor_space = 0\n"
                               "on_doubt = hold\nstore_response = no\n"
                               "trusted_droppers = {www-data, 'odd \"name\"', 'back\\slash'}\n"
                               "provider openai { key_env = TEST_KEY max_in_flight = 9 }\n"
                               "provider 'a \\${HOME} b' { url = \"http://127.0.0.1/\\$x\" }\n"
                               "model \"gpt-*\" { provider = openai }\n"
                               "retention { failed = 36h }\n");
    static const char *const lines[] = {
        "\nbackoff = 1500ms\n",
        "\nbackoff_limit = 1m\n",
        "\nhalt_after = never\n",
        "\nanswer_limit = 1025KiB\n",
        "\n    failed = 36h\n",
        "\n    free_space = 0%\n",
        "\ntrusted_droppers = {\"www-data\", \"odd \\\"name\\\"\", \"back\\\\slash\"}\n",
        "\nprovider \"a \\\\\\${HOME} b\" {\n",
        "\n    url = \"http://127.0.0.1/\\$x\"\n",
        "\n    key_env = \"TEST_KEY\" # sk-***89\n",
    };
    for (size_t i = 0; i < UNIT_COUNT(lines); i++) {
        if (strstr(output, lines[i]) == NULL)
            fail_msg("no line%sin:\n%s", lines[i], output);
    }
    assert_null(strstr(output, "\nbudget"));
    free(output);
}

static void every_setting_is_printed_and_reads_back(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    put_text(fixture->key, 0600, "another-canary-9876");
    put_text(fixture->list, 0600, "http://a\n");
    char *text = xasprintf(
        "aging = 0\nfallback_after = 90s\nfallback_on_refusal = yes\ntruncated_retries = 2\n"
        "json_retries = 0\ncurrency = EUR\ntime_zone = UTC\nprices = '%s'\n"
        "budget { day = 5 week = 10.5 month = 0.000001 run = 0 }\n"
        "provider p {\n"
        " url = {http://a, 'http://b/{model}'}\n key_file = '%s' key_env = TEST_KEY\n"
        " key_header = api-key query = 'a=b' headers = {'X: \"y\"', 'Z: $z'}\n"
        " max_in_flight = 2 rpm = 3 tpm = 4 input_tpm = 5 output_tpm = 6 rpd = 7\n"
        " idle_timeout = 0 proxy = 'http://user:pass-canary@proxy' client_cert = '%s'\n"
        " client_key = '%s' ca_file = '%s' budget { day = 1 } }\n"
        "provider q { url_file = '%s' }\n"
        "model \"a*\" { fallback = {b, c} input_price = 2.5 cached_price = 0.0375\n"
        " output_price = 0 max_output_tokens = 8 rpd = 9 budget { run = 2 } }\n"
        "model b { fallback = {} price = free }\n"
        "user alice { key_env = TEST_KEY provider = p max_in_flight = 1 max_waiting = 2\n"
        " models = {'a*', b} budget { week = 3 } }\n"
        "user '*' { models = {} budget { day = 1 } }\n",
        fixture->key, fixture->key, fixture->key, fixture->key, fixture->key, fixture->list);
    char *output = printed_twice(fixture, text);
    static const char *const lines[] = {
        "\naging = 0ms\n",
        "\nfallback_on_refusal = yes\n",
        "\ntruncated_retries = 2\n",
        "\ncurrency = \"EUR\"\n",
        "\ntime_zone = \"UTC\"\n",
        "\nbudget {\n    day = 5.00\n    week = 10.50\n    month = 0.000001\n    run = 0.00\n}\n",
        "\n    url = {\"http://a\", \"http://b/{model}\"}\n",
        "\n    headers = {\"X: \\\"y\\\"\", \"Z: \\$z\"}\n",
        "\n    output_tpm = 6\n",
        "\n    idle_timeout = 0ms\n",
        "\n    proxy = \"http://user:***@proxy\"\n",
        "\n    budget {\n        day = 1.00\n    }\n}\n",
        "\n    input_price = 2.50\n    cached_price = 0.038\n    output_price = 0.00\n",
        "\n    fallback = {}\n    price = free\n",
        "\n    models = {\"a*\", \"b\"}\n",
        "\nuser \"*\" {\n    models = {}\n",
        "\n        day = 1.00\n        week = 3.00\n",
    };
    for (size_t i = 0; i < UNIT_COUNT(lines); i++) {
        if (strstr(output, lines[i]) == NULL)
            fail_msg("no line%sin:\n%s", lines[i], output);
    }
    assert_null(strstr(output, "canary"));
    free(output);
    free(text);
}

static void several_keys_are_printed_in_one_list_a_place(void **state)
{
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    assert_int_equal(setenv("TEST_OTHER_KEY", "other-canary-1234", 1), 0);
    char *output =
        printed_twice(*state, "provider openai { key_env = {TEST_KEY, TEST_OTHER_KEY} }");
    assert_non_null(strstr(output, "key_env = {\"TEST_KEY\", \"TEST_OTHER_KEY\"} "
                                   "# sk-***89, oth***34\n"));
    free(output);
    struct config *config = accept(*state, "provider openai { key = {" KEY ", short} }");
    output = printed(config);
    assert_non_null(strstr(output, "key = {\"sk-***89\", \"***\"} # masked\n"));
    free(output);
    config_free(config);
    assert_int_equal(unsetenv("TEST_OTHER_KEY"), 0);
}

/* Tests: what is written about it. */

static char *whole_file(const char *path)
{
    FILE *file = unit_data(path);
    char *text = NULL;
    size_t size = 0;
    assert_true(getdelim(&text, &size, '\0', file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

/* Turns the commented setting into one that counts, or the other way. */
static void comment(char *text, const char *from, const char *to)
{
    assert_int_equal(strlen(from), strlen(to));
    char *at = strstr(text, from);
    if (at == NULL)
        fail_msg("there is no \"%s\"", from);
    memcpy(at, to, strlen(to));
}

static void the_example_shows_the_defaults(void **state)
{
    struct fixture *fixture = *state;
    char *text = whole_file("spool-layout/llmspoold.conf.example");
    comment(text, "    key_file", "#   key_file");
    struct config *config = accept(fixture, text);
    assert_int_equal(config->provider_count, 2);
    assert_int_equal(config->model_count, 2);
    char *before = printed(config);
    config_free(config);
    for (const struct setting *setting = config_settings; setting->name != NULL; setting++) {
        char *commented = xasprintf("\n# %s = ", setting->name);
        char *counting = xasprintf("\n  %s = ", setting->name);
        if (setting->initial != NULL)
            comment(text, commented, counting);
        else
            assert_non_null(strstr(text, commented));
        free(commented);
        free(counting);
    }
    config = accept(fixture, text);
    char *after = printed(config);
    assert_string_equal(before, after);
    config_free(config);
    free(before);
    free(after);
    free(text);
}

static void the_manual_page_has_each_setting_with_its_default(void **state)
{
    (void)state;
    static const struct setting *const tables[] = {
        config_settings, provider_settings,  model_settings,
        user_settings,   retention_settings, budget_settings,
        webhook_settings, endpoint_settings,
        hook_settings,
    };
    static const char *const others[] = {"key", "key_file", "key_env", "key_credential",
                                         "secret_file"};
    char *text = whole_file("man/llmspoold.conf.5");
    for (size_t i = 0; i < UNIT_COUNT(tables); i++) {
        for (const struct setting *setting = tables[i]; setting->name != NULL; setting++) {
            const char *initial = setting->initial;
            char *heading = xasprintf("\n.It Cm %s%s%s\n", setting->name,
                                      initial != NULL ? " = " : "", initial != NULL ? initial : "");
            if (strstr(text, heading) == NULL)
                fail_msg("the page lacks%s", heading);
            free(heading);
        }
    }
    for (size_t i = 0; i < UNIT_COUNT(others); i++) {
        char *heading = xasprintf("\n.It Cm %s\n", others[i]);
        assert_non_null(strstr(text, heading));
        free(heading);
    }
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONFIG_TEST(keys_are_masked_where_they_are_printed),
        CONFIG_TEST(what_is_printed_reads_back_as_the_same),
        CONFIG_TEST(every_setting_is_printed_and_reads_back),
        CONFIG_TEST(several_keys_are_printed_in_one_list_a_place),
        CONFIG_TEST(the_example_shows_the_defaults),
        CONFIG_TEST(the_manual_page_has_each_setting_with_its_default),
    };
    return UNIT_RUN(tests);
}
