/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_openai: OpenAI's Chat Completions. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "provider/provider.h"

static const struct wall now = {INT64_C(1796126400000)};

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

/* What is sent for a job when model is asked. */
static char *body_for(const char *text, const char *model)
{
    const struct provider *openai = provider_find("openai", "chat");
    struct job *job = new_job(text);
    struct provider_request request = {0};
    struct error error = {0};
    const struct provider_ask ask = {.model = model};
    assert_int_equal(openai->build(job, &ask, &request, &error), 0);
    assert_string_equal(request.path, "/chat/completions");
    assert_string_equal(request.headers[0], "Content-Type: application/json");
    char *body = buffer_take(&request.body);
    provider_request_clear(&request);
    assert_null(request.headers[0]);
    job_free(job);
    return body;
}

struct request_row {
    const char *job;
    const char *model;
    const char *body;
};

static void check_requests(const struct request_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *body = body_for(rows[i].job, rows[i].model);
        assert_string_equal(body, rows[i].body);
        free(body);
    }
}

static void protocols_are_found_by_name(void **state)
{
    (void)state;
    assert_non_null(provider_find("openai", "chat"));
    assert_null(provider_find("OpenAI", "chat"));
    assert_null(provider_find("", "chat"));
    assert_null(provider_find("openai", "Chat"));
    assert_null(provider_find("openai", "audio"));
    const char *const *names = provider_protocols();
    for (size_t i = 0; names[i] != NULL; i++) {
        assert_string_equal(provider_find(names[i], "chat")->protocol, names[i]);
        assert_string_equal(provider_find(names[i], "chat")->type, "chat");
    }
    assert_string_equal(provider_find("openai", "chat")->key_header, "Authorization: Bearer ");
}

