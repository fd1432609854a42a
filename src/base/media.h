/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * media: what kind of file some bytes are, by the bytes alone: images, PDF and text, as models take
 * them.
 *
 * Floor: base. Six signatures need no library: libmagic knows thousands of kinds that no model takes,
 * and calls texts by what they are about, which changes from release to release.
 */
#ifndef BASE_MEDIA_H
#define BASE_MEDIA_H

#include <stddef.h>

enum media {
    MEDIA_NONE, /* none of the others */
    MEDIA_IMAGE,
    MEDIA_PDF,
    MEDIA_TEXT,
};

/* The media type of a whole file: image/png, image/jpeg, image/gif, image/webp, application/pdf, or
 * text/plain for UTF-8 without NUL. NULL for anything else, and for an empty file. */
const char *media_type(const char *bytes, size_t length);

/* What such a media type stands for; MEDIA_NONE when it is none of these six. */
enum media media_read(const char *type);

/* The six, for a sentence. */
extern const char media_types[];

#endif
