/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_kinds: settings with rules of their own: headers, queries, proxies, zones, prices. */
#include "config_fixture.h"

/* Each text, after the setting's name and in quotes, in a provider's section. */
static void accept_values(const struct fixture *fixture, const char *setting,
                          const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *text =
            xasprintf("provider openai { key_env = PATH\n %s = \"%s\" }", setting, values[i]);
        config_free(accept(fixture, text));
        free(text);
    }
}

static void refuse_values(const struct fixture *fixture, const char *setting,
                          const char *const *values, size_t count, const char *words)
{
    for (size_t i = 0; i < count; i++) {
        char *text =
            xasprintf("provider openai { key_env = PATH\n %s = \"%s\" }", setting, values[i]);
        refuse(fixture, 0600, text, 2, words);
        free(text);
    }
}

static void headers_have_a_name_and_a_value(void **state)
{
    static const char *const good[] = {
        "OpenAI-Organization: org-1",   "X-Title:llmspool",
        "anthropic-beta: a, b",         "HTTP-Referer: https://example.org/",
        "X-Umlaut: gr\xc3\xbc\xc3\x9f",
    };
    static const char *const bad[] = {
        "no colon", ": value", "X Y: z", "X\xc3\xa4: y", "", "X-Tab\\t: y",
    };
    static const char *const hollow[] = {"X-Empty:", "X-Empty:   "};
    static const char *const split[] = {"X: a\\nHost: evil", "X: a\\rb", "X: \x7f"};
    accept_values(*state, "headers", good, UNIT_COUNT(good));
    refuse_values(*state, "headers", bad, UNIT_COUNT(bad), "a header is \"Name: value\"");
    refuse_values(*state, "headers", hollow, UNIT_COUNT(hollow), "has no value");
    refuse_values(*state, "headers", split, UNIT_COUNT(split), "control character");
}

static void headers_of_ours_cannot_be_set(void **state)
{
    static const char *const names[] = {
        "Authorization: Bearer k",
        "authorization: x",
        "Content-Type: text/plain",
        "CONTENT-LENGTH: 5",
        "Host: evil",
        "x-api-key: x",
        "Api-Key: x",
        "Cookie: a=b",
        "Transfer-Encoding: chunked",
        "Proxy-Authorization: x",
        "Expect: x",
        "anthropic-version: 1",
    };
    refuse_values(*state, "headers", names, UNIT_COUNT(names), "is not for headers to set");
    refuse(*state, 0600, "provider openai { headers = {\"X: a\", \"X: a\"} }", 1, "twice");
}

static void the_header_of_a_key_is_a_name(void **state)
{
    static const char *const good[] = {"api-key", "x-api-key", "Authorization", "X-Goog-Api-Key"};
    static const char *const bad[] = {"api key", "api-key:", "", "gr\xc3\xbc"};
    static const char *const ours[] = {"Host", "content-type", "Cookie"};
    accept_values(*state, "key_header", good, UNIT_COUNT(good));
    refuse_values(*state, "key_header", bad, UNIT_COUNT(bad), "no name of a header");
    refuse_values(*state, "key_header", ours, UNIT_COUNT(ours), "another meaning");
}

static void a_query_is_fit_for_a_url(void **state)
{
    static const char *const good[] = {"api-version=2024-10-21", "a=b&c=%20d", "flag"};
    static const char *const bad[] = {"?a=b", "a b", "a#b", "a\\nb", "gr\xc3\xbc"};
    static const char *const nothing[] = {""};
    accept_values(*state, "query", good, UNIT_COUNT(good));
    refuse_values(*state, "query", bad, UNIT_COUNT(bad), "no query of a URL");
    refuse_values(*state, "query", nothing, 1, "query is empty");
}

