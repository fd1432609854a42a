/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_sections: providers, models and users, their keys, and what users have from "*". */
#include "config_fixture.h"

/* Tests: settings. */

static void a_provider_has_defaults(void **state)
{
    struct config *config = accept(*state, "provider \"openai\" { }");
    assert_int_equal(config->provider_count, 1);
    const struct config_provider *provider = &config->providers[0];
    assert_string_equal(provider->name, "openai");
    assert_string_equal(provider->protocol, "openai");
    assert_int_equal(provider->url_count, 1);
    assert_string_equal(provider->urls[0], "https://api.openai.com/v1");
    assert_null(provider->urls[1]);
    assert_null(provider->url_file);
    assert_int_equal(provider->key_count, 0);
    assert_null(provider->key_header);
    assert_null(provider->query);
    assert_null(provider->headers);
    assert_int_equal(provider->limits.max_in_flight, 0);
    assert_int_equal(provider->limits.rpm, 0);
    assert_int_equal(provider->limits.tpm, 0);
    assert_int_equal(provider->limits.input_tpm, 0);
    assert_int_equal(provider->limits.output_tpm, 0);
    assert_int_equal(provider->limits.rpd, 0);
    assert_int_equal(provider->connect_timeout_ms, 10000);
    assert_int_equal(provider->first_byte_timeout_ms, 600000);
    assert_int_equal(provider->idle_timeout_ms, 300000);
    assert_int_equal(provider->timeout_ms, 1800000);
    assert_null(provider->proxy);
    assert_null(provider->ca_file);
    assert_null(provider->client_cert);
    assert_null(provider->client_key);
    assert_int_equal(provider->budget.day_nano, -1);
    assert_int_equal(provider->budget.run_nano, -1);
    config_free(config);
}

static void a_provider_has_its_own_settings(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->key, 0640, "a key");
    char *text = xasprintf("provider local {\n"
                           "  protocol = openai\n"
                           "  url = { \"http://127.0.0.1:8000/v1//\", 'http://b/{model}' }\n"
                           "  url += 'http://c'\n"
                           "  key_env = HOME\n"
                           "  key_header = api-key\n"
                           "  query = \"api-version=2024-10-21\"\n"
                           "  headers = { \"OpenAI-Organization: org\", 'X-Empty:x' }\n"
                           "  max_in_flight = 2 rpm = 3 tpm = 4 input_tpm = 5 output_tpm = 6\n"
                           "  rpd = 7\n"
                           "  connect_timeout = 1s\n"
                           "  first_byte_timeout = 2m\n"
                           "  idle_timeout = 0\n"
                           "  timeout = 3h\n"
                           "  proxy = http://user:word@proxy:3128\n"
                           "  ca_file = '%s' client_cert = '%s' client_key = '%s'\n"
                           "  budget { day = 1 week = 2 month = 3 run = 4 }\n"
                           "}\n",
                           fixture->key, fixture->key, fixture->key);
    struct config *config = accept(fixture, text);
    free(text);
    const struct config_provider *local = &config->providers[0];
    assert_int_equal(local->url_count, 3);
    assert_string_equal(local->urls[0], "http://127.0.0.1:8000/v1");
    assert_string_equal(local->urls[1], "http://b/{model}");
    assert_string_equal(local->urls[2], "http://c");
    assert_string_equal(local->key_header, "api-key");
    assert_string_equal(local->query, "api-version=2024-10-21");
    assert_string_equal(local->headers[0], "OpenAI-Organization: org");
    assert_string_equal(local->headers[1], "X-Empty:x");
    assert_null(local->headers[2]);
    assert_int_equal(local->limits.max_in_flight, 2);
    assert_int_equal(local->limits.rpm, 3);
    assert_int_equal(local->limits.tpm, 4);
    assert_int_equal(local->limits.input_tpm, 5);
    assert_int_equal(local->limits.output_tpm, 6);
    assert_int_equal(local->limits.rpd, 7);
    assert_int_equal(local->connect_timeout_ms, 1000);
    assert_int_equal(local->first_byte_timeout_ms, 120000);
    assert_int_equal(local->idle_timeout_ms, 0);
    assert_int_equal(local->timeout_ms, 10800000);
    assert_string_equal(local->proxy, "http://user:word@proxy:3128");
    assert_string_equal(local->ca_file, fixture->key);
    assert_string_equal(local->client_cert, fixture->key);
    assert_string_equal(local->client_key, fixture->key);
    assert_int_equal(local->budget.day_nano, INT64_C(1000000000));
    assert_int_equal(local->budget.week_nano, INT64_C(2000000000));
    assert_int_equal(local->budget.month_nano, INT64_C(3000000000));
    assert_int_equal(local->budget.run_nano, INT64_C(4000000000));
    config_free(config);
}

