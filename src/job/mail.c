/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mail: see mail.h.
 */
#include "job/mail.h"

#include <fnmatch.h>
#include <string.h>

#include "base/jsontext.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

enum { LOCAL_LIMIT = 64, LABEL_LIMIT = 63 };

static bool local_good(const char *text, size_t length)
{
    return length >= 1 && length <= LOCAL_LIMIT && strchr(LETTERS DIGITS "_", text[0]) != NULL &&
           strspn(text, LETTERS DIGITS "._+=-") >= length && text[length - 1] != '.' &&
           memmem(text, length, "..", 2) == NULL;
}

static bool host_good(const char *text)
{
    for (;;) {
        size_t length = strspn(text, LETTERS DIGITS "-");

        if (length == 0 || length > LABEL_LIMIT || text[0] == '-' || text[length - 1] == '-')
            return false;
        text += length;
        if (*text == '\0')
            return true;
        if (*text++ != '.')
            return false;
    }
}

bool mail_address_good(const char *text)
{
    size_t local = strcspn(text, "@");

    return strlen(text) <= MAIL_ADDRESS_LIMIT && local_good(text, local) &&
           (text[local] == '\0' || host_good(text + local + 1));
}

static bool on_good(const json_t *on)
{
    size_t count = json_array_size(on);
    bool good = count >= 1 && count <= 2;

    for (size_t i = 0; good && i < count; i++) {
        const char *word = json_string_value(json_array_get(on, i));

        good = word != NULL && (strcmp(word, "end") == 0 || strcmp(word, "fail") == 0);
    }
    return good;
}

int mail_check(const json_t *value, struct error *error)
{
    const json_t *to = json_object_get(value, "to");

    if (!json_is_object(value) || !on_good(json_object_get(value, "on")) ||
        json_object_size(value) != 1U + (to != NULL)) {
        error_set(error, ERROR_DATA,
                  "\"mail\" must be such as {\"to\": \"alice@example.org\", \"on\": [\"end\", "
                  "\"fail\"]}");
        return -1;
    }
    if (to != NULL && (!json_is_string(to) || !mail_address_good(json_string_value(to)))) {
        error_set(error, ERROR_DATA,
                  "\"to\" in \"mail\" must be a login name or an address such as alice@example.org, "
                  "of letters, digits and . _ + = - alone");
        return -1;
    }
    return 0;
}

bool mail_allowed(const char *to, const char *owner, char *const *patterns)
{
    bool allowed = strcmp(to, owner) == 0;

    for (size_t i = 0; !allowed && patterns != NULL && patterns[i] != NULL; i++)
        allowed = fnmatch(patterns[i], to, 0) == 0;
    return allowed;
}

static bool is_on(const json_t *mail, const char *word)
{
    const json_t *value;
    size_t i;

    json_array_foreach(json_object_get(mail, "on"), i, value)
        if (strcmp(json_string_value(value), word) == 0)
            return true;
    return false;
}

bool mail_wants(const json_t *mail, const char *status)
{
    bool failed = strcmp(status, "failed") == 0 || strcmp(status, "expired") == 0;

    return is_on(mail, "end") || (failed && is_on(mail, "fail"));
}

bool mail_wants_run(const json_t *mail, bool failures)
{
    return is_on(mail, "end") || (failures && is_on(mail, "fail"));
}

const char *mail_to(const json_t *mail)
{
    return jsontext_get_text(mail, "to", NULL);
}