static void prompt_system_and_messages_become_messages(void **state)
{
    (void)state;
    static const struct request_row rows[] = {
        {"{\"prompt\": \"hi\"}", "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
        {"{\"prompt\": \"hi\", \"system\": \"be brief\"}", "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},"
         "{\"role\":\"user\",\"content\":\"hi\"}]}"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": "
         "\"x\"}]}]}",
         "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"x\"}]}]}"},
        {"{\"system\": \"s\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
         "{\"role\":\"user\",\"content\":\"x\"}]}"},
        {"{\"model\": \"a\", \"prompt\": \"hi\"}", "fallback",
         "{\"model\":\"fallback\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
        {"{\"prompt\": \"hi\", \"stream\": true, \"priority\": 1, \"metadata\": {\"a\": 1}}", "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    };
    check_requests(rows, UNIT_COUNT(rows));
}

static void params_are_passed_on_as_they_are(void **state)
{
    (void)state;
    static const struct request_row rows[] = {
        {"{\"prompt\": \"hi\", \"params\": {\"temperature\": 0.1, \"seed\": 12345678901, \"zeta\": "
         "{\"b\": 1, \"a\": null}, \"alpha\": [true]}}",
         "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"temperature\":0."
         "1,"
         "\"seed\":12345678901,\"zeta\":{\"b\":1,\"a\":null},\"alpha\":[true]}"},
        {"{\"prompt\": \"hi\", \"params\": {\"stream_options\": {\"include_usage\": true}}}", "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    };
    check_requests(rows, UNIT_COUNT(rows));
}

static void the_user_is_told_unless_params_name_another(void **state)
{
    (void)state;
    static const struct request_row rows[] = {
        {"{\"prompt\": \"hi\", \"user\": \"alice\"}", "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"user\":"
         "\"alice\"}"},
        {"{\"prompt\": \"hi\", \"user\": \"alice\", \"params\": {\"user\": \"u-17\"}}", "m",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"user\":\"u-"
         "17\"}"},
    };
    check_requests(rows, UNIT_COUNT(rows));
}

static void max_tokens_has_the_name_that_the_model_takes(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        bool renamed;
    } rows[] = {
        {"gpt-4o-mini", false},
        {"gpt-4.1", false},
        {"gpt-35-turbo", false},
        {"gpt-oss-120b", false},
        {"llama-3", false},
        {"qwen/o-model", false},
        {"omni", false},
        {"o100b", false},
        {"o1", true},
        {"o1-mini", true},
        {"o3-2025-04-16", true},
        {"o4-mini", true},
        {"gpt-5", true},
        {"gpt-5-nano", true},
        {"gpt-5.1", true},
        {"gpt-6", true},
        {"openai/gpt-5", true},
        {"openai/o3:free", true},
        {"ft:gpt-5-mini:org::id", true},
        {"ft:gpt-4o-mini:org::id", false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char *body =
            body_for("{\"prompt\": \"hi\", \"params\": {\"max_tokens\": 7}}", rows[i].model);
        if ((strstr(body, "\"max_completion_tokens\":7") != NULL) != rows[i].renamed ||
            (strstr(body, "\"max_tokens\":7") != NULL) == rows[i].renamed) {
            fail_msg("%s: %s", rows[i].model, body);
        }
        free(body);
    }
}

/* What is sent for a job of these params when the ask is this. */
static char *body_of_ask(const char *params, const struct provider_ask *ask,
                         struct provider_request *request)
{
    char text[500];
    struct error error = {0};
    snprintf(text, sizeof text, "{\"prompt\": \"hi\", \"params\": %s}", params);
    struct job *job = new_job(text);
    assert_int_equal(provider_find("openai", "chat")->build(job, ask, request, &error), 0);
    job_free(job);
    return buffer_take(&request->body);
}

static void the_ask_may_bound_the_answer(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        const char *model;
        const char *limit; /* all of the limits that are sent */
    } rows[] = {
        {"{}", "m", "\"max_tokens\":5}"},
        {"{\"max_tokens\":7}", "m", "\"max_tokens\":5}"},
        {"{\"max_tokens\":7}", "gpt-5", "\"max_completion_tokens\":5}"},
        {"{\"max_tokens\":7,\"max_completion_tokens\":9}", "m", "\"max_completion_tokens\":5}"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const struct provider_ask ask = {
            .model = rows[i].model, .max_tokens = 5, .default_max_tokens = 11};
        struct provider_request request = {0};
        char *body = body_of_ask(rows[i].params, &ask, &request);
        assert_string_equal(strstr(body, "\"max_"), rows[i].limit);
        free(body);
        provider_request_clear(&request);
    }
}

static void a_stream_is_asked_for_with_its_usage(void **state)
{
    (void)state;
    const struct provider_ask ask = {.model = "m", .stream = true};
    struct provider_request request = {0};
    char *body = body_of_ask("{\"stream_options\":{\"x\":1}}", &ask, &request);
    assert_string_equal(body,
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                        "\"hi\"}],\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    assert_string_equal(request.headers[1], "Accept: text/event-stream, application/json");
    assert_string_equal(request.headers[2], "Accept-Encoding: identity");
    free(body);
    provider_request_clear(&request);
}

static void only_one_limit_is_sent(void **state)
{
    (void)state;
    const char *job = "{\"prompt\": \"hi\", \"params\": {\"max_tokens\": 7, "
                      "\"max_completion_tokens\": 9}}";
    static const char *const models[] = {"gpt-5", "llama-3"};
    for (size_t i = 0; i < UNIT_COUNT(models); i++) {
        char *body = body_for(job, models[i]);
        assert_null(strstr(body, "\"max_tokens\""));
        assert_non_null(strstr(body, "\"max_completion_tokens\":9"));
        free(body);
    }
}

static void a_job_without_a_question_is_refused(void **state)
{
    (void)state;
    struct job job = {.document = json_pack("{s:s}", "input", "hi")};
    const struct provider_ask ask = {.model = "m"};
    struct provider_request request = {0};
    struct error error = {0};
    assert_int_equal(provider_find("openai", "chat")->build(&job, &ask, &request, &error), -1);
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, "prompt"));
    provider_request_clear(&request);
    json_decref(job.document);
}

/* Reads a body with status 200 as the answer to a job with these params. */
static struct verdict read_for(const char *params, int status, const char *body,
                               struct answer *answer)
{
    char text[500];
    snprintf(text, sizeof text, "{\"prompt\": \"hi\", \"params\": %s}", params);
    struct job *job = new_job(text);
    const struct provider_header header = {"x-request-id", "req-1"};
    size_t length = strlen(body);
    char *exact = malloc(length + (length == 0)); /* no byte behind: ASan would tell */
    assert_non_null(exact);
    memcpy(exact, body, length);
    const struct provider_reply reply = {
        .status = status,
        .headers = &header,
        .header_count = 1,
        .body = exact,
        .body_length = length,
    };
    struct verdict verdict = provider_find("openai", "chat")->read(job, &reply, now, answer);
    free(exact);
    job_free(job);
    return verdict;
}

/* The parts of an answer as one text: output, tool calls, refusal, finish_reason, truncated. */
static void describe(const struct answer *answer, struct buffer *out)
{
    jsontext_write(out, answer->output);
    buffer_byte(out, ' ');
    if (answer->tool_calls != NULL) {
        jsontext_write(out, answer->tool_calls);
    }
    buffer_printf(out, "|%s|%s|%d", answer->refusal == NULL ? "" : answer->refusal,
                  answer->finish_reason, answer->truncated);
}

struct answer_row {
    const char *params;
    const char *body;
    const char *wanted;
};

static void check_answers(const struct answer_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct answer answer;
        struct buffer found = {0};
        struct verdict verdict = read_for(rows[i].params, 200, rows[i].body, &answer);
        if (verdict.outcome != OUTCOME_OK) {
            fail_msg("%s: %s %s", rows[i].body, verdict.code, verdict.message);
        }
        assert_string_equal(verdict.code, "");
        assert_string_equal(verdict.request_id, "req-1");
        describe(&answer, &found);
        assert_string_equal(found.bytes, rows[i].wanted);
        buffer_free(&found);
        answer_clear(&answer);
    }
}

#define CHOICE(message, finish)                                                                    \
    "{\"choices\":[{\"index\":0,\"message\":" message ",\"finish_reason\":\"" finish "\"}]}"
#define TEXT(text, finish) CHOICE("{\"role\":\"assistant\",\"content\":" text "}", finish)

static void text_is_the_output(void **state)
{
    (void)state;
    static const struct answer_row rows[] = {
        {"{}", TEXT("\"hello\"", "stop"), "\"hello\" ||stop|0"},
        {"{}", TEXT("\"\"", "stop"), "\"\" ||stop|0"},
        {"{}",
         TEXT("[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"thinking\"},{\"text\":\"b\"}]",
              "stop"),
         "\"ab\" ||stop|0"},
        {"{}", TEXT("\"{\\\"a\\\":1}\"", "stop"), "\"{\\\"a\\\":1}\" ||stop|0"},
        {"{\"response_format\": {\"type\": \"text\"}}", TEXT("\"1\"", "stop"), "\"1\" ||stop|0"},
    };
    check_answers(rows, UNIT_COUNT(rows));
}

static void finish_reasons_have_one_word_each(void **state)
{
    (void)state;
    static const struct answer_row rows[] = {
        {"{}", TEXT("\"a\"", "length"), "\"a\" ||length|1"},
        {"{}", TEXT("\"a\"", "model_length"), "\"a\" ||length|1"},
        {"{}", TEXT("\"a\"", "MAX_TOKENS"), "\"a\" ||length|1"},
        {"{}", TEXT("\"a\"", "STOP"), "\"a\" ||stop|0"},
        {"{}", TEXT("\"a\"", "content_filter"), "\"a\" ||content_filter|1"},
        {"{}", TEXT("\"a\"", "whatever"), "\"a\" ||whatever|0"},
        {"{}", TEXT("null", "length"), "\"\" ||length|1"}, /* all went into reasoning */
    };
    check_answers(rows, UNIT_COUNT(rows));
}

static void json_that_was_asked_for_is_parsed(void **state)
{
    (void)state;
    static const struct answer_row rows[] = {
        {"{\"response_format\": {\"type\": \"json_object\"}}", TEXT("\"{\\\"a\\\": [1]}\"", "stop"),
         "{\"a\":[1]} ||stop|0"},
        {"{\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {}}}",
         TEXT("\" 0.1\\n\"", "stop"), "0.1 ||stop|0"},
        {"{\"response_format\": {\"type\": \"json_object\"}}",
         CHOICE("{\"content\":null,\"refusal\":\"no\"}", "stop"), "null |no|stop|0"},
    };
    check_answers(rows, UNIT_COUNT(rows));
}

static void tool_calls_and_refusals_stand_beside_null(void **state)
{
    (void)state;
    static const struct answer_row rows[] = {
        {"{}", CHOICE("{\"content\":null,\"tool_calls\":[{\"id\":\"c\"}]}", "tool_calls"),
         "null [{\"id\":\"c\"}]||tool_calls|0"},
        {"{}", CHOICE("{\"content\":\"\",\"tool_calls\":[{\"id\":\"c\"}]}", "stop"),
         "null [{\"id\":\"c\"}]||stop|0"},
        {"{}", CHOICE("{\"content\":\"so\",\"tool_calls\":[{\"id\":\"c\"}]}", "tool_calls"),
         "\"so\" [{\"id\":\"c\"}]||tool_calls|0"},
        {"{}", CHOICE("{\"content\":\"so\",\"tool_calls\":[]}", "stop"), "\"so\" ||stop|0"},
        {"{}", CHOICE("{\"content\":null,\"function_call\":{\"name\":\"f\"}}", "function_call"),
         "null [{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]||tool_calls|0"},
        {"{}", CHOICE("{\"content\":null,\"refusal\":\"I will not\"}", "stop"),
         "null |I will not|stop|0"},
        {"{}", CHOICE("{\"content\":\"a\",\"refusal\":\"\"}", "stop"), "\"a\" ||stop|0"},
        {"{}", CHOICE("{\"content\":\"a\",\"refusal\":null,\"tool_calls\":null}", "stop"),
         "\"a\" ||stop|0"},
    };
    check_answers(rows, UNIT_COUNT(rows));
}

#define ONE(index, text, finish)                                                                   \
    "{\"index\":" index ",\"message\":{\"content\":" text "},\"finish_reason\":\"" finish "\"}"

static void several_choices_make_an_array_in_their_order(void **state)
{
    (void)state;
    static const struct answer_row rows[] = {
        {"{\"n\": 2}",
         "{\"choices\":[" ONE("1", "\"b\"", "stop") "," ONE("0", "\"a\"", "length") "]}",
         "[\"a\",\"b\"] ||length|1"},
        {"{\"n\": 2}", "{\"choices\":[" ONE("0", "\"a\"", "stop") "]}", "[\"a\"] ||stop|0"},
        {"{}", "{\"choices\":[" ONE("1", "\"a\"", "stop") "," ONE("1", "\"b\"", "stop") "]}",
         "[\"a\",\"b\"] ||stop|0"},
        {"{}", "{\"choices\":[" ONE("0", "\"a\"", "stop") "," ONE("9", "\"b\"", "stop") "]}",
         "[\"a\",\"b\"] ||stop|0"},
        {"{\"n\": 2, \"response_format\": {\"type\": \"json_object\"}}",
         "{\"choices\":[" ONE("0", "\"{}\"", "stop") "," ONE("1", "\"[1]\"", "stop") "]}",
         "[{},[1]] ||stop|0"},
        {"{\"n\": 2}",
         "{\"choices\":[" ONE("0", "null", "content_filter") "," ONE("1", "\"b\"", "stop") "]}",
         "[null,\"b\"] ||content_filter|1"},
        {"{\"n\": 2}",
         "{\"choices\":[" ONE("0", "\"a\"",
                              "stop") ",{\"index\":1,\"message\":{\"tool_calls\":"
                                      "[{\"id\":\"c\"}]},\"finish_reason\":\"tool_calls\"}]}",
         "[\"a\",null] [null,[{\"id\":\"c\"}]]||stop|0"},
    };
    check_answers(rows, UNIT_COUNT(rows));
}

static void usage_and_model_are_read(void **state)
{
    (void)state;
    struct answer answer;
    const char *body = "{\"id\":\"c-1\",\"model\":\"gpt-x\",\"choices\":[" ONE(
        "0", "\"a\"",
        "stop") "],"
                "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46,"
                "\"prompt_tokens_details\":{\"cached_tokens\":5},"
                "\"completion_tokens_details\":{\"reasoning_tokens\":6}}}";
    read_for("{}", 200, body, &answer);
    assert_int_equal(answer.usage.input_tokens, 12);
    assert_int_equal(answer.usage.output_tokens, 34);
    assert_int_equal(answer.usage.cached_tokens, 5);
    assert_int_equal(answer.usage.reasoning_tokens, 6);
    assert_string_equal(answer.model, "gpt-x");
    assert_string_equal(jsontext_get_text(answer.response, "id", ""), "c-1");
    answer_clear(&answer);
}

static void cached_tokens_have_several_places(void **state)
{
    (void)state;
    static const char *const usages[] = {
        "{\"prompt_tokens_details\":{\"cached_tokens\":5},\"cached_tokens\":6}",
        "{\"cached_tokens\":5}",
        "{\"prompt_tokens_details\":null,\"prompt_cache_hit_tokens\":5}",
    };
    for (size_t i = 0; i < UNIT_COUNT(usages); i++) {
        struct answer answer;
        char body[500];
        snprintf(body, sizeof body, "{\"choices\":[%s],\"usage\":%s}", ONE("0", "\"a\"", "stop"),
                 usages[i]);
        read_for("{}", 200, body, &answer);
        assert_int_equal(answer.usage.cached_tokens, 5);
        answer_clear(&answer);
    }
}

static void usage_that_is_not_told_is_unknown(void **state)
{
    (void)state;
    static const char *const usages[] = {
        "null",
        "{}",
        "[]",
        "{\"prompt_tokens\":null,\"completion_tokens\":\"7\",\"prompt_tokens_details\":null}",
        "{\"prompt_tokens\":-3,\"completion_tokens\":-1}",
    };
    for (size_t i = 0; i < UNIT_COUNT(usages); i++) {
        struct answer answer;
        char body[500];
        snprintf(body, sizeof body, "{\"choices\":[%s],\"usage\":%s}", ONE("0", "\"a\"", "stop"),
                 usages[i]);
        assert_int_equal(read_for("{}", 200, body, &answer).outcome, OUTCOME_OK);
        assert_int_equal(answer.usage.input_tokens, -1);
        assert_int_equal(answer.usage.output_tokens, -1);
        assert_int_equal(answer.usage.cached_tokens, -1);
        assert_int_equal(answer.usage.reasoning_tokens, -1);
        assert_null(answer.model);
        answer_clear(&answer);
    }
}

static void bad_answers_have_their_class_and_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        int status;
        const char *body;
        enum outcome outcome;
        const char *code;
    } rows[] = {
        {"{}", 200, "", OUTCOME_UNUSABLE, "not_json"},
        {"{}", 200, "<html>", OUTCOME_UNUSABLE, "not_json"},
        {"{}", 200, "{\"choices\":[{\"index\":0", OUTCOME_UNUSABLE, "not_json"},
        {"{}", 200, "\xff\xfe\x01", OUTCOME_UNUSABLE, "not_json"},
        {"{}", 200, "[]", OUTCOME_UNUSABLE, "no_choices"},
        {"{}", 200, "7", OUTCOME_UNUSABLE, "no_choices"},
        {"{}", 200, "{}", OUTCOME_UNUSABLE, "no_choices"},
        {"{}", 200, "{\"choices\":[]}", OUTCOME_UNUSABLE, "no_choices"},
        {"{}", 200, "{\"choices\":{}}", OUTCOME_UNUSABLE, "no_choices"},
        {"{}", 200, "{\"choices\":[7]}", OUTCOME_UNUSABLE, "no_message"},
        {"{}", 200, "{\"choices\":[{\"finish_reason\":\"stop\"}]}", OUTCOME_UNUSABLE, "no_message"},
        {"{}", 200, CHOICE("null", "stop"), OUTCOME_UNUSABLE, "no_message"},
        {"{}", 200, "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", OUTCOME_UNUSABLE,
         "no_finish_reason"},
        {"{}", 200, "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":null}]}",
         OUTCOME_UNUSABLE, "no_finish_reason"},
        {"{}", 200, TEXT("null", "stop"), OUTCOME_UNUSABLE, "no_content"},
        {"{}", 200, TEXT("7", "stop"), OUTCOME_UNUSABLE, "no_content"},
        {"{}", 200, CHOICE("{\"reasoning_content\":\"hm\"}", "stop"), OUTCOME_UNUSABLE,
         "no_content"},
        {"{}", 200, TEXT("\"a\"", "error"), OUTCOME_TRANSIENT, "finish_reason_error"},
        {"{}", 200, TEXT("\"a\"", "abort"), OUTCOME_TRANSIENT, "finish_reason_error"},
        {"{}", 200, TEXT("null", "content_filter"), OUTCOME_JOB, "content_filter"},
        {"{}", 200, TEXT("\"\"", "SAFETY"), OUTCOME_JOB, "content_filter"},
        {"{\"n\": 2}", 200, "{\"choices\":[" ONE("0", "\"a\"", "stop") ",{\"index\":1}]}",
         OUTCOME_UNUSABLE, "no_message"},
        {"{\"response_format\": {\"type\": \"json_object\"}}", 200, TEXT("\"no JSON\"", "stop"),
         OUTCOME_UNUSABLE, "invalid_json"},
        {"{\"response_format\": {\"type\": \"json_object\"}}", 200, TEXT("\"\"", "stop"),
         OUTCOME_UNUSABLE, "invalid_json"},
        {"{\"response_format\": {\"type\": \"json_object\"}}", 200, TEXT("\"{\"", "length"),
         OUTCOME_UNUSABLE, "invalid_json"},
        {"{}", 200, "{\"error\":{\"code\":502,\"message\":\"down\"},\"choices\":[]}",
         OUTCOME_TRANSIENT, "http_502"},
        {"{}", 200, "{\"error\":{\"code\":429,\"message\":\"slow\"}}", OUTCOME_THROTTLED,
         "http_429"},
        {"{}", 200, "{\"error\":\"oops\"}", OUTCOME_TRANSIENT, "http_200"},
        {"{}", 201, TEXT("\"a\"", "stop"), OUTCOME_UNUSABLE, "http_201"},
        {"{}", 400, "{\"error\":{\"message\":\"bad\",\"code\":\"x\"}}", OUTCOME_JOB, "x"},
        {"{}", 429, "", OUTCOME_THROTTLED, "http_429"},
        {"{}", 502, "<html>", OUTCOME_TRANSIENT, "http_502"},
        {"{}", 500, TEXT("\"a\"", "stop"), OUTCOME_TRANSIENT, "http_500"},
    };
    static const struct answer empty;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct answer answer;
        struct verdict verdict = read_for(rows[i].params, rows[i].status, rows[i].body, &answer);
        if (verdict.outcome != rows[i].outcome || strcmp(verdict.code, rows[i].code) != 0) {
            fail_msg("%s: %s %s", rows[i].body, outcome_word(verdict.outcome), verdict.code);
        }
        assert_true(verdict.message[0] != '\0');
        assert_string_equal(verdict.request_id, "req-1");
        assert_memory_equal(&answer, &empty, sizeof answer);
        assert_int_equal(verdict.moderation, strcmp(rows[i].code, "content_filter") == 0);
    }
}

