/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mail: who is sent a mail, and which addresses are good. */
#include "unit.h"

#include "base/buffer.h"
#include "base/jsontext.h"
#include "job/mail.h"

static void good_addresses_are_names_or_have_a_host(void **state)
{
    static const char *const good[] = {"alice", "_apt", "a", "a.b", "a+b=c-d@example.org", "1@2", "x@a-b.c",
                                       "A@B"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!mail_address_good(good[i]))
            fail_msg("%s is refused", good[i]);
}

static void what_a_header_shell_or_mailer_could_misread_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "@", "a@", "@b", "-f", "-oQ/tmp@b", ".a", "a.", "a..b", "a.@b", "a@b.", "a@.b", "a@b..c", "a@-b",
        "a@b-", "a@b@c", "a b", "a\tb", "a\nb", "a\r\nBcc: c@d", "a@b\n", "|prog", "/tmp/file", "a,b", "a;b",
        "<a@b>", "a(b)", "\"a\"@b", "a@[127.0.0.1]", "a@b c", "a%b@c", "a!b", "\xc3\xa4@b", "a@\xc3\xa4", "a`b",
        "$a", "a\\b", "a@b/c", "a:b", "a'b", "*"};
    char label[80], local[80];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mail_address_good(bad[i]))
            fail_msg("%s is let through", bad[i]);
    memset(local, 'a', sizeof local);
    strcpy(local + 64, "@b");
    assert_true(mail_address_good(local));
    strcpy(local + 65, "@b");
    local[64] = 'a';
    assert_false(mail_address_good(local));
    memset(label, 'b', sizeof label);
    memcpy(label, "a@", 2);
    label[65] = '\0';
    assert_true(mail_address_good(label));
    label[65] = 'b';
    label[66] = '\0';
    assert_false(mail_address_good(label));
}

static void an_address_is_bounded(void **state)
{
    struct buffer text = {0};

    (void)state;
    buffer_text(&text, "a@");
    while (text.length < MAIL_ADDRESS_LIMIT - 1)
        buffer_text(&text, "b.");
    buffer_text(&text, "c");
    while (text.length > MAIL_ADDRESS_LIMIT)
        buffer_drop(&text, 2);
    assert_false(mail_address_good(text.bytes) && text.length > MAIL_ADDRESS_LIMIT);
    buffer_text(&text, ".b.b");
    assert_false(mail_address_good(text.bytes));
    buffer_free(&text);
}

static int checked(const char *text)
{
    struct error error = {0};
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    int result = mail_check(value, &error);

    assert_true(result == 0 || error.kind == ERROR_DATA);
    json_decref(value);
    return result;
}

static void a_mail_has_an_address_and_words(void **state)
{
    static const char *const bad[] = {
        "1", "{}", "{\"to\": \"a\"}", "{\"on\": []}", "{\"on\": \"end\"}", "{\"on\": [\"ende\"]}", "{\"on\": [1]}",
        "{\"on\": [\"end\", \"fail\", \"end\"]}", "{\"to\": 1, \"on\": [\"end\"]}",
        "{\"to\": \"a b\", \"on\": [\"end\"]}", "{\"to\": \"a\", \"on\": [\"end\"], \"cc\": \"b\"}",
        "{\"cc\": \"b\", \"on\": [\"end\"]}"};

    (void)state;
    assert_int_equal(checked("{\"on\": [\"end\"]}"), 0);
    assert_int_equal(checked("{\"to\": \"a@b\", \"on\": [\"fail\", \"end\"]}"), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (checked(bad[i]) == 0)
            fail_msg("%s is let through", bad[i]);
}

static void words_say_which_ends_are_told(void **state)
{
    json_t *end = json_pack("{s:[s]}", "on", "end");
    json_t *fail = json_pack("{s:[s]}", "on", "fail");

    (void)state;
    assert_true(mail_wants(end, "completed") && mail_wants(end, "cancelled") && mail_wants(end, "failed"));
    assert_true(mail_wants(fail, "failed") && mail_wants(fail, "expired"));
    assert_false(mail_wants(fail, "completed") || mail_wants(fail, "cancelled"));
    assert_true(mail_wants_run(end, false) && mail_wants_run(fail, true));
    assert_false(mail_wants_run(fail, false));
    json_decref(end);
    json_decref(fail);
}

static void strangers_are_sent_none_unless_a_pattern_fits(void **state)
{
    char one[] = "*@example.org", two[] = "ops";
    char *patterns[] = {one, two, NULL};

    (void)state;
    assert_true(mail_allowed("alice", "alice", NULL));
    assert_false(mail_allowed("bob", "alice", NULL));
    assert_false(mail_allowed("alice@example.com", "alice", patterns));
    assert_true(mail_allowed("bob@example.org", "alice", patterns));
    assert_true(mail_allowed("ops", "alice", patterns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_are_names_or_have_a_host),
        cmocka_unit_test(what_a_header_shell_or_mailer_could_misread_is_refused),
        cmocka_unit_test(an_address_is_bounded),
        cmocka_unit_test(a_mail_has_an_address_and_words),
        cmocka_unit_test(words_say_which_ends_are_told),
        cmocka_unit_test(strangers_are_sent_none_unless_a_pattern_fits),
    };

    return UNIT_RUN(tests);
}
