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

static struct verdict judge_by(const struct error_rule *rules, int status, const char *body,
                               const char *name, const char *value)
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
    struct verdict verdict = classify_error(rules, &reply, document, now);
    json_decref(document);
    return verdict;
}

static struct verdict judge_with(int status, const char *body, const char *name, const char *value)
{
    return judge_by(openai_errors, status, body, name, value);
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

static void check_row(const struct error_rule *rules, const struct row *row)
{
    struct verdict verdict = judge_by(rules, row->status, row->body, NULL, NULL);
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
    assert_int_equal(verdict.refused, verdict.moderation);
}

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_row(openai_errors, &rows[i]);
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

static void a_request_beyond_the_whole_limit_is_the_jobs(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        enum outcome outcome;
    } rows[] = {
        {"Request too large for gpt-4 on tokens per min (TPM): Limit 10000, Requested 12000. "
         "Reduce",
         OUTCOME_JOB},
        {"Rate limit reached (TPM): Limit: 30,000, Requested: 1,000,000.", OUTCOME_JOB},
        {"Rate limit reached (TPM): Limit 40000, Used 39000, Requested 8000. Please try again in "
         "4s",
         OUTCOME_THROTTLED},
        {"Rate limit reached (TPM): Limit 40000, Used 0, Requested 40000.", OUTCOME_THROTTLED},
        {"Rate limit reached (RPM): Limit 3, Used 3, Requested 1.", OUTCOME_THROTTLED},
        {"The limit was reached. Requested 5.", OUTCOME_THROTTLED},
        {"Limit 99999999999999999999999, Requested 1", OUTCOME_THROTTLED},
        {"Limit 10, Requested", OUTCOME_THROTTLED},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char body[500];
        snprintf(body, sizeof body,
                 "{\"error\":{\"message\":\"%s\",\"type\":\"tokens\",\"code\":"
                 "\"rate_limit_exceeded\"}}",
                 rows[i].message);
        struct verdict verdict = judge(429, body);
        if (verdict.outcome != rows[i].outcome) {
            fail_msg("%s: %s", rows[i].message, outcome_word(verdict.outcome));
        }
        assert_string_equal(verdict.code, "rate_limit_exceeded");
    }
}

#define ANTHROPIC(type, message)                                                                   \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message                  \
    "\"},\"request_id\":\"req_1\"}"
#define DETAILED(type, code)                                                                       \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"m\",\"details\":{"         \
    "\"error_code\":\"" code "\"}}}"

static void anthropics_errors_are_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"request", 400, ANTHROPIC("invalid_request_error", "prompt is too long"), OUTCOME_JOB,
         "invalid_request_error", "", NULL},
        {"credit", 400,
         ANTHROPIC("invalid_request_error",
                   "Your credit balance is too low to access the Anthropic API."),
         OUTCOME_UPSTREAM, "invalid_request_error", "p", "no quota"},
        {"spend limit", 400,
         ANTHROPIC("invalid_request_error", "You have reached your specified API usage limits."),
         OUTCOME_UPSTREAM, "invalid_request_error", "p", "spend limit reached"},
        {"key", 401, ANTHROPIC("authentication_error", "invalid x-api-key"), OUTCOME_UPSTREAM,
         "authentication_error", "p", "key refused"},
        {"billing", 402, ANTHROPIC("billing_error", "m"), OUTCOME_UPSTREAM, "billing_error", "p",
         "no quota"},
        {"permission", 403, ANTHROPIC("permission_error", "m"), OUTCOME_UPSTREAM,
         "permission_error", "m", "access refused"},
        {"model", 404, ANTHROPIC("not_found_error", "model: x"), OUTCOME_UPSTREAM,
         "not_found_error", "m", "model not found"},
        {"conflict", 409, ANTHROPIC("conflict_error", "m"), OUTCOME_TRANSIENT, "conflict_error", "",
         NULL},
        {"size", 413, ANTHROPIC("request_too_large", "m"), OUTCOME_JOB, "request_too_large", "",
         NULL},
        {"rate", 429, ANTHROPIC("rate_limit_error", "m"), OUTCOME_THROTTLED, "rate_limit_error", "",
         NULL},
        {"server", 500, ANTHROPIC("api_error", "m"), OUTCOME_TRANSIENT, "api_error", "", NULL},
        {"timeout", 504, ANTHROPIC("timeout_error", "m"), OUTCOME_TRANSIENT, "timeout_error", "",
         NULL},
        {"overload", 529, ANTHROPIC("overloaded_error", "m"), OUTCOME_THROTTLED, "overloaded_error",
         "", NULL},
        {"overload in a stream", 200, ANTHROPIC("overloaded_error", "m"), OUTCOME_THROTTLED,
         "overloaded_error", "", NULL},
        {"server in a stream", 200, ANTHROPIC("api_error", "m"), OUTCOME_TRANSIENT, "api_error", "",
         NULL},
        {"request in a stream", 200, ANTHROPIC("invalid_request_error", "m"), OUTCOME_JOB,
         "invalid_request_error", "", NULL},
        {"enforced", 429, DETAILED("rate_limit_error", "enforced_spend_limit_reached"),
         OUTCOME_UPSTREAM, "enforced_spend_limit_reached", "p", "spend limit reached"},
        {"contract", 429, DETAILED("rate_limit_error", "contract_spend_limit_reached"),
         OUTCOME_UPSTREAM, "contract_spend_limit_reached", "p", "spend limit reached"},
        {"hold", 403, DETAILED("permission_error", "organization_on_hold"), OUTCOME_UPSTREAM,
         "organization_on_hold", "p", "account on hold"},
        {"ramp", 429, DETAILED("rate_limit_error", "ramp_limit_exceeded"), OUTCOME_THROTTLED,
         "ramp_limit_exceeded", "", NULL},
        {"decoded size", 413,
         DETAILED("request_too_large", "request_body_too_large_after_decoding"), OUTCOME_JOB,
         "request_body_too_large_after_decoding", "", NULL},
        {"code of tomorrow", 429, DETAILED("rate_limit_error", "never_heard_of"), OUTCOME_THROTTLED,
         "never_heard_of", "", NULL},
        {"edge", 413, "<html>", OUTCOME_JOB, "http_413", "", NULL},
        {"edge, overloaded", 529, "", OUTCOME_THROTTLED, "http_529", "", NULL},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        check_row(anthropic_errors, &rows[i]);
    }
}

