/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mailing: see mailing.h.
 */
#include "client/mailing.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "job/mail.h"

static bool is_word(const char *word, size_t length)
{
    return (length == 3 && memcmp(word, "end", 3) == 0) ||
           (length == 4 && memcmp(word, "fail", 4) == 0);
}

static json_t *words_of(const char *words)
{
    json_t *on = json_array();
    const char *word = words;

    for (;;) {
        size_t length = strcspn(word, ",");

        if (!is_word(word, length) || json_array_size(on) == 2) {
            json_decref(on);
            return NULL;
        }
        json_array_append_new(on, json_stringn(word, length));
        if (word[length] == '\0') {
            return on;
        }
        word += length + 1;
    }
}

json_t *mailing_make(const char *words, const char *address, struct error *error)
{
    const struct passwd *entry = address == NULL ? getpwuid(geteuid()) : NULL;
    const char *to = address != NULL ? address : entry != NULL ? entry->pw_name : NULL;
    json_t *on = words_of(words);

    if (on == NULL) {
        error_set(error, ERROR_USAGE, "--mail %s is not end, fail or end,fail", words);
        return NULL;
    }
    if (to != NULL && mail_address_good(to)) {
        return json_pack("{s:s, s:o}", "to", to, "on", on);
    }
    json_decref(on);
    if (to == NULL) {
        error_set(error, ERROR_USAGE, "your login name is not known here: say --mail-to ADDRESS");
    } else {
        error_set(error, ERROR_USAGE,
                  "%s is no address for mail: a login name, or such as alice@example.org, of "
                  "letters, digits and . _ + = - alone", to);
    }
    return NULL;
}

static bool has_mail(const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name != NULL && strcmp(name, "mail") == 0) {
            return true;
        }
    }
    return false;
}

int mailing_check(const struct spool *spool, struct error *error)
{
    json_t *status = records_status(spool);
    const json_t *hooks = json_object_get(status, "hooks");
    const char *place = jsontext_get_text(hooks, "configuration", NULL);
    bool good = hooks == NULL || has_mail(json_object_get(hooks, "names"));

    if (!good) {
        error_set(error, ERROR_USAGE,
                  "nobody would send the mail: add\n"
                  "    hook \"mail\" { command = {\"" PKGLIBEXECDIR "/llmspool-mail\"} }\n"
                  "to %s and reload the daemon", place != NULL ? place : "llmspoold.conf");
    }
    json_decref(status);
    return good ? 0 : -1;
}
