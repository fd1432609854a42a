/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file_part: a content part that is a whole file. */
#include "provider/file_part.h"

#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"

bool file_part_read(const json_t *part, struct file_part *file)
{
    const char *media_type = jsontext_get_text(part, "media_type", NULL);
    if (media_type == NULL || strcmp(jsontext_get_text(part, "type", ""), "file") != 0) {
        return false;
    }
    *file = (struct file_part){
        .media = media_read(media_type),
        .media_type = media_type,
        .filename = jsontext_get_text(part, "filename", NULL),
        .data = json_object_get(part, "data"),
        .text = json_object_get(part, "text"),
    };
    return json_is_string(file->media == MEDIA_TEXT ? file->text : file->data);
}

json_t *file_part_url(const struct file_part *file)
{
    struct buffer url = {0};
    buffer_reserve(&url, json_string_length(file->data) + 64);
    buffer_printf(&url, "data:%s;base64,", file->media_type);
    buffer_append(&url, json_string_value(file->data), json_string_length(file->data));
    json_t *text = json_stringn_nocheck(url.bytes, url.length);
    buffer_free(&url);
    return text;
}

const char *file_part_name(const struct file_part *file)
{
    return file->filename != NULL      ? file->filename
           : file->media == MEDIA_PDF  ? "attachment.pdf"
           : file->media == MEDIA_TEXT ? "attachment.txt"
                                       : "attachment";
}

void file_part_add_text(const struct file_part *file, const char *type, json_t *parts)
{
    if (file->filename != NULL) {
        json_t *name = json_sprintf("%s:\n", file->filename);
        json_array_append_new(parts, json_pack("{s:s, s:o}", "type", type, "text", name));
    }
    json_array_append_new(parts, json_pack("{s:s, s:O}", "type", type, "text", file->text));
}
