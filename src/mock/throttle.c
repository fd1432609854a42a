/* SPDX-License-Identifier: GPL-2.0-or-later */
/* throttle: in the words of each provider. */
#include "mock/throttle.h"

#include <stdio.h>
#include <time.h>

#include "base/timetext.h"

enum { NAMES = 3 }; /* of a gauge: its limit, what remains, when it is full */

static const char *const openai_names[LIMITS_BUCKETS][NAMES] = {
    [LIMITS_REQUESTS] = {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
                         "x-ratelimit-reset-requests"},
    [LIMITS_TOKENS] = {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
                       "x-ratelimit-reset-tokens"},
};

static const char *const anthropic_names[LIMITS_BUCKETS][NAMES] = {
    [LIMITS_REQUESTS] = {"anthropic-ratelimit-requests-limit",
                         "anthropic-ratelimit-requests-remaining",
                         "anthropic-ratelimit-requests-reset"},
    [LIMITS_TOKENS] = {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
                       "anthropic-ratelimit-tokens-reset"},
    [LIMITS_INPUT] = {"anthropic-ratelimit-input-tokens-limit",
                      "anthropic-ratelimit-input-tokens-remaining",
                      "anthropic-ratelimit-input-tokens-reset"},
    [LIMITS_OUTPUT] = {"anthropic-ratelimit-output-tokens-limit",
                       "anthropic-ratelimit-output-tokens-remaining",
                       "anthropic-ratelimit-output-tokens-reset"},
};

static int64_t now_ms(const struct call *call)
{
    return call->exchange->arrived_us / 1000;
}

static bool is_dated(const struct reply *reply)
{
    return reply_dialect(reply)->dated_limits;
}

/* When a bucket is full again: a duration as OpenAI tells it, or a time to the second as Anthropic
 * does. */
static void add_reset(const struct call *call, struct reply *reply, const char *name, int64_t ms)
{
    char text[TIMETEXT_SIZE];

    if (is_dated(reply)) {
        timetext_write((struct wall){.ms = (now_ms(call) + ms + 999) / 1000 * 1000}, text);
        reply_header(reply, name, "%.19sZ", text);
    } else {
        limits_write_duration(ms, text);
        reply_header(reply, name, "%s", text);
    }
}

static void add_gauge(const struct call *call, struct reply *reply, enum limits_bucket bucket,
                      const struct limits_gauge *gauge)
{
    const char *const *names = is_dated(reply) ? anthropic_names[bucket] : openai_names[bucket];

    if (gauge->limited && names[0] != NULL) {
        reply_header(reply, names[0], "%lld", (long long)gauge->limit);
        reply_header(reply, names[1], "%lld", (long long)gauge->remaining);
        add_reset(call, reply, names[2], gauge->reset_ms);
    }
}

/* The share of a bucket that is left. */
static double share(const struct limits_gauge *gauge)
{
    return gauge->limited ? (double)gauge->remaining / (double)gauge->limit : 2;
}

/* Requests a day are told where there is no limit a minute; Anthropic's tokens are those of the
 * most restrictive limit (its documentation, "Rate limits"). */
static void add_gauges(const struct call *call, struct reply *reply, struct limits_report *report)
{
    struct limits_gauge *gauges = report->gauges;

    if (!gauges[LIMITS_REQUESTS].limited) {
        gauges[LIMITS_REQUESTS] = gauges[LIMITS_DAY];
    }
    if (is_dated(reply) && !gauges[LIMITS_TOKENS].limited) {
        gauges[LIMITS_TOKENS] = share(&gauges[LIMITS_OUTPUT]) < share(&gauges[LIMITS_INPUT])
                                    ? gauges[LIMITS_OUTPUT]
                                    : gauges[LIMITS_INPUT];
    }
    for (size_t i = 0; i < LIMITS_DAY; i++) {
        add_gauge(call, reply, (enum limits_bucket)i, &gauges[i]);
    }
}

static void add_retry_after(struct reply *reply, int64_t wait_ms)
{
    reply_header(reply, "retry-after", "%lld", (long long)((wait_ms + 999) / 1000));
    if (reply_dialect(reply)->in_milliseconds) {
        reply_header(reply, "retry-after-ms", "%lld", (long long)wait_ms);
    }
}

/* A date of HTTP (RFC 9110, 5.6.7), rounded up to the second. */
static void add_retry_date(const struct call *call, struct reply *reply, int64_t wait_ms)
{
    time_t time = (time_t)((now_ms(call) + wait_ms + 999) / 1000);
    struct tm parts;
    char text[REPLY_VALUE_SIZE];

    if (gmtime_r(&time, &parts) != NULL &&
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0) {
        reply_header(reply, "retry-after", "%s", text);
    }
}

