/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_addresses: where requests that are opened with addresses go, whatever a URL looks like, and
 * where they do not. */
#include "web.h"

#include <sys/un.h>

#include "upstream/addresses.h"

struct forms {
    struct fixture *web;
    struct addresses *addresses;
};

static int open_forms(void **state)
{
    struct forms *forms = xcalloc(1, sizeof *forms);
    struct error error = {0};
    void *web = NULL;
    assert_int_equal(set_up(&web), 0);
    forms->web = web;
    transfers_close(forms->web->transfers);
    forms->addresses = addresses_open(NULL, "/etc/test.conf", &error);
    assert_non_null(forms->addresses);
    forms->web->transfers =
        transfers_open(&forms->web->loop, 0, NULL, forms->addresses, &error);
    assert_non_null(forms->web->transfers);
    *state = forms;
    return 0;
}

static int close_forms(void **state)
{
    struct forms *forms = *state;
    void *web = forms->web;
    assert_int_equal(tear_down(&web), 0);
    addresses_close(forms->addresses);
    free(forms);
    return 0;
}

/* Posts to a host in the form in which it would stand in a URL, at the server's port. false: libcurl
 * takes no such URL. */
static bool post_to(struct forms *forms, const char *host, struct seen *seen)
{
    char url[400];
    struct buffer body = {0};
    struct error error = {0};
    buffer_text(&body, "x");
    (void)snprintf(url, sizeof url, "http://%s:%u/ok", host, forms->web->server.port);
    const struct transfer_request request = {.url = url,
                                             .body = &body,
                                             .connect_timeout_ms = 2000,
                                             .total_timeout_ms = 10000,
                                             .answer_limit = 1000};
    bool taken =
        transfer_start(forms->web->transfers, &request, on_done, seen, &error) != NULL;
    finish(forms->web);
    buffer_free(&body);
    return taken;
}

static void allow(struct forms *forms, char *const *list)
{
    assert_int_equal(addresses_set(forms->addresses, list, "/etc/test.conf", NULL), 0);
}

/* A form, and words of the rule; NULL: it may fail earlier, as the URL is none or leads nowhere. */
static const struct {
    const char *host, *words;
} table[] = {
    {"127.0.0.1", "127.0.0.1 is a loopback address"},
    {"127.0.0.2", "a loopback address"},
    {"127.255.255.254", "a loopback address"},
    {"127.1", "a loopback address"},
    {"127.0.1", "a loopback address"},
    {"2130706433", "a loopback address"},
    {"0x7f000001", "a loopback address"},
    {"0X7F.1", "a loopback address"},
    {"0x7f.0x0.0x0.0x1", "a loopback address"},
    {"0177.0.0.1", "a loopback address"},
    {"017700000001", "a loopback address"},
    {"0177.0x0.1", "a loopback address"},
    {"00000177.1", "a loopback address"},
    {"127.000.000.001", "a loopback address"},
    {"127.0.0.1.", NULL},
    {"%31%32%37.0.0.1", NULL},
    {"127%2e0%2e0%2e1", NULL},
    {"127\xe3\x80\x82" "0\xe3\x80\x82" "0\xe3\x80\x82" "1", NULL},
    {"\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1", NULL},
    {"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", NULL},
    {"0", "an address of this network"},
    {"0.0.0.0", "an address of this network"},
    {"0x0", "an address of this network"},
    {"0.0.0.1", "an address of this network"},
    {"localhost", "a loopback address"},
    {"LOCALHOST", "a loopback address"},
    {"LocalHost.", NULL},
    {"a.localhost", "a loopback address"},
    {"l\xe2\x93\x9e" "calhost", NULL},
    {"10.0.0.1", "a private address"},
    {"10.255.255.255", "a private address"},
    {"012.0.0.1", "a private address"},
    {"167772161", "a private address"},
    {"172.16.0.1", "a private address"},
    {"172.31.255.255", "a private address"},
    {"192.168.1.1", "a private address"},
    {"0xc0a80101", "a private address"},
    {"100.64.0.1", "a shared address"},
    {"169.254.0.1", "a link-local address"},
    {"169.254.169.254", "a metadata address"},
    {"2852039166", "a metadata address"},
    {"0xa9fea9fe", "a metadata address"},
    {"0251.0376.0251.0376", "a metadata address"},
    {"100.100.100.200", "a metadata address"},
    {"168.63.129.16", "a metadata address"},
    {"192.0.0.192", "a metadata address"},
    {"192.0.0.1", "an address of IETF protocols"},
    {"192.0.2.1", "an address for documentation"},
    {"192.88.99.1", "a 6to4 relay"},
    {"198.18.0.1", "an address for benchmarks"},
    {"198.51.100.1", "an address for documentation"},
    {"203.0.113.1", "an address for documentation"},
    {"224.0.0.1", "a multicast address"},
    {"239.255.255.255", "a multicast address"},
    {"240.0.0.1", "a reserved address"},
    {"255.255.255.255", "the broadcast address"},
    {"[::]", "the unspecified address"},
    {"[::1]", "a loopback address"},
    {"[0:0:0:0:0:0:0:1]", "a loopback address"},
    {"[0000:0000:0000:0000:0000:0000:0000:0001]", "a loopback address"},
    {"[::ffff:127.0.0.1]", "a loopback address"},
    {"[::ffff:7f00:1]", "a loopback address"},
    {"[0:0:0:0:0:FFFF:7F00:0001]", "a loopback address"},
    {"[::ffff:169.254.169.254]", "a metadata address"},
    {"[::ffff:10.0.0.1]", "a private address"},
    {"[::ffff:8.8.8.8]", "an IPv4-mapped address"},
    {"[::127.0.0.1]", "an IPv4-compatible address"},
    {"[::ffff:0:7f00:1]", "an IPv4-translated address"},
    {"[64:ff9b::7f00:1]", "an address of NAT64"},
    {"[64:ff9b::8.8.8.8]", "an address of NAT64"},
    {"[64:ff9b:1::7f00:1]", "an address of local NAT64"},
    {"[2001::1]", "an address of Teredo"},
    {"[2001:2::1]", "an address for benchmarks"},
    {"[2001:10::1]", "an address of IETF protocols"},
    {"[2001:db8::1]", "an address for documentation"},
    {"[2002:7f00:1::]", "an address of 6to4"},
    {"[3fff::1]", "an address for documentation"},
    {"[5f00::1]", "an address of segment routing"},
    {"[100::1]", "a discard-only address"},
    {"[100:0:0:1::1]", "a dummy address"},
    {"[fc00::1]", "a unique local address"},
    {"[fd00:ec2::254]", "a metadata address"},
    {"[fd20:ce::254]", "a metadata address"},
    {"[fd12:3456:789a::1]", "a unique local address"},
    {"[fe80::1]", "a link-local address"},
    {"[fe80::1%25lo]", "a link-local address"},
    {"[::1%25lo]", "a loopback address"},
    {"[fec0::1]", "a site-local address"},
    {"[ff02::1]", "a multicast address"},
    {"[4000::1]", "a reserved address"},
    {"[1::1]", "a reserved address"},
};

