/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config: llmspoold.conf, its sections, the environment, and what is refused. */
#include "config_fixture.h"

/* Tests: values. */

static void an_empty_file_gives_the_defaults(void **state)
{
    struct config *config = accept(*state, "");
    assert_int_equal(config->provider_count, 0);
    assert_int_equal(config->model_count, 0);
    assert_int_equal(config->concurrency, 64);
    assert_int_equal(config->max_attempts, 3);
    assert_int_equal(config->backoff_ms, 2000);
    assert_int_equal(config->backoff_limit_ms, 60000);
    assert_int_equal(config->drain_timeout_ms, 120000);
    assert_int_equal(config->halt_after, 20);
    assert_int_equal(config->probe_ms, 30000);
    assert_false(config->hold_on_doubt);
    assert_true(config->store_response);
    assert_int_equal(config->answer_limit, 64 << 20);
    assert_int_equal(config->job_limit, 32 << 20);
    assert_int_equal(config->floor_bytes, 64 << 20);
    assert_int_equal(config->floor_inodes, 1000);
    assert_null(config->trusted_droppers[0]);
    assert_null(config->ca_file);
    assert_int_equal(config->user_count, 0);
    assert_int_equal(config->aging_ms, 600000);
    assert_int_equal(config->fallback_after_ms, 300000);
    assert_false(config->fallback_on_refusal);
    assert_int_equal(config->truncated_retries, 0);
    assert_int_equal(config->json_retries, 1);
    assert_string_equal(config->currency, "USD");
    assert_null(config->time_zone);
    assert_null(config->prices);
    assert_int_equal(config->budget.day_nano, -1);
    assert_int_equal(config->budget.week_nano, -1);
    assert_int_equal(config->budget.month_nano, -1);
    assert_int_equal(config->budget.run_nano, -1);
    assert_int_equal(config->retention.outputs_ms, INT64_C(90) * 86400000);
    assert_int_equal(config->retention.failed_ms, INT64_C(30) * 86400000);
    assert_int_equal(config->retention.events_ms, INT64_C(365) * 86400000);
    assert_int_equal(config->retention.versions, 0);
    assert_int_equal(config->retention.free_space.percent, 0);
    assert_true(config->retention.archive_first);
    assert_int_equal(config->retention.archive_after_ms, INT64_C(30) * 86400000);
    assert_null(config_route(config, "gpt-4o-mini", NULL));
    config_free(config);
}

static void each_setting_is_read(void **state)
{
    struct fixture *fixture = *state;
    char *text = xasprintf("concurrency = 200\n"
                           "max_attempts = 7\n"
                           "backoff = 500ms\n"
                           "backoff_limit = \"1m30s\"\n"
                           "drain_timeout = 5m\n"
                           "halt_after = never\n"
                           "probe_interval = 10s\n"
                           "on_doubt = \"hold\"\n"
                           "store_response = no\n"
                           "answer_limit = \"2MiB\"\n"
                           "job_limit = 1GiB\n"
                           "floor_space = 5000\n"
                           "floor_inodes = 0\n"
                           "trusted_droppers = {\"www-data\", 1001}\n"
                           "ca_file = '%s'\n"
                           "retention { outputs = 80d failed = 2d events = 52w versions = 3\n"
                           "count = 1000 bytes = 5GiB free_space = 10%% "
                           "archive_before_prune = no archive_after = 12h }\n",
                           fixture->path);
    struct config *config = accept(fixture, text);
    free(text);
    assert_string_equal(config->path, fixture->path);
    assert_int_equal(config->concurrency, 200);
    assert_int_equal(config->max_attempts, 7);
    assert_int_equal(config->backoff_ms, 500);
    assert_int_equal(config->backoff_limit_ms, 90000);
    assert_int_equal(config->drain_timeout_ms, 300000);
    assert_int_equal(config->halt_after, 0);
    assert_int_equal(config->probe_ms, 10000);
    assert_true(config->hold_on_doubt);
    assert_false(config->store_response);
    assert_int_equal(config->answer_limit, 2 << 20);
    assert_int_equal(config->job_limit, 1 << 30);
    assert_int_equal(config->floor_bytes, 5000);
    assert_int_equal(config->floor_inodes, 0);
    assert_string_equal(config->trusted_droppers[0], "www-data");
    assert_string_equal(config->trusted_droppers[1], "1001");
    assert_null(config->trusted_droppers[2]);
    assert_string_equal(config->ca_file, fixture->path);
    assert_int_equal(config->retention.outputs_ms, INT64_C(80) * 86400000);
    assert_int_equal(config->retention.failed_ms, INT64_C(2) * 86400000);
    assert_int_equal(config->retention.events_ms, INT64_C(364) * 86400000);
    assert_int_equal(config->retention.versions, 3);
    assert_int_equal(config->retention.count, 1000);
    assert_int_equal(config->retention.bytes, INT64_C(5) << 30);
    assert_int_equal(config->retention.free_space.percent, 10);
    assert_false(config->retention.archive_first);
    assert_int_equal(config->retention.archive_after_ms, 12 * 3600000);
    config_free(config);
}

