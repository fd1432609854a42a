/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsontext: JSON text in and out.
 *
 * Reading checks depth and integers on the text before jansson sees it, because jansson's bounds
 * are wider and because only the text knows line and column.
 */
#include "base/jsontext.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "base/xalloc.h"

#define INTEGER_LAST INT64_C(9007199254740991) /* 2^53 - 1 */

/* Reading */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Fills error for the byte at place, with the column counted in characters. */
__attribute__((format(printf, 4, 5))) static void error_at(struct error *error, const char *text,
                                                           const char *place, const char *format,
                                                           ...)
{
    char reason[200];
    size_t line = 1;
    size_t column = 1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    for (; text < place; text++) {
        if (*text == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*text & 0xC0) != 0x80) {
            column++;
        }
    }
    error_set(error, ERROR_DATA, "line %zu, column %zu: %s", line, column, reason);
}

/* What follows the string that begins at at. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') {
            at++;
        }
    }
    return at < end ? at + 1 : end;
}

/* What follows the number that begins at at; *fits tells whether it is no integer beyond 2^53 - 1.
 * Bad syntax is left to jansson. */
static const char *skip_number(const char *at, const char *end, bool *fits)
{
    int64_t value = 0;
    bool integer = true;
    for (at += *at == '-'; at < end; at++) {
        if (*at == '.' || *at == 'e' || *at == 'E') {
            integer = false;
        } else if (is_digit(*at)) {
            value = value > INTEGER_LAST ? value : value * 10 + (*at - '0');
        } else if (*at != '+' && *at != '-') {
            break;
        }
    }
    *fits = !integer || value <= INTEGER_LAST;
    return at;
}

/* Whether nesting and integers keep within I-JSON and our depth. */
static bool check_bounds(const char *text, size_t length, struct error *error)
{
    const char *end = text + length;
    const char *at = text;
    size_t depth = 0;
    while (at < end) {
        const char *start = at;
        bool fits = true;
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (*at == '-' || is_digit(*at)) {
            at = skip_number(at, end, &fits);
        } else {
            depth += *at == '[' || *at == '{';
            depth -= (*at == ']' || *at == '}') && depth > 0;
            at++;
        }
        if (!fits) {
            error_at(error, text, start,
                     "the integer is beyond 9007199254740991 (2^53 - 1), which not every program "
                     "reads exactly; write it as a string");
            return false;
        }
        if (depth > JSONTEXT_DEPTH) {
            error_at(error, text, start, "nested more than %d levels deep", JSONTEXT_DEPTH);
            return false;
        }
    }
    return true;
}

/* What jansson says, but for what it says in terms of its own flags, and for its quotation of the
 * text near the fault: that may be part of a prompt, which must not get into a log. Only a key that
 * is there twice is named. */
static const char *describe(json_error_t *fault)
{
    enum json_error_code code = json_error_code(fault);
    if (code == json_error_null_character || code == json_error_null_byte_in_key) {
        return "\\u0000 in a string, which is not allowed";
    }
    char *quote = strstr(fault->text, " near '");
    if (quote != NULL && code != json_error_duplicate_key) {
        *quote = '\0';
    }
    return fault->text;
}

static void report(struct error *error, json_error_t *fault)
{
    const char *reason = describe(fault);
    if (fault->line > 0) {
        error_set(error, ERROR_DATA, "line %d, column %d: %s", fault->line, fault->column, reason);
    } else {
        error_set(error, ERROR_DATA, "%s", reason);
    }
}

/* Fills *fault where it returns NULL. */
static json_t *load(const char *text, size_t length, size_t flags, json_error_t *fault)
{
    return json_loadb(text, length, flags | JSON_DECODE_ANY, fault);
}

/* jansson overlooks a NUL that follows a number. */
static bool check_nul(const char *text, size_t length, struct error *error)
{
    const char *nul = length > 0 ? memchr(text, '\0', length) : NULL;
    if (nul != NULL) {
        error_at(error, text, nul, "a NUL byte, which is not allowed");
    }
    return nul == NULL;
}

json_t *jsontext_read(const char *text, size_t length, struct error *error)
{
    json_error_t fault;
    if (!check_nul(text, length, error) || !check_bounds(text, length, error)) {
        return NULL;
    }
    json_t *value = load(text, length, JSON_REJECT_DUPLICATES, &fault);
    if (value == NULL) {
        report(error, &fault);
    }
    return value;
}

