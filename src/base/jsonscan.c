/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jsonscan: the members of a JSON object's text, checked but not built. */
#include "base/jsonscan.h"

#include <stdint.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/utf8.h"

enum { DIGITS_MAX = 18, EXPONENT_MAX = 300 };

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The four digits of \uXXXX; -1 when they are none. */
static int read_unit(const char *at, const char *end)
{
    int unit = 0;

    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = at[i] != '\0' ? strchr(digits, at[i]) : NULL;

        if (digit == NULL) {
            return -1;
        }
        unit = unit * 16 + (int)((digit - digits) % 16);
    }
    return unit;
}

/* What follows the escape whose backslash is at at; *point is what it stands for. */
static const char *read_escape(const char *at, const char *end, unsigned *point)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = end - at >= 2 && at[1] != '\0' ? strchr(letters, at[1]) : NULL;
    int unit, low;

    if (letter != NULL) {
        *point = (unsigned char)meanings[letter - letters];
        return at + 2;
    }
    unit = end - at >= 2 && at[1] == 'u' ? read_unit(at + 2, end) : -1;
    if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        return NULL;
    }
    *point = (unsigned)unit;
    if (unit < 0xD800 || unit > 0xDBFF) {
        return at + 6;
    }
    low = end - at >= 8 && at[6] == '\\' && at[7] == 'u' ? read_unit(at + 8, end) : -1;
    if (low < 0xDC00 || low > 0xDFFF) {
        return NULL;
    }
    *point = 0x10000 + ((unsigned)(unit - 0xD800) << 10) + (unsigned)(low - 0xDC00);
    return at + 12;
}

/* Whether one of eight bytes is a quote, a backslash, a control character or above ASCII; it may say so
 * of others behind such a one, too. */
static bool any_special(uint64_t bytes)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t quotes = bytes ^ ones * '"', backslashes = bytes ^ ones * '\\';

    return ((bytes | (bytes - ones * 0x20) | (quotes - ones) | (backslashes - ones)) & highs) != 0;
}

/* What follows the plain characters at at, by eights. */
static const char *skip_plain(const char *at, const char *end)
{
    uint64_t bytes;

    while (end - at >= (ptrdiff_t)sizeof bytes) {
        memcpy(&bytes, at, sizeof bytes);
        if (any_special(bytes)) {
            break;
        }
        at += sizeof bytes;
    }
    return at;
}

/* Each of these returns what follows the value at at, or NULL when it is none. */

static const char *skip_string(const char *at, const char *end)
{
    unsigned point;

    for (at = skip_plain(at + 1, end); at != NULL && at < end && *at != '"';) {
        unsigned char byte = (unsigned char)*at;

        if (byte == '\\') {
            at = read_escape(at, end, &point);
        } else if (byte >= 0x80) {
            size_t size = utf8_sequence(at, (size_t)(end - at));

            at = size > 0 ? at + size : NULL;
        } else {
            at = byte >= 0x20 ? skip_plain(at + 1, end) : NULL;
        }
    }
    return at != NULL && at < end ? at + 1 : NULL;
}

static const char *skip_digits(const char *at, const char *end)
{
    const char *start = at;

    while (at < end && is_digit(*at)) {
        at++;
    }
    return at > start && at - start <= DIGITS_MAX ? at : NULL;
}

static const char *skip_exponent(const char *at, const char *end)
{
    const char *digits = at + 1 + (end - at > 1 && (at[1] == '+' || at[1] == '-') ? 1 : 0);
    const char *after = skip_digits(digits, end);
    int exponent = 0;

    for (; after != NULL && digits < after; digits++) {
        exponent = exponent > EXPONENT_MAX ? exponent : 10 * exponent + (*digits - '0');
    }
    return exponent <= EXPONENT_MAX ? after : NULL;
}

static const char *skip_number(const char *at, const char *end)
{
    const char *start;

    at += *at == '-';
    start = at;
    at = skip_digits(at, end);
    if (at == NULL || (*start == '0' && at - start > 1)) {
        return NULL;
    }
    if (at < end && *at == '.') {
        at = skip_digits(at + 1, end);
    }
    return at != NULL && at < end && (*at == 'e' || *at == 'E') ? skip_exponent(at, end) : at;
}

static const char *skip_word(const char *at, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);

        if ((size_t)(end - at) >= length && memcmp(at, words[i], length) == 0) {
            return at + length;
        }
    }
    return NULL;
}

static const char *skip_value(const char *at, const char *end, unsigned depth);

/* A key and the colon behind it. */
static const char *skip_key(const char *at, const char *end)
{
    at = at < end && *at == '"' ? skip_string(at, end) : NULL;
    at = at != NULL ? skip_space(at, end) : NULL;
    return at != NULL && at < end && *at == ':' ? skip_space(at + 1, end) : NULL;
}