static void each_setting_of_order_and_money_is_read(void **state)
{
    struct fixture *fixture = *state;
    char *text = xasprintf("aging = 0\n"
                           "fallback_after = 90s\n"
                           "fallback_on_refusal = yes\n"
                           "truncated_retries = 2\n"
                           "json_retries = 0\n"
                           "currency = EUR\n"
                           "time_zone = UTC\n"
                           "prices = '%s'\n"
                           "budget { day = 5 week = 10.50 month = 0.000001 run = 0 }\n",
                           fixture->path);
    struct config *config = accept(fixture, text);
    free(text);
    assert_int_equal(config->aging_ms, 0);
    assert_int_equal(config->fallback_after_ms, 90000);
    assert_true(config->fallback_on_refusal);
    assert_int_equal(config->truncated_retries, 2);
    assert_int_equal(config->json_retries, 0);
    assert_string_equal(config->currency, "EUR");
    assert_string_equal(config->time_zone, "UTC");
    assert_string_equal(config->prices, fixture->path);
    assert_int_equal(config->budget.day_nano, INT64_C(5000000000));
    assert_int_equal(config->budget.week_nano, INT64_C(10500000000));
    assert_int_equal(config->budget.month_nano, 1000);
    assert_int_equal(config->budget.run_nano, 0);
    config_free(config);
}

static void a_list_may_be_one_value_and_is_replaced_as_a_whole(void **state)
{
    struct config *config = accept(*state, "trusted_droppers = {a, b}\n"
                                           "trusted_droppers = c\n"
                                           "provider p { url = http://a url = {http://b, http://c}"
                                           " headers = {} }\n");
    assert_string_equal(config->trusted_droppers[0], "c");
    assert_null(config->trusted_droppers[1]);
    assert_int_equal(config->providers[0].url_count, 2);
    assert_string_equal(config->providers[0].urls[0], "http://b");
    assert_string_equal(config->providers[0].urls[1], "http://c");
    assert_null(config->providers[0].headers[0]);
    config_free(config);
}

static void a_budget_belongs_to_the_section_that_it_stands_in(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a budget { day = 1 } }\n"
                                           "provider b { budget { day = 2 } url = http://b }\n"
                                           "model m { budget { day = 3 } }\n"
                                           "model n { budget { day = 4 } }\n"
                                           "user u { budget { day = 5 } }\n"
                                           "user v { budget { day = 6 } }\n"
                                           "budget { day = 7 }\n");
    const int64_t unit = 1000000000;
    assert_int_equal(config->providers[0].budget.day_nano, 1 * unit);
    assert_int_equal(config->providers[1].budget.day_nano, 2 * unit);
    assert_int_equal(config->models[0].budget.day_nano, 3 * unit);
    assert_int_equal(config->models[1].budget.day_nano, 4 * unit);
    assert_int_equal(config->users[0].budget.day_nano, 5 * unit);
    assert_int_equal(config->users[1].budget.day_nano, 6 * unit);
    assert_int_equal(config->budget.day_nano, 7 * unit);
    config_free(config);
}

static void comments_and_addresses_are_told_apart(void **state)
{
    struct config *config = accept(*state, "# one\n"
                                           "#\n"
                                           "// two\n"
                                           "//three { \"\n"
                                           "/* four {\n * ' \" */ concurrency = 5 # five\n"
                                           "provider a { url = http://127.0.0.1/x#six\n }\n"
                                           "provider b { url = \"http://127.0.0.1//no\" }");
    assert_int_equal(config->concurrency, 5);
    assert_string_equal(config->providers[0].urls[0], "http://127.0.0.1/x");
    assert_string_equal(config->providers[1].urls[0], "http://127.0.0.1//no");
    config_free(config);
}

