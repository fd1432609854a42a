/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_weburl: URLs of web servers, read strictly. */
#include "unit.h"

#include "base/weburl.h"

static void good_urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
        bool tls, is_address;
    } good[] = {
        {"https://example.org", "example.org", 443, true, false},
        {"HTTP://Example.ORG:8080/a?b#c", "example.org", 8080, false, false},
        {"http://example.org./", "example.org", 80, false, false},
        {"http://a_b-c.d:1/", "a_b-c.d", 1, false, false},
        {"https://xn--bcher-kva.example/x", "xn--bcher-kva.example", 443, true, false},
        {"http://127.0.0.1:65535", "127.0.0.1", 65535, false, true},
        {"http://127.0.0.1./", "127.0.0.1", 80, false, true},
        {"http://[::1]/", "::1", 80, false, true},
        {"http://[::FFFF:127.0.0.1]:81?x", "::ffff:127.0.0.1", 81, false, true},
        {"http://example.org?@evil", "example.org", 80, false, false},
        {"http://example.org/@evil:80/", "example.org", 80, false, false},
        {"http://1.example", "1.example", 80, false, false},
        {"http://0x7f.example", "0x7f.example", 80, false, false},
        {"http://localhost", "localhost", 80, false, false},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(good); i++) {
        struct weburl url;
        struct error error = {0};
        if (weburl_read(good[i].text, &url, &error) != 0)
            fail_msg("%s: %s", good[i].text, error.text);
        assert_string_equal(url.host, good[i].host);
        assert_int_equal(url.port, good[i].port);
        assert_int_equal(url.tls, good[i].tls);
        assert_int_equal(url.is_address, good[i].is_address);
    }
}

static void odd_urls_are_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "begins neither"},
        {"ftp://a", "begins neither"},
        {"//a", "begins neither"},
        {"http:/a", "begins neither"},
        {"http:a", "begins neither"},
        {" http://a", "begins neither"},
        {"file:///etc/passwd", "begins neither"},
        {"gopher://127.0.0.1:6379/_x", "begins neither"},
        {"http://", "has no host"},
        {"http:///a", "has no host"},
        {"http://:80/", "has no host"},
        {"http://?a", "has no host"},
        {"http://u@a/", "a user or password"},
        {"http://u:p@a/", "a user or password"},
        {"http://example.org:80@127.0.0.1/", "a user or password"},
        {"http://@a/", "a user or password"},
        {"http://a\\@127.0.0.1/", "a backslash"},
        {"http:\\\\a", "begins neither"},
        {"http://a\\.b/", "a backslash"},
        {"http://a b/", "a space"},
        {"http://a/\tb", "a control character"},
        {"http://a/\r\nX: y", "a control character"},
        {"http://a\x7f/", "a control character"},
        {"http://b\xc3\xbc" "cher.example/", "beyond ASCII"},
        {"http://127\xe3\x80\x82" "0\xe3\x80\x82" "0\xe3\x80\x82" "1/", "beyond ASCII"},
        {"http://%31%32%37.0.0.1/", "a percent sign"},
        {"http://localhost%00.example/", "a percent sign"},
        {"http://127.1/", "four decimal numbers"},
        {"http://127.0.1/", "four decimal numbers"},
        {"http://2130706433/", "four decimal numbers"},
        {"http://0x7f000001/", "four decimal numbers"},
        {"http://0X7F.1/", "four decimal numbers"},
        {"http://0177.0.0.1/", "four decimal numbers"},
        {"http://127.0.0.01/", "four decimal numbers"},
        {"http://127.0.0.0x1/", "four decimal numbers"},
        {"http://0/", "four decimal numbers"},
        {"http://0x/", "four decimal numbers"},
        {"http://256.0.0.1/", "four decimal numbers"},
        {"http://1.2.3.4.5/", "four decimal numbers"},
        {"http://a.1/", "four decimal numbers"},
        {"http://a../", "an empty part"},
        {"http://.a/", "an empty part"},
        {"http://a..b/", "an empty part"},
        {"http://./", "an empty part"},
        {"http://a,b/", "no name of a host has"},
        {"http://a;b/", "no name of a host has"},
        {"http://*/", "no name of a host has"},
        {"http://a:/", "no number from 1"},
        {"http://a:0/", "no number from 1"},
        {"http://a:65536/", "no number from 1"},
        {"http://a:080808/", "no number from 1"},
        {"http://a:+80/", "no number from 1"},
        {"http://a:8o/", "no number from 1"},
        {"http://a:80:80/", "no number from 1"},
        {"http://::1/", "has no host"},
        {"http://[::1/", "never closed"},
        {"http://[::1]x/", "follows the brackets"},
        {"http://[::1]:/", "no number from 1"},
        {"http://[]/", "no IPv6 address"},
        {"http://[127.0.0.1]/", "no IPv6 address"},
        {"http://[::1%25lo]/", "no IPv6 address"},
        {"http://[fe80::1%eth0]/", "no IPv6 address"},
        {"http://[v1.a]/", "no IPv6 address"},
        {"http://[localhost]/", "no IPv6 address"},
        {"http://[::ffff:0177.0.0.1]/", "no IPv6 address"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        struct weburl url;
        struct error error = {0};
        if (weburl_read(bad[i].text, &url, &error) != -1)
            fail_msg("%s is taken", bad[i].text);
        if (strstr(error.text, bad[i].words) == NULL)
            fail_msg("%s: no \"%s\" in: %s", bad[i].text, bad[i].words, error.text);
        assert_int_equal(error.kind, ERROR_DATA);
    }
}

static void long_hosts_are_refused(void **state)
{
    char text[800];
    struct weburl url;
    (void)state;
    (void)snprintf(text, sizeof text, "http://%0300d.a/", 0);
    assert_int_equal(weburl_read(text, &url, NULL), -1);
    (void)snprintf(text, sizeof text, "http://%064d.a/", 0);
    assert_int_equal(weburl_read(text, &url, NULL), -1);
    (void)snprintf(text, sizeof text, "http://%063d.a/", 0);
    assert_int_equal(weburl_read(text, &url, NULL), 0);
    (void)snprintf(text, sizeof text, "http://[%0300d]/", 0);
    assert_int_equal(weburl_read(text, &url, NULL), -1);
    (void)snprintf(text, sizeof text, "http://[%0254d::]/", 0);
    assert_int_equal(weburl_read(text, &url, NULL), -1);
}

static void names_of_this_machine_are_known(void **state)
{
    static const struct {
        const char *text;
        bool local;
    } cases[] = {
        {"http://localhost/", true},       {"http://LOCALHOST:1/", true},
        {"http://localhost./", true},      {"http://a.b.localhost/", true},
        {"http://localhost.localdomain/", true}, {"http://ip6-localhost/", true},
        {"http://notlocalhost/", false},   {"http://localhost.example/", false},
        {"http://127.0.0.1/", false},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct weburl url;
        assert_int_equal(weburl_read(cases[i].text, &url, NULL), 0);
        assert_int_equal(weburl_is_local(&url), cases[i].local);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_are_taken_apart),
        cmocka_unit_test(odd_urls_are_refused),
        cmocka_unit_test(long_hosts_are_refused),
        cmocka_unit_test(names_of_this_machine_are_known),
    };
    return UNIT_RUN(tests);
}
