/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_urls: the base URLs of providers: checked, made uniform, read from a file. */
#include "config_fixture.h"

#include "daemon/config_urls.h"

static void a_url_may_hold_the_model_in_its_path(void **state)
{
    (void)state;
    static const char *const good[] = {
        "https://a.example/v1",
        "http://127.0.0.1:11434",
        "http://[::1]:8000/v1",
        "https://a.example/openai/deployments/{model}",
        "https://a.example/{model}/x/{model}",
    };
    static const struct {
        const char *url;
        const char *words;
    } bad[] = {
        {"", "the URL cannot be used"},
        {"a.example/v1", "neither with https://"},
        {"file:///etc/passwd", "neither with https://"},
        {"https://u:p@a.example/{model}", "user or password"},
        {"https://{model}/v1", "in its path only"}, /* the job would choose who gets the key */
        {"https://a.example{model}/v1", "in its path only"},
        {"{model}://a.example/v1", "cannot be used"},
        {"https://a.example:{model}/v1", "in its path only"},
        {"https://a.example/{deployment}", "a brace"},
        {"https://a.example/{model", "a brace"},
        {"https://a.example/}", "a brace"},
        {"https://a.example/?model={model}", "a query or a fragment"},
        {"https://a.example/#x", "a query or a fragment"},
        {"https://a.example/ {model}", "the URL cannot be used"},
    };
    for (size_t i = 0; i < UNIT_COUNT(good); i++)
        assert_int_equal(config_url_check(good[i], NULL), 0);
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        struct error error = {0};
        assert_int_equal(config_url_check(bad[i].url, &error), -1);
        assert_int_equal(error.kind, ERROR_DATA);
        if (strstr(error.text, bad[i].words) == NULL)
            fail_msg("%s: \"%s\" does not hold \"%s\"", bad[i].url, error.text, bad[i].words);
    }
}

static void a_model_cannot_change_the_address(void **state)
{
    (void)state;
    static const struct {
        const char *base;
        const char *model;
        const char *query;
        const char *url;
    } cases[] = {
        {"http://a/v1", "m", NULL, "http://a/v1/chat"},
        {"http://a/v1", "m", "b=c", "http://a/v1/chat?b=c"},
        {"http://a/{model}", "gpt-4.1_x~", "b=c", "http://a/gpt-4.1_x~/chat?b=c"},
        {"http://a/{model}/{model}", "m", NULL, "http://a/m/m/chat"},
        {"http://a/{model}", "x/../y?z#@:%", NULL, "http://a/x%2F..%2Fy%3Fz%23%40%3A%25/chat"},
        {"http://a/{model}", "..", NULL, "http://a/%2E%2E/chat"},
        {"http://a/{model}", "gr\xc3\xbc\xc3\x9f\n", NULL, "http://a/gr%C3%BC%C3%9F%0A/chat"},
        {"http://a/{model}", "{model}", NULL, "http://a/%7Bmodel%7D/chat"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        char *url = config_url_make(cases[i].base, cases[i].model, "/chat", cases[i].query);
        assert_string_equal(url, cases[i].url);
        free(url);
    }
}

static void what_the_paths_begin_with_is_cut_off(void **state)
{
    (void)state;
    static const struct {
        const char *protocol;
        const char *url;
        const char *trimmed;
    } cases[] = {
        {"openai", "http://a/v1//", "http://a/v1"},
        {"openai", "http://a", "http://a"},
        {"openai-responses", "http://a/v1/", "http://a/v1"},
        {"anthropic", "http://a/v1", "http://a"},
        {"anthropic", "http://a/v1/", "http://a"},
        {"anthropic", "http://a/x/v1", "http://a/x"},
        {"anthropic", "http://a/xv1", "http://a/xv1"},
        {"anthropic", "http://a/", "http://a"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        char *url = xstrdup(cases[i].url);
        config_url_trim(cases[i].protocol, url);
        assert_string_equal(url, cases[i].trimmed);
        free(url);
    }
}

static void each_protocol_has_an_address_for_its_namesake(void **state)
{
    (void)state;
    for (const char *const *name = provider_protocols(); *name != NULL; name++)
        assert_non_null(config_default_url(*name));
    assert_null(config_default_url("local"));
    assert_null(config_default_url(""));
}

/* The configuration of a provider with the fixture's list of URLs. */
static char *with_list(const struct fixture *fixture, const char *more)
{
    return xasprintf("provider a {\n url_file = '%s'\n%s}", fixture->list, more);
}

static void a_file_of_urls_is_read(void **state)
{
    struct fixture *fixture = *state;
    put_text(fixture->list, 0644,
             "# servers\n\n  http://a/v1/ \r\n\thttp://b/{model}\n  # c\nhttp://a/v1\nhttp://c");
    char *text = with_list(fixture, "");
    struct config *config = accept(fixture, text);
    const struct config_provider *provider = &config->providers[0];
    assert_int_equal(provider->url_count, 0);
    assert_string_equal(provider->url_file, fixture->list);
    size_t count = 7;
    char **urls = config_read_urls(provider, &count, NULL);
    assert_int_equal(count, 3);
    assert_string_equal(urls[0], "http://a/v1");
    assert_string_equal(urls[1], "http://b/{model}");
    assert_string_equal(urls[2], "http://c");
    assert_null(urls[3]);
    config_list_free(urls);
    put_text(fixture->list, 0644, "http://d\n"); /* as at a change later */
    urls = config_read_urls(provider, &count, NULL);
    assert_int_equal(count, 1);
    assert_string_equal(urls[0], "http://d");
    config_list_free(urls);
    struct error error = {0};
    assert_int_equal(unlink(fixture->list), 0);
    assert_null(config_read_urls(provider, &count, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, fixture->list));
    config_free(config);
    free(text);
}

static void a_bad_file_of_urls_is_refused_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *urls;
        const char *words;
    } cases[] = {
        {"", "names no URL"},
        {"# http://a\n\n", "names no URL"},
        {"http://a\nhttp://u:" KEY "@b\n", "urls:2: the URL cannot be used: it holds a user"},
        {"\n\nhttp://a http://b\n", "urls:3: the URL cannot be used"},
        {"http://{model}/\n", "urls:1: "},
    };
    char *text = with_list(fixture, "");
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        put_text(fixture->list, 0644, cases[i].urls);
        refuse(fixture, 0600, text, 3, cases[i].words);
    }
    put(fixture->list, 0644, "http://a\0b", 10);
    refuse(fixture, 0600, text, 3, "cannot be read");
    char many[300 * 12] = "";
    for (int i = 0; i < 300; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), "http://a%d\n", i);
    put_text(fixture->list, 0644, many);
    refuse(fixture, 0600, text, 3, "there are too many");
    put_text(fixture->list, 0644, "http://a\n");
    free(text);
    text = with_list(fixture, " url = http://b\n");
    refuse(fixture, 0600, text, 4, "both url and url_file");
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONFIG_TEST(a_url_may_hold_the_model_in_its_path),
        CONFIG_TEST(a_model_cannot_change_the_address),
        CONFIG_TEST(what_the_paths_begin_with_is_cut_off),
        CONFIG_TEST(each_protocol_has_an_address_for_its_namesake),
        CONFIG_TEST(a_file_of_urls_is_read),
        CONFIG_TEST(a_bad_file_of_urls_is_refused_at_the_start),
    };
    return UNIT_RUN(tests);
}
