/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attachment: content parts that name a file of blobs/. */
#include "job/attachment.h"

#include <string.h>

#include "base/base64.h"
#include "base/jsontext.h"

enum { FILENAME_LIMIT = 255 }; /* bytes, as file systems have it */

bool attachment_read(const json_t *part, struct attachment *attachment)
{
    const char *blob = jsontext_get_text(part, "blob", NULL);
    if (blob == NULL || strcmp(jsontext_get_text(part, "type", ""), "file") != 0) {
        return false;
    }
    *attachment = (struct attachment){
        .media_type = jsontext_get_text(part, "media_type", ""),
        .filename = jsontext_get_text(part, "filename", NULL),
    };
    attachment->media = media_read(attachment->media_type);
    return id_read(blob, &attachment->blob);
}

/* Checking */

static bool filename_ok(const json_t *filename)
{
    size_t length = json_string_length(filename);
    return filename == NULL ||
           (length > 0 && length <= FILENAME_LIMIT &&
            strchr(json_string_value(filename), '/') == NULL &&
            !refusal_has_control(json_string_value(filename)));
}

static int check_keys(const json_t *part, const char *place, struct refusal *refusal)
{
    static const char *const known[] = {"type", "blob", "media_type", "filename"};
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)part, key, value) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            found = found || strcmp(known[i], key) == 0;
        }
        if (!found) {
            char shown[REFUSAL_QUOTE_SIZE];
            return refuse(refusal, "bad_value",
                          "\"messages\": %s is a file and has the key \"%s\"; it may have blob, "
                          "media_type and filename",
                          place, refusal_quote(key, shown));
        }
    }
    return 0;
}

int attachment_check(const json_t *part, const char *role, const char *place,
                     struct refusal *refusal)
{
    struct attachment attachment;
    if (json_is_object(json_object_get(part, "file")) && json_object_get(part, "blob") == NULL) {
        return 0; /* OpenAI's own */
    }
    if (json_object_get(part, "path") != NULL) {
        return refuse(refusal, "bad_value",
                      "\"messages\": %s names a file by its path, which llmspool-submit alone can "
                      "read: drop the file as new/SHA256.blob and name it by \"blob\"",
                      place);
    }
    if (!attachment_read(part, &attachment)) {
        return refuse(refusal, "bad_value",
                      "\"messages\": %s is a file, whose \"blob\" must be the SHA-256 of its bytes "
                      "in 64 lower-case hex digits",
                      place);
    }
    if (attachment.media == MEDIA_NONE) {
        return refuse(refusal, "bad_value", "\"messages\": the media_type of %s must be %s", place,
                      media_types);
    }
    if (!filename_ok(json_object_get(part, "filename"))) {
        return refuse(refusal, "bad_value",
                      "\"messages\": the filename of %s must be 1 to %d bytes without a slash or "
                      "control characters",
                      place, FILENAME_LIMIT);
    }
    if (strcmp(role, "user") != 0) {
        char shown[REFUSAL_QUOTE_SIZE];
        return refuse(refusal, "bad_value",
                      "\"messages\": %s is a file, which only a user's message may have, and the "
                      "role is \"%s\"",
                      place, refusal_quote(role, shown));
    }
    return check_keys(part, place, refusal);
}

/* Walking */