static void a_model_has_its_own_settings(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a }\n"
                                           "model 'x*' {\n"
                                           "  provider = a\n"
                                           "  fallback = {b, c}\n"
                                           "  input_price = 2.50 cached_price = 1.25\n"
                                           "  output_price = 10\n"
                                           "  max_output_tokens = 16384\n"
                                           "  max_in_flight = 2 rpm = 3 tpm = 4 input_tpm = 5\n"
                                           "  output_tpm = 6 rpd = 7\n"
                                           "  budget { day = 1 week = 2 month = 3 run = 4 }\n"
                                           "}\n"
                                           "model y { price = free }\n");
    const struct config_model *model = &config->models[0];
    assert_string_equal(model->pattern, "x*");
    assert_string_equal(model->provider, "a");
    assert_string_equal(model->fallback[0], "b");
    assert_string_equal(model->fallback[1], "c");
    assert_null(model->fallback[2]);
    assert_true(model->price.given);
    assert_false(model->price.free);
    assert_int_equal(model->price.input_nano, 2500);
    assert_int_equal(model->price.cached_nano, 1250);
    assert_int_equal(model->price.output_nano, 10000);
    assert_int_equal(model->max_output_tokens, 16384);
    assert_int_equal(model->limits.max_in_flight, 2);
    assert_int_equal(model->limits.rpm, 3);
    assert_int_equal(model->limits.tpm, 4);
    assert_int_equal(model->limits.input_tpm, 5);
    assert_int_equal(model->limits.output_tpm, 6);
    assert_int_equal(model->limits.rpd, 7);
    assert_int_equal(model->budget.day_nano, INT64_C(1000000000));
    assert_int_equal(model->budget.week_nano, INT64_C(2000000000));
    assert_int_equal(model->budget.month_nano, INT64_C(3000000000));
    assert_int_equal(model->budget.run_nano, INT64_C(4000000000));
    model = &config->models[1];
    assert_null(model->provider);
    assert_null(model->fallback);
    assert_true(model->price.given);
    assert_true(model->price.free);
    assert_int_equal(model->max_output_tokens, 0);
    assert_int_equal(model->budget.run_nano, -1);
    config_free(config);
}

static void a_user_has_their_own_settings(void **state)
{
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    struct config *config = accept(*state, "provider a { url = http://a }\n"
                                           "user alice {\n"
                                           "  key_env = TEST_KEY\n"
                                           "  provider = a\n"
                                           "  max_in_flight = 2 max_waiting = 1000\n"
                                           "  models = {'gpt-*', o3}\n"
                                           "  budget { day = 1 week = 2 month = 3 run = 4 }\n"
                                           "}\n"
                                           "user bob { }\n");
    assert_int_equal(config->user_count, 2);
    const struct config_user *user = &config->users[0];
    assert_string_equal(user->name, "alice");
    assert_int_equal(user->key_count, 1);
    assert_string_equal(user->keys[0].key, KEY);
    assert_string_equal(user->keys[0].source, "key_env TEST_KEY");
    assert_string_equal(user->provider, "a");
    assert_int_equal(user->max_in_flight, 2);
    assert_int_equal(user->max_waiting, 1000);
    assert_string_equal(user->models[0], "gpt-*");
    assert_string_equal(user->models[1], "o3");
    assert_null(user->models[2]);
    assert_int_equal(user->budget.day_nano, INT64_C(1000000000));
    assert_int_equal(user->budget.week_nano, INT64_C(2000000000));
    assert_int_equal(user->budget.month_nano, INT64_C(3000000000));
    assert_int_equal(user->budget.run_nano, INT64_C(4000000000));
    user = &config->users[1];
    assert_int_equal(user->key_count, 0);
    assert_null(user->provider);
    assert_int_equal(user->max_in_flight, 0);
    assert_int_equal(user->max_waiting, 0);
    assert_null(user->models);
    assert_int_equal(user->budget.day_nano, -1);
    config_free(config);
}

/* Tests: keys. */

static void assert_key(const struct fixture *fixture, const char *setting, const char *source)
{
    char *text = xasprintf("provider openai { %s }", setting);
    struct config *config = accept(fixture, text);
    free(text);
    assert_string_equal(config->providers[0].keys[0].key, KEY);
    assert_string_equal(config->providers[0].keys[0].source, source);
    config_free(config);
}

