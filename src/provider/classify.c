/* SPDX-License-Identifier: GPL-2.0-or-later */
/* classify: what an error answer means. */
#include "provider/classify.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/utf8.h"
#include "provider/ratelimit.h"

/* What all servers do */

/* Last among the rules of every protocol. What a server says in words comes before its status,
 * because the same word comes with different statuses, and 429 and 400 stand for many things. */
/* clang-format off */
static const struct error_rule common[] = {
    /* Content that the provider refuses. */
    {0, 999, "content_filter*", .outcome = ERROR_JOB, .flags = ERROR_MODERATION},
    {0, 999, "*content_policy*", .outcome = ERROR_JOB, .flags = ERROR_MODERATION},
    {0, 999, "moderation*", .outcome = ERROR_JOB, .flags = ERROR_MODERATION},

    /* Money. */
    {0, 999, "insufficient_quota", ERROR_LASTING("no quota")},
    {0, 999, "insufficient_credit*", ERROR_LASTING("no quota")},
    {0, 999, "insufficient_balance", ERROR_LASTING("no quota")},
    {0, 999, "insufficient_funds", ERROR_LASTING("no quota")},
    {0, 999, "*credit_balance*", ERROR_LASTING("no quota")},
    {0, 999, "*hard_limit*", ERROR_LASTING("no quota")},
    {0, 999, "billing*", ERROR_LASTING("no quota")},
    {0, 999, "*spend_limit*", ERROR_LASTING("spend limit reached")},
    {400, 400, .said = "credit balance is too low", ERROR_LASTING("no quota")},

    /* The key or its account. */
    {0, 999, "invalid_api_key", ERROR_LASTING("key refused")},
    {0, 999, "authentication_error", ERROR_LASTING("key refused")},
    {0, 999, "unauthenticated", ERROR_LASTING("key refused")},
    {0, 999, "account_deactivated", ERROR_LASTING("account closed")},
    {0, 999, "access_terminated", ERROR_LASTING("account closed")},
    {0, 999, "unsupported_country*", ERROR_LASTING("country not served")},

    /* The model's name. */
    {0, 999, "model_not_found", ERROR_MODEL("model not found")},
    {404, 404, .said = "model", ERROR_MODEL("model not found")},

    /* Too long. */
    {0, 999, "context_length_exceeded", .outcome = ERROR_JOB},

    /* Too much at once. */
    {0, 999, "rate_limit*", .outcome = ERROR_THROTTLED},
    {0, 999, "too_many_requests", .outcome = ERROR_THROTTLED},
    {0, 999, "*overloaded*", .outcome = ERROR_THROTTLED},

    /* What comes within an answer of status 200, a stream most often. */
    {0, 0, "invalid_request*", .outcome = ERROR_JOB},
    {0, 0, "permission_error", ERROR_MODEL("access refused")},
    {0, 0, "not_found_error", ERROR_MODEL("model not found")},
    {0, 0, "*timeout*", .outcome = ERROR_TRANSIENT},
    {0, 0, "server_error", .outcome = ERROR_TRANSIENT},
    {0, 0, "api_error", .outcome = ERROR_TRANSIENT},
    {0, 0, "internal*", .outcome = ERROR_TRANSIENT},

    /* Headers of those that stand before the server. */
    {403, 403, .header = "cf-mitigated", ERROR_LASTING("refused by Cloudflare")},
    {403, 403, .header = "retry-after", .outcome = ERROR_THROTTLED},

    /* The status alone. */
    {201, 299, .outcome = OUTCOME_UNUSABLE},
    {300, 399, ERROR_LASTING("URL leads elsewhere")},
    {400, 400, .outcome = ERROR_JOB},
    {401, 401, ERROR_LASTING("key refused")},
    {402, 402, ERROR_LASTING("payment required")},
    {403, 403, ERROR_MODEL("access refused")},
    {404, 404, ERROR_MODEL("URL or model not found")},
    {405, 405, ERROR_MODEL("URL takes no requests")},
    {410, 410, ERROR_MODEL("URL or model withdrawn")},
    {408, 409, .outcome = ERROR_TRANSIENT},
    {413, 413, .outcome = ERROR_JOB},
    {422, 422, .outcome = ERROR_JOB},
    {425, 425, .outcome = ERROR_TRANSIENT},
    {429, 429, .outcome = ERROR_THROTTLED},
    {503, 503, .outcome = ERROR_THROTTLED},
    {529, 529, .outcome = ERROR_THROTTLED},
    {500, 599, .outcome = ERROR_TRANSIENT},
    ERROR_RULES_END,
};
/* clang-format on */

