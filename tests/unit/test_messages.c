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

static void files_are_for_a_later_version(void **state)
{
    (void)state;
    refused("[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"path\":\"a.pdf\"}]}]",
            "unsupported", "not supported by this version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_are_accepted),
        cmocka_unit_test(the_assistant_may_have_no_content),
        cmocka_unit_test(the_array_must_hold_messages),
        cmocka_unit_test(roles_must_be_known),
        cmocka_unit_test(content_must_be_text_or_parts),
        cmocka_unit_test(files_are_for_a_later_version),
    };
    return UNIT_RUN(tests);
}
