/* SPDX-License-Identifier: GPL-2.0-or-later */
/* index_line: what the index and the manifest of a volume say of a job. */
#include "retain/index_line.h"

#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"

/* What a record has and the index does not: content, and what the line says itself. */
static bool is_left_out(struct jsonspan key)
{
    static const struct jsonspan keys[] = {
        JSONSPAN("output"), JSONSPAN("response"), JSONSPAN("attempts"), JSONSPAN("raw"),
        JSONSPAN("tool_calls"), JSONSPAN("refusal"), JSONSPAN("message"), JSONSPAN("advice"),
        JSONSPAN("sha256"), JSONSPAN("id"), JSONSPAN("version"), JSONSPAN("status"),
        JSONSPAN("state"), JSONSPAN("frame"), JSONSPAN("at"), JSONSPAN("length"),
        JSONSPAN("files"), JSONSPAN("type"), JSONSPAN("finished")};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (jsonspan_equal(key, keys[i])) {
            return true;
        }
    }
    return false;
}

static void add_finished(struct buffer *out, const struct gathered *unit)
{
    char time[TIMETEXT_SIZE];

    timetext_write((struct wall){.ms = unit->finished_ms}, time);
    buffer_text(out, "\"finished\":\"");
    buffer_text(out, time);
    buffer_byte(out, '"');
}

static void add_file(struct buffer *out, const struct gathered *unit, size_t number)
{
    const struct gathered_file *file = &unit->files[number];
    char hex[SHA256_HEX_SIZE], size[64];

    hex_write(file->digest, SHA256_SIZE, hex);
    snprintf(size, sizeof size, "\",\"size\":%zu,\"sha256\":\"", file->length);
    buffer_text(out, "{\"name\":\"");
    buffer_text(out, file->name);
    buffer_text(out, size);
    buffer_append(out, hex, SHA256_HEX_SIZE - 1);
    buffer_byte(out, '"');
}

static void add_member(struct buffer *out, struct jsonspan key, struct jsonspan value)
{
    if (jsonspan_is(key, "metadata") && value.length > INDEX_METADATA_LIMIT) {
        return;
    }
    buffer_text(out, ",\"");
    buffer_append(out, key.text, key.length);
    buffer_text(out, "\":");
    buffer_append(out, value.text, value.length);
}

void index_line_begin(struct buffer *out, const struct gathered *unit)
{
    char id[ID_TEXT_SIZE];

    id_write(&unit->id, id);
    buffer_printf(out, "{\"id\":\"%s\",\"state\":\"%s\"", id, unit->state);
    if (unit->folder == FOLDER_DONE) {
        buffer_printf(out, ",\"version\":%u", unit->highest);
    }
    buffer_text(out, ",\"frame\":");
}

void index_line_end(struct buffer *out, const struct gathered *unit, uint32_t at, uint32_t length)
{
    struct jsonscan scan;
    struct jsonspan key, value;

    buffer_printf(out, ",\"at\":%u,\"length\":%u,\"files\":[", at, length);
    for (size_t i = 0; i < unit->count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        add_file(out, unit, i);
        buffer_byte(out, '}');
    }
    buffer_text(out, "],\"type\":");
    jsontext_write_string(out, unit->type.bytes, unit->type.length);
    buffer_byte(out, ',');
    add_finished(out, unit);
    jsonscan_begin(&scan, gathered_text(unit, unit->record));
    while (jsonscan_next(&scan, &key, &value) == 1) {
        if (!is_left_out(key)) {
            add_member(out, key, value);
        }
    }
    buffer_text(out, "}\n");
}

/* A string as it stands in the record, or null. */
static void add_text(struct buffer *out, const char *key, struct jsonspan value)
{
    buffer_printf(out, ",\"%s\":", key);
    if (value.text != NULL && value.text[0] == '"') {
        buffer_append(out, value.text, value.length);
    } else {
        buffer_text(out, "null");
    }
}

/* The model that was asked, which an output has in an object. */
static struct jsonspan model_of(const struct gathered *unit)
{
    static const struct jsonspan keys[] = {JSONSPAN("asked")};
    struct jsonspan asked;

    return unit->model.text != NULL && unit->model.text[0] == '{' &&
                   jsonscan_find(unit->model, keys, &asked, 1)
               ? asked
               : unit->model;
}

void index_line_manifest(struct buffer *out, const struct gathered *unit)
{
    struct buffer common = {0};
    char id[ID_TEXT_SIZE];

    id_write(&unit->id, id);
    buffer_printf(&common, ",\"id\":\"%s\"", id);
    add_text(&common, "model", model_of(unit));
    add_text(&common, "user", unit->user);
    buffer_byte(&common, ',');
    add_finished(&common, unit);
    buffer_text(&common, "}\n");
    for (size_t i = 0; i < unit->count; i++) {
        add_file(out, unit, i);
        buffer_append(out, common.bytes, common.length);
    }
    buffer_free(&common);
}
