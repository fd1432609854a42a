/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config: llmspoold.conf, its keys, the environment, and what is refused. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "daemon/config.h"
#include "daemon/config_table.h"

#define KEY "sk-canary-0123456789"

/* A folder of its own for each test, and an environment without keys. */
struct fixture {
    char folder[64];
    char path[100]; /* of the configuration */
    char key[100];  /* of a key file */
};

static void clear_environment(void)
{
    static const char *const names[] = {
        "OPENAI_API_KEY",     "OPENAI_BASE_URL",       "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL", "CREDENTIALS_DIRECTORY", "TEST_KEY",
    };
    for (size_t i = 0; i < UNIT_COUNT(names); i++)
        assert_int_equal(unsetenv(names[i]), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    (void)strcpy(fixture->folder, "/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/llmspoold.conf", fixture->folder);
    (void)snprintf(fixture->key, sizeof fixture->key, "%s/key", fixture->folder);
    clear_environment();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    (void)unlink(fixture->key);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void put(const char *path, mode_t mode, const void *bytes, size_t length)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void put_text(const char *path, mode_t mode, const char *text)
{
    put(path, mode, text, strlen(text));
}

static struct config *read_path(const char *path, struct error *error)
{
    const struct config_options options = {.path = path};
    return config_read(&options, error);
}

/* The configuration of a text that is good. */
static struct config *accept(const struct fixture *fixture, const char *text)
{
    struct error error = {0};
    put_text(fixture->path, 0600, text);
    struct config *config = read_path(fixture->path, &error);
    assert_string_equal(error.text, "");
    assert_non_null(config);
    return config;
}

/* A refusal begins with file and line (0: without a line) and holds the words. */
static void refuse(const struct fixture *fixture, mode_t mode, const char *text, int line,
                   const char *words)
{
    struct error error = {0};
    char where[120];
    put_text(fixture->path, mode, text);
    assert_null(read_path(fixture->path, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    (void)snprintf(where, sizeof where, "%s:%d: ", fixture->path, line);
    if (line == 0)
        where[strlen(fixture->path)] = '\0';
    if (strncmp(error.text, where, strlen(where)) != 0 || strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not begin with \"%s\" and hold \"%s\"", error.text, where, words);
    assert_null(strstr(error.text, KEY));
}

/* config_print as a string that the caller frees. */
static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

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
    assert_int_equal(config->keep_outputs_ms, -1);
    assert_int_equal(config->keep_failed_ms, -1);
    assert_int_equal(config->keep_events_ms, -1);
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
                           "retention { outputs = 90d failed = 2d events = 52w }\n",
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
    assert_int_equal(config->keep_outputs_ms, INT64_C(90) * 86400000);
    assert_int_equal(config->keep_failed_ms, INT64_C(2) * 86400000);
    assert_int_equal(config->keep_events_ms, INT64_C(364) * 86400000);
    config_free(config);
}

static void a_provider_has_its_own_settings(void **state)
{
    struct config *config = accept(*state, "provider \"openai\" { }\n"
                                           "provider \"local\" {\n"
                                           "  protocol = openai\n"
                                           "  url = \"http://127.0.0.1:8000/v1//\"\n"
                                           "  max_in_flight = 2\n"
                                           "  connect_timeout = 1s\n"
                                           "  first_byte_timeout = 2m\n"
                                           "  timeout = 3h\n"
                                           "}\n");
    assert_int_equal(config->provider_count, 2);
    const struct config_provider *openai = &config->providers[0];
    assert_string_equal(openai->name, "openai");
    assert_string_equal(openai->protocol, "openai");
    assert_string_equal(openai->urls[0], "https://api.openai.com/v1");
    assert_int_equal(openai->key_count, 0);
    assert_int_equal(openai->limits.max_in_flight, 0);
    assert_int_equal(openai->connect_timeout_ms, 10000);
    assert_int_equal(openai->first_byte_timeout_ms, 600000);
    assert_int_equal(openai->timeout_ms, 1800000);
    const struct config_provider *local = &config->providers[1];
    assert_string_equal(local->urls[0], "http://127.0.0.1:8000/v1");
    assert_int_equal(local->limits.max_in_flight, 2);
    assert_int_equal(local->connect_timeout_ms, 1000);
    assert_int_equal(local->first_byte_timeout_ms, 120000);
    assert_int_equal(local->timeout_ms, 10800000);
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
                                           "provider b { url = \"http://127.0.0.1/#no\" }");
    assert_int_equal(config->concurrency, 5);
    assert_string_equal(config->providers[0].urls[0], "http://127.0.0.1/x");
    assert_string_equal(config->providers[1].urls[0], "http://127.0.0.1/#no");
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
    static const struct {
        const char *text;
        int line;
        const char *words;
    } cases[] = {
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
        {"provider x { url = http://a\n timeout = 0s }", 2, "timeout"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++)
        refuse(*state, 0600, cases[i].text, cases[i].line, cases[i].words);
}

static void unknown_words_are_refused_with_the_nearest_one(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *words;
    } cases[] = {
        {"\nconcurency = 5", 2,
         "there is no setting \"concurency\"; did you mean \"concurrency\"?"},
        {"zzzzzzzzzz = 5", 1, "there is no setting \"zzzzzzzzzz\"; see llmspoold.conf(5)"},
        {"budget {\n day = 5\n}", 1, "there is no setting \"budget\""},
        {"user \"alice\" { }", 1, "there is no setting \"user\""},
        {"webhook { }", 1, "there is no setting \"webhook\""},
        {"hook { }", 1, "there is no setting \"hook\""},
        {"include(\"/etc/passwd\")", 1, "quotes"},
        {"provider a {\n urll = http://a\n}", 2, "\"urll\" in this section; did you mean \"url\"?"},
        {"provider a { rpm = 5 }", 1, "there is no setting \"rpm\" in this section"},
        {"model a { fallback = {b} }", 1, "there is no setting \"fallback\" in this section"},
        {"provder a { }", 1, "did you mean \"provider\"?"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++)
        refuse(*state, 0600, cases[i].text, cases[i].line, cases[i].words);
}

static void broken_syntax_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *words;
    } cases[] = {
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
    static const struct {
        const char *text;
        int line;
        const char *words;
    } cases[] = {
        {"provider \"a\" {\n}", 2, "provider \"a\" has no url"},
        {"provider \"\" { url = http://a }", 1, "needs a name"},
        {"provider { url = http://a }", 1, "title"},
        {"provider a { url = http://a }\nprovider a { url = http://b }", 2, "duplicate"},
        {"provider a {\n url = ftp://a\n}", 2, "neither with https"},
        {"provider a {\n url = \"http://u:" KEY "@a\"\n}", 2, "user or password"},
        {"provider a {\n\n protocol = smoke\n}", 3,
         "\"smoke\" is not spoken here; there is: openai"},
        {"provider anthropic { protocol = anthropic }", 1, "is not spoken here"},
        {"model \"a\" {\n}", 2, "needs a pattern and a provider"},
        {"model \"\" { provider = a }", 1, "needs a pattern and a provider"},
        {"provider alpha { url = http://a }\nmodel \"x\" { provider = alpah }", 0,
         "\"alpah\", which is not there; did you mean \"alpha\"?"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++)
        refuse(*state, 0600, cases[i].text, cases[i].line, cases[i].words);
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
    refuse(fixture, 0600, "provider openai {\n key = a\n key_env = HOME\n}", 3, "a key already");
}

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

/* Tests: printing. */

static void what_is_printed_reads_back_as_the_same(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(setenv("TEST_KEY", KEY, 1), 0);
    struct config *config =
        accept(fixture, "concurrency = 3\nbackoff = 1500ms\nhalt_after = never\n"
                        "drain_timeout = 0\nanswer_limit = 1025KiB\nfloor_space = 0\n"
                        "on_doubt = hold\nstore_response = no\n"
                        "trusted_droppers = {www-data, 'odd \"name\"', 'back\\slash'}\n"
                        "provider openai { key_env = TEST_KEY max_in_flight = 9 }\n"
                        "provider 'a \\${HOME} b' { url = \"http://127.0.0.1/\\${x\" }\n"
                        "model \"gpt-*\" { provider = openai }\n"
                        "retention { failed = 36h }\n");
    char *first = printed(config);
    char *name = xstrdup(config->providers[1].name);
    config_free(config);
    config = accept(fixture, first);
    assert_string_equal(config->providers[1].name, name);
    assert_string_equal(config->providers[1].urls[0], "http://127.0.0.1/${x");
    assert_string_equal(config->trusted_droppers[1], "odd \"name\"");
    char *second = printed(config);
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "backoff = 1500ms\n"));
    assert_non_null(strstr(first, "backoff_limit = 1m\n"));
    assert_non_null(strstr(first, "halt_after = never\n"));
    assert_non_null(strstr(first, "answer_limit = 1025KiB\n"));
    assert_non_null(strstr(first, "failed = 36h\n"));
    assert_null(strstr(first, "outputs"));
    config_free(config);
    free(first);
    free(second);
    free(name);
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

static void a_protocol_that_is_not_built_in_gives_no_provider(void **state)
{
    assert_int_equal(setenv("ANTHROPIC_API_KEY", KEY, 1), 0);
    struct config *config = accept(*state, "");
    assert_int_equal(config->provider_count, 0);
    assert_null(config_route(config, "claude-x", NULL));
    config_free(config);
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

/* Tests: routes. */

static void models_find_their_provider_by_pattern(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a }\n"
                                           "provider b { url = http://b }\n"
                                           "model \"gpt-*\" { provider = b }\n"
                                           "model \"gpt-4*\" { provider = a }\n"
                                           "model \"meta/[lm]*\" { provider = a }\n");
    const struct config_provider *a = &config->providers[0];
    const struct config_provider *b = &config->providers[1];
    assert_ptr_equal(config_route(config, "gpt-4o", NULL), b); /* the first match */
    assert_ptr_equal(config_route(config, "meta/llama/3", NULL), a);
    assert_null(config_route(config, "meta/other", NULL));
    assert_null(config_route(config, "claude-x", NULL));
    assert_ptr_equal(config_route(config, "claude-x", "a"), a); /* the job's own wish */
    assert_null(config_route(config, "gpt-4o", "c"));
    config_free(config);
}

static void the_only_provider_takes_all_models(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a }");
    assert_ptr_equal(config_route(config, "whatever", NULL), &config->providers[0]);
    config_free(config);
    config = accept(*state, "provider a { url = http://a } provider b { url = http://b }");
    assert_null(config_route(config, "whatever", NULL)); /* which one, nobody said */
    config_free(config);
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
    static const struct setting *const tables[] = {config_settings, provider_settings,
                                                   model_settings, retention_settings};
    static const char *const others[] = {"key", "key_file", "key_env", "key_credential",
                                         "trusted_droppers"};
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_empty_file_gives_the_defaults),
        TEST(each_setting_is_read),
        TEST(a_provider_has_its_own_settings),
        TEST(comments_and_addresses_are_told_apart),
        TEST(the_command_line_wins),
        TEST(settings_out_of_bounds_are_refused_with_their_line),
        TEST(unknown_words_are_refused_with_the_nearest_one),
        TEST(broken_syntax_is_refused_with_its_line),
        TEST(sections_that_make_no_sense_are_refused),
        TEST(what_is_no_file_is_refused),
        TEST(the_usual_file_may_be_missing),
        TEST(a_key_comes_from_where_it_is_kept),
        TEST(a_key_in_an_open_file_is_refused),
        TEST(a_bad_key_file_is_refused),
        TEST(other_bad_keys_are_refused),
        TEST(keys_are_masked_where_they_are_printed),
        TEST(what_is_printed_reads_back_as_the_same),
        TEST(without_a_provider_the_environment_is_asked),
        TEST(a_server_of_ones_own_needs_no_key),
        TEST(a_named_provider_silences_the_environment),
        TEST(a_protocol_that_is_not_built_in_gives_no_provider),
        TEST(a_bad_environment_is_refused),
        TEST(models_find_their_provider_by_pattern),
        TEST(the_only_provider_takes_all_models),
        TEST(the_example_shows_the_defaults),
        TEST(the_manual_page_has_each_setting_with_its_default),
    };
    return UNIT_RUN(tests);
}
