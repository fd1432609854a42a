/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_batch_answer: answers and failures in OpenAI's Batch form. */
#include "unit.h"

#include "base/jsontext.h"
#include "job/batch_answer.h"
#include "job/batch_body.h"

#define FINISHED "\"times\":{\"finished\":\"2026-11-25T00:00:00.000Z\"}"
#define ID       "\"id\":\"8b31e1edd6d8e9ba8e974bf487522ffa4e607610585dde2716f66cf5430f21b8\""
#define MODEL    "\"model\":{\"asked\":\"m\",\"answered\":\"m-1\"}"
#define USAGE                                                                                      \
    "\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"cached_tokens\":null,"                      \
    "\"reasoning_tokens\":1}"
#define RECORD(output, finish)                                                                     \
    "{" ID "," FINISHED "," MODEL "," USAGE ",\"output\":" output ",\"finish_reason\":\"" finish      \
    "\"}"
#define SHORT "8b31e1edd6d8e9ba8e974bf487522ffa"

static json_t *parse(const char *text)
{
    struct error error;
    json_t *value = jsontext_read_object(text, strlen(text), &error);
    if (value == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return value;
}

static void check_body(enum batch_form form, const char *record, const char *job, const char *wanted)
{
    json_t *output = parse(record);
    json_t *asked = parse(job);
    json_t *body = batch_body_made(form, output, asked);
    struct buffer text = {0};
    jsontext_write(&text, body);
    assert_string_equal(text.bytes, wanted);
    buffer_free(&text);
    json_decref(body);
    json_decref(asked);
    json_decref(output);
}

#define CHAT_USAGE                                                                                 \
    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5,"                     \
    "\"prompt_tokens_details\":{\"cached_tokens\":0},"                                              \
    "\"completion_tokens_details\":{\"reasoning_tokens\":1}}}"
#define CHAT_BEGIN                                                                                 \
    "{\"id\":\"chatcmpl-" SHORT "\",\"object\":\"chat.completion\",\"created\":1795564800,"           \
    "\"model\":\"m-1\",\"choices\":["

static void chats_are_made(void **state)
{
    (void)state;
    check_body(BATCH_CHAT, RECORD("\"Hi\"", "stop"), "{}",
               CHAT_BEGIN "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\","
                          "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                          CHAT_USAGE);
    check_body(BATCH_CHAT, RECORD("[1,{\"a\":null}]", "pause_turn"), "{\"params\":{\"n\":1}}",
               CHAT_BEGIN "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
                          "\"[1,{\\\"a\\\":null}]\",\"refusal\":null},\"logprobs\":null,"
                          "\"finish_reason\":\"stop\"}]," CHAT_USAGE);
    check_body(BATCH_CHAT, RECORD("[\"a\",\"b\"]", "length"), "{\"params\":{\"n\":2}}",
               CHAT_BEGIN "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\","
                          "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"length\"},"
                          "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"b\","
                          "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"length\"}],"
                          CHAT_USAGE);
}

static void calls_and_refusals_are_kept(void **state)
{
    static const char calls[] =
        "{" ID "," FINISHED "," MODEL "," USAGE ",\"output\":null,\"finish_reason\":\"tool_calls\","
        "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"}}]}";
    static const char refused[] = "{" ID "," FINISHED "," MODEL "," USAGE
                                  ",\"output\":null,\"finish_reason\":\"stop\",\"refusal\":\"No\"}";
    (void)state;
    check_body(BATCH_CHAT, calls, "{}",
               CHAT_BEGIN "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
                          "\"refusal\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
                          "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"logprobs\":null,"
                          "\"finish_reason\":\"tool_calls\"}]," CHAT_USAGE);
    check_body(BATCH_CHAT, refused, "{}",
               CHAT_BEGIN "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
                          "\"refusal\":\"No\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                          CHAT_USAGE);
}

static void other_forms_are_made(void **state)
{
    (void)state;
    check_body(BATCH_COMPLETION, RECORD("\"Hi\"", "stop"), "{}",
               "{\"id\":\"cmpl-" SHORT "\",\"object\":\"text_completion\",\"created\":1795564800,"
               "\"model\":\"m-1\",\"choices\":[{\"text\":\"Hi\",\"index\":0,\"logprobs\":null,"
               "\"finish_reason\":\"stop\"}]," CHAT_USAGE);
    check_body(BATCH_EMBEDDING, RECORD("[[0.5,1],[2,3]]", "stop"), "{}",
               "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"
               "[0.5,1]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[2,3]}],\"model\":\"m-1\","
               "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}");
    check_body(BATCH_RESPONSE, RECORD("\"Hi\"", "length"),
               "{\"system\":\"Be brief\",\"params\":{\"temperature\":0.5}}",
               "{\"id\":\"resp_" SHORT "\",\"object\":\"response\",\"created_at\":1795564800,"
               "\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":"
               "\"max_output_tokens\"},\"model\":\"m-1\",\"output\":[{\"type\":\"message\",\"id\":"
               "\"msg_" SHORT "\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":"
               "\"output_text\",\"text\":\"Hi\",\"annotations\":[],\"logprobs\":[]}]}],\"usage\":"
               "{\"input_tokens\":3,\"input_tokens_details\":{\"cached_tokens\":0},"
               "\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1},"
               "\"total_tokens\":5},\"instructions\":\"Be brief\",\"metadata\":{},"
               "\"parallel_tool_calls\":true,\"temperature\":0.5,\"tool_choice\":\"auto\","
               "\"tools\":[],\"top_p\":null,\"max_output_tokens\":null}");
}

