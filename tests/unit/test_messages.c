/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_messages: the conversation that a job may ask with. */
#include "unit.h"

#include <string.h>

#include "base/jsontext.h"
#include "job/messages.h"

static int check(const char *text, struct refusal *refusal)
{
    json_t *messages = jsontext_read(text, strlen(text), refusal->error);
    assert_non_null(messages);
    int result = messages_check(messages, refusal);
    json_decref(messages);
    return result;
}

static void accepted(const char *text)
{
    struct error error = {0};
    struct refusal refusal = {NULL, &error};
    if (check(text, &refusal) != 0) {
        fail_msg("%s: %s", text, error.text);
    }
}

static void refused(const char *text, const char *reason, const char *part_of_sentence)
{
    struct error error = {0};
    struct refusal refusal = {NULL, &error};
    assert_int_equal(check(text, &refusal), -1);
    assert_string_equal(refusal.reason, reason);
    if (strstr(error.text, part_of_sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, part_of_sentence);
    }
}

static void conversations_are_accepted(void **state)
{
    (void)state;
    accepted("[{\"role\":\"user\",\"content\":\"Hello\"}]");
    accepted("[{\"role\":\"system\",\"content\":\"Be brief.\"},"
             "{\"role\":\"developer\",\"content\":\"\"},"
             "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"},"
             "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/a.png\"}}]},"
             "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]},"
             "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"7\"}]");
}

static void the_assistant_may_have_no_content(void **state)
{
    (void)state;
    accepted("[{\"role\":\"assistant\",\"tool_calls\":[]}]");
    refused("[{\"role\":\"user\"}]", "bad_value", "content of message 1");
}

static void the_array_must_hold_messages(void **state)
{
    (void)state;
    refused("[]", "bad_value", "at least one");
    refused("{}", "bad_value", "at least one");
    refused("\"Hello\"", "bad_value", "at least one");
    refused("[{\"role\":\"user\",\"content\":\"\"},\"Hello\"]", "bad_value",
            "message 2 must be an object");
}

static void roles_must_be_known(void **state)
{
    (void)state;
    refused("[{\"content\":\"\"}]", "bad_value", "message 1 has no \"role\"");
    refused("[{\"role\":7,\"content\":\"\"}]", "bad_value", "message 1 has no \"role\"");
    refused("[{\"role\":\"User\",\"content\":\"\"}]", "bad_value", "message 1 is \"User\"");
}

static void content_must_be_text_or_parts(void **state)
{
    (void)state;
    refused("[{\"role\":\"user\",\"content\":7}]", "bad_value", "content of message 1");
    refused("[{\"role\":\"user\",\"content\":{}}]", "bad_value", "content of message 1");
    refused("[{\"role\":\"user\",\"content\":[]}]", "bad_value", "no content parts");
    refused("[{\"role\":\"user\",\"content\":[\"Hello\"]}]", "bad_value", "part 1 of message 1");
    refused("[{\"role\":\"user\",\"content\":[{\"type\":\"text\"},{\"text\":\"\"}]}]", "bad_value",
            "part 2 of message 1");
}

#define BLOB "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define USER(part) "[{\"role\":\"user\",\"content\":[" part "]}]"

static void files_are_named_by_their_digest(void **state)
{
    (void)state;
    accepted(USER("{\"type\":\"file\",\"blob\":\"" BLOB "\",\"media_type\":\"image/png\"}"));
    accepted(USER("{\"type\":\"file\",\"blob\":\"" BLOB "\",\"media_type\":\"text/plain\","
                  "\"filename\":\"a b.txt\"}"));
    accepted(USER("{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}"));
    refused(USER("{\"type\":\"file\",\"path\":\"a.pdf\"}"), "bad_value", "llmspool-submit alone");
    refused(USER("{\"type\":\"file\",\"blob\":\"abc\",\"media_type\":\"image/png\"}"), "bad_value",
            "64 lower-case hex digits");
    refused(USER("{\"type\":\"file\",\"media_type\":\"image/png\"}"), "bad_value", "\"blob\"");
    refused(USER("{\"type\":\"file\",\"blob\":\"" BLOB "\"}"), "bad_value",
            "media_type of part 1 of message 1");
    refused(USER("{\"type\":\"file\",\"blob\":\"" BLOB "\",\"media_type\":\"text/html\"}"),
            "bad_value", "application/pdf");
    refused(USER("{\"type\":\"file\",\"blob\":\"" BLOB "\",\"media_type\":\"image/png\","
                 "\"filename\":\"a/b\"}"),
            "bad_value", "without a slash");
    refused(USER("{\"type\":\"file\",\"blob\":\"" BLOB "\",\"media_type\":\"image/png\","
                 "\"data\":\"AAAA\"}"),
            "bad_value", "the key \"data\"");
    refused("[{\"role\":\"system\",\"content\":[{\"type\":\"file\",\"blob\":\"" BLOB
            "\",\"media_type\":\"image/png\"}]}]",
            "bad_value", "only a user's message");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_are_accepted),
        cmocka_unit_test(the_assistant_may_have_no_content),
        cmocka_unit_test(the_array_must_hold_messages),
        cmocka_unit_test(roles_must_be_known),
        cmocka_unit_test(content_must_be_text_or_parts),
        cmocka_unit_test(files_are_named_by_their_digest),
    };
    return UNIT_RUN(tests);
}
