/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_openai_responses: requests, answers and streams of OpenAI's Responses. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/random.h"
#include "base/xalloc.h"
#include "provider/provider.h"
#include "provider/stream.h"

static const struct wall now = {INT64_C(1796126400000)};

static const struct provider *responses(void)
{
    return provider_find("openai-responses", "chat");
}

static struct job *new_job(const char *text)
{
    struct error error = {0};
    struct job_context context = {.default_model = "m"};
    struct job *job = job_read(text, strlen(text), &context, &error);
    if (job == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return job;
}

/* Requests */

static char *body_for(const char *text, const struct provider_ask *ask)
{
    struct job *job = new_job(text);
    struct provider_request request = {0};
    struct error error = {0};
    assert_int_equal(responses()->build(job, ask, &request, &error), 0);
    assert_string_equal(request.path, "/responses");
    assert_string_equal(request.headers[0], "Content-Type: application/json");
    char *body = buffer_take(&request.body);
    provider_request_clear(&request);
    job_free(job);
    return body;
}

struct request_row {
    const char *job;
    const char *body; /* behind the model */
};

static void check_requests(const struct request_row *rows, size_t count)
{
    const struct provider_ask ask = {.model = "m"};
    for (size_t i = 0; i < count; i++) {
        char *body = body_for(rows[i].job, &ask);
        assert_memory_equal(body, "{\"model\":\"m\",", 13);
        assert_string_equal(body + 13, rows[i].body);
        free(body);
    }
}

#define MESSAGES(inside) "{\"messages\": [" inside "]}"
#define INPUT(inside)    "\"input\":[" inside "],\"store\":false}"

static void messages_become_input_items(void **state)
{
    (void)state;
    static const struct request_row rows[] = {
        {"{\"prompt\": \"hi\"}", "\"input\":\"hi\",\"store\":false}"},
        {"{\"prompt\": \"hi\", \"system\": \"be brief\"}",
         "\"input\":\"hi\",\"instructions\":\"be brief\",\"store\":false}"},
        {MESSAGES(
             "{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": \"u\","
             " \"name\": \"x\"}, {\"role\": \"assistant\", \"content\": \"a\"}"),
         INPUT("{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"},"
               "{\"role\":\"assistant\",\"content\":\"a\"}")},
        {MESSAGES(
             "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"what?\"},"
             "{\"type\": \"image_url\", \"image_url\": {\"url\": \"data:x\", \"detail\": \"low\"}},"
             "{\"type\": \"image_url\", \"image_url\": \"http://x\"},"
             "{\"type\": \"input_text\", \"text\": \"as it is\"}]}"),
         INPUT("{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"what?\"},"
               "{\"type\":\"input_image\",\"image_url\":\"data:x\",\"detail\":\"low\"},"
               "{\"type\":\"input_image\",\"image_url\":\"http://x\",\"detail\":\"auto\"},"
               "{\"type\":\"input_text\",\"text\":\"as it is\"}]}")},
        {MESSAGES("{\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"a\"},"
                  "{\"type\": \"refusal\", \"refusal\": \"no\"}]}"),
         INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"},"
               "{\"type\":\"refusal\",\"refusal\":\"no\"}]}")},
    };
    check_requests(rows, UNIT_COUNT(rows));
}