json_t *jsontext_read_lenient(const char *text, size_t length, struct error *error)
{
    json_error_t fault;
    if (!check_nul(text, length, error)) {
        return NULL;
    }
    json_t *value = load(text, length, 0, &fault);
    if (value == NULL && json_error_code(&fault) == json_error_numeric_overflow) {
        value = load(text, length, JSON_DECODE_INT_AS_REAL, &fault);
    }
    if (value == NULL) {
        report(error, &fault);
    }
    return value;
}

json_t *jsontext_read_object(const char *text, size_t length, struct error *error)
{
    json_t *value = jsontext_read_lenient(text, length, error);
    if (value != NULL && !json_is_object(value)) {
        error_set(error, ERROR_DATA, "not a JSON object");
        json_decref(value);
        return NULL;
    }
    return value;
}

/* Numbers */

static char *put(char *out, const char *bytes, int count)
{
    memcpy(out, bytes, (size_t)count);
    return out + count;
}

static char *put_zeros(char *out, int count)
{
    memset(out, '0', (size_t)count);
    return out + count;
}

static char *put_exponent(char *out, int exponent)
{
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    return out + decimal_digits((uint64_t)abs(exponent), out);
}

/* The cases of ECMA-262, 6.1.6.1.20, steps 6 to 10, where count is k and point is n. */
static char *put_decimal(const struct decimal *decimal, char *out)
{
    const char *digits = decimal->digits;
    int count = decimal->count;
    int point = decimal->point;
    if (point > 21 || point < -5) {
        *out++ = digits[0];
        if (count > 1) {
            *out++ = '.';
            out = put(out, digits + 1, count - 1);
        }
        return put_exponent(out, point - 1);
    }
    if (point <= 0) {
        out = put_zeros(put(out, "0.", 2), -point);
        return put(out, digits, count);
    }
    if (point >= count) {
        return put_zeros(put(out, digits, count), point - count);
    }
    out = put(out, digits, point);
    *out++ = '.';
    return put(out, digits + point, count - point);
}

size_t jsontext_number(double number, char out[JSONTEXT_NUMBER_SIZE])
{
    assert(isfinite(number));
    char *at = out;
    if (number < 0) {
        *at++ = '-';
        number = -number;
    }
    if (number <= (double)INTEGER_LAST && number == (double)(uint64_t)number) {
        at += decimal_digits((uint64_t)number, at);
    } else {
        struct decimal decimal;
        decimal_shortest(number, &decimal);
        at = put_decimal(&decimal, at);
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* Writing */

struct writer {
    struct buffer *out;
    bool canonical;
    bool pretty;
};

struct member {
    const char *key;
    size_t length;
    json_t *value;
};

static void write_value(const struct writer *writer, const json_t *value, size_t level);

static void write_escape(struct buffer *out, unsigned char byte)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char letter = byte < sizeof letters ? letters[byte] : (char)byte;
    if (letter != '\0') {
        buffer_append(out, (char[]){'\\', letter}, 2);
    } else {
        buffer_printf(out, "\\u%04x", (unsigned int)byte);
    }
}

/* Bytes at the start of text that a JSON string takes as they are. */
static size_t plain_length(const char *text, size_t length)
{
    size_t plain = 0;
    while (plain < length) {
        unsigned char byte = (unsigned char)text[plain];
        size_t size = 1;
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            break;
        }
        if (byte >= 0x80 && (size = utf8_sequence(text + plain, length - plain)) == 0) {
            break;
        }
        plain += size;
    }
    return plain;
}

void jsontext_write_string(struct buffer *out, const char *text, size_t length)
{
    buffer_reserve(out, length + 2);
    buffer_byte(out, '"');
    while (length > 0) {
        size_t plain = plain_length(text, length);
        buffer_append(out, text, plain);
        text += plain;
        length -= plain;
        if (length > 0) {
            if ((unsigned char)*text >= 0x80) {
                buffer_text(out, "\xEF\xBF\xBD");
            } else {
                write_escape(out, (unsigned char)*text);
            }
            text++;
            length--;
        }
    }
    buffer_byte(out, '"');
}

/* A whole double beyond I-JSON's integers gets a fraction, or our own reader would take it for one
 * of those that it refuses. */
static void write_real(const struct writer *writer, double real)
{
    char text[JSONTEXT_NUMBER_SIZE];
    size_t length = jsontext_number(real, text);
    buffer_append(writer->out, text, length);
    if (!writer->canonical && fabs(real) > (double)INTEGER_LAST && strchr(text, 'e') == NULL) {
        buffer_text(writer->out, ".0");
    }
}