static void refusals_are_marked_whoever_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum outcome outcome;
        bool refused;
        bool moderation;
    } rows[] = {
        {TEXT("\"a\"", "stop"), OUTCOME_OK, false, false},
        {CHOICE("{\"content\":null,\"refusal\":\"no\"}", "stop"), OUTCOME_OK, true, false},
        {CHOICE("{\"content\":\"a\",\"refusal\":\"no\"}", "stop"), OUTCOME_OK, true, false},
        {TEXT("null", "content_filter"), OUTCOME_JOB, true, true},
        {TEXT("\"cut\"", "content_filter"), OUTCOME_OK, false, false},
        {TEXT("null", "stop"), OUTCOME_UNUSABLE, false, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct answer answer;
        struct verdict verdict = read_for("{}", 200, rows[i].body, &answer);
        assert_int_equal(verdict.outcome, rows[i].outcome);
        assert_int_equal(verdict.refused, rows[i].refused);
        assert_int_equal(verdict.moderation, rows[i].moderation);
        answer_clear(&answer);
    }
}

static void an_empty_finish_reason_is_none(void **state)
{
    (void)state;
    struct answer answer;
    struct verdict verdict = read_for("{}", 200, TEXT("\"a\"", ""), &answer);
    assert_int_equal(verdict.outcome, OUTCOME_UNUSABLE);
    assert_string_equal(verdict.code, "no_finish_reason");
}

