/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_part: a content part that is a whole file, as attachments_expand made it of a job's
 * attachment: {"type": "file", "media_type", "filename", "data" in base64 or "text"}.
 *
 * Floor: provider. What each protocol makes of it is its own business; here is what they share.
 */
#ifndef PROVIDER_FILE_PART_H
#define PROVIDER_FILE_PART_H

#include <jansson.h>
#include <stdbool.h>

#include "base/media.h"

/* Borrowed from the part. */
struct file_part {
    enum media media;
    const char *media_type;
    const char *filename; /* NULL: it has none */
    json_t *data;         /* a string in base64; of texts NULL */
    json_t *text;         /* of texts; else NULL */
};

/* Reads a part; false when it is none of these. */
bool file_part_read(const json_t *part, struct file_part *file);

/* The file as data:MEDIA_TYPE;base64,…: a new reference. Not of a text. */
json_t *file_part_url(const struct file_part *file);

/* The name that a protocol wants for a document: its own, or one that is right for its type. */
const char *file_part_name(const struct file_part *file);

/* Appends a text to parts: its name on a line of its own before it, where it has one, and the text as
 * it is; each a part of this type. */
void file_part_add_text(const struct file_part *file, const char *type, json_t *parts);

#endif