static void the_command_line_wins(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    put_text(fixture->path, 0600, "concurrency = 5\ndrain_timeout = 1s\n");
    struct config_options options = {
        .path = fixture->path, .concurrency = 9, .drain_timeout_ms = 7};
    struct config *config = config_read(&options, &error);
    assert_non_null(config);
    assert_int_equal(config->concurrency, 9);
    assert_int_equal(config->drain_timeout_ms, 7);
    config_free(config);
    options.concurrency = 1000000;
    assert_null(config_read(&options, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
}

/* Tests: what is refused. */

static void settings_out_of_bounds_are_refused_with_their_line(void **state)
{
    static const struct refusal cases[] = {
        {"concurrency = 0", 1, "concurrency = \"0\" is not a number from 1 to 65536"},
        {"\n\nconcurrency = 65537", 3, "from 1 to 65536"},
        {"concurrency = -1", 1, "concurrency"},
        {"concurrency = 6x", 1, "concurrency"},
        {"concurrency = 99999999999999999999", 1, "concurrency"},
        {"concurrency = \"\"", 1, "concurrency"},
        {"# a\n/* b\nc */ max_attempts = many", 3, "max_attempts"},
        {"backoff = 2", 1, "backoff = \"2\" is not a duration such as 90s"},
        {"backoff = 2h", 1, "from 1ms to 1h"},
        {"backoff = 50s\nbackoff_limit = 10s", 0, "backoff_limit is below backoff"},
        {"probe_interval = 999ms", 1, "from 1s to 1d"},
        {"halt_after = 0", 1, "never or a number from 1"},
        {"halt_after = Never", 1, "never or a number from 1"},
        {"on_doubt = maybe", 1, "neither hold nor retry"},
        {"store_response = true", 1, "neither yes nor no"},
        {"answer_limit = 1MB", 1, "a size such as 500KiB"},
        {"answer_limit = 2TiB", 1, "from 1KiB to 1GiB"},
        {"floor_space = 99999999999TiB", 1, "floor_space"},
        {"job_limit = 10", 1, "job_limit"},
        {"trusted_droppers = {\"a\",\n\"\"}", 2, "trusted_droppers is empty"},
        {"ca_file = \"/nonexistent/ca.pem\"", 1, "/nonexistent/ca.pem cannot be read: No such"},
        {"ca_file = \"\"", 1, "ca_file is empty"},
        {"retention {\n outputs = ever\n}", 2, "outputs"},
        {"trusted_droppers = {a, b, a}", 1, "trusted_droppers holds \"a\" twice"},
        {"aging = 8d", 1, "from 0ms to 7d"},
        {"fallback_after = 8d", 1, "from 0ms to 7d"},
        {"fallback_on_refusal = true", 1, "neither yes nor no"},
        {"truncated_retries = 11", 1, "from 0 to 10"},
        {"json_retries = -1", 1, "from 0 to 10"},
        {"prices = \"/nonexistent/prices\"", 1, "/nonexistent/prices cannot be read: No such"},
        {"budget {\n day = free }", 2, "day = \"free\" is not an amount of money"},
        {"budget { week = -1 }", 1, "from 0.00 to 1000000000.00"},
        {"budget { month = 1000000000.01 }", 1, "from 0.00 to 1000000000.00"},
        {"budget { run = 1e3 }", 1, "such as 5 or 0.50"},
    };
    refuse_each(*state, cases, UNIT_COUNT(cases));
}

static void settings_of_sections_have_bounds_too(void **state)
{
    static const struct refusal cases[] = {
        {"provider x { url = http://a\n timeout = 0s }", 2, "timeout"},
        {"provider x { url = http://a\n max_in_flight = 0 }", 2, "from 1 to 65536"},
        {"provider x { url = http://a\n rpm = 0 }", 2, "from 1 to 1000000000"},
        {"provider x { url = http://a\n tpm = 0 }", 2, "from 1 to 1000000000000"},
        {"provider x { url = http://a\n input_tpm = 1000000000001 }", 2, "input_tpm"},
        {"provider x { url = http://a\n output_tpm = 1.5 }", 2, "output_tpm"},
        {"provider x { url = http://a\n rpd = 9999999999 }", 2, "from 1 to 1000000000"},
        {"provider x { url = http://a\n idle_timeout = 2d }", 2, "from 0ms to 1d"},
        {"provider x { url = http://a\n ca_file = /nonexistent }", 2, "cannot be read"},
        {"provider x { url = http://a\n client_cert = /nonexistent }", 2, "cannot be read"},
        {"provider x { url = http://a\n client_key = /nonexistent }", 2, "cannot be read"},
        {"provider x { url_file = /nonexistent }", 1, "url_file /nonexistent cannot be read"},
        {"provider x { url = http://a\n budget {\n day = x } }", 3, "day"},
        {"model x { max_output_tokens = 0 }", 1, "from 1 to 1000000000"},
        {"model x { fallback = {a, b, c, d, e, f, g, h, i} }", 1, "more than 8 values"},
        {"model x { fallback = {a, \"\"} }", 1, "fallback is empty"},
        {"model x { rpm = none }", 1, "rpm"},
        {"model x { input_price = 1000001 output_price = 1 }", 1, "from 0.00 to 1000000.00"},
        {"user x { max_in_flight = 0 }", 1, "from 1 to 65536"},
        {"user x { max_waiting = 0 }", 1, "from 1 to 1000000000"},
        {"user x { models = {\"\"} }", 1, "models is empty"},
    };
    refuse_each(*state, cases, UNIT_COUNT(cases));
}

static void unknown_words_are_refused_with_the_nearest_one(void **state)
{
    static const struct refusal cases[] = {
        {"\nconcurency = 5", 2,
         "there is no setting \"concurency\"; did you mean \"concurrency\"?"},
        {"zzzzzzzzzz = 5", 1, "there is no setting \"zzzzzzzzzz\"; see llmspoold.conf(5)"},
        {"webhok { }", 1, "there is no setting \"webhok\"; did you mean \"webhook\"?"},
        {"hoax { }", 1, "there is no setting \"hoax\""},
        {"include(\"/etc/passwd\")", 1, "quotes"},
        {"provider a {\n urll = http://a\n}", 2, "\"urll\" in this section; did you mean \"url\"?"},
        {"provider a { rpn = 5 }", 1, "\"rpn\" in this section; did you mean \"rpm\"?"},
        {"budget {\n\n dya = 5\n}", 3, "\"dya\" in this section; did you mean \"day\"?"},
        {"model a { budget {\n days = 5 } }", 2, "did you mean \"day\"?"},
        {"user a { fallback = {b} }", 1, "there is no setting \"fallback\" in this section"},
        {"model a { key = b }", 1, "there is no setting \"key\" in this section"},
        {"provder a { }", 1, "did you mean \"provider\"?"},
    };
    refuse_each(*state, cases, UNIT_COUNT(cases));
}

static void broken_syntax_is_refused_with_its_line(void **state)
{
    static const struct refusal cases[] = {
        {"concurrency 5", 1, "equal"},
        {"concurrency =", 2, "end of file"},
        {"concurrency = {5}", 1, "unexpected"},
        {"\nca_file = \"x\nconcurrency = 5\n", 2, "no closing quote"},
        {"ca_file = 'x", 1, "no closing quote"},
        {"ca_file = \"x\\", 1, "no closing quote"},
        {"ca_file = \"x\\\n\"", 1, "no closing quote"},
        {"ca_file = \"${HOME\"\nprovider a { }", 1, "no closing brace"},
        {"\n\nprovider a {\n url = http://a\n", 3, "never closed"},
        {"}\n", 1, "closes nothing"},
        {"\n/* on and on\nconcurrency = 5\n", 2, "no end"},
        {"model gpt-* { }", 1, "quotes"},
        {"model a+b { }", 1, "quotes"},
        {"concurrency = 5\001", 1, "control character"},
        {"concurrency = 5\n${\nretention { }", 2, "double quotes"},
        {"ca_file = ${HOME}", 1, "double quotes"},
        {"{{{{{{{{{{{{", 1, "too many sections"},
        {"\"\\x01reading\" = 5", 1, "parenthesis"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        refuse(*state, 0600, cases[i].text, cases[i].line, cases[i].words);
        /* Nothing of it stays behind in the parser. */
        struct config *config = accept(*state, "concurrency = 5\nprovider a { url = 'http://a' }");
        assert_int_equal(config->concurrency, 5);
        assert_int_equal(config->provider_count, 1);
        config_free(config);
    }
}

static void sections_that_make_no_sense_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"provider \"a\" {\n}", 2, "provider \"a\" has no url"},
        {"provider \"\" { url = http://a }", 1, "needs a name"},
        {"provider { url = http://a }", 1, "title"},
        {"provider a { url = http://a }\nprovider a { url = http://b }", 2, "duplicate"},
        {"provider a {\n url = ftp://a\n}", 2, "neither with https"},
        {"provider a {\n url = \"http://u:" KEY "@a\"\n}", 2, "user or password"},
        {"provider a {\n\n protocol = smoke\n}", 3,
         "\"smoke\" is not spoken here; there is: openai"},
        {"provider openai { protocol = OpenAI }", 1, "is not spoken here"},
        {"provider a {\n}", 2, "has no url"},
        {"provider a { url = {} }", 1, "has no url"},
        {"provider a {\n url = {http://a,\n http://a} }", 3, "holds \"http://a\" twice"},
        {"provider a { url = {http://a, http://a/} }", 1, "has a url twice"},
        {"provider a { url = http://a\n client_cert = /dev/null\n }\n"
         "provider b { url = http://a\n client_key = /proc/version\n }",
         5, "chmod 600"},
        {"model \"a\" {\n}", 2, "says nothing"},
        {"model \"a\" { budget { } }", 1, "says nothing"},
        {"model \"\" { price = free }", 1, "needs a pattern"},
        {"model a { input_price = 1 }", 1, "both input_price and output_price"},
        {"model a { output_price = 1 }", 1, "both input_price and output_price"},
        {"model a { cached_price = 1 }", 1, "both input_price and output_price"},
        {"model a { price = free input_price = 1 output_price = 2 }", 1, "is free and has a price"},
        {"model a { price = free }\nmodel a { price = free }", 2, "duplicate"},
        {"user \"\" { }", 1, "needs a name"},
        {"user a { provider = b }", 1, "names a provider and no key"},
        {"user a { }\nuser a { }", 2, "duplicate"},
        {"provider alpha { url = http://a }\nuser u { provider = alpah key_env = PATH }", 0,
         "user \"u\" names the provider \"alpah\", which is not there; did you mean \"alpha\"?"},
        {"provider alpha { url = http://a }\nmodel \"x\" { provider = alpah }", 0,
         "\"alpah\", which is not there; did you mean \"alpha\"?"},
    };
    refuse_each(*state, cases, UNIT_COUNT(cases));
}

