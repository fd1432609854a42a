/* SPDX-License-Identifier: GPL-2.0-or-later */
/* field: members of the JSON records that we write and read back. */
#include "job/field.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/buffer.h"
#include "base/timetext.h"
#include "base/utf8.h"
#include "base/xalloc.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Appends the first character of text, or a replacement for the byte that is none. Returns the
 * bytes used up. */
static size_t append_character(struct buffer *out, const char *text, size_t length)
{
    size_t size = utf8_sequence(text, length);
    if (size == 0 || *text == '\0') {
        buffer_text(out, REPLACEMENT);
        return 1;
    }
    buffer_append(out, text, size);
    return size;
}

static json_t *repaired_string(const char *text, size_t length, size_t limit)
{
    struct buffer repaired = {0};
    buffer_reserve(&repaired, length < limit ? length : limit);
    while (length > 0) {
        size_t before = repaired.length;
        size_t used = append_character(&repaired, text, length);
        if (repaired.length > limit) {
            repaired.length = before;
            break;
        }
        text += used;
        length -= used;
    }
    json_t *string = json_stringn(repaired.length > 0 ? repaired.bytes : "", repaired.length);
    buffer_free(&repaired);
    return string;
}

json_t *field_string(const char *text, size_t length, size_t limit)
{
    bool plain = length <= limit && memchr(text, '\0', length) == NULL;
    json_t *string = plain ? json_stringn(text, length) : NULL;
    if (string == NULL) {
        string = repaired_string(text, length, limit);
    }
    assert(string != NULL);
    return string;
}

void field_text(json_t *object, const char *key, const char *text)
{
    json_t *value = text != NULL ? field_string(text, strlen(text), SIZE_MAX) : json_null();
    json_object_set_new(object, key, value);
}

void field_text_if(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        field_text(object, key, text);
    }
}

void field_time(json_t *object, const char *key, int64_t ms)
{
    char text[TIMETEXT_SIZE];
    timetext_write((struct wall){ms}, text);
    json_object_set_new(object, key, json_string(text));
}

void field_time_or_null(json_t *object, const char *key, int64_t ms)
{
    if (ms == 0) {
        json_object_set_new(object, key, json_null());
    } else {
        field_time(object, key, ms);
    }
}

void field_count(json_t *object, const char *key, int64_t count)
{
    json_object_set_new(object, key, json_integer(count));
}

/* The member, or NULL when it is absent or null. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

bool field_read_number(const json_t *object, const char *key, int64_t *number)
{
    const json_t *value = member(object, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *number = json_integer_value(value);
    return true;
}

bool field_read_count(const json_t *object, const char *key, unsigned *count)
{
    int64_t number = *count;
    if (!field_read_number(object, key, &number) || number > UINT_MAX) {
        return false;
    }
    *count = (unsigned)number;
    return true;
}

bool field_read_time(const json_t *object, const char *key, int64_t *ms)
{
    struct wall time;
    const json_t *value = member(object, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value) || timetext_read(json_string_value(value), &time) != 0) {
        return false;
    }
    *ms = time.ms;
    return true;
}

bool field_read_text(const json_t *object, const char *key, char **text)
{
    const json_t *value = member(object, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value)) {
        return false;
    }
    *text = xstrdup(json_string_value(value));
    return true;
}
