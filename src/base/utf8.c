/* SPDX-License-Identifier: GPL-2.0-or-later */
/* utf8: where valid UTF-8 ends. */
#include "base/utf8.h"

/* How long a sequence with this lead is, and which second bytes it may have: the narrower ranges
 * keep out overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629, section 4). */
static const struct lead {
    unsigned char first, last; /* lead bytes */
    unsigned char size;        /* bytes in all */
    unsigned char low, high;   /* range of the second byte */
} leads[] = {
    {0x00, 0x7F, 1, 0x00, 0x00}, {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const struct lead *find_lead(unsigned char byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (byte >= leads[i].first && byte <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

size_t utf8_sequence(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const struct lead *lead = length > 0 ? find_lead(bytes[0]) : NULL;
    if (lead == NULL || lead->size > length) {
        return 0;
    }
    if (lead->size > 1 && (bytes[1] < lead->low || bytes[1] > lead->high)) {
        return 0;
    }
    for (size_t i = 2; i < lead->size; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return lead->size;
}

bool utf8_valid(const char *text, size_t length)
{
    while (length > 0) {
        size_t size = utf8_sequence(text, length);
        if (size == 0) {
            return false;
        }
        text += size;
        length -= size;
    }
    return true;
}
