/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook_body: the body of a webhook: what a debt says and what is told of its job's record.
 */
#include "daemon/webhook_body.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"

/* What is passed on of a record, in this order, and what of it may be left out. Attempts, the
 * provider's own answer and what could not be read of one are not: they are long and in the record.
 */
static const struct {
    struct jsonspan key;
    bool keep;
} members[] = {
    {JSONSPAN("status"), true},         {JSONSPAN("reason"), true},
    {JSONSPAN("message"), false},       {JSONSPAN("output"), false},
    {JSONSPAN("tool_calls"), false},    {JSONSPAN("refusal"), false},
    {JSONSPAN("finish_reason"), false}, {JSONSPAN("truncated"), true},
    {JSONSPAN("model"), false},         {JSONSPAN("fallback"), false},
    {JSONSPAN("provider"), false},      {JSONSPAN("mock"), true},
    {JSONSPAN("user"), false},          {JSONSPAN("in_run"), false},
    {JSONSPAN("metadata"), false},      {JSONSPAN("names"), false},
    {JSONSPAN("usage"), true},          {JSONSPAN("cost"), true},
    {JSONSPAN("times"), true},          {JSONSPAN("latency_ms"), true},
    {JSONSPAN("request_id"), false},    {JSONSPAN("expires_at"), true},
    {JSONSPAN("sha256"), true},
};

enum {
    MEMBERS = sizeof members / sizeof *members,
    PUNCTUATION = 4,    /* bytes around a member: two quotes, a colon, a comma */
    OMITTED_ROOM = 256, /* for naming them all */
};

static void write_text(struct buffer *out, const char *key, const char *text)
{
    buffer_printf(out, ",\"%s\":", key);
    jsontext_write_string(out, text, strlen(text));
}

/* What is told without the record. */
static void write_debt(struct buffer *out, const struct webhook_debt *debt,
                       const struct webhook_form *form)
{
    buffer_text(out, "{\"type\":");
    struct buffer type = {0};
    buffer_printf(&type, "job.%s", debt->event);
    jsontext_write_string(out, type.bytes, type.length);
    buffer_free(&type);
    write_text(out, "timestamp", debt->time);
    buffer_text(out, ",\"data\":{\"id\":");
    jsontext_write_string(out, debt->id, strlen(debt->id));
    buffer_printf(out, ",\"run\":%u", debt->run);
    write_text(out, "record", debt->record);
    if (form->public_url == NULL)
        return;
    struct buffer url = {0};
    buffer_printf(&url, "%s/v1/jobs/%s", form->public_url, debt->id);
    write_text(out, "url", url.bytes);
    buffer_free(&url);
}

/* The largest value that is told and may be left out; MEMBERS: there is none. */
static size_t largest(const struct jsonspan values[MEMBERS], const bool told[MEMBERS])
{
    size_t found = MEMBERS;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (told[i] && !members[i].keep &&
            (found == MEMBERS || values[i].length > values[found].length))
            found = i;
    }
    return found;
}

/* Decides what is told, so that no more than room bytes are. */
static void choose(const struct jsonspan values[MEMBERS], size_t room, bool told[MEMBERS])
{
    size_t size = OMITTED_ROOM;
    for (size_t i = 0; i < MEMBERS; i++) {
        told[i] = values[i].text != NULL;
        size += told[i] ? members[i].key.length + values[i].length + PUNCTUATION : 0;
    }
    for (size_t i; size > room && (i = largest(values, told)) < MEMBERS; told[i] = false)
        size -= members[i].key.length + values[i].length + PUNCTUATION;
}

/* An error file names the model that was asked; told it is in the form of an output's. */
static void write_value(struct buffer *out, struct jsonspan key, struct jsonspan value)
{
    bool bare = jsonspan_is(key, "model") && *value.text != '{';
    buffer_text(out, bare ? "{\"asked\":" : "");
    buffer_append(out, value.text, value.length);
    buffer_text(out, bare ? ",\"answered\":null}" : "");
}

static void write_members(struct buffer *out, const struct jsonspan values[MEMBERS],
                          const bool told[MEMBERS])
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!told[i])
            continue;
        buffer_printf(out, ",\"%s\":", members[i].key.text);
        write_value(out, members[i].key, values[i]);
    }
}

static void write_omitted(struct buffer *out, const struct jsonspan values[MEMBERS],
                          const bool told[MEMBERS])
{
    bool any = false;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (told[i] || values[i].text == NULL)
            continue;
        buffer_printf(out, "%s\"%s\"", any ? "," : ",\"omitted\":[", members[i].key.text);
        any = true;
    }
    buffer_text(out, any ? "]" : "");
}

void webhook_body_write(struct buffer *out, const struct webhook_debt *debt, struct jsonspan record,
                        const struct webhook_form *form)
{
    struct jsonspan keys[MEMBERS], values[MEMBERS] = {{0}};
    bool told[MEMBERS];
    size_t before = out->length;
    for (size_t i = 0; i < MEMBERS; i++)
        keys[i] = members[i].key;
    bool whole = record.text != NULL && jsonscan_find(record, keys, values, MEMBERS);
    if (!whole)
        memset(values, 0, sizeof values);
    write_debt(out, debt, form);
    size_t used = out->length - before;
    choose(values, form->limit > used ? form->limit - used : 0, told);
    if (whole)
        write_members(out, values, told);
    else
        write_text(out, "status", debt->event);
    write_omitted(out, values, told);
    buffer_text(out, "}}");
}