static const char *skip_list(const char *at, const char *end, unsigned depth)
{
    char close = *at == '{' ? '}' : ']';

    at = skip_space(at + 1, end);
    if (at < end && *at == close) {
        return at + 1;
    }
    while (at != NULL && at < end) {
        at = close == '}' ? skip_key(at, end) : at;
        at = at != NULL ? skip_value(at, end, depth + 1) : NULL;
        at = at != NULL ? skip_space(at, end) : NULL;
        if (at != NULL && at < end && *at == close) {
            return at + 1;
        }
        at = at != NULL && at < end && *at == ',' ? skip_space(at + 1, end) : NULL;
    }
    return NULL;
}

static const char *skip_value(const char *at, const char *end, unsigned depth)
{
    if (at >= end || depth > JSONTEXT_DEPTH) {
        return NULL;
    }
    switch (*at) {
    case '"':
        return skip_string(at, end);
    case '{':
    case '[':
        return skip_list(at, end, depth);
    case 't':
    case 'f':
    case 'n':
        return skip_word(at, end);
    default:
        return *at == '-' || is_digit(*at) ? skip_number(at, end) : NULL;
    }
}

void jsonscan_begin(struct jsonscan *scan, struct jsonspan object)
{
    *scan = (struct jsonscan){.next = object.text, .end = object.text + object.length};
}

/* Behind the closing brace there is nothing. */
static int ended(struct jsonscan *scan, const char *at)
{
    return skip_space(at, scan->end) == scan->end ? 0 : -1;
}

int jsonscan_next(struct jsonscan *scan, struct jsonspan *key, struct jsonspan *value)
{
    const char *at = skip_space(scan->next, scan->end);
    char due = scan->begun ? ',' : '{';

    if (scan->begun && at < scan->end && *at == '}') {
        return ended(scan, at + 1);
    }
    if (at == scan->end || *at != due) {
        return -1;
    }
    at = skip_space(at + 1, scan->end);
    if (!scan->begun && at < scan->end && *at == '}') {
        return ended(scan, at + 1);
    }
    scan->begun = true;
    key->text = at + 1;
    at = at < scan->end && *at == '"' ? skip_string(at, scan->end) : NULL;
    if (at == NULL) {
        return -1;
    }
    key->length = (size_t)(at - key->text) - 1;
    at = skip_space(at, scan->end);
    if (at == scan->end || *at != ':') {
        return -1;
    }
    value->text = skip_space(at + 1, scan->end);
    at = skip_value(value->text, scan->end, 1);
    if (at == NULL) {
        return -1;
    }
    value->length = (size_t)(at - value->text);
    scan->next = at;
    return 1;
}

bool jsonspan_equal(struct jsonspan a, struct jsonspan b)
{
    return a.text != NULL && b.text != NULL && a.length == b.length &&
           memcmp(a.text, b.text, a.length) == 0;
}

bool jsonspan_is(struct jsonspan span, const char *text)
{
    return jsonspan_equal(span, (struct jsonspan){text, strlen(text)});
}

bool jsonscan_find(struct jsonspan object, const struct jsonspan *keys, struct jsonspan *values,
                   size_t count)
{
    struct jsonscan scan;
    struct jsonspan key, value;
    int result;

    for (size_t i = 0; i < count; i++) {
        values[i] = (struct jsonspan){0};
    }
    jsonscan_begin(&scan, object);
    while ((result = jsonscan_next(&scan, &key, &value)) == 1) {
        for (size_t i = 0; i < count; i++) {
            if (jsonspan_equal(key, keys[i])) {
                values[i] = value;
            }
        }
    }
    return result == 0;
}

/* Appends a character in UTF-8. */
static void append_point(struct buffer *out, unsigned point)
{
    static const unsigned char leads[] = {0x00, 0xC0, 0xE0, 0xF0};
    unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;

    buffer_byte(out, (char)(leads[more] | point >> (6 * more)));
    while (more-- > 0) {
        buffer_byte(out, (char)(0x80 | (point >> (6 * more) & 0x3F)));
    }
}

bool jsonspan_string(struct jsonspan value, struct buffer *out)
{
    const char *at, *end;

    if (value.text == NULL || value.length < 2 || value.text[0] != '"') {
        return false;
    }
    end = value.text + value.length - 1;
    for (at = value.text + 1; at < end;) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        unsigned point;

        buffer_append(out, at, (size_t)((escape != NULL ? escape : end) - at));
        if (escape == NULL) {
            break;
        }
        at = read_escape(escape, end, &point);
        if (at == NULL) {
            return false;
        }
        append_point(out, point);
    }
    return true;
}