static void no_form_of_a_forbidden_address_is_connected_to(void **state)
{
    struct forms *forms = *state;
    for (size_t i = 0; i < UNIT_COUNT(table); i++) {
        struct seen seen = {0};
        bool taken = post_to(forms, table[i].host, &seen);
        if (taken && seen.end != TRANSFER_NOT_SENT)
            fail_msg("%s: something was sent", table[i].host);
        if (table[i].words != NULL && (!taken || !seen.forbidden))
            fail_msg("%s: was not forbidden but: %s", table[i].host, seen.message);
        if (table[i].words != NULL && strstr(seen.message, table[i].words) == NULL)
            fail_msg("%s: no \"%s\" in: %s", table[i].host, table[i].words, seen.message);
        free(seen.body);
    }
    assert_true(UNIT_COUNT(table) >= 60);
    assert_int_equal(atomic_load(&forms->web->server.accepted), 0);
    assert_int_equal(transfers_counts(forms->web->transfers).connections, 0);
}

static void the_words_say_what_would_allow_it(void **state)
{
    struct forms *forms = *state;
    char *const private[] = {(char[]){"10.0.0.0/8"}, NULL};
    struct seen seen = {0};
    assert_true(post_to(forms, "127.0.0.1", &seen));
    assert_string_equal(seen.message,
                        "127.0.0.1 is a loopback address (RFC 1122), where webhooks may not go; to"
                        " allow it: webhook { allow = {\"127.0.0.0/8\"} }  in /etc/test.conf");
    allow(forms, private);
    assert_true(post_to(forms, "127.0.0.1", &seen));
    assert_non_null(strstr(seen.message, "webhook { allow += {\"127.0.0.0/8\"} }"));
    free(seen.body);
}

static void what_is_allowed_is_reached_and_nothing_else(void **state)
{
    struct forms *forms = *state;
    char *const one[] = {(char[]){"127.0.0.1"}, NULL};
    struct seen seen = {0};
    allow(forms, one);
    assert_true(post_to(forms, "127.0.0.1", &seen));
    assert_answer(&seen, "hello");
    assert_true(post_to(forms, "0x7f.1", &seen)); /* the same address */
    assert_answer(&seen, "hello");
    assert_true(post_to(forms, "127.0.0.2", &seen));
    assert_true(seen.forbidden);
    assert_true(post_to(forms, "[::1]", &seen));
    assert_true(seen.forbidden);
    free(seen.body);
}