/* What nobody knows is taken for passing trouble: it costs attempts, not the job at once. */
static const struct error_rule unknown = {0, 999, .outcome = OUTCOME_TRANSIENT};

/* Verdicts */

/* Copies text into out so that it can go into a file or a log: valid UTF-8, control characters (C0,
 * DEL, C1) as spaces, cut between characters. */
static void copy_clean(char *out, size_t size, const char *text)
{
    size_t left = strlen(text);
    size_t used = 0;
    while (left > 0) {
        size_t length = utf8_sequence(text, left);
        unsigned char first = (unsigned char)text[0];
        bool control = first < ' ' || first == 0x7F ||
                       (first == 0xC2 && length == 2 && (unsigned char)text[1] < 0xA0);
        if (used + (length > 0 ? length : 1) >= size) {
            break;
        }
        if (length == 0 || control) {
            out[used++] = length == 0 ? '?' : ' ';
        } else {
            memcpy(out + used, text, length);
            used += length;
        }
        length = length == 0 ? 1 : length;
        text += length;
        left -= length;
    }
    out[used] = '\0';
}

struct verdict verdict_begin(const struct provider_reply *reply, struct wall now,
                             enum outcome outcome)
{
    static const char *const names[] = {"x-request-id", "request-id", "apim-request-id",
                                        "x-generation-id", "x-amzn-requestid"};
    struct verdict verdict = {
        .outcome = outcome,
        .wait_ms = ratelimit_wait(reply, now),
        .mock = provider_reply_header(reply, "x-llmspool-mock") != NULL,
    };
    for (size_t i = 0; i < sizeof names / sizeof *names && verdict.request_id[0] == '\0'; i++) {
        const char *value = provider_reply_header(reply, names[i]);
        if (value != NULL) {
            copy_clean(verdict.request_id, sizeof verdict.request_id, value);
        }
    }
    return verdict;
}

