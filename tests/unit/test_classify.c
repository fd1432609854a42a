/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_classify: what an error answer means. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/utf8.h"
#include "provider/classify.h"
#include "provider/openai.h"

static const struct wall now = {INT64_C(1796126400000)};

static struct verdict judge_with(int status, const char *body, const char *name, const char *value)
{
    const struct provider_header header = {.name = name, .value = value};
    const struct provider_reply reply = {
        .status = status,
        .headers = &header,
        .header_count = name != NULL,
        .body = body,
        .body_length = strlen(body),
    };
    json_t *document = jsontext_read_lenient(body, strlen(body), NULL);
    struct verdict verdict = classify_error(openai_errors, &reply, document, now);
    json_decref(document);
    return verdict;
}

static struct verdict judge(int status, const char *body)
{
    return judge_with(status, body, NULL, NULL);
}

/* One error as a server writes it, and what it means. */
struct row {
    const char *who;
    int status;
    const char *body;
    enum outcome outcome;
    const char *code;
    const char *flags; /* of p(ermanent), m(odel), c(ontent) */
    const char *trouble;
};

static void check_row(const struct row *row)
{
    struct verdict verdict = judge(row->status, row->body);
    char flags[4] = "";
    strcat(flags, verdict.permanent ? "p" : "");
    strcat(flags, verdict.about_model ? "m" : "");
    strcat(flags, verdict.moderation ? "c" : "");
    if (verdict.outcome != row->outcome || strcmp(verdict.code, row->code) != 0 ||
        strcmp(flags, row->flags) != 0) {
        fail_msg("%s: %s %s [%s]", row->who, outcome_word(verdict.outcome), verdict.code, flags);
    }
    if (row->trouble == NULL) {
        assert_null(verdict.trouble);
    } else {
        assert_non_null(verdict.trouble);
        assert_string_equal(verdict.trouble, row->trouble);
    }
    assert_true(verdict.message[0] != '\0');
}

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_row(&rows[i]);
    }
}

static void a_status_alone_has_its_class(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum outcome outcome;
    } rows[] = {
        {204, OUTCOME_UNUSABLE},  {302, OUTCOME_UPSTREAM},  {308, OUTCOME_UPSTREAM},
        {400, OUTCOME_JOB},       {401, OUTCOME_UPSTREAM},  {402, OUTCOME_UPSTREAM},
        {403, OUTCOME_UPSTREAM},  {404, OUTCOME_UPSTREAM},  {405, OUTCOME_UPSTREAM},
        {408, OUTCOME_TRANSIENT}, {409, OUTCOME_TRANSIENT}, {410, OUTCOME_UPSTREAM},
        {413, OUTCOME_JOB},       {418, OUTCOME_TRANSIENT}, {422, OUTCOME_JOB},
        {424, OUTCOME_TRANSIENT}, {425, OUTCOME_TRANSIENT}, {429, OUTCOME_THROTTLED},
        {498, OUTCOME_THROTTLED}, {499, OUTCOME_TRANSIENT}, {500, OUTCOME_TRANSIENT},
        {501, OUTCOME_TRANSIENT}, {502, OUTCOME_TRANSIENT}, {503, OUTCOME_THROTTLED},
        {504, OUTCOME_TRANSIENT}, {520, OUTCOME_TRANSIENT}, {529, OUTCOME_THROTTLED},
        {599, OUTCOME_TRANSIENT}, {600, OUTCOME_TRANSIENT}, {999, OUTCOME_TRANSIENT},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct verdict verdict = judge(rows[i].status, "");
        char code[64];
        snprintf(code, sizeof code, "http_%d", rows[i].status);
        assert_string_equal(verdict.code, code);
        if (verdict.outcome != rows[i].outcome) {
            fail_msg("%d: %s", rows[i].status, outcome_word(verdict.outcome));
        }
    }
}