static int each_part(const json_t *document,
                     int (*visit)(void *context, const struct attachment *attachment),
                     void *context)
{
    size_t i, j;
    json_t *message, *part;
    json_array_foreach (json_object_get(document, "messages"), i, message) {
        json_array_foreach (json_object_get(message, "content"), j, part) {
            struct attachment attachment;
            int result = attachment_read(part, &attachment) ? visit(context, &attachment) : 0;
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

static int count_one(void *context, const struct attachment *attachment)
{
    (void)attachment;
    ++*(unsigned *)context;
    return 0;
}

unsigned attachments_count(const json_t *document)
{
    unsigned count = 0;
    each_part(document, count_one, &count);
    return count;
}

int attachments_each(const struct job *job,
                     int (*visit)(void *context, const struct attachment *attachment),
                     void *context)
{
    return job->attachments == 0 ? 0 : each_part(job->document, visit, context);
}

/* Measuring */

struct measuring {
    struct job *job;
    int64_t (*size)(void *context, const struct id *blob);
    void *context;
};

static int measure_one(void *context, const struct attachment *attachment)
{
    struct measuring *measuring = context;
    int64_t size = measuring->size(measuring->context, &attachment->blob);
    size = size > 0 ? size : 0;
    measuring->job->attached_bytes += size;
    if (attachment->media == MEDIA_TEXT) {
        measuring->job->attached_text += size;
    } else if (attachment->media == MEDIA_PDF) {
        measuring->job->attached_pdf += size;
    }
    return 0;
}

void attachments_measure(struct job *job, int64_t (*size)(void *context, const struct id *blob),
                         void *context)
{
    job->attached_bytes = job->attached_text = job->attached_pdf = 0;
    attachments_each(job, measure_one,
                     &(struct measuring){.job = job, .size = size, .context = context});
}

/* Expanding */

struct expanding {
    int (*load)(void *context, const struct attachment *attachment, struct buffer *bytes,
                struct error *error);
    void *context;
    struct error *error;
};

static int check_type(const struct attachment *attachment, const struct buffer *bytes,
                      struct error *error)
{
    const char *found = media_type(bytes->bytes != NULL ? bytes->bytes : "", bytes->length);
    if (found != NULL && strcmp(found, attachment->media_type) == 0) {
        return 0;
    }
    char hex[ID_SHORT_SIZE];
    id_write_short(&attachment->blob, hex);
    error_set(error, ERROR_DATA, "attachment %s is %s by its content, and the job says %s", hex,
              found != NULL ? found : "neither an image nor PDF nor text", attachment->media_type);
    return -1;
}

/* Texts may have tens of megabytes and are UTF-8 already: jansson need not look again. */
static void put_content(json_t *part, const struct attachment *attachment,
                        const struct buffer *bytes)
{
    struct buffer encoded = {0};
    if (attachment->media == MEDIA_TEXT) {
        json_object_set_new(part, "text", json_stringn_nocheck(bytes->bytes, bytes->length));
        return;
    }
    base64_encode(bytes->bytes, bytes->length, &encoded);
    json_object_set_new(part, "data", json_stringn_nocheck(encoded.bytes, encoded.length));
    buffer_free(&encoded);
}

/* A part as providers take it: a new reference, or NULL with an error. */
static json_t *expand_part(json_t *part, const struct expanding *expanding)
{
    struct attachment attachment;
    if (!attachment_read(part, &attachment)) {
        return json_incref(part);
    }
    struct buffer bytes = {0};
    json_t *expanded = NULL;
    if (expanding->load(expanding->context, &attachment, &bytes, expanding->error) == 0 &&
        check_type(&attachment, &bytes, expanding->error) == 0) {
        expanded = json_copy(part);
        json_object_del(expanded, "blob");
        put_content(expanded, &attachment, &bytes);
    }
    buffer_free(&bytes);
    return expanded;
}

static json_t *expand_message(json_t *message, const struct expanding *expanding)
{
    json_t *content = json_object_get(message, "content");
    if (!json_is_array(content)) {
        return json_incref(message);
    }
    json_t *parts = json_array();
    size_t i;
    json_t *part;
    json_array_foreach (content, i, part) {
        json_t *expanded = expand_part(part, expanding);
        if (expanded == NULL) {
            json_decref(parts);
            return NULL;
        }
        json_array_append_new(parts, expanded);
    }
    json_t *copy = json_copy(message);
    json_object_set_new(copy, "content", parts);
    return copy;
}

json_t *attachments_expand(const json_t *document,
                           int (*load)(void *context, const struct attachment *attachment,
                                       struct buffer *bytes, struct error *error),
                           void *context, struct error *error)
{
    const struct expanding expanding = {.load = load, .context = context, .error = error};
    json_t *messages = json_array();
    size_t i;
    json_t *message;
    json_array_foreach (json_object_get(document, "messages"), i, message) {
        json_t *expanded = expand_message(message, &expanding);
        if (expanded == NULL) {
            json_decref(messages);
            return NULL;
        }
        json_array_append_new(messages, expanded);
    }
    json_t *copy = json_copy((json_t *)(uintptr_t)document);
    json_object_set_new(copy, "messages", messages);
    return copy;
}
