/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refusal: why a document is no job. */
#include "job/refusal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const char ellipsis[] = "…";

int refuse(struct refusal *refusal, const char *reason, const char *format, ...)
{
    char sentence[sizeof refusal->error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    refusal->reason = reason;
    error_set(refusal->error, ERROR_DATA, "%s", sentence);
    return -1;
}

/* Bytes of the character that text begins with; a stray byte counts as one. */
static size_t character(const char *text)
{
    size_t size = utf8_sequence(text, strnlen(text, 4));
    return size > 0 ? size : 1;
}

static bool is_control(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    unsigned char second = first == 0xC2 ? (unsigned char)text[1] : 0;
    return first < 0x20 || first == 0x7F || (second >= 0x80 && second <= 0x9F);
}

bool refusal_has_control(const char *text)
{
    for (; *text != '\0'; text += character(text)) {
        if (is_control(text)) {
            return true;
        }
    }
    return false;
}

const char *refusal_quote(const char *text, char out[REFUSAL_QUOTE_SIZE])
{
    size_t length = 0;
    for (size_t size; *text != '\0'; text += size) {
        size = character(text);
        if (length + size + sizeof ellipsis > REFUSAL_QUOTE_SIZE) {
            memcpy(out + length, ellipsis, sizeof ellipsis);
            return out;
        }
        if (is_control(text)) {
            out[length++] = '?';
        } else {
            memcpy(out + length, text, size);
            length += size;
        }
    }
    out[length] = '\0';
    return out;
}
