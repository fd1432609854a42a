/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_network: networks read and written, and which addresses are nobody's on the Internet. */
#include "unit.h"

#include "base/networks.h"

static void networks_are_read_and_written(void **state)
{
    static const char *const good[] = {"10.0.0.0/8",  "127.0.0.1", "0.0.0.0/0",
                                       "fd00::/8",    "::1",       "::/0",
                                       "192.0.2.1",   "2001:db8::/33"};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(good); i++) {
        struct network network;
        char text[NETWORK_TEXT_SIZE];
        assert_int_equal(network_read(good[i], &network, NULL), 0);
        assert_string_equal(network_write(&network, text), good[i]);
    }
}

static void what_is_no_network_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "is no network"},
        {"10.0.0.0/33", "is no network"},
        {"::/129", "is no network"},
        {"10/8", "is no network"},
        {"10.0.0/8", "is no network"},
        {"0x7f.0.0.1", "is no network"},
        {"010.0.0.1", "is no network"},
        {"10.0.0.0/", "is no network"},
        {"10.0.0.0/+8", "is no network"},
        {"10.0.0.0/8x", "is no network"},
        {"10.0.0.0/99999999999999999999", "is no network"},
        {"fe80::1%lo", "is no network"},
        {"localhost", "is no network"},
        {"127.0.0.1:80", "is no network"},
        {"127.0.0.1/8", "with this prefix it is 127.0.0.0/8"},
        {"fd00::1/64", "with this prefix it is fd00::/64"},
        {"1111111111111111111111111111111111111111111111111111111111111111111", "is no network"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        struct network network;
        struct error error = {0};
        assert_int_equal(network_read(bad[i].text, &network, &error), -1);
        assert_int_equal(error.kind, ERROR_DATA);
        if (strstr(error.text, bad[i].words) == NULL)
            fail_msg("no \"%s\" in: %s", bad[i].words, error.text);
    }
}

/* What an address is, or NULL for one of the Internet's. */
static const char *what(const char *text)
{
    struct network address;
    assert_true(network_read_address(text, &address));
    const struct network_special *special = network_special(&address);
    return special != NULL ? special->what : NULL;
}

/* The last address before each special network and the first one behind it are the Internet's,
 * unless they are in another one. */
static void special_networks_end_where_they_should(void **state)
{
    static const char *const open[] = {
        "1.0.0.0",        "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",      "169.253.255.255", "169.255.0.0",    "172.15.255.255",
        "172.32.0.0",     "191.255.255.255", "192.0.1.0",       "192.0.3.0",      "192.88.98.255",
        "192.88.100.0",   "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",
        "198.51.99.255",  "198.51.101.0",    "203.0.112.255",   "203.0.114.0",    "223.255.255.255",
        "168.63.129.15",  "168.63.129.17",   "2001:200::",      "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",     "2003::",          "2000::",          "2606:4700:4700::1111",
        "3ffe:ffff::1",   "2001:4860:4860::8888",
    };
    static const char *const closed[] = {
        "0.255.255.255",  "100.127.255.255", "172.31.255.255", "198.19.255.255", "255.255.255.254",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",              "2002:ffff::",    "3fff:fff::1",
        "fdff::1",        "febf::1",         "feff::1",        "1fff::1",        "7fff::1",
        "fbff::1",        "::2",             "8000::",
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(open); i++)
        if (what(open[i]) != NULL)
            fail_msg("%s is %s", open[i], what(open[i]));
    for (size_t i = 0; i < UNIT_COUNT(closed); i++)
        if (what(closed[i]) == NULL)
            fail_msg("%s is nothing special", closed[i]);
}

static bool closed(const char *allowed, const char *text)
{
    char copy[NETWORK_TEXT_SIZE];
    (void)snprintf(copy, sizeof copy, "%s", allowed);
    char *const list[] = {copy, NULL};
    struct networks networks;
    struct network address;
    assert_int_equal(networks_read(list, &networks, NULL), 0);
    assert_true(network_read_address(text, &address));
    bool is_closed = networks_closed(&networks, &address) != NULL;
    networks_clear(&networks);
    return is_closed;
}

static void what_is_allowed_is_open(void **state)
{
    (void)state;
    assert_false(closed("127.0.0.0/8", "127.9.9.9"));
    assert_true(closed("127.0.0.0/8", "10.0.0.1"));
    assert_true(closed("127.0.0.0/8", "::1"));
    assert_false(closed("::1", "::1"));
    assert_false(closed("127.0.0.0/8", "::ffff:127.0.0.1")); /* the same address for the kernel */
    assert_true(closed("127.0.0.0/8", "::127.0.0.1"));
    assert_true(closed("127.0.0.0/8", "64:ff9b::127.0.0.1"));
    assert_false(closed("64:ff9b::/96", "64:ff9b::8.8.8.8"));
    assert_false(closed("100.64.0.0/10", "100.100.100.199"));
    assert_false(closed("0.0.0.0/0", "10.0.0.1"));
}