static void an_answer_of_that_form_is_given_as_it_is(void **state)
{
    static const struct {
        enum batch_form form;
        const char *response;
        bool given;
    } rows[] = {
        {BATCH_CHAT, "{\"object\":\"chat.completion\",\"choices\":[]}", true},
        {BATCH_CHAT, "{\"object\":\"response\",\"output\":[]}", false},
        {BATCH_CHAT, "{\"type\":\"message\",\"content\":[]}", false},
        {BATCH_RESPONSE, "{\"object\":\"response\",\"output\":[]}", true},
        {BATCH_RESPONSE, "{\"object\":\"chat.completion\",\"choices\":[]}", false},
        {BATCH_COMPLETION, "{\"object\":\"text_completion\",\"choices\":[]}", true},
        {BATCH_EMBEDDING, "{\"object\":\"list\",\"data\":[]}", true},
        {BATCH_EMBEDDING, "{\"object\":\"list\"}", false},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        json_t *output = json_pack("{s:o}", "response", parse(rows[i].response));
        assert_int_equal(batch_body_given(rows[i].form, output) != NULL, rows[i].given);
        json_decref(output);
    }
}

#define JOB_HEX  "8b31e1edd6d8e9ba8e974bf487522ffa4e607610585dde2716f66cf5430f21b8"
#define ZEROS    "0000000000000000000000000000000000000000000000000000000000000000"
#define BEGIN    "{\"id\":\"batch_req_" JOB_HEX "000000000000002a\",\"custom_id\":\"a\\\"b\","

static void check_error(const char *record, const char *wanted)
{
    struct buffer text = {0};
    struct id id;
    json_t *document = record != NULL ? parse(record) : NULL;
    assert_true(id_read(JOB_HEX, &id));
    batch_answer_write_error(&text, &(struct batch_place){"a\"b", &id, 42}, document);
    assert_string_equal(text.bytes, wanted);
    buffer_free(&text);
    json_decref(document);
}

static void failures_are_told_as_openai_does(void **state)
{
    (void)state;
    check_error("{\"status\":\"expired\",\"reason\":\"expired\",\"message\":\"Late.\"}",
                BEGIN "\"response\":null,\"error\":{\"code\":\"batch_expired\",\"message\":\"Late.\"}}\n");
    check_error("{\"status\":\"cancelled\",\"reason\":\"cancelled\",\"message\":\"Stop.\","
                "\"attempts\":[{\"http_status\":500}]}",
                BEGIN
                "\"response\":null,\"error\":{\"code\":\"batch_cancelled\",\"message\":\"Stop.\"}}\n");
    check_error("{\"status\":\"failed\",\"reason\":\"timeout\",\"message\":\"Slow.\",\"attempts\":[{}]}",
                BEGIN
                "\"response\":null,\"error\":{\"code\":\"request_timeout\",\"message\":\"Slow.\"}}\n");
    check_error("{\"status\":\"failed\",\"reason\":\"max_attempts\",\"message\":\"Gave up.\","
                "\"attempts\":[{\"http_status\":503,\"code\":\"overloaded\",\"message\":\"Busy\","
                "\"request_id\":\"r\"}]}",
                BEGIN "\"response\":{\"status_code\":503,\"request_id\":\"r\",\"body\":{\"error\":"
                      "{\"message\":\"Busy\",\"type\":\"server_error\",\"param\":null,\"code\":"
                      "\"overloaded\"}}},\"error\":null}\n");
    check_error("{\"status\":\"refused\",\"reason\":\"bad_value\",\"message\":\"No.\"}",
                BEGIN "\"response\":{\"status_code\":400,\"request_id\":\"\",\"body\":{\"error\":"
                      "{\"message\":\"No.\",\"type\":\"invalid_request_error\",\"param\":null,"
                      "\"code\":\"bad_value\"}}},\"error\":null}\n");
    check_error(NULL, BEGIN "\"response\":null,\"error\":{\"code\":\"not_found\",\"message\":"
                            "\"The job and its answer are not in the spool any more.\"}}\n");
}

static void lines_are_found_again(void **state)
{
    static const char text[] = BEGIN "\"response\":null,\"error\":null}";
    struct id id, wanted;
    uint64_t position;
    (void)state;
    assert_true(id_read(JOB_HEX, &wanted));
    assert_true(batch_answer_place(text, sizeof text - 1, &id, &position));
    assert_true(id_equal(&id, &wanted));
    assert_int_equal(position, 42);
    assert_false(batch_answer_place(text, 60, &id, &position));
    assert_false(batch_answer_place("{}", 2, &id, &position));
}

static void answers_are_written(void **state)
{
    struct buffer text = {0};
    json_t *body = parse("{\"x\":1}");
    (void)state;
    batch_answer_write(&text, &(struct batch_place){"c", NULL, 1}, body, NULL);
    assert_string_equal(text.bytes, "{\"id\":\"batch_req_" ZEROS
                                    "0000000000000001\",\"custom_id\":\"c\",\"response\":{\"status_code\":"
                                    "200,\"request_id\":\"\",\"body\":{\"x\":1}},\"error\":null}\n");
    buffer_free(&text);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chats_are_made),
        cmocka_unit_test(calls_and_refusals_are_kept),
        cmocka_unit_test(other_forms_are_made),
        cmocka_unit_test(an_answer_of_that_form_is_given_as_it_is),
        cmocka_unit_test(failures_are_told_as_openai_does),
        cmocka_unit_test(lines_are_found_again),
        cmocka_unit_test(answers_are_written),
    };
    return UNIT_RUN(tests);
}
