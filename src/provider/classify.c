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

/* The table */

enum flag {
    PERMANENT = 1,   /* nothing will change by itself */
    ABOUT_MODEL = 2, /* of the model's name or the path: could be this job's own mistake */
    MODERATION = 4,  /* the content was refused */
};

struct rule {
    int low; /* first and last status; 0 stands for an error that came with status 200 */
    int high;
    const char *word; /* pattern of fnmatch(3) for the code or type, in any case; NULL: any */
    const char *said; /* the message contains this, in any case; NULL: whatever it says */
    enum outcome outcome;
    unsigned flags;
    const char *trouble; /* for OUTCOME_UPSTREAM */
};

#define JOB       OUTCOME_JOB
#define TRANSIENT OUTCOME_TRANSIENT
#define THROTTLED OUTCOME_THROTTLED
#define UPSTREAM  OUTCOME_UPSTREAM

/* The first rule that fits decides. What a server says in words comes before its status, because
 * the same word comes with different statuses, and 429 and 400 stand for many things. */
/* clang-format off */
static const struct rule rules[] = {
    /* Content that the provider refuses. */
    {0, 999, "content_filter*", NULL, JOB, MODERATION, NULL},
    {0, 999, "content_policy_violation", NULL, JOB, MODERATION, NULL},
    {0, 999, "ResponsibleAIPolicyViolation", NULL, JOB, MODERATION, NULL},
    {0, 999, "data_inspection_failed", NULL, JOB, MODERATION, NULL},
    {0, 999, "moderation*", NULL, JOB, MODERATION, NULL},

    /* Money: OpenAI sends this as 429, others as 400, 402 or 403. */
    {0, 999, "insufficient_quota", NULL, UPSTREAM, PERMANENT, "no quota"},
    {0, 999, "insufficient_credit*", NULL, UPSTREAM, PERMANENT, "no quota"},
    {0, 999, "insufficient_balance", NULL, UPSTREAM, PERMANENT, "no quota"},
    {0, 999, "insufficient_funds", NULL, UPSTREAM, PERMANENT, "no quota"},
    {0, 999, "*credit_balance*", NULL, UPSTREAM, PERMANENT, "no quota"},
    {0, 999, "billing*", NULL, UPSTREAM, PERMANENT, "no quota"},
    {0, 999, "*spend_limit*", NULL, UPSTREAM, PERMANENT, "no quota"},
    {400, 400, NULL, "credit balance is too low", UPSTREAM, PERMANENT, "no quota"},

    /* The key or its account: Gemini and xAI send a wrong key as 400. */
    {0, 999, "invalid_api_key", NULL, UPSTREAM, PERMANENT, "key refused"},
    {0, 999, "authentication_error", NULL, UPSTREAM, PERMANENT, "key refused"},
    {0, 999, "unauthenticated", NULL, UPSTREAM, PERMANENT, "key refused"},
    {400, 400, NULL, "API key not valid", UPSTREAM, PERMANENT, "key refused"},
    {400, 400, NULL, "incorrect API key", UPSTREAM, PERMANENT, "key refused"},
    {0, 999, "account_deactivated", NULL, UPSTREAM, PERMANENT, "account closed"},
    {0, 999, "unsupported_country*", NULL, UPSTREAM, PERMANENT, "country not served"},

    /* The model's name. */
    {0, 999, "model_not_found", NULL, UPSTREAM, ABOUT_MODEL, "model not found"},
    {0, 999, "DeploymentNotFound", NULL, UPSTREAM, ABOUT_MODEL, "model not found"},
    {0, 999, "invalid_model", NULL, UPSTREAM, ABOUT_MODEL, "model not found"},
    {0, 999, "unknown_model", NULL, UPSTREAM, ABOUT_MODEL, "model not found"},
    {0, 999, "model_decommissioned", NULL, UPSTREAM, ABOUT_MODEL, "model withdrawn"},
    {400, 400, NULL, "not a valid model", UPSTREAM, ABOUT_MODEL, "model not found"},
    {400, 400, NULL, "model not exist", UPSTREAM, ABOUT_MODEL, "model not found"},
    {404, 404, NULL, "model", UPSTREAM, ABOUT_MODEL, "model not found"},

    /* Too long: llama.cpp may notice only while it generates, and says 500. */
    {0, 999, "context_length_exceeded", NULL, JOB, 0, NULL},
    {0, 999, "exceed_context_size_error", NULL, JOB, 0, NULL},
    {0, 999, NULL, "exceeds the available context size", JOB, 0, NULL},

    /* Too much at once, or a model that is still being loaded. */
    {0, 999, "rate_limit*", NULL, THROTTLED, 0, NULL},
    {0, 999, "too_many_requests", NULL, THROTTLED, 0, NULL},
    {0, 999, "resource_exhausted", NULL, THROTTLED, 0, NULL},
    {0, 999, "slow_down", NULL, THROTTLED, 0, NULL},
    {0, 999, "*overloaded*", NULL, THROTTLED, 0, NULL},
    {0, 999, "capacity_exceeded", NULL, THROTTLED, 0, NULL},
    {0, 999, "unavailable_error", NULL, THROTTLED, 0, NULL},

    /* Requests that this server will never take. */
    {0, 999, "not_supported_error", NULL, JOB, 0, NULL},
    {0, 0, "invalid_request*", NULL, JOB, 0, NULL},
    {0, 0, "invalid_prompt", NULL, JOB, 0, NULL},
    {0, 0, "BadRequest*", NULL, JOB, 0, NULL},

    /* The status alone. */
    {201, 299, NULL, NULL, OUTCOME_UNUSABLE, 0, NULL},
    {300, 399, NULL, NULL, UPSTREAM, PERMANENT, "URL leads elsewhere"},
    {400, 400, NULL, NULL, JOB, 0, NULL},
    {401, 401, NULL, NULL, UPSTREAM, PERMANENT, "key refused"},
    {402, 402, NULL, NULL, UPSTREAM, PERMANENT, "payment required"},
    {403, 403, NULL, NULL, UPSTREAM, ABOUT_MODEL, "access refused"},
    {404, 404, NULL, NULL, UPSTREAM, ABOUT_MODEL, "URL or model not found"},
    {405, 405, NULL, NULL, UPSTREAM, ABOUT_MODEL, "URL takes no requests"},
    {410, 410, NULL, NULL, UPSTREAM, ABOUT_MODEL, "URL or model withdrawn"},
    {408, 409, NULL, NULL, TRANSIENT, 0, NULL},
    {413, 413, NULL, NULL, JOB, 0, NULL},
    {422, 422, NULL, NULL, JOB, 0, NULL},
    {425, 425, NULL, NULL, TRANSIENT, 0, NULL},
    {429, 429, NULL, NULL, THROTTLED, 0, NULL},
    {498, 498, NULL, NULL, THROTTLED, 0, NULL}, /* Groq: no room for flexible requests */
    {503, 503, NULL, NULL, THROTTLED, 0, NULL},
    {529, 529, NULL, NULL, THROTTLED, 0, NULL},
    {500, 599, NULL, NULL, TRANSIENT, 0, NULL},

    /* What nobody knows is taken for passing trouble: it costs attempts, not the job at once. */
    {0, 999, NULL, NULL, TRANSIENT, 0, NULL},
};
/* clang-format on */

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
                                        "x-generation-id"};
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
    const char *words[5]; /* code, type, status, inner code: those that are words */
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
    json_array_foreach(details, i, detail)
    {
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

static bool rule_fits(const struct rule *rule, int status, const struct fault *fault)
{
    bool word = rule->word == NULL;
    for (size_t i = 0; i < fault->word_count && !word; i++) {
        word = fnmatch(rule->word, fault->words[i], FNM_CASEFOLD) == 0;
    }
    bool said = rule->said == NULL ||
                (fault->message != NULL && strcasestr(fault->message, rule->said) != NULL);
    return status >= rule->low && status <= rule->high && word && said;
}

static const struct rule *find_rule(int status, const struct fault *fault)
{
    const struct rule *rule = rules;
    const struct rule *last = rules + sizeof rules / sizeof *rules - 1;
    while (rule < last && !rule_fits(rule, status, fault)) {
        rule++;
    }
    return rule;
}

/* The server's own word on whether trying again makes sense. */
static enum outcome heed_should_retry(enum outcome outcome, const struct provider_reply *reply)
{
    const char *value = provider_reply_header(reply, "x-should-retry");
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

struct verdict classify_error(const struct provider_reply *reply, const json_t *document,
                              struct wall now)
{
    const json_t *error = classify_find_error(document);
    struct fault fault = error != NULL ? read_fault(error) : (struct fault){.wait_ms = -1};
    int status = reply->status == 200 ? fault.status : reply->status;
    const struct rule *rule = find_rule(status, &fault);
    struct verdict verdict = verdict_begin(reply, now, heed_should_retry(rule->outcome, reply));
    if (verdict.wait_ms < 0) {
        verdict.wait_ms = fault.wait_ms;
    }
    verdict.permanent = rule->flags & PERMANENT;
    verdict.about_model = rule->flags & ABOUT_MODEL;
    verdict.moderation = rule->flags & MODERATION && verdict.outcome == OUTCOME_JOB;
    verdict.refused = verdict.moderation;
    verdict.unknown = rule == rules + sizeof rules / sizeof *rules - 1;
    verdict.trouble = rule->trouble;
    say_fault(&verdict, reply, &fault);
    return verdict;
}