static void openai_errors_are_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"context", 400,
         "{\"error\":{\"message\":\"too long\",\"type\":\"invalid_request_error\",\"param\":"
         "\"messages\",\"code\":\"context_length_exceeded\"}}",
         OUTCOME_JOB, "context_length_exceeded", "", NULL},
        {"policy", 400,
         "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"code\":"
         "\"content_policy_violation\"}}",
         OUTCOME_JOB, "content_policy_violation", "c", NULL},
        {"code null", 400,
         "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"param\":null,"
         "\"code\":null}}",
         OUTCOME_JOB, "invalid_request_error", "", NULL},
        {"key", 401,
         "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"code\":"
         "\"invalid_api_key\"}}",
         OUTCOME_UPSTREAM, "invalid_api_key", "p", "key refused"},
        {"country", 403,
         "{\"error\":{\"message\":\"no\",\"type\":\"request_forbidden\",\"code\":"
         "\"unsupported_country_region_territory\"}}",
         OUTCOME_UPSTREAM, "unsupported_country_region_territory", "p", "country not served"},
        {"model", 404,
         "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"code\":"
         "\"model_not_found\"}}",
         OUTCOME_UPSTREAM, "model_not_found", "m", "model not found"},
        {"URL", 404, "{\"error\":{\"message\":\"Unknown request URL\",\"type\":\"x\"}}",
         OUTCOME_UPSTREAM, "x", "m", "URL or model not found"},
        {"requests", 429,
         "{\"error\":{\"message\":\"slow\",\"type\":\"requests\",\"code\":"
         "\"rate_limit_exceeded\"}}",
         OUTCOME_THROTTLED, "rate_limit_exceeded", "", NULL},
        {"quota", 429,
         "{\"error\":{\"message\":\"pay\",\"type\":\"insufficient_quota\",\"code\":"
         "\"insufficient_quota\"}}",
         OUTCOME_UPSTREAM, "insufficient_quota", "p", "no quota"},
        {"newer billing code", 429,
         "{\"error\":{\"message\":\"pay\",\"type\":\"insufficient_quota\",\"code\":"
         "\"credit_balance_exhausted\"}}",
         OUTCOME_UPSTREAM, "credit_balance_exhausted", "p", "no quota"},
        {"hard limit", 400,
         "{\"error\":{\"message\":\"pay\",\"type\":\"invalid_request_error\",\"code\":"
         "\"billing_hard_limit_reached\"}}",
         OUTCOME_UPSTREAM, "billing_hard_limit_reached", "p", "no quota"},
        {"slow down", 429,
         "{\"error\":{\"message\":\"slow\",\"type\":\"rate_limit_error\",\"code\":\"slow_down\"}}",
         OUTCOME_THROTTLED, "slow_down", "", NULL},
        {"overloaded", 503,
         "{\"error\":{\"message\":\"busy\",\"type\":\"service_unavailable_error\",\"code\":"
         "\"server_is_overloaded\"}}",
         OUTCOME_THROTTLED, "server_is_overloaded", "", NULL},
        {"server", 500, "{\"error\":{\"message\":\"oops\",\"type\":\"server_error\"}}",
         OUTCOME_TRANSIENT, "server_error", "", NULL},
    };
    check(rows, UNIT_COUNT(rows));
}

