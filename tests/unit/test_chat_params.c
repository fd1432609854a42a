/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chat_params: params written for Responses, by the names of Chat Completions. */
#include "unit.h"

#include "base/jsontext.h"
#include "provider/chat_params.h"

static void names_of_responses_become_those_of_chats(void **state)
{
    static const struct {
        const char *given, *wanted;
    } rows[] = {
        {"{\"max_output_tokens\":7,\"top_p\":1}", "{\"top_p\":1,\"max_tokens\":7}"},
        {"{\"max_output_tokens\":null}", "{}"},
        {"{\"max_output_tokens\":7,\"max_completion_tokens\":9}", "{\"max_completion_tokens\":9}"},
        {"{\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"low\"}}",
         "{\"response_format\":{\"type\":\"json_object\"},\"verbosity\":\"low\"}"},
        {"{\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{}}}}",
         "{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
         "\"schema\":{}}}}"},
        {"{\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"strict\":true}],\"tool_choice\":"
         "{\"type\":\"function\",\"name\":\"f\"}}",
         "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}],"
         "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        json_t *given = json_loads(rows[i].given, 0, NULL);
        json_t *kept = json_deep_copy(given);
        json_t *chat = chat_params(given);
        struct buffer text = {0};
        jsontext_write(&text, chat);
        assert_string_equal(text.bytes, rows[i].wanted);
        assert_true(json_equal(given, kept)); /* the job's own are never changed */
        buffer_free(&text);
        json_decref(chat);
        json_decref(kept);
        json_decref(given);
    }
}

static void what_is_no_name_of_responses_stays_as_it_is(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"max_tokens\":7,\"text\":\"x\"}",
        ("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"custom\","
         "\"name\":\"g\"},{\"name\":\"h\",\"input_schema\":{}}],\"tool_choice\":\"auto\"}"),
        "{\"reasoning\":{\"effort\":\"low\"}}",
    };
    (void)state;
    assert_null(chat_params(NULL));
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        json_t *given = json_loads(rows[i], 0, NULL);
        json_t *chat = chat_params(given);
        assert_ptr_equal(chat, given);
        json_decref(chat);
        json_decref(given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_responses_become_those_of_chats),
        cmocka_unit_test(what_is_no_name_of_responses_stays_as_it_is),
    };
    return UNIT_RUN(tests);
}