void verdict_say(struct verdict *verdict, const char *code, const char *format, ...)
{
    char text[2 * sizeof verdict->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    copy_clean(verdict->code, sizeof verdict->code, code);
    copy_clean(verdict->message, sizeof verdict->message, text);
}

/* Shapes of errors */

/* Null, false, "" and {} in the place of an error mean that there is none. */
static bool says_something(const json_t *value)
{
    return json_object_size(value) > 0 || json_array_size(value) > 0 ||
           (json_is_string(value) && json_string_length(value) > 0);
}

static bool is_flat_error(const json_t *object)
{
    return strcmp(jsontext_get_text(object, "object", ""), "error") == 0 ||
           strcmp(jsontext_get_text(object, "type", ""), "error") == 0 ||
           (json_is_integer(json_object_get(object, "statusCode")) &&
            json_is_string(json_object_get(object, "message"))) ||
           says_something(json_object_get(object, "detail"));
}

const json_t *classify_find_error(const json_t *document)
{
    if (json_array_size(document) == 1) {
        document = json_array_get(document, 0);
    }
    const json_t *error = json_object_get(document, "error");
    if (says_something(error)) {
        return error;
    }
    return json_is_object(document) && is_flat_error(document) ? document : NULL;
}

/* An error, whatever shape it had. Texts are borrowed. */
struct fault {
    const char *words[6]; /* inner codes, code, type, status: those that are words */
    size_t word_count;
    int status;          /* that the body names; 0: none */
    const char *message; /* NULL: none */
    int64_t wait_ms;     /* that the body asks for; -1: none */
};

/* A code may be a word, a number, or a number as text; a number between 400 and 599 is a status. */
static void read_code(struct fault *fault, const json_t *value)
{
    const char *text = json_string_value(value);
    json_int_t number = json_integer_value(value);
    if (text != NULL && text[0] != '\0') {
        char *end;
        number = strtol(text, &end, 10);
        if (*end != '\0') {
            fault->words[fault->word_count++] = text;
            return;
        }
    }
    if (fault->status == 0 && number >= 400 && number <= 599) {
        fault->status = (int)number;
    }
}

/* The text of a message that may be text, an object with details (Mistral), or an array of objects
 * (FastAPI). */
static const char *read_message(const json_t *value)
{
    if (json_is_object(value)) {
        const json_t *detail = json_object_get(value, "detail");
        value = detail != NULL ? detail : value;
    }
    if (json_is_array(value)) {
        value = json_array_get(value, 0);
    }
    if (json_is_object(value)) {
        const char *message = jsontext_get_text(value, "message", NULL);
        return jsontext_get_text(value, "msg", message);
    }
    return json_string_value(value);
}

/* google.rpc.RetryInfo: how long to wait is told in the body only. */
static int64_t read_retry_info(const json_t *details)
{
    size_t i;
    const json_t *detail;
    json_array_foreach (details, i, detail) {
        const char *delay = jsontext_get_text(detail, "retryDelay", NULL);
        if (delay != NULL) {
            return ratelimit_go_duration(delay);
        }
    }
    return -1;
}

static bool is_moderation(const json_t *metadata)
{
    return json_object_get(metadata, "flagged_input") != NULL ||
           json_array_size(json_object_get(metadata, "reasons")) > 0;
}

static struct fault read_fault(const json_t *error)
{
    struct fault fault = {.wait_ms = -1};
    if (!json_is_object(error)) {
        fault.message = read_message(error);
        return fault;
    }
    const json_t *type = json_object_get(error, "type");
    bool flat = json_is_string(type) && strcmp(json_string_value(type), "error") == 0;
    read_code(&fault, json_object_get(json_object_get(error, "details"), "error_code"));
    read_code(&fault, json_object_get(error, "code"));
    read_code(&fault, flat ? NULL : type);
    read_code(&fault, json_object_get(error, "status"));
    read_code(&fault, json_object_get(error, "statusCode"));
    read_code(&fault, json_object_get(json_object_get(error, "innererror"), "code"));
    if (fault.word_count == 0 && is_moderation(json_object_get(error, "metadata"))) {
        fault.words[fault.word_count++] = "moderation";
    }
    fault.message = read_message(json_object_get(error, "message"));
    if (fault.message == NULL) {
        fault.message = read_message(json_object_get(error, "detail"));
    }
    fault.wait_ms = read_retry_info(json_object_get(error, "details"));
    return fault;
}

/* Judging */

static bool rule_fits(const struct error_rule *rule, int status, const struct fault *fault,
                      const struct provider_reply *reply)
{
    const char *message = fault->message != NULL ? fault->message : "";
    bool word = rule->word == NULL;
    for (size_t i = 0; i < fault->word_count && !word; i++) {
        word = fnmatch(rule->word, fault->words[i], FNM_CASEFOLD) == 0;
    }
    return word && status >= rule->low && status <= rule->high &&
           (rule->said == NULL || strcasestr(message, rule->said) != NULL) &&
           (rule->says == NULL || rule->says(message)) &&
           (rule->header == NULL || provider_reply_header(reply, rule->header) != NULL);
}

/* The first rule that fits: of the protocol's own, then of those for all. */
static const struct error_rule *find_rule(const struct error_rule *rules, int status,
                                          const struct fault *fault,
                                          const struct provider_reply *reply)
{
    const struct error_rule *const tables[] = {rules, common};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct error_rule *rule = tables[i]; rule->low >= 0; rule++) {
            if (rule_fits(rule, status, fault, reply)) {
                return rule;
            }
        }
    }
    return &unknown;
}