static void tool_messages_become_items_of_their_own(void **state)
{
    (void)state;
    static const struct request_row rows[] = {
        {MESSAGES(
             "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"c1\","
             "\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": \"{}\"}}]},"
             "{\"role\": \"tool\", \"tool_call_id\": \"c1\", \"content\": \"42\"}"),
         INPUT(
             "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},"
             "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"42\"}")},
        {MESSAGES(
             "{\"role\": \"assistant\", \"content\": \"so\", \"tool_calls\": [{\"id\": \"c1\","
             "\"type\": \"custom\", \"custom\": {\"name\": \"f\", \"input\": \"x\"}}]},"
             "{\"role\": \"tool\", \"tool_call_id\": \"c1\", \"content\": [{\"type\": \"text\","
             "\"text\": \"42\"}]}"),
         INPUT("{\"role\":\"assistant\",\"content\":\"so\"},"
               "{\"type\":\"custom_tool_call\",\"call_id\":\"c1\",\"name\":\"f\",\"input\":\"x\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":[{\"type\":"
               "\"input_text\",\"text\":\"42\"}]}")},
    };
    check_requests(rows, UNIT_COUNT(rows));
}

#define PARAMS(inside) "{\"prompt\": \"hi\", \"params\": {" inside "}}"
#define BODY(inside)   "\"input\":\"hi\"," inside "}"

static void params_take_the_form_of_responses(void **state)
{
    (void)state;
    static const struct request_row rows[] = {
        {PARAMS("\"temperature\": 0.5, \"seed\": 1"),
         BODY("\"temperature\":0.5,\"seed\":1,\"store\":false")},
        {PARAMS("\"store\": true"), BODY("\"store\":true")},
        {PARAMS("\"max_tokens\": 7"), BODY("\"max_output_tokens\":7,\"store\":false")},
        {PARAMS("\"max_tokens\": 7, \"max_completion_tokens\": 8"),
         BODY("\"max_output_tokens\":8,\"store\":false")},
        {PARAMS("\"max_tokens\": 7, \"max_output_tokens\": 9"),
         BODY("\"max_output_tokens\":9,\"store\":false")},
        {PARAMS("\"response_format\": {\"type\": \"json_object\"}"),
         BODY("\"text\":{\"format\":{\"type\":\"json_object\"}},\"store\":false")},
        {PARAMS("\"verbosity\": \"low\", \"response_format\": {\"type\": \"json_schema\","
                "\"json_schema\": {\"name\": \"n\", \"schema\": {\"type\": \"object\"}, "
                "\"strict\": true}}"),
         BODY("\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":\"n\","
              "\"schema\":{\"type\":\"object\"},\"strict\":true}},\"store\":false")},
        {PARAMS("\"reasoning\": {\"summary\": \"auto\"}, \"reasoning_effort\": \"low\""),
         BODY("\"reasoning\":{\"summary\":\"auto\",\"effort\":\"low\"},\"store\":false")},
        {PARAMS("\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", "
                "\"parameters\": {\"type\": \"object\"}}}, {\"type\": \"web_search\"}, "
                "{\"type\": \"function\", \"name\": \"flat\"}]"),
         BODY("\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":"
              "\"object\"},\"strict\":false},{\"type\":\"web_search\"},{\"type\":\"function\","
              "\"name\":\"flat\"}],\"store\":false")},
        {PARAMS("\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", "
                "\"strict\": true}}, {\"type\": \"custom\", \"custom\": {\"name\": \"c\"}}]"),
         BODY("\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"strict\":true,\"parameters\":"
              "null},{\"type\":\"custom\",\"name\":\"c\"}],\"store\":false")},
        {PARAMS("\"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"f\"}}"),
         BODY("\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},\"store\":false")},
        {PARAMS("\"tool_choice\": \"auto\", \"background\": true, \"stream_options\": {}"),
         BODY("\"tool_choice\":\"auto\",\"store\":false")},
        {"{\"prompt\": \"hi\", \"user\": \"u\"}",
         BODY("\"store\":false,\"safety_identifier\":\"u\"")},
        {"{\"prompt\": \"hi\", \"user\": \"u\", \"params\": {\"safety_identifier\": \"s\"}}",
         BODY("\"safety_identifier\":\"s\",\"store\":false")},
    };
    check_requests(rows, UNIT_COUNT(rows));
}

static void the_ask_bounds_and_streams(void **state)
{
    (void)state;
    const struct provider_ask ask = {.model = "m", .stream = true, .max_tokens = 5};
    char *body = body_for(PARAMS("\"max_tokens\": 7"), &ask);
    assert_string_equal(body, "{\"model\":\"m\",\"input\":\"hi\",\"max_output_tokens\":5,"
                              "\"store\":false,\"stream\":true}");
    free(body);
}

static void the_job_stays_as_it_is(void **state)
{
    (void)state;
    struct job *job =
        new_job(PARAMS("\"reasoning\": {}, \"reasoning_effort\": \"low\", \"text\": {},"
                       "\"verbosity\": \"low\", \"response_format\": {\"type\": "
                       "\"json_schema\", \"json_schema\": {\"name\": \"n\"}}"));
    const struct provider_ask ask = {.model = "m"};
    struct provider_request request = {0};
    struct error error = {0};
    struct buffer before = {0};
    struct buffer after = {0};
    job_write(job, &before);
    assert_int_equal(responses()->build(job, &ask, &request, &error), 0);
    job_write(job, &after);
    assert_string_equal(before.bytes, after.bytes);
    provider_request_clear(&request);
    buffer_free(&before);
    buffer_free(&after);
    job_free(job);
}

static void a_job_without_a_question_is_refused(void **state)
{
    (void)state;
    struct job job = {.document = json_pack("{s:s}", "input", "hi")};
    const struct provider_ask ask = {.model = "m"};
    struct provider_request request = {0};
    struct error error = {0};
    assert_int_equal(responses()->build(&job, &ask, &request, &error), -1);
    assert_int_equal(error.kind, ERROR_DATA);
    provider_request_clear(&request);
    json_decref(job.document);
}

/* Answers */

/* What became of a reply. */
struct result {
    struct verdict verdict;
    struct answer answer;
    char *text; /* that a watcher saw */
};

static struct result read_for(const char *params, const char *body)
{
    char text[500];
    snprintf(text, sizeof text, "{\"prompt\": \"hi\", \"params\": {%s}}", params);
    struct job *job = new_job(text);
    const struct provider_header header = {"x-request-id", "req-1"};
    const struct provider_reply reply = {.status = 200,
                                         .headers = &header,
                                         .header_count = 1,
                                         .body = body,
                                         .body_length = strlen(body)};
    struct result result = {.text = NULL};
    result.verdict = responses()->read(job, &reply, now, &result.answer);
    assert_string_equal(result.verdict.request_id, "req-1");
    job_free(job);
    return result;
}

static struct result stream_for(const char *body, size_t part, struct random *random)
{
    struct job *job = new_job("{\"prompt\": \"hi\"}");
    struct stream *stream = stream_new(responses());
    const struct provider_reply reply = {.status = 200, .body = body, .body_length = strlen(body)};
    struct result result;
    for (size_t at = 0, size; at < reply.body_length; at += size) {
        size_t left = reply.body_length - at;
        size = 1 + (size_t)random_below(random, part);
        size = size < left ? size : left;
        char *exact = xmemdup(body + at, size); /* no byte behind: ASan would tell */
        stream_feed(stream, exact, size);
        free(exact);
    }
    const struct buffer *text = stream_text(stream);
    result.text = xstrdup(text->length > 0 ? text->bytes : "");
    result.verdict = stream_end(stream, job, &reply, now, &result.answer);
    stream_free(stream);
    job_free(job);
    return result;
}

static void result_clear(struct result *result)
{
    answer_clear(&result->answer);
    free(result->text);
}

/* output, tool calls, refusal, finish_reason, truncated */
static char *describe(const struct answer *answer)
{
    struct buffer out = {0};
    jsontext_write(&out, answer->output);
    buffer_byte(&out, ' ');
    if (answer->tool_calls != NULL) {
        jsontext_write(&out, answer->tool_calls);
    }
    buffer_printf(&out, "|%s|%s|%d", answer->refusal != NULL ? answer->refusal : "",
                  answer->finish_reason, answer->truncated);
    return buffer_take(&out);
}

#define RESPONSE(status, output)                                                                   \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"" status "\",\"error\":null,"         \
    "\"model\":\"m-1\",\"output\":[" output "],\"usage\":{\"input_tokens\":3,\"output_tokens\":4," \
    "\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens_details\":{"                   \
    "\"reasoning_tokens\":2}}}"
#define INCOMPLETE(reason, output)                                                                 \
    "{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"" reason                      \
    "\"},\"output\":[" output "]}"
#define PART(text)    "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[]}"
#define MESSAGE(part) "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[" part "]}"
#define TEXT(text)    MESSAGE(PART(text))
#define REASONING     "{\"type\":\"reasoning\",\"summary\":[]}"
#define CALL                                                                                       \
    "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":" \
    "\"{}\"}"
#define CALL_READ                                                                                  \
    "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]"

static void outputs_are_put_together(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        const char *body;
        const char *answer;
    } rows[] = {
        {"", RESPONSE("completed", TEXT("hello")), "\"hello\" ||stop|0"},
        {"", RESPONSE("completed", REASONING "," MESSAGE(PART("a") "," PART("b")) "," TEXT("c")),
         "\"abc\" ||stop|0"},
        {"", RESPONSE("completed", TEXT("")), "\"\" ||stop|0"},
        {"", RESPONSE("completed", CALL), "null " CALL_READ "||tool_calls|0"},
        {"", RESPONSE("completed", TEXT("so") "," CALL), "\"so\" " CALL_READ "||tool_calls|0"},
        {"",
         RESPONSE("completed", "{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"f\","
                               "\"input\":\"x\"}"),
         "null [{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"x\"}}]|"
         "|tool_calls|0"},
        {"", RESPONSE("completed", MESSAGE("{\"type\":\"refusal\",\"refusal\":\"I will not\"}")),
         "null |I will not|stop|0"},
        {"", RESPONSE("completed", "{\"type\":\"image_generation_call\",\"result\":\"x\"}"),
         "null ||stop|0"},
        {"", INCOMPLETE("max_output_tokens", TEXT("cu")), "\"cu\" ||length|1"},
        {"", INCOMPLETE("max_output_tokens", REASONING), "\"\" ||length|1"},
        {"", INCOMPLETE("content_filter", TEXT("cu")), "\"cu\" ||content_filter|1"},
        {"", INCOMPLETE("new_reason", TEXT("cu")), "\"cu\" ||length|1"},
        {"\"response_format\": {\"type\": \"json_object\"}",
         RESPONSE("completed", TEXT("{\\\"a\\\":1}")), "{\"a\":1} ||stop|0"},
        {"\"text\": {\"format\": {\"type\": \"json_object\"}}", RESPONSE("completed", TEXT("[1]")),
         "[1] ||stop|0"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct result result = read_for(rows[i].params, rows[i].body);
        if (result.verdict.outcome != OUTCOME_OK) {
            fail_msg("%s: %s", rows[i].body, result.verdict.code);
        }
        char *answer = describe(&result.answer);
        assert_string_equal(answer, rows[i].answer);
        assert_int_equal(result.verdict.refused, result.answer.refusal != NULL);
        free(answer);
        result_clear(&result);
    }
}

static void usage_has_its_own_names(void **state)
{
    (void)state;
    struct result result = read_for("", RESPONSE("completed", TEXT("a")));
    assert_int_equal(result.answer.usage.input_tokens, 3);
    assert_int_equal(result.answer.usage.output_tokens, 4);
    assert_int_equal(result.answer.usage.cached_tokens, 1);
    assert_int_equal(result.answer.usage.reasoning_tokens, 2);
    assert_string_equal(result.answer.model, "m-1");
    assert_string_equal(jsontext_get_text(result.answer.response, "id", ""), "resp_1");
    result_clear(&result);
    result = read_for("", INCOMPLETE("max_output_tokens", TEXT("a")));
    assert_int_equal(result.answer.usage.input_tokens, -1);
    assert_int_equal(result.answer.usage.output_tokens, -1);
    result_clear(&result);
}

#define FAILED(code)                                                                               \
    "{\"status\":\"failed\",\"error\":{\"code\":\"" code "\",\"message\":\"m\"},\"output\":[]}"

static void bad_answers_have_their_class(void **state)
{
    (void)state;
    static const struct answer empty;
    static const struct {
        const char *params;
        const char *body;
        enum outcome outcome;
        const char *code;
    } rows[] = {
        {"", FAILED("server_error"), OUTCOME_TRANSIENT, "server_error"},
        {"", FAILED("rate_limit_exceeded"), OUTCOME_THROTTLED, "rate_limit_exceeded"},
        {"", FAILED("invalid_prompt"), OUTCOME_JOB, "invalid_prompt"},
        {"", FAILED("bio_policy"), OUTCOME_JOB, "bio_policy"},
        {"", FAILED("vector_store_timeout"), OUTCOME_TRANSIENT, "vector_store_timeout"},
        {"", FAILED("image_too_large"), OUTCOME_JOB, "image_too_large"},
        {"", FAILED("data_residency_mismatch"), OUTCOME_UPSTREAM, "data_residency_mismatch"},
        {"", RESPONSE("failed", ""), OUTCOME_TRANSIENT, "finish_reason_error"},
        {"", RESPONSE("cancelled", TEXT("a")), OUTCOME_TRANSIENT, "finish_reason_error"},
        {"", RESPONSE("queued", ""), OUTCOME_TRANSIENT, "finish_reason_error"},
        {"", RESPONSE("in_progress", TEXT("a")), OUTCOME_TRANSIENT, "finish_reason_error"},
        {"", RESPONSE("unheard-of", TEXT("a")), OUTCOME_UNUSABLE, "no_finish_reason"},
        {"", "{\"output\":[" TEXT("a") "]}", OUTCOME_UNUSABLE, "no_finish_reason"},
        {"", "{\"status\":\"completed\"}", OUTCOME_UNUSABLE, "no_content"},
        {"", "{\"status\":\"completed\",\"output\":{}}", OUTCOME_UNUSABLE, "no_content"},
        {"", RESPONSE("completed", ""), OUTCOME_UNUSABLE, "no_content"},
        {"", RESPONSE("completed", REASONING), OUTCOME_UNUSABLE, "no_content"},
        {"", RESPONSE("completed", MESSAGE("7,{\"type\":\"output_text\",\"text\":7}")),
         OUTCOME_UNUSABLE, "no_content"},
        {"", INCOMPLETE("content_filter", ""), OUTCOME_JOB, "content_filter"},
        {"\"response_format\": {\"type\": \"json_object\"}", RESPONSE("completed", TEXT("no")),
         OUTCOME_UNUSABLE, PROVIDER_INVALID_JSON},
        {"", "[]", OUTCOME_UNUSABLE, "no_finish_reason"},
        {"", "", OUTCOME_UNUSABLE, "not_json"},
        {"", "<html>", OUTCOME_UNUSABLE, "not_json"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct result result = read_for(rows[i].params, rows[i].body);
        if (result.verdict.outcome != rows[i].outcome ||
            strcmp(result.verdict.code, rows[i].code) != 0) {
            fail_msg("%s: %s %s", rows[i].body, outcome_word(result.verdict.outcome),
                     result.verdict.code);
        }
        assert_memory_equal(&result.answer, &empty, sizeof empty);
        result_clear(&result);
    }
    assert_true(read_for("", FAILED("bio_policy")).verdict.moderation);
    assert_true(read_for("", INCOMPLETE("content_filter", "")).verdict.refused);
}

/* Streams */

#define EVENT(type, inside) "event: " type "\ndata: {\"type\":\"" type "\"," inside "}\n\n"
#define BEGIN                                                                                      \
    EVENT("response.created", "\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\","        \
                              "\"output\":[]}")                                                    \
    EVENT("response.in_progress", "\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\","    \
                                  "\"output\":[]}")
#define DELTA(text)         EVENT("response.output_text.delta", "\"delta\":\"" text "\"")
#define END(word, response) EVENT("response." word, "\"sequence_number\":9,\"response\":" response)

static void the_last_event_is_the_answer(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *answer;
        const char *text;
    } rows[] = {
        {BEGIN DELTA("Hel") DELTA("lo \u20ac") EVENT("response.output_text.done", "\"text\":\"x\"")
             END("completed", RESPONSE("completed", TEXT("Hello \u20ac"))),
         "\"Hello \u20ac\" ||stop|0", "Hello \u20ac"},
        {DELTA("cu") END("incomplete", INCOMPLETE("max_output_tokens", TEXT("cu"))),
         "\"cu\" ||length|1", "cu"},
        {BEGIN EVENT("response.output_item.done", "\"output_index\":0,\"item\":" CALL)
             END("completed", RESPONSE("completed", CALL)),
         "null " CALL_READ "||tool_calls|0", ""},
        {BEGIN EVENT("response.output_item.done", "\"output_index\":0,\"item\":" TEXT("a"))
             END("completed", RESPONSE("completed", "")), /* servers that leave the output out */
         "\"a\" ||stop|0", ""},
        {END("completed", RESPONSE("completed", TEXT("a"))) "data: [DONE]\n\n", "\"a\" ||stop|0",
         ""},
        {BEGIN END("completed", RESPONSE("completed", TEXT("a"))) "nonsense\n\ndata: x\n\n",
         "\"a\" ||stop|0", ""},
        {"data: {\"type\":\"response.completed\",\"response\":" RESPONSE("completed",
                                                                         TEXT("a")) "}",
         "\"a\" ||stop|0", ""},
    };
    struct random random;
    random_init(&random, 7);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        for (size_t part = 1; part <= 400; part += 7) {
            struct result result = stream_for(rows[i].body, part, &random);
            if (result.verdict.outcome != OUTCOME_OK) {
                fail_msg("%s: %s", rows[i].body, result.verdict.code);
            }
            char *answer = describe(&result.answer);
            assert_string_equal(answer, rows[i].answer);
            assert_string_equal(result.text, rows[i].text);
            assert_null(json_object_get(result.answer.response, "finished items"));
            free(answer);
            result_clear(&result);
        }
    }
}

static void streams_that_fail_have_their_class(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum outcome outcome;
        const char *code;
    } rows[] = {
        {"", OUTCOME_TRANSIENT, STREAM_CUT},
        {BEGIN DELTA("a"), OUTCOME_TRANSIENT, STREAM_CUT},
        {BEGIN DELTA("a") "data: [DONE]\n\n", OUTCOME_TRANSIENT, STREAM_CUT},
        {BEGIN EVENT("response.output_item.done", "\"item\":" TEXT("a")), OUTCOME_TRANSIENT,
         STREAM_CUT},
        {BEGIN "event: response.completed\ndata: {\"type\":\"response.completed\",\"respon",
         OUTCOME_TRANSIENT, STREAM_CUT},
        {DELTA("a") END("failed", FAILED("server_error")), OUTCOME_TRANSIENT, "server_error"},
        {END("failed", FAILED("rate_limit_exceeded")), OUTCOME_THROTTLED, "rate_limit_exceeded"},
        {BEGIN
         "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":"
         "\"m\",\"param\":null,\"sequence_number\":3}\n\n",
         OUTCOME_THROTTLED, "rate_limit_exceeded"},
        {BEGIN "event: error\ndata: {\"type\":\"error\",\"error\":{\"code\":\"insufficient_quota\","
               "\"message\":\"m\"}}\n\n",
         OUTCOME_UPSTREAM, "insufficient_quota"},
        {EVENT("response.completed", "\"response\":7"), OUTCOME_UNUSABLE, "bad_event"},
        {EVENT("response.output_item.done", "\"item\":7"), OUTCOME_UNUSABLE, "bad_event"},
        {END("completed", RESPONSE("in_progress", TEXT("a"))), OUTCOME_TRANSIENT,
         "finish_reason_error"},
    };
    static const struct answer empty;
    struct random random;
    random_init(&random, 7);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        for (size_t part = 1; part <= 100; part += 3) {
            struct result result = stream_for(rows[i].body, part, &random);
            if (result.verdict.outcome != rows[i].outcome ||
                strcmp(result.verdict.code, rows[i].code) != 0) {
                fail_msg("%s: %s %s", rows[i].body, outcome_word(result.verdict.outcome),
                         result.verdict.code);
            }
            assert_memory_equal(&result.answer, &empty, sizeof empty);
            result_clear(&result);
        }
    }
}

