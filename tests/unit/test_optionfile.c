/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_optionfile: the example of llmspool-httpd.conf says the defaults; all settings are read. */
#include "unit.h"

#include "base/xalloc.h"
#include "httpd/optionfile.h"

static void the_example_says_the_defaults(void **state)
{
    struct front_options defaults, read;
    struct error error = {.kind = ERROR_NONE};
    const char *source = getenv("LLMSPOOL_SOURCE");
    char *path =
        xasprintf("%s/spool-layout/llmspool-httpd.conf.example", source != NULL ? source : "../..");
    (void)state;
    options_init(&defaults);
    options_init(&read);
    if (optionfile_read(&read, path, &error) != 0)
        fail_msg("%s", error.text);
    assert_string_equal(read.listen, defaults.listen);
    assert_memory_equal(&read.limits, &defaults.limits,
                        offsetof(struct front_limits, limit_loopback) + 1);
    assert_int_equal(read.level, defaults.level);
    assert_false(read.allow_remote || read.insecure);
    options_free(&defaults);
    options_free(&read);
    free(path);
}

static void all_settings_are_read(void **state)
{
    char text[] = "spool = \"/s\" listen = \"[::1]:0\" allow_remote = yes insecure = true "
                  "public_url = \"https://p\"\n"
                  "hosts = {\"a\", \"b:1\"} tokens = t tls_certificate = c tls_key = k "
                  "cors_origins = {\"https://o\"}\n"
                  "log_level = debug limits { connections = 1 per_address = 0 body = 2KiB "
                  "bodies = 3KiB max_waiting = 8 rate = 3 burst = 4\n"
                  "head_timeout = 5s body_timeout = 6m answer_timeout = 1h idle_timeout = 7s "
                  "limit_loopback = yes }\n";
    const struct front_limits wanted = {1, 0,    2048,   3072,    8,    3,
                                        4, 5000, 360000, 3600000, 7000, true};
    struct front_options options;
    struct error error = {.kind = ERROR_NONE};
    (void)state;
    options_init(&options);
    if (optionfile_parse(&options, "x", text, &error) != 0)
        fail_msg("%s", error.text);
    assert_string_equal(options.spool, "/s");
    assert_string_equal(options.listen, "[::1]:0");
    assert_true(options.allow_remote && options.insecure);
    assert_string_equal(options.public_url, "https://p");
    assert_string_equal(options.hosts[1], "b:1");
    assert_null(options.hosts[2]);
    assert_string_equal(options.cors_origins[0], "https://o");
    assert_string_equal(options.tls_certificate, "c");
    assert_int_equal(options.level, LOG_LEVEL_DEBUG);
    assert_memory_equal(&options.limits, &wanted,
                        offsetof(struct front_limits, limit_loopback) + 1);
    options_free(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_says_the_defaults),
        cmocka_unit_test(all_settings_are_read),
    };
    return UNIT_RUN(tests);
}
