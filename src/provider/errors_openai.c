/* SPDX-License-Identifier: GPL-2.0-or-later */
/* errors_openai: what the errors of OpenAI's protocols mean, from all servers that speak them. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "provider/classify.h"
#include "provider/openai.h"

#define SLOW_DOWN_WAIT_MS 15000 /* traffic grew too fast: OpenAI asks for minutes of a lower rate  \
                                 */
#define LOADING_WAIT_MS 2000    /* llama.cpp is reading its model */

#define NUMBER_LIMIT INT64_C(1000000000000000)

/* The number that stands behind a word, in any case, with only blanks and colons between; commas
 * may part its thousands. -1: none. */
static int64_t number_behind(const char *message, const char *word)
{
    const char *at = message;
    while ((at = strcasestr(at, word)) != NULL) {
        int64_t number = 0;
        at += strlen(word);
        const char *digit = at + strspn(at, ": ");
        if (!isdigit((unsigned char)*digit)) {
            continue;
        }
        for (; isdigit((unsigned char)*digit) || *digit == ','; digit++) {
            if (*digit == ',' && !isdigit((unsigned char)digit[1])) {
                break;
            }
            number = *digit == ',' || number > NUMBER_LIMIT ? number : number * 10 + (*digit - '0');
        }
        return number;
    }
    return -1;
}

/* "… tokens per min (TPM): Limit 10000, Requested 12000. …": no wait makes this request fit. */
static bool asks_more_than_all(const char *message)
{
    int64_t limit = number_behind(message, "limit");
    return limit >= 0 && number_behind(message, "requested") > limit;
}

/* clang-format off */
const struct error_rule openai_errors[] = {
    /* Content. */
    {0, 999, "ResponsibleAIPolicyViolation", .outcome = ERROR_JOB, .flags = ERROR_MODERATION}, /* Azure */
    {0, 999, "data_inspection_failed", .outcome = ERROR_JOB, .flags = ERROR_MODERATION}, /* Qwen */
    {0, 999, "bio_policy", .outcome = ERROR_JOB, .flags = ERROR_MODERATION},
    {0, 999, "cyber_policy", .outcome = ERROR_JOB, .flags = ERROR_MODERATION},

    /* A request that is larger than the whole limit of a minute. */
    {429, 429, .says = asks_more_than_all, .outcome = ERROR_JOB},

    /* Keys: Gemini and xAI send a wrong one as 400. */
    {400, 400, .said = "API key not valid", ERROR_LASTING("key refused")},
    {400, 400, .said = "incorrect API key", ERROR_LASTING("key refused")},
    {0, 999, "data_residency_mismatch", ERROR_LASTING("data residency differs")},

    /* Models. */
    {0, 999, "DeploymentNotFound", ERROR_MODEL("model not found")}, /* Azure */
    {0, 999, "invalid_model", ERROR_MODEL("model not found")}, /* Mistral */
    {0, 999, "unknown_model", ERROR_MODEL("model not found")},
    {0, 999, "model_decommissioned", ERROR_MODEL("model withdrawn")}, /* Groq */
    {400, 400, .said = "not a valid model", ERROR_MODEL("model not found")}, /* OpenRouter */
    {400, 400, .said = "model not exist", ERROR_MODEL("model not found")}, /* DeepSeek */

    /* Too long: llama.cpp may notice only while it generates, and says 500. */
    {0, 999, "exceed_context_size_error", .outcome = ERROR_JOB},
    {0, 999, .said = "exceeds the available context size", .outcome = ERROR_JOB},

    /* Too much at once, or a model that is still being loaded. */
    {0, 999, "slow_down", .outcome = ERROR_THROTTLED, .wait_ms = SLOW_DOWN_WAIT_MS},
    {0, 999, "resource_exhausted", .outcome = ERROR_THROTTLED}, /* Gemini */
    {0, 999, "capacity_exceeded", .outcome = ERROR_THROTTLED}, /* Groq */
    {498, 498, .outcome = ERROR_THROTTLED}, /* Groq: no room for flexible requests */
    {0, 999, "unavailable_error", .outcome = ERROR_THROTTLED, .wait_ms = LOADING_WAIT_MS},

    /* Requests that this server will never take. */
    {0, 999, "not_supported_error", .outcome = ERROR_JOB}, /* llama.cpp */
    {0, 0, "invalid_prompt", .outcome = ERROR_JOB},
    {0, 0, "BadRequest*", .outcome = ERROR_JOB}, /* vLLM */
    {0, 0, "failed_to_download_image", .outcome = ERROR_TRANSIENT},
    {0, 0, "*image*", .outcome = ERROR_JOB},

    /* Groq: a tool or a client before it gave up. */
    {424, 424, .outcome = ERROR_TRANSIENT},
    {499, 499, .outcome = ERROR_TRANSIENT},
    ERROR_RULES_END,
};
/* clang-format on */
