/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_webhook: which webhooks of jobs come in. */
#include "unit.h"

#include "job/webhook.h"

#define PLACE "/etc/test.conf"

static int set_up(void **state)
{
    static struct webhook_rules rules;
    char *const allow[] = {(char[]){"10.0.0.0/8"}, (char[]){"::1"}, NULL};
    char *const endpoints[] = {(char[]){"shop"}, (char[]){"crm"}, NULL};
    assert_int_equal(webhook_rules_make(&rules, allow, endpoints, PLACE, NULL), 0);
    *state = &rules;
    return 0;
}

static int tear_down(void **state)
{
    webhook_rules_clear(*state);
    return 0;
}

static void what_may_go_comes_in(void **state)
{
    static const char *const good[] = {
        "https://example.org/x", "http://8.8.8.8/", "http://10.1.2.3:80/", "http://[::1]/",
        "shop",                  "crm",             "http://name.internal/",
    };
    for (size_t i = 0; i < UNIT_COUNT(good); i++) {
        const char *reason = "none";
        struct error error = {0};
        if (!webhook_allowed(*state, good[i], &reason, &error))
            fail_msg("%s: %s", good[i], error.text);
        assert_string_equal(reason, "none");
    }
}

static void what_may_not_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *webhook, *reason, *words;
    } bad[] = {
        {"http://127.0.0.1/", "webhook_forbidden",
         "the webhook goes to 127.0.0.1: 127.0.0.1 is a loopback address (RFC 1122), where webhooks"
         " may not go; to allow it: webhook { allow += {\"127.0.0.0/8\"} }  in " PLACE},
        {"http://localhost:8000/", "webhook_forbidden", "the webhook goes to localhost: 127.0.0.1"},
        {"http://a.localhost./", "webhook_forbidden", "{\"127.0.0.0/8\"}"},
        {"http://192.168.0.1/", "webhook_forbidden", "{\"192.168.0.0/16\"}"},
        {"http://[::ffff:127.0.0.1]/", "webhook_forbidden", "{\"127.0.0.0/8\"}"},
        {"http://[fd00::1]/", "webhook_forbidden", "{\"fc00::/7\"}"},
        {"http://169.254.169.254/", "webhook_forbidden", "{\"169.254.169.254\"}"},
        {"http://a@b/", "bad_value", "the webhook's URL cannot be used: it holds a user"},
        {"http://127.1/", "bad_value", "four decimal numbers"},
        {"ftp://a", "bad_value", "begins neither"},
        {"shpo", "unknown_endpoint", "did you mean \"shop\"?"},
        {"zzzzzzz", "unknown_endpoint", "endpoint \"zzzzzzz\" { url = "},
    };
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        const char *reason = "none";
        struct error error = {0};
        if (webhook_allowed(*state, bad[i].webhook, &reason, &error))
            fail_msg("%s comes in", bad[i].webhook);
        assert_string_equal(reason, bad[i].reason);
        if (strstr(error.text, bad[i].words) == NULL)
            fail_msg("no \"%s\" in: %s", bad[i].words, error.text);
    }
}

static void a_list_with_what_is_no_network_makes_no_rules(void **state)
{
    struct webhook_rules rules;
    struct error error = {0};
    char *const allow[] = {(char[]){"10.0.0.0/8"}, (char[]){"all"}, NULL};
    (void)state;
    assert_int_equal(webhook_rules_make(&rules, allow, NULL, PLACE, &error), -1);
    assert_non_null(strstr(error.text, "\"all\" is no network"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_may_go_comes_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_may_not_is_refused_with_a_reason, set_up, tear_down),
        cmocka_unit_test(a_list_with_what_is_no_network_makes_no_rules),
    };
    return UNIT_RUN(tests);
}