static void what_is_no_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    assert_null(read_path(fixture->path, &error));
    assert_int_equal(error.kind, ERROR_ABSENT);
    assert_non_null(strstr(error.text, fixture->path));

    assert_null(read_path(fixture->folder, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, "no regular file"));

    assert_int_equal(mkfifo(fixture->path, 0600), 0); /* must not block */
    assert_null(read_path(fixture->path, &error));
    assert_non_null(strstr(error.text, "no regular file"));

    put(fixture->path, 0600, "concurrency = 5\0\n", 17);
    assert_null(read_path(fixture->path, &error));
    assert_non_null(strstr(error.text, "is no text"));

    char *huge = xmalloc(2 << 20);
    memset(huge, '\n', 2 << 20);
    put(fixture->path, 0600, huge, 2 << 20);
    free(huge);
    assert_null(read_path(fixture->path, &error));
    assert_non_null(strstr(error.text, strerror(EFBIG)));
}

static void the_usual_file_may_be_missing(void **state)
{
    (void)state;
    if (access(SYSCONFDIR "/llmspool/llmspoold.conf", F_OK) == 0)
        skip();
    struct error error = {0};
    struct config *config = read_path(NULL, &error);
    assert_string_equal(error.text, "");
    assert_non_null(config);
    assert_null(config->path);
    assert_int_equal(config->provider_count, 0);
    config_free(config);
}