static void other_servers_errors_are_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"vLLM", 400,
         "{\"error\":{\"message\":\"no\",\"type\":\"BadRequestError\",\"param\":null,"
         "\"code\":400}}",
         OUTCOME_JOB, "BadRequestError", "", NULL},
        {"vLLM of old", 404,
         "{\"object\":\"error\",\"message\":\"The model `x` does not exist.\",\"type\":"
         "\"NotFoundError\",\"param\":null,\"code\":404}",
         OUTCOME_UPSTREAM, "NotFoundError", "m", "model not found"},
        {"llama.cpp, long", 400,
         "{\"error\":{\"code\":400,\"message\":\"long\",\"type\":\"exceed_context_size_error\","
         "\"n_prompt_tokens\":9,\"n_ctx\":8}}",
         OUTCOME_JOB, "exceed_context_size_error", "", NULL},
        {"llama.cpp, long while generating", 500,
         "{\"error\":{\"code\":500,\"message\":\"the request exceeds the available context size."
         "\",\"type\":\"server_error\"}}",
         OUTCOME_JOB, "server_error", "", NULL},
        {"llama.cpp, loading", 503,
         "{\"error\":{\"code\":503,\"message\":\"Loading\",\"type\":\"unavailable_error\"}}",
         OUTCOME_THROTTLED, "unavailable_error", "", NULL},
        {"llama.cpp, not built in", 501,
         "{\"error\":{\"code\":501,\"message\":\"no\",\"type\":\"not_supported_error\"}}",
         OUTCOME_JOB, "not_supported_error", "", NULL},
        {"Ollama", 404,
         "{\"error\":{\"message\":\"model 'x' not found\",\"type\":\"not_found_error\",\"param\":"
         "null,\"code\":null}}",
         OUTCOME_UPSTREAM, "not_found_error", "m", "model not found"},
        {"Ollama, plain", 404, "{\"error\":\"model 'x' not found, try pulling it\"}",
         OUTCOME_UPSTREAM, "http_404", "m", "model not found"},
        {"Ollama, server", 500,
         "{\"error\":{\"message\":\"oops\",\"type\":\"api_error\",\"code\":null}}",
         OUTCOME_TRANSIENT, "api_error", "", NULL},
        {"Mistral, limit", 429,
         "{\"object\":\"error\",\"message\":\"slow\",\"type\":\"rate_limited\",\"param\":null,"
         "\"code\":\"1300\"}",
         OUTCOME_THROTTLED, "rate_limited", "", NULL},
        {"Mistral, model", 400,
         "{\"object\":\"error\",\"message\":\"Invalid model: x\",\"type\":\"invalid_model\","
         "\"code\":\"1500\"}",
         OUTCOME_UPSTREAM, "invalid_model", "m", "model not found"},
        {"Mistral, details", 422,
         "{\"object\":\"error\",\"message\":{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"extra\"}]},"
         "\"type\":\"invalid_request_error\",\"code\":null}",
         OUTCOME_JOB, "invalid_request_error", "", NULL},
        {"Gemini", 429,
         "[{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota\",\"status\":"
         "\"RESOURCE_EXHAUSTED\"}}]",
         OUTCOME_THROTTLED, "RESOURCE_EXHAUSTED", "", NULL},
        {"Gemini, key", 400,
         "[{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key."
         "\",\"status\":\"INVALID_ARGUMENT\"}}]",
         OUTCOME_UPSTREAM, "INVALID_ARGUMENT", "p", "key refused"},
        {"Azure, content", 400,
         "{\"error\":{\"message\":\"no\",\"type\":null,\"param\":\"prompt\",\"code\":"
         "\"content_filter\",\"status\":400,\"innererror\":{\"code\":"
         "\"ResponsibleAIPolicyViolation\"}}}",
         OUTCOME_JOB, "content_filter", "c", NULL},
        {"Azure, deployment", 404,
         "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"no\"}}", OUTCOME_UPSTREAM,
         "DeploymentNotFound", "m", "model not found"},
        {"Azure, gateway", 401, "{\"statusCode\":401,\"message\":\"no\"}", OUTCOME_UPSTREAM,
         "http_401", "p", "key refused"},
        {"OpenRouter, credits", 402, "{\"error\":{\"code\":402,\"message\":\"pay\"}}",
         OUTCOME_UPSTREAM, "http_402", "p", "payment required"},
        {"OpenRouter, moderation", 403,
         "{\"error\":{\"code\":403,\"message\":\"no\",\"metadata\":{\"reasons\":[\"x\"],"
         "\"flagged_input\":\"y\"}}}",
         OUTCOME_JOB, "moderation", "c", NULL},
        {"OpenRouter, model", 400,
         "{\"error\":{\"code\":400,\"message\":\"x is not a valid model ID\"}}", OUTCOME_UPSTREAM,
         "http_400", "m", "model not found"},
        {"OpenRouter, 200", 200, "{\"error\":{\"code\":429,\"message\":\"slow\"}}",
         OUTCOME_THROTTLED, "http_429", "", NULL},
        {"200, code as text", 200, "{\"error\":{\"code\":\"502\",\"message\":\"down\"}}",
         OUTCOME_TRANSIENT, "http_502", "", NULL},
        {"200, unknown", 200, "{\"error\":\"oops\"}", OUTCOME_TRANSIENT, "http_200", "", NULL},
        {"200, the request", 200,
         "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no\"}}", OUTCOME_JOB,
         "invalid_request_error", "", NULL},
        {"flat event", 500,
         "{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}",
         OUTCOME_THROTTLED, "rate_limit_exceeded", "", NULL},
        {"FastAPI", 422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"bad\"}]}", OUTCOME_JOB,
         "http_422", "", NULL},
        {"nobody", 418, "{\"error\":{\"code\":\"teapot\",\"message\":\"short and stout\"}}",
         OUTCOME_TRANSIENT, "teapot", "", NULL},
    };
    check(rows, UNIT_COUNT(rows));
}