static void a_key_comes_from_where_it_is_kept(void **state)
{
    struct fixture *fixture = *state;
    char setting[200], source[200];
    put_text(fixture->key, 0640, KEY "\n");
    (void)snprintf(setting, sizeof setting, "key_file = '%s'", fixture->key);
    (void)snprintf(source, sizeof source, "key_file %s", fixture->key);
    assert_key(fixture, setting, source);

    put_text(fixture->key, 0400, KEY "\r\n");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", fixture->folder, 1), 0);
    assert_key(fixture, "key_credential = key", "key_credential key");

    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    assert_key(fixture, "key_env = TEST_KEY", "key_env TEST_KEY");
    assert_key(fixture, "key = \"" KEY "\"", "key");
}

static void a_key_in_an_open_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const mode_t modes[] = {0640, 0604, 0644, 0620};
    for (size_t i = 0; i < UNIT_COUNT(modes); i++) {
        refuse(fixture, modes[i], "provider openai {\n key = " KEY "\n}", 2, "chmod 600");
        refuse(fixture, modes[i], "provider openai {\n key = " KEY "\n}", 2, "key_file");
    }
    /* Without a key such a file is fine. */
    put_text(fixture->path, 0644, "provider openai { }");
    struct config *config = read_path(fixture->path, NULL);
    assert_non_null(config);
    config_free(config);
}

static void a_bad_key_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        mode_t mode;
        const char *key;
        const char *words;
    } cases[] = {
        {0604, KEY, "chmod 600"},
        {0602, KEY, "chmod 600"},
        {0600, "", "it is empty"},
        {0600, "\n", "it is empty"},
        {0600, KEY "\n\n", "control characters"},
        {0600, KEY "\n" KEY, "control characters"},
        {0600, "\t" KEY, "control characters"},
        {0600, KEY "\177", "control characters"},
    };
    char text[200];
    (void)snprintf(text, sizeof text, "provider openai {\n key_file = '%s'\n}", fixture->key);
    refuse(fixture, 0600, text, 2, "No such file");
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        put_text(fixture->key, cases[i].mode, cases[i].key);
        refuse(fixture, 0600, text, 2, cases[i].words);
        refuse(fixture, 0600, text, 2, fixture->key);
    }
    put(fixture->key, 0600, KEY "\0hidden", strlen(KEY) + 7);
    refuse(fixture, 0600, text, 2, "control characters");
    char long_key[20000];
    memset(long_key, 'k', sizeof long_key);
    put(fixture->key, 0600, long_key, sizeof long_key);
    refuse(fixture, 0600, text, 2, "too long");
    assert_int_equal(unlink(fixture->key), 0);
    assert_int_equal(mkfifo(fixture->key, 0600), 0);
    refuse(fixture, 0600, text, 2, "no regular file");
}

static void other_bad_keys_are_refused(void **state)
{
    struct fixture *fixture = *state;
    refuse(fixture, 0600, "provider openai {\n\n key_env = TEST_KEY\n}", 3, "TEST_KEY");
    assert_int_equal(setenv("TEST_KEY", "", 1), 0);
    refuse(fixture, 0600, "provider openai { key_env = TEST_KEY }", 1, "it is empty");
    assert_int_equal(setenv("TEST_KEY", KEY "\n\n", 1), 0);
    refuse(fixture, 0600, "provider openai { key_env = TEST_KEY }", 1, "control characters");

    refuse(fixture, 0600, "provider openai { key_credential = k }", 1, "LoadCredential=k");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", fixture->folder, 1), 0);
    refuse(fixture, 0600, "provider openai { key_credential = k }", 1, "No such file");
    refuse(fixture, 0600, "provider openai { key_credential = \"../key\" }", 1, "no name");
    refuse(fixture, 0600, "provider openai { key_credential = .key }", 1, "no name");

    refuse(fixture, 0600, "provider openai { key = \"\" }", 1, "it is empty");
    refuse(fixture, 0600, "provider openai { key = \"a\\nb\" }", 1, "control characters");
}

