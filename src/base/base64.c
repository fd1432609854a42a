/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base64: bytes as text, read back. */
#include "base/base64.h"

#include <stdint.h>

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