static void messages_come_from_wherever_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *message;
    } rows[] = {
        {"{\"error\":{\"message\":\"a b\"}}", "a b"},
        {"{\"error\":\"a b\"}", "a b"},
        {"[{\"error\":{\"message\":\"a b\"}}]", "a b"},
        {"{\"object\":\"error\",\"message\":\"a b\"}", "a b"},
        {"{\"object\":\"error\",\"message\":{\"detail\":[{\"msg\":\"a b\"}]}}", "a b"},
        {"{\"detail\":\"a b\"}", "a b"},
        {"{\"detail\":[{\"msg\":\"a b\"}]}", "a b"},
        {"{\"statusCode\":500,\"message\":\"a b\"}", "a b"},
        {"", "the server answered HTTP 500 with nothing more"},
        {" \r\n", "the server answered HTTP 500 with nothing more"},
        {"\n <html>oops</html>", "the server answered HTTP 500 with a web page"},
        {"upstream connect error", "the server answered HTTP 500: upstream connect error"},
        {"{\"message\":\"a b\"}", "the server answered HTTP 500: {\"message\":\"a b\"}"},
        {"[]", "the server answered HTTP 500: []"},
        {"[{\"error\":\"a\"},{\"error\":\"b\"}]",
         "the server answered HTTP 500: [{\"error\":\"a\"},{\"error\":\"b\"}]"},
        {"null", "the server answered HTTP 500: null"},
        {"{\"error\":{}}", "the server answered HTTP 500: {\"error\":{}}"},
        {"{\"error\":{\"message\":7}}",
         "the server answered HTTP 500: {\"error\":{\"message\":7}}"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        assert_string_equal(judge(500, rows[i].body).message, rows[i].message);
    }
}

static void what_is_no_error_is_not_taken_for_one(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{}",
        "[]",
        "7",
        "{\"error\":null}",
        "{\"error\":\"\"}",
        "{\"error\":false}",
        "{\"error\":{}}",
        "{\"object\":\"chat.completion\",\"choices\":[],\"error\":null}",
        "{\"message\":\"hello\"}",
        "[{\"error\":\"a\"},{\"error\":\"b\"}]",
    };
    for (size_t i = 0; i < UNIT_COUNT(bodies); i++) {
        json_t *document = jsontext_read_lenient(bodies[i], strlen(bodies[i]), NULL);
        assert_non_null(document);
        assert_null(classify_find_error(document));
        json_decref(document);
    }
    assert_null(classify_find_error(NULL));
}

