/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_webhook: the sections webhook and endpoint of llmspoold.conf. */
#include "config_fixture.h"

#define SECRET "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
#define OTHER  "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"

static void without_sections_the_defaults_hold(void **state)
{
    struct config *config = accept(*state, "");
    const struct config_webhook *webhook = &config->webhook;
    static const int64_t schedule_ms[] = {5000,     300000,   1800000,  7200000, 18000000,
                                          36000000, 50400000, 72000000, 86400000};
    assert_null(webhook->url);
    assert_null(webhook->events);
    assert_null(webhook->allow);
    assert_null(webhook->public_url);
    assert_int_equal(webhook->secret_count, 0);
    assert_int_equal(webhook->timeout_ms, 20000);
    assert_int_equal(webhook->max_in_flight, 16);
    assert_int_equal(webhook->body_limit, 20480);
    assert_int_equal(config->endpoint_count, 0);
    for (unsigned i = 0; i < UNIT_COUNT(schedule_ms); i++)
        assert_int_equal(config_webhook_retry(webhook, i + 1), schedule_ms[i]);
    assert_int_equal(config_webhook_retry(webhook, UNIT_COUNT(schedule_ms) + 1), -1);
    assert_int_equal(config_webhook_retry(webhook, 0), -1);
    config_free(config);
}

static void each_setting_is_read(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->key, 0600, SECRET "\n");
    put_text(fixture->list, 0640, OTHER);
    char *text = xasprintf("webhook {\n url = \"https://hooks.example/all\"\n"
                           " events = {completed, expired}\n"
                           " secret_file = {'%s', '%s'}\n"
                           " allow = {\"127.0.0.0/8\", \"::1\"}\n"
                           " allow += {\"10.0.0.0/8\"}\n"
                           " timeout = 15s max_in_flight = 3 retries = {1s, 1s, 2m}\n"
                           " body_limit = 64KiB public_url = 'https://llm.example/'\n}\n"
                           "endpoint shop { url = 'http://127.0.0.1:8000/x' secret_file = '%s'\n"
                           " events = failed }\n"
                           "endpoint crm { url = 'https://crm.example' }\n",
                           fixture->key, fixture->list, fixture->list);
    struct config *config = accept(fixture, text);
    const struct config_webhook *webhook = &config->webhook;
    assert_string_equal(webhook->url, "https://hooks.example/all");
    assert_true(config_webhook_hears(webhook->events, "completed"));
    assert_true(config_webhook_hears(webhook->events, "expired"));
    assert_false(config_webhook_hears(webhook->events, "failed"));
    assert_true(config_webhook_hears(NULL, "failed"));
    assert_int_equal(webhook->secret_count, 2);
    assert_string_equal(webhook->secrets[0].key, SECRET);
    assert_string_equal(webhook->secrets[1].key, OTHER);
    assert_string_equal(webhook->allow[2], "10.0.0.0/8");
    assert_null(webhook->allow[3]);
    assert_int_equal(webhook->timeout_ms, 15000);
    assert_int_equal(webhook->max_in_flight, 3);
    assert_int_equal(config_webhook_retry(webhook, 2), 1000);
    assert_int_equal(config_webhook_retry(webhook, 3), 120000);
    assert_int_equal(config_webhook_retry(webhook, 4), -1);
    assert_int_equal(webhook->body_limit, 65536);
    assert_string_equal(webhook->public_url, "https://llm.example");
    const struct config_endpoint *shop = config_endpoint(config, "shop");
    assert_non_null(shop);
    assert_string_equal(shop->secrets[0].key, OTHER);
    assert_true(config_webhook_hears(shop->events, "failed"));
    assert_null(config_endpoint(config, "crm")->events);
    assert_null(config_endpoint(config, "other"));
    config_free(config);
    free(text);
}

static void a_second_section_adds_to_the_first(void **state)
{
    struct config *config = accept(*state, "webhook { allow = {\"10.0.0.0/8\"} timeout = 5s }\n"
                                           "webhook { allow += {\"127.0.0.0/8\"} }\n"
                                           "endpoint a { url = 'http://127.0.0.1/' }\n");
    assert_string_equal(config->webhook.allow[0], "10.0.0.0/8");
    assert_string_equal(config->webhook.allow[1], "127.0.0.0/8");
    assert_null(config->webhook.allow[2]);
    assert_int_equal(config->webhook.timeout_ms, 5000);
    config_free(config);
}

static void no_retries_is_an_empty_list(void **state)
{
    struct config *config = accept(*state, "webhook { retries = {} }");
    assert_int_equal(config_webhook_retry(&config->webhook, 1), -1);
    config_free(config);
}