static void a_user_too_long_for_an_identifier_is_not_told(void **state)
{
    (void)state;
    const struct provider_ask ask = {.model = "m"};
    for (size_t length = 64; length <= 65; length++) {
        char job[200];
        snprintf(job, sizeof job, "{\"prompt\": \"hi\", \"user\": \"%0*d\"}", (int)length, 7);
        char *body = body_for(job, &ask);
        assert_int_equal(strstr(body, "safety_identifier") != NULL, length <= 64);
        free(body);
    }
}

static void a_response_of_endless_items_is_refused(void **state)
{
    (void)state;
    struct buffer body = {0};
    struct random random;
    random_init(&random, 7);
    for (size_t i = 0; i <= 4096; i++) {
        buffer_text(&body, EVENT("response.output_item.done", "\"item\":{}"));
    }
    buffer_text(&body, END("completed", RESPONSE("completed", TEXT("a"))));
    struct result result = stream_for(body.bytes, body.length, &random);
    assert_string_equal(result.verdict.code, "bad_event");
    result_clear(&result);
    buffer_free(&body);
}

static void the_protocol_is_found_by_its_name(void **state)
{
    (void)state;
    assert_string_equal(responses()->protocol, "openai-responses");
    assert_string_equal(responses()->type, "chat");
    assert_string_equal(responses()->key_header, "Authorization: Bearer ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_become_input_items),
        cmocka_unit_test(tool_messages_become_items_of_their_own),
        cmocka_unit_test(params_take_the_form_of_responses),
        cmocka_unit_test(the_ask_bounds_and_streams),
        cmocka_unit_test(the_job_stays_as_it_is),
        cmocka_unit_test(a_job_without_a_question_is_refused),
        cmocka_unit_test(outputs_are_put_together),
        cmocka_unit_test(usage_has_its_own_names),
        cmocka_unit_test(bad_answers_have_their_class),
        cmocka_unit_test(the_last_event_is_the_answer),
        cmocka_unit_test(streams_that_fail_have_their_class),
        cmocka_unit_test(a_user_too_long_for_an_identifier_is_not_told),
        cmocka_unit_test(a_response_of_endless_items_is_refused),
        cmocka_unit_test(the_protocol_is_found_by_its_name),
    };
    return UNIT_RUN(tests);
}
