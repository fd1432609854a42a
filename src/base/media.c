/* SPDX-License-Identifier: GPL-2.0-or-later */
/* media: what kind of file some bytes are. */
#include "base/media.h"

#include <string.h>

#include "base/utf8.h"

const char media_types[] =
    "image/png, image/jpeg, image/gif, image/webp, application/pdf or text/plain";

static const char text_plain[] = "text/plain";

/* Bytes that a file of the type begins with; a type may have several. */
static const struct signature {
    const char *type;
    enum media media;
    const char *bytes;
    size_t length;
    size_t inner_at; /* where further bytes must be; 0: there are none */
    const char *inner;
} signatures[] = {
    {"image/png", MEDIA_IMAGE, "\x89PNG\r\n\x1a\n", 8, 0, NULL},
    {"image/jpeg", MEDIA_IMAGE, "\xff\xd8\xff", 3, 0, NULL},
    {"image/gif", MEDIA_IMAGE, "GIF87a", 6, 0, NULL},
    {"image/gif", MEDIA_IMAGE, "GIF89a", 6, 0, NULL},
    {"image/webp", MEDIA_IMAGE, "RIFF", 4, 8, "WEBP"},
    {"application/pdf", MEDIA_PDF, "%PDF-", 5, 0, NULL},
};

static int matches(const struct signature *signature, const char *bytes, size_t length)
{
    size_t inner = signature->inner != NULL ? strlen(signature->inner) : 0;
    return length >= signature->length && length >= signature->inner_at + inner &&
           memcmp(bytes, signature->bytes, signature->length) == 0 &&
           (inner == 0 || memcmp(bytes + signature->inner_at, signature->inner, inner) == 0);
}

const char *media_type(const char *bytes, size_t length)
{
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        if (matches(&signatures[i], bytes, length)) {
            return signatures[i].type;
        }
    }
    if (length == 0 || memchr(bytes, '\0', length) != NULL || !utf8_valid(bytes, length)) {
        return NULL;
    }
    return text_plain;
}

enum media media_read(const char *type)
{
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        if (strcmp(signatures[i].type, type) == 0) {
            return signatures[i].media;
        }
    }
    return strcmp(type, text_plain) == 0 ? MEDIA_TEXT : MEDIA_NONE;
}