static void wrong_values_are_refused_with_their_line(void **state)
{
    static const struct refusal cases[] = {
        {"webhook {\n url = 'ftp://a'\n}", 2, "url cannot be used: it begins neither"},
        {"webhook {\n url = 'http://u:p@a/'\n}", 2, "url cannot be used: it holds a user"},
        {"webhook {\n\n public_url = 'x'\n}", 3, "public_url cannot be used"},
        {"webhook { events = {completed,\n done} }", 2, "events holds \"done\", which is none of"},
        {"webhook { events = {failed, failed} }", 1, "\"failed\" twice"},
        {"webhook {\n allow = {\"10.0.0.0/33\"} }", 2, "allow: \"10.0.0.0/33\" is no network"},
        {"webhook {\n allow = localhost }", 2, "allow: \"localhost\" is no network"},
        {"webhook { allow = {\"127.0.0.1/8\"} }", 1, "with this prefix it is 127.0.0.0/8"},
        {"webhook {\n timeout = 0 }", 2, "timeout = \"0\" is not a duration"},
        {"webhook { timeout = 11m }", 1, "from 1ms to 10m"},
        {"webhook { max_in_flight = 0 }", 1, "from 1 to 1000"},
        {"webhook { retries = {5s, soon} }", 1, "retries cannot be used: it holds what is no"},
        {"webhook { retries = {31d} }", 1, "at most 30d"},
        {"webhook { body_limit = 1 }", 1, "from 1KiB to 32MiB"},
        {"webhook {\n secret_file = /nonexistent }", 2, "the key in /nonexistent cannot be read"},
        {"webhook { secret = " SECRET " }", 1, "there is no setting \"secret\""},
        {"webhook { urll = a }", 1, "did you mean \"url\"?"},
        {"endpoint a {\n}", 2, "endpoint \"a\" has no url"},
        {"endpoint \"a b\" { url = 'https://a' }", 1, "endpoint \"a b\" has a name that no job"},
        {"endpoint abcdef { url = 'https://a' }", 1, "has a name that no job"},
        {"endpoint { url = 'https://a' }", 1, "title"},
        {"endpoint a { url = 'https://a' }\nendpoint a { url = 'https://b' }", 2, "duplicate"},
        {"endpoint a { url = 'https://a' allow = {} }", 1, "\"allow\" in this section"},
        {"webhook { url = 'http://127.0.0.1/' }", 0,
         "webhook: the webhook goes to 127.0.0.1: 127.0.0.1 is a loopback address"},
        {"endpoint a { url = 'http://localhost/' }", 0, "endpoint \"a\": the webhook goes to local"},
    };
    refuse_each(*state, cases, UNIT_COUNT(cases));
}

static void secrets_are_kept_as_keys_are(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        mode_t mode;
        const char *secret, *words;
    } bad[] = {
        {0644, SECRET, "is open to every user of this machine: chmod 600"},
        {0600, "", "it is empty"},
        {0600, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "it is not \"whsec_\" and the base64 of 24 to"},
        {0600, "whsec_c2hvcnQ=", "/dev/urandom"},
        {0600, SECRET "\n\n", "control characters"},
    };
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        char *text = xasprintf("webhook {\n secret_file = '%s' }", fixture->key);
        put_text(fixture->key, bad[i].mode, bad[i].secret);
        refuse(fixture, 0600, text, 2, bad[i].words);
        free(text);
        text = xasprintf("endpoint a { url = 'https://a'\n secret_file = '%s' }", fixture->key);
        refuse(fixture, 0600, text, 2, bad[i].words);
        free(text);
    }
    put_text(fixture->key, 0600, SECRET);
    char *text = xasprintf("webhook { secret_file = {'%s', '%s'} }", fixture->key, fixture->key);
    refuse(fixture, 0600, text, 1, "this secret is there already: secret_file");
    free(text);
}

static void the_program_of_retention_opens_no_secret(void **state)
{
    struct fixture *fixture = *state;
    struct policy policy;
    struct error error = {0};
    put_text(fixture->path, 0600, "webhook { secret_file = /nonexistent }\n"
                                  "endpoint a { url = 'https://a' secret_file = /nonexistent }");
    assert_int_equal(config_read_policy(fixture->path, &policy, &error), 0);
    policy_clear(&policy);
}

static void no_secret_is_printed(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->key, 0600, SECRET);
    char *text = xasprintf("webhook { secret_file = '%s' allow = \"127.0.0.1\" retries = {1s, 1s} }\n"
                           "endpoint a { url = 'http://127.0.0.1:1/' secret_file = '%s' }\n",
                           fixture->key, fixture->key);
    struct config *config = accept(fixture, text);
    char *first = printed(config);
    char *place = xasprintf("    secret_file = \"%s\"\n}\n", fixture->key);
    assert_null(strstr(first, "whs"));
    assert_non_null(strstr(first, place));
    assert_non_null(strstr(first, "\n    retries = {\"1s\", \"1s\"}\n"));
    assert_non_null(strstr(first, "\nendpoint \"a\" {\n    url = \"http://127.0.0.1:1/\"\n"));
    config_free(config);
    config = accept(fixture, first);
    char *second = printed(config);
    assert_string_equal(first, second);
    config_free(config);
    free(second);
    free(place);
    free(first);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONFIG_TEST(without_sections_the_defaults_hold),
        CONFIG_TEST(each_setting_is_read),
        CONFIG_TEST(a_second_section_adds_to_the_first),
        CONFIG_TEST(no_retries_is_an_empty_list),
        CONFIG_TEST(wrong_values_are_refused_with_their_line),
        CONFIG_TEST(secrets_are_kept_as_keys_are),
        CONFIG_TEST(the_program_of_retention_opens_no_secret),
        CONFIG_TEST(no_secret_is_printed),
    };
    return UNIT_RUN(tests);
}