static void behind_nat64_is_what_is_open_without_it(void **state)
{
    struct forms *forms = *state;
    char *const nat64[] = {(char[]){"64:ff9b::/96"}, NULL};
    struct seen seen = {0};
    allow(forms, nat64);
    assert_true(post_to(forms, "[64:ff9b::a9fe:a9fe]", &seen));
    assert_true(seen.forbidden);
    assert_string_equal(seen.message,
                        "64:ff9b::a9fe:a9fe is a metadata address of clouds, where webhooks may not "
                        "go; to allow it: webhook { allow += {\"169.254.169.254\"} }  in "
                        "/etc/test.conf");
    assert_true(post_to(forms, "[64:ff9b::10.0.0.1]", &seen));
    assert_true(seen.forbidden);
    assert_non_null(strstr(seen.message, "webhook { allow += {\"10.0.0.0/8\"} }"));
    free(seen.body);
}

static void a_kept_connection_is_judged_by_the_rules_of_now(void **state)
{
    struct forms *forms = *state;
    char *const loopback[] = {(char[]){"127.0.0.0/8"}, NULL};
    struct seen seen = {0};
    allow(forms, loopback);
    assert_true(post_to(forms, "127.0.0.1", &seen));
    assert_answer(&seen, "hello");
    unsigned before = atomic_load(&forms->web->server.requests);
    allow(forms, NULL);
    assert_true(post_to(forms, "127.0.0.1", &seen));
    assert_true(seen.forbidden);
    assert_int_equal(seen.end, TRANSFER_NOT_SENT);
    assert_int_equal(atomic_load(&forms->web->server.requests), before);
    free(seen.body);
}

static void a_redirect_is_an_answer_and_nothing_else(void **state)
{
    struct forms *forms = *state;
    char *const loopback[] = {(char[]){"127.0.0.0/8"}, NULL};
    char url[200];
    struct buffer body = {0};
    struct seen seen = {0};
    unsigned short port;
    int elsewhere = listen_loopback(1, &port);
    forms->web->server.elsewhere = port;
    allow(forms, loopback);
    buffer_text(&body, "x");
    struct transfer_request request = request_to(forms->web, url, "/away", &body);
    request.secret_header = NULL;
    (void)begin(forms->web, &request, &seen);
    finish(forms->web);
    assert_int_equal(seen.end, TRANSFER_ANSWERED);
    assert_int_equal(seen.status / 100, 3);
    assert_int_equal(fcntl(elsewhere, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(accept(elsewhere, NULL, NULL), -1);
    (void)close(elsewhere);
    free(seen.body);
}

static void what_is_no_address_of_ip_is_forbidden(void **state)
{
    struct forms *forms = *state;
    char words[ADDRESSES_WORDS_SIZE];
    const struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    struct sockaddr_in cut = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808)};
    assert_true(addresses_forbid(forms->addresses, (const struct sockaddr *)&local, sizeof local,
                                 words));
    assert_false(addresses_forbid(forms->addresses, (const struct sockaddr *)&cut, sizeof cut,
                                  words));
    assert_true(addresses_forbid(forms->addresses, (const struct sockaddr *)&cut, 4, words));
    assert_true(addresses_forbid_text(forms->addresses, "/run/x", words));
    assert_true(addresses_forbid_text(forms->addresses, "", words));
    assert_false(addresses_forbid_text(forms->addresses, "2606:4700::1111", words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_form_of_a_forbidden_address_is_connected_to, open_forms,
                                        close_forms),
        cmocka_unit_test_setup_teardown(the_words_say_what_would_allow_it, open_forms,
                                        close_forms),
        cmocka_unit_test_setup_teardown(what_is_allowed_is_reached_and_nothing_else, open_forms,
                                        close_forms),
        cmocka_unit_test_setup_teardown(behind_nat64_is_what_is_open_without_it, open_forms,
                                        close_forms),
        cmocka_unit_test_setup_teardown(a_kept_connection_is_judged_by_the_rules_of_now,
                                        open_forms, close_forms),
        cmocka_unit_test_setup_teardown(a_redirect_is_an_answer_and_nothing_else, open_forms,
                                        close_forms),
        cmocka_unit_test_setup_teardown(what_is_no_address_of_ip_is_forbidden, open_forms,
                                        close_forms),
    };
    return UNIT_RUN(tests);
}