static void every_protocol_has_the_rules_for_all(void **state)
{
    (void)state;
    static const struct error_rule none[] = {ERROR_RULES_END};
    assert_int_equal(judge_by(none, 401, "", NULL, NULL).outcome, OUTCOME_UPSTREAM);
    assert_int_equal(
        judge_by(none, 429, "{\"error\":{\"code\":\"insufficient_quota\"}}", NULL, NULL).outcome,
        OUTCOME_UPSTREAM);
    /* A protocol's own rules come first. */
    static const struct error_rule own[] = {{401, 401, .outcome = OUTCOME_TRANSIENT},
                                            ERROR_RULES_END};
    assert_int_equal(judge_by(own, 401, "", NULL, NULL).outcome, OUTCOME_TRANSIENT);
}

static void what_no_rule_knows_is_marked(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        bool unknown;
    } rows[] = {
        {418, "", true},
        {418, "{\"error\":{\"code\":\"teapot\"}}", true},
        {200, "{\"error\":\"oops\"}", true},
        {200, "{\"error\":{\"type\":\"new_error\"}}", true},
        {600, "", true},
        {500, "{\"error\":{\"type\":\"new_error\"}}", false},
        {400, "", false},
        {429, "", false},
        {200, "{\"error\":{\"code\":500}}", false},
        {200, "{\"error\":{\"type\":\"server_error\"}}", false},
        {418, "{\"error\":{\"code\":\"rate_limit_exceeded\"}}", false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct verdict verdict = judge(rows[i].status, rows[i].body);
        if (verdict.unknown != rows[i].unknown) {
            fail_msg("%d %s: unknown %d", rows[i].status, rows[i].body, verdict.unknown);
        }
        assert_true(!verdict.unknown || verdict.outcome == OUTCOME_TRANSIENT);
    }
    assert_false(judge_with(418, "", "x-should-retry", "true").unknown); /* the server knows */
    assert_false(judge_with(418, "", "x-should-retry", "false").unknown);
}

static void what_only_sounds_like_money_is_not(void **state)
{
    (void)state;
    const char *body = "{\"error\":{\"code\":\"insufficient_permissions\"}}";
    assert_false(judge(403, body).permanent);
    assert_string_equal(judge(403, body).trouble, "access refused");
}

static void headers_tell_errors_apart(void **state)
{
    (void)state;
    struct verdict verdict = judge_with(403, "<html>", "cf-mitigated", "challenge");
    assert_int_equal(verdict.outcome, OUTCOME_UPSTREAM);
    assert_true(verdict.permanent);
    assert_string_equal(verdict.trouble, "refused by Cloudflare");
    verdict = judge_with(403, "", "retry-after", "30");
    assert_int_equal(verdict.outcome, OUTCOME_THROTTLED);
    assert_int_equal(verdict.wait_ms, 30000);
}

static void some_errors_are_known_to_last(void **state)
{
    (void)state;
    const char *slow = "{\"error\":{\"type\":\"rate_limit_error\",\"code\":\"slow_down\"}}";
    assert_int_equal(judge(429, slow).wait_ms, 15000);
    assert_int_equal(judge_with(429, slow, "retry-after", "0").wait_ms, 0);
    assert_int_equal(judge_with(429, slow, "retry-after-ms", "20").wait_ms, 20);
    assert_int_equal(judge(503, "{\"error\":{\"type\":\"unavailable_error\"}}").wait_ms, 2000);
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
    assert_string_equal(judge_with(500, "", "request-id", "abc").request_id, "abc");
    assert_string_equal(judge(500, "").request_id, "");
    const char *body = ANTHROPIC("api_error", "m");
    assert_string_equal(judge(500, body).request_id, "req_1");
    assert_string_equal(judge_with(500, body, "request-id", "abc").request_id, "abc");
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
        cmocka_unit_test(a_request_beyond_the_whole_limit_is_the_jobs),
        cmocka_unit_test(anthropics_errors_are_read),
        cmocka_unit_test(every_protocol_has_the_rules_for_all),
        cmocka_unit_test(what_no_rule_knows_is_marked),
        cmocka_unit_test(what_only_sounds_like_money_is_not),
        cmocka_unit_test(headers_tell_errors_apart),
        cmocka_unit_test(some_errors_are_known_to_last),
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