static void cut_json_is_told_apart(void **state)
{
    (void)state;
    struct answer answer;
    struct verdict verdict = read_for("{\"response_format\": {\"type\": \"json_object\"}}", 200,
                                      TEXT("\"{\"", "length"), &answer);
    assert_non_null(strstr(verdict.message, "max_tokens"));
}

/* A whole answer cut at each byte is unusable, whatever the byte. */
static void no_part_of_an_answer_is_taken_for_all_of_it(void **state)
{
    (void)state;
    const char *whole = "{\"id\":\"c\",\"model\":\"m\",\"choices\":[" ONE(
        "0", "\"a\\u00e9b\"", "stop") "],\"usage\":{\"prompt_tokens\":12}}";
    for (size_t length = 0; length < strlen(whole); length++) {
        char part[500];
        struct answer answer;
        snprintf(part, sizeof part, "%.*s", (int)length, whole);
        assert_int_equal(read_for("{}", 200, part, &answer).outcome, OUTCOME_UNUSABLE);
    }
}

static void the_mock_is_recognised(void **state)
{
    (void)state;
    const struct provider_header header = {"x-llmspool-mock", "1"};
    const char *body = TEXT("\"a\"", "stop");
    struct job *job = new_job("{\"prompt\": \"hi\"}");
    struct answer answer;
    struct provider_reply reply = {.status = 200, .body = body, .body_length = strlen(body)};
    assert_false(provider_find("openai", "chat")->read(job, &reply, now, &answer).mock);
    answer_clear(&answer);
    reply.headers = &header;
    reply.header_count = 1;
    assert_true(provider_find("openai", "chat")->read(job, &reply, now, &answer).mock);
    answer_clear(&answer);
    job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocols_are_found_by_name),
        cmocka_unit_test(prompt_system_and_messages_become_messages),
        cmocka_unit_test(params_are_passed_on_as_they_are),
        cmocka_unit_test(the_user_is_told_unless_params_name_another),
        cmocka_unit_test(max_tokens_has_the_name_that_the_model_takes),
        cmocka_unit_test(only_one_limit_is_sent),
        cmocka_unit_test(the_ask_may_bound_the_answer),
        cmocka_unit_test(a_stream_is_asked_for_with_its_usage),
        cmocka_unit_test(a_job_without_a_question_is_refused),
        cmocka_unit_test(text_is_the_output),
        cmocka_unit_test(finish_reasons_have_one_word_each),
        cmocka_unit_test(json_that_was_asked_for_is_parsed),
        cmocka_unit_test(tool_calls_and_refusals_stand_beside_null),
        cmocka_unit_test(several_choices_make_an_array_in_their_order),
        cmocka_unit_test(usage_and_model_are_read),
        cmocka_unit_test(cached_tokens_have_several_places),
        cmocka_unit_test(usage_that_is_not_told_is_unknown),
        cmocka_unit_test(bad_answers_have_their_class_and_leave_nothing),
        cmocka_unit_test(refusals_are_marked_whoever_refused),
        cmocka_unit_test(an_empty_finish_reason_is_none),
        cmocka_unit_test(cut_json_is_told_apart),
        cmocka_unit_test(no_part_of_an_answer_is_taken_for_all_of_it),
        cmocka_unit_test(the_mock_is_recognised),
    };
    return UNIT_RUN(tests);
}
