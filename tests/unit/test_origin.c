/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_origin: names of ours, and pages that may ask. */
#include "unit.h"

#include "httpd/origin.h"

static struct origins *make(const char *url, bool secure, const char *public_url, char **hosts,
                            char **cors)
{
    struct error error = {.kind = ERROR_NONE};
    struct origins *origins = origins_open(url, secure, public_url, hosts, cors, &error);

    if (origins == NULL)
        fail_msg("%s", error.text);
    return origins;
}

static void only_our_names_are_ours(void **state)
{
    char *hosts[] = {(char[]){"spool.example"}, (char[]){"other:8443"}, (char[]){"[fd00::1]"}, NULL};
    struct origins *origins =
        make("https://192.0.2.1:443", true, "https://pub.example/p", hosts, NULL);
    static const char *const ours[] = {"localhost",   "localhost:1",   "LocalHost.",
                                       "192.0.2.1",   "192.0.2.1:443", "spool.example:9",
                                       "other:8443",  "pub.example",   "[fd00:0:0::0:1]",
                                       "[fd00::1]:7", "203.0.113.9"};
    static const char *const others[] = {"",
                                         "evil",
                                         "192.0.2.10",
                                         "other",
                                         "other:8444",
                                         "spool.example.x",
                                         "localhost:",
                                         "localhost:a",
                                         "localhost:123456",
                                         "[localhost]",
                                         "[fd00::2]",
                                         "[fd00::1",
                                         "a@localhost",
                                         "localhost/",
                                         "203.0.113.8",
                                         "local host",
                                         "."};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(ours); i++)
        if (!origins_own_host(origins, ours[i], "203.0.113.9"))
            fail_msg("%s is not ours", ours[i]);
    for (size_t i = 0; i < UNIT_COUNT(others); i++)
        if (origins_own_host(origins, others[i], "203.0.113.9"))
            fail_msg("%s is ours", others[i]);
    origins_close(origins);
}

static void origins_are_compared_whole(void **state)
{
    char *cors[] = {(char[]){"https://app.example"}, NULL};
    struct origins *origins =
        make("http://127.0.0.1:8090", false, "https://pub.example:8443/x?y", NULL, cors);
    (void)state;
    assert_true(origins_own(origins, "http://127.0.0.1:8090", "127.0.0.1:8090"));
    assert_true(origins_own(origins, "https://pub.example:8443", "x"));
    assert_false(origins_own(origins, "https://pub.example", "x"));
    assert_false(origins_own(origins, "https://127.0.0.1:8090", "127.0.0.1:8090"));
    assert_false(origins_own(origins, "http://127.0.0.1:80901", "127.0.0.1:8090"));
    assert_false(origins_own(origins, "null", NULL));
    assert_true(origins_cors(origins, "https://app.example"));
    assert_false(origins_cors(origins, "https://app.example:443"));
    assert_false(origins_cors(origins, "http://app.example"));
    origins_close(origins);
}

static void what_a_page_may(void **state)
{
    char *cors[] = {(char[]){"https://app.example"}, NULL};
    struct origins *origins = make("http://h:1", false, NULL, NULL, cors);
    static const struct {
        struct origin_claim claim;
        bool may;
    } rows[] = {
        {{"h:1", NULL, NULL, NULL, false, false, false}, true},
        {{"h:1", NULL, NULL, NULL, true, false, false}, true}, /* curl */
        {{"h:1", NULL, NULL, NULL, true, true, false}, false}, /* a cookie and no origin */
        {{"h:1", NULL, NULL, NULL, false, true, false}, true},
        {{"h:1", "http://h:1", NULL, NULL, true, true, false}, true},
        {{"h:1", "http://evil", NULL, NULL, true, false, false}, false},
        {{"h:1", "http://evil", NULL, NULL, true, false, true}, false},
        {{"h:1", "http://evil", NULL, NULL, false, true, false}, false},
        {{"h:1", "null", NULL, NULL, true, false, false}, false},
        {{"h:1", "https://app.example", "cross-site", "cors", true, false, true}, true},
        {{"h:1", "https://app.example", "cross-site", "cors", true, true, false}, false},
        {{"h:1", NULL, "same-origin", "cors", true, true, false}, true},
        {{"h:1", NULL, "cross-site", "no-cors", false, false, false}, false},
        {{"h:1", NULL, "same-site", "no-cors", false, true, false}, false},
        {{"h:1", NULL, "cross-site", "navigate", false, false, false}, true},
        {{"h:1", NULL, "cross-site", "navigate", true, false, false}, false},
        {{"h:1", NULL, "none", "navigate", false, true, false}, true},
        {{"h:1", NULL, "none", NULL, true, false, false}, false},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        if ((origins_problem(origins, &rows[i].claim) == NULL) != rows[i].may)
            fail_msg("row %zu", i);
    origins_close(origins);
}

static void rules_that_mean_nothing_are_refused(void **state)
{
    char *bad_host[] = {(char[]){"a b"}, NULL};
    static const char bad_cors[][16] = {"*",           "https://", "https://a/",
                                     "app.example", "null",     "ftp://a"};
    struct error error = {.kind = ERROR_NONE};
    (void)state;
    assert_null(origins_open("http://h:1", false, NULL, bad_host, NULL, &error));
    assert_null(origins_open("http://h:1", false, "h", NULL, NULL, &error));
    for (size_t i = 0; i < UNIT_COUNT(bad_cors); i++) {
        char *list[] = {strdup(bad_cors[i]), NULL};
        assert_null(origins_open("http://h:1", false, NULL, NULL, list, &error));
        assert_int_equal(error.kind, ERROR_DATA);
        free(list[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_our_names_are_ours),
        cmocka_unit_test(origins_are_compared_whole),
        cmocka_unit_test(what_a_page_may),
        cmocka_unit_test(rules_that_mean_nothing_are_refused),
    };
    return UNIT_RUN(tests);
}
