/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_form: what members a record must have and of which types. */
#include "retain/check_form.h"

#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/timetext.h"

enum kind {
    ANY,
    TEXT,
    WORD, /* text of a-z, 0-9 and _ */
    STAMP,
    DIGEST, /* 64 hex digits: an ID, a SHA-256 */
    COUNT,  /* an integer of 0 or more */
    POSITIVE,
    NUMBER, /* of 0 or more */
    TRUTH,
    OBJECT,
    ARRAY,
    ENDING,  /* how a job ended */
    OUTCOME, /* of an attempt */
};

static const char *const kind_words[] = {
    [ANY] = "anything",
    [TEXT] = "a text",
    [WORD] = "a word of a-z, 0-9 and _",
    [STAMP] = "a time like 2026-12-01T03:00:00.000Z",
    [DIGEST] = "64 hexadecimal digits",
    [COUNT] = "an integer of 0 or more",
    [POSITIVE] = "an integer of 1 or more",
    [NUMBER] = "a number of 0 or more",
    [TRUTH] = "true or false",
    [OBJECT] = "an object",
    [ARRAY] = "an array",
    [ENDING] = "completed, failed, cancelled, expired or refused",
    [OUTCOME] = "an outcome",
};

/* One member; a name with a dot is one of the object before it. */
struct member {
    const char *name;
    enum kind kind;
    bool required;
    bool nullable;
};

static const struct member output_members[] = {
    {"id", DIGEST, true, false},
    {"version", POSITIVE, true, false},
    {"status", ENDING, true, false},
    {"reason", WORD, false, false},
    {"message", TEXT, false, false},
    {"output", ANY, true, true},
    {"tool_calls", ARRAY, false, false},
    {"refusal", TEXT, false, false},
    {"finish_reason", TEXT, true, true},
    {"truncated", TRUTH, true, false},
    {"model", OBJECT, true, false},
    {"model.asked", TEXT, true, false},
    {"model.answered", TEXT, true, true},
    {"in_run", TEXT, false, false},
    {"fallback", OBJECT, false, false},
    {"provider", TEXT, true, true},
    {"mock", TRUTH, true, false},
    {"user", TEXT, false, true},
    {"usage", OBJECT, true, false},
    {"usage.input_tokens", COUNT, false, true},
    {"usage.output_tokens", COUNT, false, true},
    {"usage.cached_tokens", COUNT, false, true},
    {"usage.reasoning_tokens", COUNT, false, true},
    {"cost", OBJECT, false, false},
    {"times", OBJECT, true, false},
    {"times.submitted", STAMP, true, false},
    {"times.accepted", STAMP, false, true},
    {"times.started", STAMP, false, true},
    {"times.first_token", STAMP, false, true},
    {"times.finished", STAMP, true, false},
    {"latency_ms", COUNT, false, true},
    {"attempts", ARRAY, true, false},
    {"sends", COUNT, false, false},
    {"throttled", COUNT, false, false},
    {"doubts", COUNT, false, false},
    {"metadata", OBJECT, false, false},
    {"names", ARRAY, false, false},
    {"request_id", TEXT, false, true},
    {"expires_at", STAMP, false, false},
    {"sha256", DIGEST, true, false},
};

static const struct member error_members[] = {
    {"id", DIGEST, true, false},
    {"run", POSITIVE, true, false},
    {"tries", COUNT, true, false},
    {"status", ENDING, true, false},
    {"reason", WORD, true, false},
    {"message", TEXT, true, false},
    {"advice", TEXT, false, false},
    {"model", TEXT, false, true},
    {"in_run", TEXT, false, false},
    {"fallback", OBJECT, false, false},
    {"provider", TEXT, false, true},
    {"user", TEXT, false, true},
    {"attempts", ARRAY, true, false},
    {"sends", COUNT, false, false},
    {"throttled", COUNT, false, false},
    {"doubts", COUNT, false, false},
    {"times", OBJECT, true, false},
    {"times.submitted", STAMP, false, false},
    {"times.accepted", STAMP, false, true},
    {"times.started", STAMP, false, true},
    {"times.finished", STAMP, true, false},
    {"metadata", OBJECT, false, false},
    {"names", ARRAY, false, false},
    {"request_id", TEXT, false, true},
    {"raw", TEXT, false, false},
};

static const struct member refusal_members[] = {
    {"status", ENDING, true, false}, {"name", TEXT, true, false},
    {"reason", WORD, true, false},   {"message", TEXT, true, false},
    {"times", OBJECT, true, false},  {"times.finished", STAMP, true, false},
};

static const struct member debt_members[] = {
    {"webhook_id", TEXT, true, false}, {"id", DIGEST, true, false},
    {"run", POSITIVE, true, false},    {"event", WORD, true, false},
    {"webhook", TEXT, true, false},    {"record", TEXT, true, false},
    {"time", STAMP, false, false},     {"user", TEXT, false, false},
    {"attempts", COUNT, false, false}, {"next_try", STAMP, false, false},
    {"last", TEXT, false, false},      {"gave_up", STAMP, false, false},
    {"again", STAMP, false, false},
};