static void write_error(const struct call *call, struct reply *reply, enum limits_verdict verdict,
                        const struct limits_report *report)
{
    static const struct {
        const char *type;
        const char *words;
    } names[LIMITS_BUCKETS] = {
        [LIMITS_REQUESTS] = {"requests", "requests per min (RPM)"},
        [LIMITS_TOKENS] = {"tokens", "tokens per min (TPM)"},
        [LIMITS_INPUT] = {"tokens", "input tokens per min (ITPM)"},
        [LIMITS_OUTPUT] = {"tokens", "output tokens per min (OTPM)"},
        [LIMITS_DAY] = {"requests", "requests per day (RPD)"},
    };
    const struct limits_gauge *gauge = &report->gauges[report->scarce];
    const char *words = names[report->scarce].words;
    char wait[LIMITS_DURATION_SIZE], message[400];

    limits_write_duration(report->wait_ms, wait);
    if (verdict == LIMITS_NEVER) {
        (void)snprintf(message, sizeof message,
                       "Request too large for %.100s on %s: Limit %lld, Requested %lld. The input "
                       "or output tokens must be reduced.",
                       call->model, words, (long long)gauge->limit, (long long)report->need);
    } else {
        (void)snprintf(message, sizeof message,
                       "Rate limit reached for %.100s on %s: Limit %lld, Used %lld, Requested "
                       "%lld. Please try again in %s.",
                       call->model, words, (long long)gauge->limit,
                       (long long)(gauge->limit - gauge->remaining), (long long)report->need, wait);
    }
    reply_error(reply, 429, names[report->scarce].type, NULL, "rate_limit_exceeded", message);
}

static bool is_crowded(const struct call *call)
{
    const struct settings *settings = call->settings;

    return settings->max_concurrent > 0 &&
           ledger_in_flight(call->exchange->mock->ledger) > (uint64_t)settings->max_concurrent;
}

static enum fault refuse_crowd(const struct call *call, struct reply *reply)
{
    struct limits_report report;

    reply_error(reply, 429, "requests", NULL, "rate_limit_exceeded",
                "Too many requests are in flight at once.");
    if (call->settings->rate_headers) {
        limits_tell(call->exchange->mock->limits, call->settings, call->model, &report);
        add_gauges(call, reply, &report);
        add_retry_after(reply, call->settings->retry_after_ms);
    }
    return FAULT_TOO_BUSY;
}

enum fault throttle_check(const struct call *call, struct reply *reply)
{
    struct limits_report report;
    enum limits_verdict verdict;

    if (is_crowded(call)) {
        return refuse_crowd(call, reply);
    }
    verdict = limits_take(call->exchange->mock->limits, call->settings, call->model,
                          call->prompt_tokens, call->answer_tokens, &report);
    if (verdict != LIMITS_PASS) {
        write_error(call, reply, verdict, &report);
    }
    if (call->settings->rate_headers) {
        add_gauges(call, reply, &report);
        if (verdict == LIMITS_WAIT) {
            add_retry_after(reply, report.wait_ms);
        }
    }
    return verdict == LIMITS_PASS ? FAULT_NONE : FAULT_RATE_LIMIT;
}

/* The headers of a bucket of requests that is empty, whatever the real ones are. */
static void add_empty_gauge(const struct call *call, struct reply *reply, int64_t reset_ms)
{
    const struct limits_gauge gauge = {.limited = true, .limit = 60, .reset_ms = reset_ms};

    add_gauge(call, reply, LIMITS_REQUESTS, &gauge);
}

void throttle_tell(const struct call *call, struct reply *reply)
{
    const struct marker *marker = &call->marker;
    int64_t usual_ms = call->settings->retry_after_ms;
    int64_t wait_ms = marker->retry_after_ms >= 0 ? marker->retry_after_ms : usual_ms;

    if (marker->reset_ms >= 0 || call->fault == FAULT_429_RESET) {
        add_empty_gauge(call, reply, marker->reset_ms >= 0 ? marker->reset_ms : usual_ms);
    }
    if (marker->dated || call->fault == FAULT_429_DATE) {
        add_retry_date(call, reply, wait_ms);
    } else if (marker->retry_after_ms >= 0 || call->fault == FAULT_429) {
        add_retry_after(reply, wait_ms);
    }
    if (marker->should_retry != NULL) {
        reply_header(reply, "x-should-retry", "%s", marker->should_retry);
    }
}