/* Tests: the environment. */

static void without_a_provider_the_environment_is_asked(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(setenv("OPENAI_API_KEY", KEY "\n", 1), 0);
    struct config *config = accept(fixture, "concurrency = 2");
    assert_int_equal(config->provider_count, 1);
    assert_true(config->from_environment);
    assert_string_equal(config->providers[0].name, "openai");
    assert_string_equal(config->providers[0].protocol, "openai");
    assert_string_equal(config->providers[0].urls[0], "https://api.openai.com/v1");
    assert_string_equal(config->providers[0].keys[0].key, KEY);
    assert_string_equal(config->providers[0].keys[0].source, "key_env OPENAI_API_KEY");
    assert_int_equal(config->providers[0].timeout_ms, 1800000);
    assert_ptr_equal(config_route(config, "any-model", NULL), &config->providers[0]);
    assert_ptr_equal(config_route(config, "claude-x", NULL), &config->providers[0]);
    assert_null(config_route(config, "any-model", "other"));
    char *output = printed(config);
    assert_non_null(strstr(output, "key_env = \"OPENAI_API_KEY\" # sk-***89"));
    free(output);
    config_free(config);
}

static void a_server_of_ones_own_needs_no_key(void **state)
{
    assert_int_equal(setenv("OPENAI_API_KEY", "", 1), 0);
    assert_int_equal(setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1/", 1), 0);
    struct config *config = accept(*state, "");
    assert_int_equal(config->provider_count, 1);
    assert_string_equal(config->providers[0].urls[0], "http://127.0.0.1:8000/v1");
    assert_int_equal(config->providers[0].key_count, 0);
    char *output = printed(config);
    assert_null(strstr(output, "key"));
    free(output);
    config_free(config);
}

static void a_named_provider_silences_the_environment(void **state)
{
    assert_int_equal(setenv("OPENAI_API_KEY", KEY, 1), 0);
    struct config *config = accept(*state, "provider mine { url = http://127.0.0.1 }");
    assert_int_equal(config->provider_count, 1);
    assert_false(config->from_environment);
    assert_string_equal(config->providers[0].name, "mine");
    assert_int_equal(config->providers[0].key_count, 0);
    config_free(config);
}

static void the_environment_may_name_anthropic(void **state)
{
    if (!speaks("anthropic"))
        skip();
    static const struct {
        const char *given;
        const char *url;
    } cases[] = {
        {"", "https://api.anthropic.com"},
        {"http://127.0.0.1:9", "http://127.0.0.1:9"},
        {"http://127.0.0.1:9/v1", "http://127.0.0.1:9"},
        {"http://127.0.0.1:9/proxy/v1/", "http://127.0.0.1:9/proxy"},
    };
    assert_int_equal(setenv("OPENAI_API_KEY", "sk-other", 1), 0);
    assert_int_equal(setenv("ANTHROPIC_API_KEY", KEY, 1), 0);
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        assert_int_equal(setenv("ANTHROPIC_BASE_URL", cases[i].given, 1), 0);
        struct config *config = accept(*state, "");
        assert_int_equal(config->provider_count, 2);
        assert_string_equal(config->providers[1].name, "anthropic");
        assert_string_equal(config->providers[1].protocol, "anthropic");
        assert_string_equal(config->providers[1].urls[0], cases[i].url);
        assert_string_equal(config->providers[1].keys[0].key, KEY);
        assert_ptr_equal(config_route(config, "claude-x", NULL), &config->providers[1]);
        assert_ptr_equal(config_route(config, "gpt-x", NULL), &config->providers[0]);
        config_free(config);
    }
}

