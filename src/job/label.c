/* SPDX-License-Identifier: GPL-2.0-or-later */
/* label: reading lists of labels, and finding the one that an answer is. */
#include "job/label.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/jsontext.h"
#include "job/refusal.h"

/* A part of a text. */
struct span {
    const char *text;
    size_t length;
};

static const struct quotes {
    const char *open, *close;
} quotes[] = {
    {"\"", "\""}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"‘", "’"}, {"„", "“"}, {"«", "»"},
};

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct span trim(struct span span)
{
    while (span.length > 0 && is_blank(span.text[0])) {
        span.text++;
        span.length--;
    }
    while (span.length > 0 && is_blank(span.text[span.length - 1])) {
        span.length--;
    }
    return span;
}

static bool in_quotes(struct span span, const struct quotes *pair)
{
    size_t open = strlen(pair->open);
    size_t close = strlen(pair->close);
    return span.length > open + close && memcmp(span.text, pair->open, open) == 0 &&
           memcmp(span.text + span.length - close, pair->close, close) == 0;
}

static struct span unquote(struct span span)
{
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        if (in_quotes(span, &quotes[i])) {
            span.text += strlen(quotes[i].open);
            span.length -= strlen(quotes[i].open) + strlen(quotes[i].close);
            break;
        }
    }
    return span;
}

/* Takes a final period away, unless one was before or nothing else is left. */
static struct span drop_period(struct span span, bool *dropped)
{
    if (!*dropped && span.length > 1 && span.text[span.length - 1] == '.') {
        span.length--;
        *dropped = true;
    }
    return span;
}

/* What counts of a label: the period may stand inside of the quotation marks or behind them. */
static struct span core_of(const char *text, size_t length)
{
    bool dropped = false;
    struct span span = trim(drop_period(trim((struct span){text, length}), &dropped));
    return trim(drop_period(trim(unquote(span)), &dropped));
}

static bool same(struct span a, struct span b)
{
    return a.length == b.length && strncasecmp(a.text, b.text, a.length) == 0;
}

static struct span core_of_item(const json_t *label)
{
    return core_of(json_string_value(label), json_string_length(label));
}

const json_t *label_match(const json_t *labels, const char *text, size_t length)
{
    struct span answer = core_of(text, length);
    size_t i;
    const json_t *label;
    json_array_foreach (labels, i, label) {
        if (same(core_of_item(label), answer)) {
            return label;
        }
    }
    return NULL;
}

const json_t *label_format(const json_t *format)
{
    return strcmp(jsontext_get_text(format, "type", ""), "labels") == 0
               ? json_object_get(format, "labels")
               : NULL;
}

static int add_label(json_t *labels, struct span span, struct error *error)
{
    char shown[REFUSAL_QUOTE_SIZE];
    span = trim(span);
    json_t *label = json_stringn(span.text, span.length);
    if (span.length == 0 || span.length > LABEL_SIZE_LIMIT || label == NULL ||
        refusal_has_control(json_string_value(label))) {
        error_set(error, ERROR_DATA,
                  "labels must be texts of 1 to %d bytes without control characters",
                  LABEL_SIZE_LIMIT);
        json_decref(label);
        return -1;
    }
    if (label_match(labels, json_string_value(label), json_string_length(label)) != NULL) {
        error_set(error, ERROR_DATA,
                  "labels must differ in more than case and punctuation, and \"%s\" comes twice",
                  refusal_quote(json_string_value(label), shown));
        json_decref(label);
        return -1;
    }
    return json_array_append_new(labels, label);
}

static int add_items(json_t *labels, const json_t *value, struct error *error)
{
    size_t i;
    const json_t *item;
    json_array_foreach (value, i, item) {
        struct span span = {json_string_value(item), json_string_length(item)};
        if (!json_is_string(item)) {
            error_set(error, ERROR_DATA, "labels must be texts");
            return -1;
        }
        if (i >= LABEL_COUNT_LIMIT || add_label(labels, span, error) != 0) {
            return i >= LABEL_COUNT_LIMIT ? 0 : -1; /* their number is complained of later */
        }
    }
    return 0;
}

static int add_words(json_t *labels, const char *text, struct error *error)
{
    for (size_t count = 0; count <= LABEL_COUNT_LIMIT; count++) {
        size_t length = strcspn(text, ",");
        if (add_label(labels, (struct span){text, length}, error) != 0) {
            return -1;
        }
        if (text[length] == '\0') {
            break;
        }
        text += length + 1;
    }
    return 0;
}

json_t *label_list(const json_t *value, struct error *error)
{
    json_t *labels = json_array();
    int result = -1;
    if (json_is_string(value)) {
        result = add_words(labels, json_string_value(value), error);
    } else if (json_is_array(value)) {
        result = add_items(labels, value, error);
    } else {
        error_set(error, ERROR_DATA, "labels must be an array of texts, or a text with commas");
    }
    size_t count = json_array_size(labels);
    bool many = json_array_size(value) > LABEL_COUNT_LIMIT || count > LABEL_COUNT_LIMIT;
    if (result == 0 && (count < 2 || many)) {
        error_set(error, ERROR_DATA, "labels must be 2 to %d", LABEL_COUNT_LIMIT);
        result = -1;
    }
    if (result != 0) {
        json_decref(labels);
        return NULL;
    }
    return labels;
}
