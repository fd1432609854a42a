/* SPDX-License-Identifier: GPL-2.0-or-later */
/* messages: the conversation that a job may ask with. */
#include "job/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "job/attachment.h"

static bool role_known(const char *role)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int check_part(const json_t *part, const char *role, size_t message, size_t index,
                      struct refusal *refusal)
{
    const char *type = jsontext_get_text(part, "type", NULL);
    char place[64];
    snprintf(place, sizeof place, "part %zu of message %zu", index + 1, message + 1);
    if (type == NULL) {
        return refuse(refusal, "bad_value", "\"messages\": %s must be an object with a \"type\"",
                      place);
    }
    return strcmp(type, "file") == 0 ? attachment_check(part, role, place, refusal) : 0;
}

static int check_parts(const json_t *parts, const char *role, size_t message,
                       struct refusal *refusal)
{
    size_t count = json_array_size(parts);
    if (count == 0) {
        return refuse(refusal, "bad_value", "\"messages\": message %zu has no content parts",
                      message + 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (check_part(json_array_get(parts, i), role, message, i, refusal) != 0) {
            return -1;
        }
    }
    return 0;
}

static int check_content(const json_t *content, const char *role, size_t index,
                         struct refusal *refusal)
{
    if (json_is_array(content)) {
        return check_parts(content, role, index, refusal);
    }
    bool absent_ok = content == NULL && strcmp(role, "assistant") == 0;
    if (!absent_ok && !json_is_string(content) && !json_is_null(content)) {
        return refuse(refusal, "bad_value",
                      "\"messages\": the content of message %zu must be text, an array of parts, "
                      "or null",
                      index + 1);
    }
    return 0;
}

static int check_message(const json_t *message, size_t index, struct refusal *refusal)
{
    if (!json_is_object(message)) {
        return refuse(refusal, "bad_value", "\"messages\": message %zu must be an object",
                      index + 1);
    }
    const char *role = jsontext_get_text(message, "role", NULL);
    if (role == NULL) {
        return refuse(refusal, "bad_value", "\"messages\": message %zu has no \"role\"", index + 1);
    }
    if (!role_known(role)) {
        char shown[REFUSAL_QUOTE_SIZE];
        return refuse(refusal, "bad_value",
                      "\"messages\": the role of message %zu is \"%s\"; it must be system, "
                      "developer, user, assistant or tool",
                      index + 1, refusal_quote(role, shown));
    }
    return check_content(json_object_get(message, "content"), role, index, refusal);
}

int messages_check(const json_t *messages, struct refusal *refusal)
{
    size_t count = json_array_size(messages);
    if (count == 0) {
        return refuse(refusal, "bad_value",
                      "\"messages\" must be an array of at least one message");
    }
    for (size_t i = 0; i < count; i++) {
        if (check_message(json_array_get(messages, i), i, refusal) != 0) {
            return -1;
        }
    }
    return 0;
}