static void a_proxy_is_a_url_of_three_kinds(void **state)
{
    static const char *const good[] = {
        "http://proxy:3128",     "https://proxy",          "socks5://127.0.0.1:1080",
        "socks5h://[::1]:1080/", "http://u:p@proxy:3128/", "http://u@proxy",
    };
    static const char *const bad[] = {
        "proxy:3128",        "ftp://proxy",      "socks4://proxy", "http://",
        "http://proxy/path", "http://proxy?a=b", "http://proxy:x", "",
        "http://pro xy",
    };
    accept_values(*state, "proxy", good, UNIT_COUNT(good));
    refuse_values(*state, "proxy", bad, UNIT_COUNT(bad), "it is no URL such as");
}

static void a_client_key_is_readable_for_us_alone(void **state)
{
    struct fixture *fixture = *state;
    char *text = xasprintf("provider openai {\n client_cert = '%s'\n client_key = '%s'\n}",
                           fixture->key, fixture->key);
    put_text(fixture->key, 0640, "PEM");
    config_free(accept(fixture, text));
    put_text(fixture->key, 0644, "PEM");
    refuse(fixture, 0600, text, 3, "chmod 600");
    put_text(fixture->key, 0642, "PEM");
    refuse(fixture, 0600, text, 3, "chmod 600");
    free(text);
    put_text(fixture->key, 0600, "PEM");
    text = xasprintf("provider openai { client_key = '%s' }", fixture->key);
    refuse(fixture, 0600, text, 1, "a client_key without client_cert");
    free(text);
}

static void a_time_zone_is_one_that_is_there(void **state)
{
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    static const char *const good[] = {"UTC", "Europe/Berlin", "America/Port-au-Prince",
                                       "Etc/GMT+5"};
    static const char *const bad[] = {
        "Europe/Atlantis",
        "Europe",
        "europe/../Europe/Berlin",
        "../zoneinfo/UTC",
        "/usr/share/zoneinfo/UTC",
        "tzdata.zi",
        "leapseconds",
        "",
        "UTC\\n",
        "Europe/Berlin ",
    };
    for (size_t i = 0; i < UNIT_COUNT(good); i++) {
        char *text = xasprintf("time_zone = \"%s\"", good[i]);
        config_free(accept(*state, text));
        free(text);
    }
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        char *text = xasprintf("time_zone = \"%s\"", bad[i]);
        refuse(*state, 0600, text, 1, "no such time zone");
        free(text);
    }
}

static void a_currency_is_three_capital_letters(void **state)
{
    static const struct refusal cases[] = {
        {"currency = usd", 1, "three capital letters"},
        {"currency = US", 1, "three capital letters"},
        {"currency = USDT", 1, "three capital letters"},
        {"currency = \"\"", 1, "three capital letters"},
        {"currency = \"$\"", 1, "three capital letters"},
    };
    refuse_each(*state, cases, UNIT_COUNT(cases));
}

static void prices_are_amounts_or_the_word_free(void **state)
{
    static const struct refusal cases[] = {
        {"model m {\n input_price = free }", 2, "not an amount of money"},
        {"model m { output_price = -1 }", 1, "not an amount of money"},
        {"model m { cached_price = \"1,5\" }", 1, "not an amount of money"},
        {"model m { price = 5 }", 1, "input_price and output_price"},
        {"model m { price = \"\" }", 1, "the word free"},
    };
    refuse_each(*state, cases, UNIT_COUNT(cases));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONFIG_TEST(headers_have_a_name_and_a_value),
        CONFIG_TEST(headers_of_ours_cannot_be_set),
        CONFIG_TEST(the_header_of_a_key_is_a_name),
        CONFIG_TEST(a_query_is_fit_for_a_url),
        CONFIG_TEST(a_proxy_is_a_url_of_three_kinds),
        CONFIG_TEST(a_client_key_is_readable_for_us_alone),
        CONFIG_TEST(a_time_zone_is_one_that_is_there),
        CONFIG_TEST(a_currency_is_three_capital_letters),
        CONFIG_TEST(prices_are_amounts_or_the_word_free),
    };
    return UNIT_RUN(tests);
}