static void several_keys_are_kept_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->key, 0600, "key-of-file\n");
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    char *text = xasprintf("provider openai {\n key = {first, second}\n key_file = {'%s'}\n"
                           " key_env = {TEST_KEY}\n key = third\n}",
                           fixture->key);
    struct config *config = accept(fixture, text);
    static const char *const keys[] = {"first", "second", "key-of-file", KEY, "third"};
    assert_int_equal(config->providers[0].key_count, UNIT_COUNT(keys));
    for (size_t i = 0; i < UNIT_COUNT(keys); i++)
        assert_string_equal(config->providers[0].keys[i].key, keys[i]);
    assert_string_equal(config->providers[0].keys[1].source, "key");
    assert_string_equal(config->providers[0].keys[3].source, "key_env TEST_KEY");
    config_free(config);
    free(text);
}

static void a_key_that_is_there_twice_is_refused(void **state)
{
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    refuse(*state, 0600, "provider openai {\n key = a\n key = {b,\n a} }", 4,
           "this key is there already: key");
    refuse(*state, 0600, "provider openai {\n key_env = {TEST_KEY, TEST_KEY} }", 2,
           "already: key_env TEST_KEY");
    /* Two providers, or a user and a provider, may share one. */
    struct config *config = accept(*state, "provider a { url = http://a key = x }\n"
                                           "provider b { url = http://b key = x }\n"
                                           "user u { key = x }\n");
    config_free(config);
}

static void a_user_may_have_keys(void **state)
{
    struct fixture *fixture = *state;
    refuse(fixture, 0644, "user alice {\n key = " KEY "\n}", 2, "chmod 600");
    struct config *config = accept(fixture, "user alice { key = {" KEY ", other} }");
    assert_int_equal(config->users[0].key_count, 2);
    assert_string_equal(config->users[0].keys[0].key, KEY);
    assert_null(config->users[0].provider);
    config_free(config);
}

static void what_a_user_does_not_say_is_that_of_all_others(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a }\n"
                                           "provider b { url = http://b }\n"
                                           "user alice { max_in_flight = 1 budget { day = 9 } }\n"
                                           "user bob { provider = b key = bobs models = x }\n"
                                           "user '*' { provider = a key = {k1, k2} models = {m, n}"
                                           " max_in_flight = 2 max_waiting = 3"
                                           " budget { day = 1 week = 2 month = 3 run = 4 } }\n");
    const int64_t unit = 1000000000;
    const struct config_user *alice = config_user(config, "alice");
    assert_int_equal(alice->max_in_flight, 1);
    assert_int_equal(alice->max_waiting, 3);
    assert_int_equal(alice->key_count, 2);
    assert_string_equal(alice->keys[1].key, "k2");
    assert_string_equal(alice->provider, "a");
    assert_string_equal(alice->models[1], "n");
    assert_int_equal(alice->budget.day_nano, 9 * unit);
    assert_int_equal(alice->budget.week_nano, 2 * unit);
    assert_int_equal(alice->budget.month_nano, 3 * unit);
    assert_int_equal(alice->budget.run_nano, 4 * unit);
    const struct config_user *bob = config_user(config, "bob");
    assert_int_equal(bob->max_in_flight, 2);
    assert_int_equal(bob->key_count, 1);
    assert_string_equal(bob->keys[0].key, "bobs");
    assert_string_equal(bob->provider, "b");
    assert_string_equal(bob->models[0], "x");
    assert_null(bob->models[1]);
    config_free(config);
}

static void a_password_in_a_proxy_is_a_secret(void **state)
{
    static const char with[] = "provider openai {\n proxy = http://u:" KEY "@proxy\n}";
    refuse(*state, 0640, with, 3, "chmod 600");
    struct config *config = accept(*state, with);
    config_free(config);
    put_text(((struct fixture *)*state)->path, 0644, "provider openai { proxy = http://proxy }");
    config = read_path(((struct fixture *)*state)->path, NULL);
    assert_non_null(config);
    config_free(config);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONFIG_TEST(a_provider_has_defaults),
        CONFIG_TEST(a_provider_has_its_own_settings),
        CONFIG_TEST(a_model_has_its_own_settings),
        CONFIG_TEST(a_user_has_their_own_settings),
        CONFIG_TEST(a_key_comes_from_where_it_is_kept),
        CONFIG_TEST(a_key_in_an_open_file_is_refused),
        CONFIG_TEST(a_bad_key_file_is_refused),
        CONFIG_TEST(other_bad_keys_are_refused),
        CONFIG_TEST(several_keys_are_kept_in_their_order),
        CONFIG_TEST(a_key_that_is_there_twice_is_refused),
        CONFIG_TEST(a_user_may_have_keys),
        CONFIG_TEST(what_a_user_does_not_say_is_that_of_all_others),
        CONFIG_TEST(a_password_in_a_proxy_is_a_secret),
    };
    return UNIT_RUN(tests);
}