static void a_bad_environment_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    put_text(fixture->path, 0600, "");
    assert_int_equal(setenv("OPENAI_API_KEY", KEY "\t", 1), 0);
    assert_null(read_path(fixture->path, &error));
    assert_non_null(strstr(error.text, "OPENAI_API_KEY"));
    assert_null(strstr(error.text, KEY));
    assert_int_equal(setenv("OPENAI_API_KEY", KEY, 1), 0);
    assert_int_equal(setenv("OPENAI_BASE_URL", "api.openai.com", 1), 0);
    assert_null(read_path(fixture->path, &error));
    assert_non_null(strstr(error.text, "OPENAI_BASE_URL"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONFIG_TEST(an_empty_file_gives_the_defaults),
        CONFIG_TEST(each_setting_is_read),
        CONFIG_TEST(each_setting_of_order_and_money_is_read),
        CONFIG_TEST(a_list_may_be_one_value_and_is_replaced_as_a_whole),
        CONFIG_TEST(a_budget_belongs_to_the_section_that_it_stands_in),
        CONFIG_TEST(comments_and_addresses_are_told_apart),
        CONFIG_TEST(the_command_line_wins),
        CONFIG_TEST(settings_out_of_bounds_are_refused_with_their_line),
        CONFIG_TEST(settings_of_sections_have_bounds_too),
        CONFIG_TEST(unknown_words_are_refused_with_the_nearest_one),
        CONFIG_TEST(broken_syntax_is_refused_with_its_line),
        CONFIG_TEST(sections_that_make_no_sense_are_refused),
        CONFIG_TEST(what_is_no_file_is_refused),
        CONFIG_TEST(the_usual_file_may_be_missing),
        CONFIG_TEST(without_a_provider_the_environment_is_asked),
        CONFIG_TEST(a_server_of_ones_own_needs_no_key),
        CONFIG_TEST(a_named_provider_silences_the_environment),
        CONFIG_TEST(the_environment_may_name_anthropic),
        CONFIG_TEST(a_bad_environment_is_refused),
    };
    return UNIT_RUN(tests);
}