static const struct member hook_debt_members[] = {
    {"hook", TEXT, true, false},        {"time", STAMP, true, false},
    {"id", DIGEST, false, false},       {"user", TEXT, false, false},
    {"attempts", COUNT, false, false},  {"next_try", STAMP, false, false},
    {"last", TEXT, false, false},       {"gave_up", STAMP, false, false},
    {"again", STAMP, false, false},
};

static const struct member event_members[] = {
    {"time", STAMP, true, false},
    {"event", WORD, true, false},
};

static const struct member attempt_members[] = {
    {"n", POSITIVE, true, false},       {"started", STAMP, true, false},
    {"ended", STAMP, true, false},      {"outcome", OUTCOME, true, false},
    {"counted", TRUTH, false, false},   {"http_status", COUNT, false, false},
    {"code", TEXT, false, false},       {"message", TEXT, false, false},
    {"request_id", TEXT, false, false}, {"provider", TEXT, false, false},
    {"upstream", TEXT, false, false},   {"raw", TEXT, false, false},
    {"count", POSITIVE, false, false},
};

#define ROWS(table) table, sizeof(table) / sizeof(table)[0]

static const struct {
    const struct member *rows;
    size_t count;
} forms[] = {
    [FORM_OUTPUT] = {ROWS(output_members)},   [FORM_ERROR] = {ROWS(error_members)},
    [FORM_REFUSAL] = {ROWS(refusal_members)}, [FORM_DEBT] = {ROWS(debt_members)},
    [FORM_HOOK_DEBT] = {ROWS(hook_debt_members)},
    [FORM_EVENT] = {ROWS(event_members)},
};

static bool is_word(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_stamp(const char *text)
{
    struct wall time;

    return strlen(text) == strlen("2026-12-01T03:00:00.000Z") && timetext_read(text, &time) == 0;
}

static bool is_digest(const char *text)
{
    unsigned char bytes[SHA256_SIZE];

    return strlen(text) == SHA256_HEX_SIZE - 1 && hex_read(text, bytes, sizeof bytes);
}

static bool text_fits(enum kind kind, const char *text)
{
    static const char *const endings[] = {"completed", "failed", "cancelled", "expired", "refused"};
    static const char *const outcomes[] = {"ok",       "transient", "throttled",
                                           "unknown",  "unusable",  "in_doubt",
                                           "upstream", "job",       "cancelled"};

    switch (kind) {
    case WORD:
        return is_word(text);
    case STAMP:
        return is_stamp(text);
    case DIGEST:
        return is_digest(text);
    case ENDING:
        return is_one_of(text, ROWS(endings));
    case OUTCOME:
        return is_one_of(text, ROWS(outcomes));
    default:
        return true;
    }
}

static bool value_fits(enum kind kind, const json_t *value)
{
    switch (kind) {
    case ANY:
        return true;
    case COUNT:
    case POSITIVE:
        return json_is_integer(value) && json_integer_value(value) >= (kind == POSITIVE);
    case NUMBER:
        return json_is_number(value) && json_number_value(value) >= 0;
    case TRUTH:
        return json_is_boolean(value);
    case OBJECT:
        return json_is_object(value);
    case ARRAY:
        return json_is_array(value);
    default:
        return json_is_string(value) && text_fits(kind, json_string_value(value));
    }
}

/* The value of a member whose name may have one dot. */
static const json_t *find(const json_t *document, const char *name)
{
    const char *dot = strchr(name, '.');

    if (dot == NULL) {
        return json_object_get(document, name);
    }
    return json_object_get(json_object_getn(document, name, (size_t)(dot - name)), dot + 1);
}

static bool rows_fit(const struct member *rows, size_t count, const json_t *document,
                     const char *within, char *why, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = find(document, rows[i].name);

        if (value == NULL && rows[i].required) {
            snprintf(why, size, "has no \"%s%s\"", within, rows[i].name);
            return false;
        }
        if (value == NULL || (rows[i].nullable && json_is_null(value))) {
            continue;
        }
        if (!value_fits(rows[i].kind, value)) {
            snprintf(why, size, "\"%s%s\" is not %s%s", within, rows[i].name,
                     kind_words[rows[i].kind], rows[i].nullable ? " or null" : "");
            return false;
        }
    }
    return true;
}

bool form_fits(enum form form, const json_t *document, char *why, size_t size)
{
    const json_t *attempts = json_object_get(document, "attempts");
    const json_t *attempt;
    size_t i;

    if (!rows_fit(forms[form].rows, forms[form].count, document, "", why, size)) {
        return false;
    }
    if (form != FORM_OUTPUT && form != FORM_ERROR) {
        return true;
    }
    json_array_foreach (attempts, i, attempt) {
        if (!rows_fit(ROWS(attempt_members), attempt, "attempts.", why, size)) {
            return false;
        }
    }
    return true;
}
