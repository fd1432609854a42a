/* SPDX-License-Identifier: GPL-2.0-or-later */
/* index_line: what the index and the manifest of a volume say of a job. */
#include "retain/index_line.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "retain/gather.h"

/* What a record has and the index does not: content, and what the line says itself. */
static bool is_left_out(const char *key)
{
    static const char *const keys[] = {
        "output",  "response", "attempts", "raw",     "tool_calls", "refusal", "message", "advice",
        "sha256",  "id",       "version",  "status",  "state",      "frame",   "at",      "length",
        "files",   "type",     "finished"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static const char *state_of(const struct bundle *bundle)
{
    const char *status = jsontext_get_text(bundle->files[1].document, "status", "");

    if (bundle->folder == FOLDER_DONE) {
        return "completed";
    }
    return strcmp(status, "cancelled") == 0 || strcmp(status, "expired") == 0 ? status : "failed";
}

static void add_finished(struct buffer *out, const struct bundle *bundle)
{
    char time[TIMETEXT_SIZE];

    timetext_write((struct wall){.ms = gather_finished(bundle)}, time);
    buffer_printf(out, "\"finished\":\"%s\"", time);
}

static void add_file(struct buffer *out, const struct bundle *bundle, size_t number,
                     const unsigned char *digest)
{
    char name[INDEX_NAME_SIZE], hex[SHA256_HEX_SIZE];

    index_name_write(bundle->folder, &bundle->files[number].entry, name);
    hex_write(digest, SHA256_SIZE, hex);
    buffer_printf(out, "{\"name\":\"%s\",\"size\":%zu,\"sha256\":\"%s\"", name,
                  bundle->files[number].length, hex);
}

static void add_member(struct buffer *out, const char *key, const json_t *value)
{
    size_t before = out->length;
    size_t start;

    buffer_byte(out, ',');
    jsontext_write_string(out, key, strlen(key));
    buffer_byte(out, ':');
    start = out->length;
    jsontext_write(out, value);
    if (strcmp(key, "metadata") == 0 && out->length - start > INDEX_METADATA_LIMIT) {
        out->length = before;
        out->bytes[before] = '\0';
    }
}

void index_line_begin(struct buffer *out, const struct bundle *bundle)
{
    char id[ID_TEXT_SIZE];

    id_write(&bundle->id, id);
    buffer_printf(out, "{\"id\":\"%s\",\"state\":\"%s\"", id, state_of(bundle));
    if (bundle->folder == FOLDER_DONE) {
        buffer_printf(out, ",\"version\":%u", bundle->highest);
    }
    buffer_text(out, ",\"frame\":");
}

void index_line_end(struct buffer *out, const struct bundle *bundle,
                    const unsigned char (*digests)[SHA256_SIZE], uint32_t at, uint32_t length)
{
    json_t *record = bundle_record(bundle, 0)->document;
    const char *type = jsontext_get_text(bundle->files[0].document, "type", "chat");
    const char *key;
    json_t *value;

    buffer_printf(out, ",\"at\":%u,\"length\":%u,\"files\":[", at, length);
    for (size_t i = 0; i < bundle->count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        add_file(out, bundle, i, digests[i]);
        buffer_byte(out, '}');
    }
    buffer_text(out, "],\"type\":");
    jsontext_write_string(out, type, strlen(type));
    buffer_byte(out, ',');
    add_finished(out, bundle);
    json_object_foreach(record, key, value)
    {
        if (!is_left_out(key)) {
            add_member(out, key, value);
        }
    }
    buffer_text(out, "}\n");
}

/* The model that was asked: an output has it in an object. */
static void add_text(struct buffer *out, const json_t *record, const char *key)
{
    const json_t *value = json_object_get(record, key);
    const char *text = json_is_object(value) ? jsontext_get_text(value, "asked", NULL)
                                             : jsontext_get_text(record, key, NULL);

    buffer_printf(out, ",\"%s\":", key);
    if (text != NULL) {
        jsontext_write_string(out, text, strlen(text));
    } else {
        buffer_text(out, "null");
    }
}

void index_line_manifest(struct buffer *out, const struct bundle *bundle,
                         const unsigned char (*digests)[SHA256_SIZE])
{
    const json_t *record = bundle_record(bundle, 0)->document;
    char id[ID_TEXT_SIZE];

    id_write(&bundle->id, id);
    for (size_t i = 0; i < bundle->count; i++) {
        add_file(out, bundle, i, digests[i]);
        buffer_printf(out, ",\"id\":\"%s\"", id);
        add_text(out, record, "model");
        add_text(out, record, "user");
        buffer_byte(out, ',');
        add_finished(out, bundle);
        buffer_text(out, "}\n");
    }
}