/* The server's own word on whether trying again makes sense. */
static enum outcome heed_should_retry(enum outcome outcome, const char *value)
{
    if (value != NULL && strcmp(value, "true") == 0 && outcome == OUTCOME_JOB) {
        return OUTCOME_TRANSIENT;
    }
    if (value != NULL && strcmp(value, "false") == 0 && outcome == OUTCOME_TRANSIENT) {
        return OUTCOME_JOB;
    }
    return outcome;
}

/* The message where the body is no error that we can read. */
static void say_body(struct verdict *verdict, const char *code, const struct provider_reply *reply,
                     int status)
{
    char start[201] = "";
    size_t length = reply->body_length < sizeof start - 1 ? reply->body_length : sizeof start - 1;
    if (length > 0) {
        memcpy(start, reply->body, length);
    }
    const char *text = start + strspn(start, " \t\r\n");
    if (*text == '\0') {
        verdict_say(verdict, code, "the server answered HTTP %d with nothing more", status);
    } else if (*text == '<') {
        verdict_say(verdict, code, "the server answered HTTP %d with a web page", status);
    } else {
        verdict_say(verdict, code, "the server answered HTTP %d: %s", status, text);
    }
}

static void say_fault(struct verdict *verdict, const struct provider_reply *reply,
                      const struct fault *fault)
{
    char status_code[sizeof verdict->code];
    int status = fault->status != 0 && reply->status == 200 ? fault->status : reply->status;
    snprintf(status_code, sizeof status_code, "http_%d", status);
    const char *code = fault->word_count > 0 ? fault->words[0] : status_code;
    if (fault->message != NULL && fault->message[0] != '\0') {
        verdict_say(verdict, code, "%s", fault->message);
    } else {
        say_body(verdict, code, reply, reply->status);
    }
}

/* How long to wait: what headers say, what the body says, what the rule knows; -1: nothing. */
static int64_t choose_wait(int64_t header_ms, int64_t body_ms, int64_t rule_ms)
{
    if (header_ms >= 0 || body_ms >= 0) {
        return header_ms >= 0 ? header_ms : body_ms;
    }
    return rule_ms > 0 ? rule_ms : -1;
}

struct verdict classify_error(const struct error_rule *rules, const struct provider_reply *reply,
                              const json_t *document, struct wall now)
{
    const json_t *error = classify_find_error(document);
    struct fault fault = error != NULL ? read_fault(error) : (struct fault){.wait_ms = -1};
    int status = reply->status == 200 ? fault.status : reply->status;
    const struct error_rule *rule = find_rule(rules, status, &fault, reply);
    const char *should_retry = provider_reply_header(reply, "x-should-retry");
    struct verdict verdict =
        verdict_begin(reply, now, heed_should_retry(rule->outcome, should_retry));
    verdict.wait_ms = choose_wait(verdict.wait_ms, fault.wait_ms, rule->wait_ms);
    verdict.permanent = rule->flags & ERROR_PERMANENT;
    verdict.about_model = rule->flags & ERROR_ABOUT_MODEL;
    verdict.moderation = rule->flags & ERROR_MODERATION && verdict.outcome == OUTCOME_JOB;
    verdict.refused = verdict.moderation;
    verdict.unknown = rule == &unknown && should_retry == NULL;
    verdict.trouble = rule->trouble;
    if (verdict.request_id[0] == '\0') {
        const char *id = jsontext_get_text(document, "request_id", "");
        copy_clean(verdict.request_id, sizeof verdict.request_id, id);
    }
    say_fault(&verdict, reply, &fault);
    return verdict;
}
