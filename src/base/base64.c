/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base64: bytes as text, written and read back. */
#include "base/base64.h"

#include <stdint.h>

void base64_encode(const void *bytes, size_t length, struct buffer *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *next = bytes;
    buffer_reserve(out, length / 3 * 4 + 4);
    char *to = out->bytes + out->length;
    for (; length >= 3; length -= 3, next += 3) {
        uint32_t bits = (uint32_t)next[0] << 16 | (uint32_t)next[1] << 8 | next[2];
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = alphabet[bits >> 6 & 63];
        *to++ = alphabet[bits & 63];
    }
    if (length > 0) {
        uint32_t bits = (uint32_t)next[0] << 16 | (length > 1 ? (uint32_t)next[1] << 8 : 0);
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = length > 1 ? alphabet[bits >> 6 & 63] : '=';
        *to++ = '=';
    }
    *to = '\0';
    out->length = (size_t)(to - out->bytes);
}

/* What a letter stands for; -1: it is none. */
static int value_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

/* The length without the padding, of which there is none or as much as belongs there. */
static bool strip_padding(const char *text, size_t *length)
{
    size_t padded = *length;
    while (*length > 0 && padded - *length < 2 && text[*length - 1] == '=') {
        --*length;
    }
    return *length % 4 != 1 && (*length == padded || padded % 4 == 0);
}

bool base64_decode(const char *text, size_t length, struct buffer *out)
{
    uint32_t bits = 0;
    int count = 0;
    if (!strip_padding(text, &length)) {
        return false;
    }
    buffer_reserve(out, length / 4 * 3 + 3);
    for (size_t i = 0; i < length; i++) {
        int value = value_of(text[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out->bytes[out->length++] = (char)(bits >> count);
            bits &= (1U << count) - 1;
        }
    }
    out->bytes[out->length] = '\0';
    return bits == 0; /* what is left over is no byte */
}
