/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault: the table of misbehaviours. */
#include "mock/fault.h"

#include <assert.h>
#include <string.h>

#define JSON_TYPE "application/json"

/* Wording follows the answers of the service that is imitated, so that a client which looks at
 * message, type or code is tested on what it will meet. */
static const struct fault_kind kinds[FAULT_COUNT] = {
    [FAULT_NONE] = {.name = "none"},
    [FAULT_400] = {.name = "400",
                   .status = 400,
                   .type = "invalid_request_error",
                   .code = "context_length_exceeded",
                   .text = "This model's maximum context length is 128000 tokens. Please reduce "
                           "the length of the messages.",
                   .at_once = true,
                   .anthropic = {400, "invalid_request_error", NULL,
                                 "prompt is too long: 208310 tokens > 200000 maximum"}},
    [FAULT_401] = {.name = "401",
                   .status = 401,
                   .type = "invalid_request_error",
                   .code = "invalid_api_key",
                   .text = "Incorrect API key provided.",
                   .at_once = true},
    [FAULT_402] = {.name = "402",
                   .status = 402,
                   .type = "insufficient_quota",
                   .code = "credit_balance_exhausted",
                   .text = "Your credit balance is exhausted. Please add credit.",
                   .at_once = true,
                   .anthropic = {402, "billing_error", NULL,
                                 "Your organization's billing needs attention."}},
    [FAULT_403] = {.name = "403",
                   .status = 403,
                   .type = "invalid_request_error",
                   .code = "unsupported_country_region_territory",
                   .text = "Country, region, or territory not supported.",
                   .at_once = true},
    [FAULT_404] = {.name = "404",
                   .status = 404,
                   .type = "invalid_request_error",
                   .code = "model_not_found",
                   .text = "The model does not exist or you do not have access to it.",
                   .at_once = true},
    [FAULT_408] = {.name = "408",
                   .status = 408,
                   .type = "server_error",
                   .text = "The request timed out.",
                   .passing = true},
    [FAULT_409] = {.name = "409",
                   .status = 409,
                   .type = "server_error",
                   .text = "The resource is locked by another request.",
                   .passing = true},
    [FAULT_413] = {.name = "413",
                   .status = 413,
                   .type = "invalid_request_error",
                   .code = "request_too_large",
                   .text = "The request body is too large.",
                   .at_once = true},
    [FAULT_422] = {.name = "422",
                   .status = 422,
                   .type = "invalid_request_error",
                   .text = "The request could not be processed.",
                   .at_once = true},
    [FAULT_429] = {.name = "429",
                   .status = 429,
                   .type = "requests",
                   .code = "rate_limit_exceeded",
                   .text = "Rate limit reached for requests.",
                   .passing = true,
                   .at_once = true},
    [FAULT_429_BARE] = {.name = "429-bare",
                        .status = 429,
                        .type = "requests",
                        .code = "rate_limit_exceeded",
                        .text = "Rate limit reached for requests.",
                        .passing = true,
                        .at_once = true},
    [FAULT_429_DATE] = {.name = "429-date",
                        .status = 429,
                        .type = "requests",
                        .code = "rate_limit_exceeded",
                        .text = "Rate limit reached for requests.",
                        .at_once = true},
    [FAULT_429_RESET] = {.name = "429-reset",
                         .status = 429,
                         .type = "requests",
                         .code = "rate_limit_exceeded",
                         .text = "Rate limit reached for requests.",
                         .at_once = true},
    [FAULT_QUOTA] = {.name = "quota",
                     .status = 429,
                     .type = "insufficient_quota",
                     .code = "insufficient_quota",
                     .text = "You exceeded your current quota, please check your plan and billing "
                             "details.",
                     .at_once = true,
                     .anthropic = {400, "invalid_request_error", NULL,
                                   "Your credit balance is too low to access the API. Please go to "
                                   "Plans & Billing to upgrade or purchase credits."}},
    [FAULT_SPEND_LIMIT] = {.name = "spend-limit",
                           .status = 429,
                           .type = "insufficient_quota",
                           .code = "insufficient_quota",
                           .text = "You have reached your specified spend limit.",
                           .at_once = true,
                           .anthropic = {429, "rate_limit_error", "enforced_spend_limit_reached",
                                         "You have reached your specified spend limit."}},
    [FAULT_TOO_LARGE] = {.name = "too-large-for-limit",
                         .status = 429,
                         .type = "tokens",
                         .code = "rate_limit_exceeded",
                         .text = "Request too large for this model on tokens per min (TPM): Limit "
                                 "100, Requested 200. The input or output tokens must be reduced.",
                         .at_once = true,
                         .anthropic = {429, "rate_limit_error", NULL,
                                       "This request of 200 tokens would exceed your rate limit of "
                                       "100 input tokens per minute."}},
    [FAULT_PROMPT_FILTER] = {.name = "prompt-filter",
                             .status = 400,
                             .type = "invalid_request_error",
                             .code = "content_filter",
                             .text = "The response was filtered due to the prompt triggering the "
                                     "content management policy.",
                             .at_once = true,
                             .anthropic = {400, "invalid_request_error", NULL,
                                           "Output blocked by content filtering policy"}},
    [FAULT_500] = {.name = "500",
                   .status = 500,
                   .type = "server_error",
                   .text = "The server had an error while processing your request.",
                   .passing = true},
    [FAULT_502] = {.name = "502",
                   .status = 502,
                   .type = "server_error",
                   .text = "Bad gateway.",
                   .passing = true},
    [FAULT_503] = {.name = "503",
                   .status = 503,
                   .type = "service_unavailable_error",
                   .code = "server_is_overloaded",
                   .text = "The server is overloaded, please try again later.",
                   .passing = true},
    [FAULT_529] = {.name = "529",
                   .status = 529,
                   .type = "overloaded_error",
                   .text = "Overloaded",
                   .passing = true},
    [FAULT_OVERLOADED] = {.name = "overloaded",
                          .status = 503,
                          .type = "service_unavailable_error",
                          .code = "server_is_overloaded",
                          .text = "The server is overloaded, please try again later.",
                          .anthropic = {529, "overloaded_error", NULL, "Overloaded"}},
    /* As llama.cpp's server answers before its model is there. */
    [FAULT_LOADING] = {.name = "model-loading",
                       .status = 503,
                       .text = "{\"error\":{\"code\":503,\"message\":\"Loading model\","
                               "\"type\":\"unavailable_error\"}}",
                       .media = JSON_TYPE,
                       .at_once = true},
    /* Gemini's errors through its OpenAI-compatible door. */
    [FAULT_ARRAY_ERROR] = {.name = "array-error",
                           .status = 429,
                           .text = "[{\"error\":{\"code\":429,\"message\":\"Resource has been "
                                   "exhausted (e.g. check quota).\",\"status\":"
                                   "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
                                   "\"type.googleapis.com/google.rpc.RetryInfo\","
                                   "\"retryDelay\":\"1s\"}]}}]\n",
                           .media = JSON_TYPE,
                           .at_once = true},
    /* Mistral's. */
    [FAULT_FLAT_ERROR] = {.name = "flat-error",
                          .status = 429,
                          .text = "{\"object\":\"error\",\"message\":\"Requests rate limit "
                                  "exceeded\",\"type\":\"rate_limited\",\"param\":null,"
                                  "\"code\":\"1300\"}",
                          .media = JSON_TYPE,
                          .at_once = true},
    /* vLLM's. */
    [FAULT_INT_CODE] = {.name = "int-code",
                        .status = 400,
                        .text = "{\"error\":{\"message\":\"This model's maximum context length is "
                                "4096 tokens. However, you requested 5000 tokens.\",\"type\":"
                                "\"BadRequestError\",\"param\":null,\"code\":400}}",
                        .media = JSON_TYPE,
                        .at_once = true},
    [FAULT_REDIRECT] =
        {.name = "redirect", .status = 307, .text = "", .media = "text/plain", .at_once = true},
    [FAULT_HANG] = {.name = "hang", .delivery = DELIVERY_HANG},
    [FAULT_RESET] = {.name = "reset", .delivery = DELIVERY_RESET, .passing = true},
    [FAULT_CLOSE] = {.name = "close", .delivery = DELIVERY_CLOSE, .passing = true},
    [FAULT_HALF] = {.name = "half", .delivery = DELIVERY_HALF, .passing = true},
    [FAULT_GARBAGE] = {.name = "garbage",
                       .status = 200,
                       .text = "\x7f"
                               "ELF\x02\x01 {\"id\": nul, \xff\xfe}}] not JSON\n",
                       .media = JSON_TYPE,
                       .passing = true},
    [FAULT_HTML] = {.name = "html",
                    .status = 502,
                    .text = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
                            "<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n",
                    .media = "text/html",
                    .passing = true},
    [FAULT_DRIP] = {.name = "drip", .delivery = DELIVERY_DRIP, .passing = true, .good = true},
    [FAULT_LENGTH] = {.name = "length", .delivery = DELIVERY_LENGTH, .passing = true},
    [FAULT_EMPTY] = {.name = "empty", .passing = true},
    [FAULT_ERROR200] = {.name = "error200",
                        .status = 200,
                        .type = "server_error",
                        .text = "The server had an error while processing your request.",
                        .passing = true},
    [FAULT_BIG] = {.name = "big", .delivery = DELIVERY_ENDLESS},
    [FAULT_CUT_STREAM] = {.name = "cut-stream", .delivery = DELIVERY_HALF},
    [FAULT_ERROR_EVENT] = {.name = "error-event"},
    [FAULT_EMPTY_STREAM] = {.name = "empty-stream"},
    [FAULT_SLOW_START] = {.name = "slow-start", .good = true},
    [FAULT_KEEPALIVE_CLOSE] = {.name = "keepalive-close", .good = true},
    [FAULT_CONTENT_FILTER] = {.name = "content-filter"},
    [FAULT_REFUSAL] = {.name = "refusal"},
    [FAULT_TRUNCATED] = {.name = "truncated"},
    [FAULT_NO_USAGE] = {.name = "no-usage", .good = true},
    [FAULT_NO_FINISH] = {.name = "no-finish"},
    [FAULT_TOOL_GARBAGE] = {.name = "tool-garbage"},
    [FAULT_NOT_JSON] = {.name = "not-json"},
    [FAULT_WRONG_SCHEMA] = {.name = "wrong-schema"},
    [FAULT_BAD_REQUEST] = {.name = "bad-request"},
    [FAULT_BAD_KEY] = {.name = "bad-key"},
    [FAULT_NO_MODEL] = {.name = "no-model"},
    [FAULT_RATE_LIMIT] = {.name = "rate-limit"},
    [FAULT_TOO_BUSY] = {.name = "too-busy"},
    [FAULT_CLOSED] = {.name = "closed"},
};

const struct fault_kind *fault_kind(enum fault fault)
{
    assert(fault >= 0 && fault < FAULT_COUNT);
    return &kinds[fault];
}

static bool is_named(const struct fault_kind *kind, const char *name, size_t length)
{
    if (strlen(kind->name) != length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if ((name[i] == '_' ? '-' : name[i]) != kind->name[i]) {
            return false;
        }
    }
    return true;
}

enum fault fault_read(const char *name, size_t length)
{
    for (enum fault fault = FAULT_NONE + 1; fault < FAULT_INJECTED; fault++) {
        if (is_named(&kinds[fault], name, length)) {
            return fault;
        }
    }
    return FAULT_NONE;
}

enum fault fault_pick(const double *rates, double number)
{
    for (enum fault fault = FAULT_NONE + 1; fault < FAULT_INJECTED; fault++) {
        if (number < rates[fault]) {
            return fault;
        }
        number -= rates[fault];
    }
    return FAULT_NONE;
}