static void should_retry_is_heeded(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *value;
        enum outcome outcome;
    } rows[] = {
        {400, "true", OUTCOME_TRANSIENT},  {400, "false", OUTCOME_JOB},
        {500, "true", OUTCOME_TRANSIENT},  {500, "false", OUTCOME_JOB},
        {429, "false", OUTCOME_THROTTLED}, {429, "true", OUTCOME_THROTTLED},
        {401, "true", OUTCOME_UPSTREAM},   {401, "false", OUTCOME_UPSTREAM},
        {500, "maybe", OUTCOME_TRANSIENT},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct verdict verdict = judge_with(rows[i].status, "", "x-should-retry", rows[i].value);
        assert_int_equal(verdict.outcome, rows[i].outcome);
    }
    assert_false(
        judge_with(400, "{\"error\":{\"code\":\"content_filter\"}}", "x-should-retry", "true")
            .moderation);
}

static void the_wait_is_in_headers_or_in_the_body(void **state)
{
    (void)state;
    const char *body = "[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{"
                       "\"@type\":\"help\"},{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\""
                       ",\"retryDelay\":\"17s\"}]}}]";
    assert_int_equal(judge(429, body).wait_ms, 17000);
    assert_int_equal(judge_with(429, body, "retry-after", "3").wait_ms, 3000);
    assert_int_equal(judge(429, "").wait_ms, -1);
}

static void headers_name_the_request_and_the_mock(void **state)
{
    (void)state;
    assert_string_equal(judge_with(500, "", "x-request-id", "req\t1").request_id, "req 1");
    assert_string_equal(judge_with(500, "", "apim-request-id", "abc").request_id, "abc");
    assert_string_equal(judge(500, "").request_id, "");
    assert_true(judge_with(500, "", "x-llmspool-mock", "1").mock);
    assert_false(judge(500, "").mock);
}

static void texts_are_clean_and_cut_between_characters(void **state)
{
    (void)state;
    struct verdict verdict =
        judge(500, "{\"error\":{\"code\":\"a\\nb\",\"message\":\"x\\u001b[31my\\u0085z\\u007f\"}}");
    assert_string_equal(verdict.code, "a b");
    assert_string_equal(verdict.message, "x [31my z ");
    assert_string_equal(judge(500, "a\xff\xfe z").message, "the server answered HTTP 500: a?? z");

    for (size_t pad = 0; pad < 4; pad++) {
        char body[3000] = "{\"error\":{\"message\":\"";
        memset(body + strlen(body), 'a', pad);
        for (size_t i = 0; i < 400; i++) {
            strcat(body, "\u20ac");
        }
        strcat(body, "\"}}");
        verdict = judge(500, body);
        assert_true(utf8_valid(verdict.message, strlen(verdict.message)));
        assert_in_range(strlen(verdict.message), sizeof verdict.message - 4,
                        sizeof verdict.message - 1);
    }
}

static void an_endless_code_is_bounded(void **state)
{
    (void)state;
    char body[3000] = "{\"error\":{\"code\":\"";
    memset(body + strlen(body), 'a', 2000);
    strcat(body, "\",\"message\":\"m\"}}");
    struct verdict verdict = judge(500, body);
    assert_int_equal(strlen(verdict.code), sizeof verdict.code - 1);
    assert_int_equal(verdict.outcome, OUTCOME_TRANSIENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_alone_has_its_class),
        cmocka_unit_test(openai_errors_are_read),
        cmocka_unit_test(other_servers_errors_are_read),
        cmocka_unit_test(messages_come_from_wherever_they_are),
        cmocka_unit_test(what_is_no_error_is_not_taken_for_one),
        cmocka_unit_test(should_retry_is_heeded),
        cmocka_unit_test(the_wait_is_in_headers_or_in_the_body),
        cmocka_unit_test(headers_name_the_request_and_the_mock),
        cmocka_unit_test(texts_are_clean_and_cut_between_characters),
        cmocka_unit_test(an_endless_code_is_bounded),
    };
    return UNIT_RUN(tests);
}