/* What leads to an IPv4 address is open where both are: opening the way opens nothing behind it. */
static void what_leads_to_ipv4_is_judged_by_that_too(void **state)
{
    static const struct {
        const char *allow[3], *address, *what; /* NULL: it is open */
    } rows[] = {
        {{NULL}, "64:ff9b::8.8.8.8", "an address of NAT64 (RFC 6052)"},
        {{"64:ff9b::/96"}, "64:ff9b::8.8.8.8", NULL},
        {{"64:ff9b::/96"}, "64:ff9b::a9fe:a9fe", "a metadata address of clouds"},
        {{"64:ff9b::/96"}, "64:ff9b::10.0.0.1", "a private address (RFC 1918)"},
        {{"64:ff9b::/96"}, "64:ff9b::127.0.0.1", "a loopback address (RFC 1122)"},
        {{"::/0"}, "64:ff9b::10.0.0.1", "a private address (RFC 1918)"},
        {{"64:ff9b::a00:0/104"}, "64:ff9b::10.0.0.1", "a private address (RFC 1918)"},
        {{"10.0.0.0/8"}, "64:ff9b::10.0.0.1", "an address of NAT64 (RFC 6052)"},
        {{"64:ff9b::/96", "10.0.0.0/8"}, "64:ff9b::10.0.0.1", NULL},
        {{"64:ff9b::/96", "169.254.0.0/16"}, "64:ff9b::a9fe:a9fe", "a metadata address of clouds"},
        {{"64:ff9b::/96", "169.254.169.254"}, "64:ff9b::a9fe:a9fe", NULL},
        {{"64:ff9b::a9fe:a9fe"}, "64:ff9b::a9fe:a9fe", NULL},
        {{NULL}, "2002:808:808::1", "an address of 6to4 (RFC 3056)"},
        {{"2002::/16"}, "2002:808:808::1", NULL},
        {{"2002::/16"}, "2002:a9fe:a9fe::1", "a metadata address of clouds"},
        {{"2002::/16"}, "2002:c0a8:101::1", "a private address (RFC 1918)"},
        {{"2002::/16", "192.168.0.0/16"}, "2002:c0a8:101::1", NULL},
        {{"::ffff:0:0/96"}, "::ffff:8.8.8.8", NULL},
        {{"::ffff:0:0/96"}, "::ffff:10.0.0.1", "a private address (RFC 1918)"},
        {{"::ffff:10.0.0.1"}, "::ffff:10.0.0.1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char texts[3][NETWORK_TEXT_SIZE];
        char *list[4] = {NULL};
        struct networks networks;
        struct network address;
        for (size_t n = 0; rows[i].allow[n] != NULL; n++) {
            (void)snprintf(texts[n], sizeof texts[n], "%s", rows[i].allow[n]);
            list[n] = texts[n];
        }
        assert_int_equal(networks_read(list, &networks, NULL), 0);
        assert_true(network_read_address(rows[i].address, &address));
        const struct network_special *special = networks_closed(&networks, &address);
        const char *what_it_is = special != NULL ? special->what : "open";
        if (strcmp(what_it_is, rows[i].what != NULL ? rows[i].what : "open") != 0)
            fail_msg("row %zu: %s is %s", i, rows[i].address, what_it_is);
        networks_clear(&networks);
    }
}

static void metadata_addresses_are_opened_by_their_own_names_only(void **state)
{
    (void)state;
    assert_true(closed("100.64.0.0/10", "100.100.100.200"));
    assert_true(closed("0.0.0.0/0", "169.254.169.254"));
    assert_true(closed("0.0.0.0/0", "::ffff:169.254.169.254"));
    assert_true(closed("::/0", "fd00:ec2::254"));
    assert_false(closed("169.254.169.254", "169.254.169.254"));
    assert_false(closed("169.254.169.254/32", "169.254.169.254"));
}

static void the_empty_list_opens_nothing(void **state)
{
    struct networks networks;
    struct network address;
    (void)state;
    assert_int_equal(networks_read(NULL, &networks, NULL), 0);
    assert_true(network_read_address("127.0.0.1", &address));
    assert_non_null(networks_closed(&networks, &address));
    networks_clear(&networks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_read_and_written),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(special_networks_end_where_they_should),
        cmocka_unit_test(what_is_allowed_is_open),
        cmocka_unit_test(what_leads_to_ipv4_is_judged_by_that_too),
        cmocka_unit_test(metadata_addresses_are_opened_by_their_own_names_only),
        cmocka_unit_test(the_empty_list_opens_nothing),
    };
    return UNIT_RUN(tests);
}