static void write_integer(const struct writer *writer, json_int_t integer)
{
    char text[JSONTEXT_NUMBER_SIZE];
    uint64_t size = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    text[0] = '-';
    int length = (integer < 0) + decimal_digits(size, text + (integer < 0));
    buffer_append(writer->out, text, (size_t)length);
}

static void write_number(const struct writer *writer, const json_t *value)
{
    if (json_is_integer(value) && !writer->canonical) {
        write_integer(writer, json_integer_value(value));
    } else {
        write_real(writer, json_number_value(value));
    }
}

static void write_break(const struct writer *writer, size_t level)
{
    if (writer->pretty) {
        buffer_printf(writer->out, "\n%*s", (int)(2 * level), "");
    }
}

static void write_array(const struct writer *writer, const json_t *array, size_t level)
{
    size_t count = json_array_size(array);
    buffer_byte(writer->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_byte(writer->out, ',');
        }
        write_break(writer, level + 1);
        write_value(writer, json_array_get(array, i), level + 1);
    }
    if (count > 0) {
        write_break(writer, level);
    }
    buffer_byte(writer->out, ']');
}

/* UTF-8 orders by code point, UTF-16 the same but for U+E000 to U+FFFF (leads EE and EF), which
 * come after the surrogates that stand for everything above. */
static int utf16_weight(char byte)
{
    int value = (unsigned char)byte;
    return value == 0xEE || value == 0xEF ? value + 0x10 : value;
}

static int compare_members(const void *left, const void *right)
{
    const struct member *a = left;
    const struct member *b = right;
    size_t shorter = a->length < b->length ? a->length : b->length;
    for (size_t i = 0; i < shorter; i++) {
        if (a->key[i] != b->key[i]) {
            return utf16_weight(a->key[i]) - utf16_weight(b->key[i]);
        }
    }
    return (a->length > b->length) - (a->length < b->length);
}

static void collect_members(const json_t *object, struct member *members)
{
    /* jansson's iterators want a pointer to non-const, but only read. */
    json_t *source = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(source); at != NULL; at = json_object_iter_next(source, at)) {
        *members++ = (struct member){json_object_iter_key(at), json_object_iter_key_len(at),
                                     json_object_iter_value(at)};
    }
}

static void write_members(const struct writer *writer, const struct member *members, size_t count,
                          size_t level)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_byte(writer->out, ',');
        }
        write_break(writer, level + 1);
        jsontext_write_string(writer->out, members[i].key, members[i].length);
        buffer_text(writer->out, writer->pretty ? ": " : ":");
        write_value(writer, members[i].value, level + 1);
    }
}

static void write_object(const struct writer *writer, const json_t *object, size_t level)
{
    size_t count = json_object_size(object);
    buffer_byte(writer->out, '{');
    if (count > 0) {
        struct member *members = xcalloc(count, sizeof *members);
        collect_members(object, members);
        if (writer->canonical) {
            qsort(members, count, sizeof *members, compare_members);
        }
        write_members(writer, members, count, level);
        free(members);
        write_break(writer, level);
    }
    buffer_byte(writer->out, '}');
}

static void write_value(const struct writer *writer, const json_t *value, size_t level)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(writer, value, level);
        break;
    case JSON_ARRAY:
        write_array(writer, value, level);
        break;
    case JSON_STRING:
        jsontext_write_string(writer->out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        write_number(writer, value);
        break;
    case JSON_TRUE:
        buffer_text(writer->out, "true");
        break;
    case JSON_FALSE:
        buffer_text(writer->out, "false");
        break;
    case JSON_NULL:
        buffer_text(writer->out, "null");
        break;
    }
}

void jsontext_write(struct buffer *out, const json_t *value)
{
    write_value(&(struct writer){.out = out}, value, 0);
}

void jsontext_write_pretty(struct buffer *out, const json_t *value)
{
    write_value(&(struct writer){.out = out, .pretty = true}, value, 0);
}

void jsontext_write_canonical(struct buffer *out, const json_t *value)
{
    write_value(&(struct writer){.out = out, .canonical = true}, value, 0);
}

/* Members */

const char *jsontext_get_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : otherwise;
}

json_int_t jsontext_get_int(const json_t *object, const char *key, json_int_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value)) {
        return json_integer_value(value);
    }
    if (!json_is_real(value)) {
        return otherwise;
    }
    /* A double that int64 has no room for has no truncated value either; 2^63 is exact. */
    double real = json_real_value(value);
    return real >= -0x1p63 && real < 0x1p63 ? (json_int_t)real : otherwise;
}

bool jsontext_get_bool(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}
