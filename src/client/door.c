/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * door: whether webhooks may go where jobs send them, by what the daemon of the spool said last.
 */
#include "client/door.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "job/webhook.h"

struct door {
    const struct spool *spool;
    bool looked;
    bool told; /* rules are the daemon's */
    struct webhook_rules rules;
};

struct door *door_new(const struct spool *spool)
{
    struct door *door = xmalloc(sizeof *door);
    *door = (struct door){.spool = spool};
    return door;
}

/* The texts of an array, for texts_free. */
static char **texts_of(const json_t *array)
{
    size_t count = 0;
    char **list = xcalloc(json_array_size(array) + 1, sizeof *list);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (text != NULL)
            list[count++] = xstrdup(text);
    }
    return list;
}

static void texts_free(char **list)
{
    for (char **text = list; *text != NULL; text++)
        free(*text);
    free(list);
}

/* Whether a daemon that stopped would read another configuration now. */
static bool outdated(const json_t *status, const char *place)
{
    struct wall written;
    struct stat file;
    return strcmp(jsontext_get_text(status, "state", ""), "stopped") == 0 &&
           timetext_read(jsontext_get_text(status, "time", ""), &written) == 0 &&
           stat(place, &file) == 0 && file.st_mtim.tv_sec >= written.ms / 1000;
}

static void look(struct door *door)
{
    json_t *status = records_status(door->spool);
    const json_t *webhook = json_object_get(status, "webhook");
    const char *place = jsontext_get_text(webhook, "configuration", NULL);
    char **allow = texts_of(json_object_get(webhook, "allow"));
    char **endpoints = texts_of(json_object_get(webhook, "endpoints"));
    door->looked = true;
    door->told = place != NULL && !outdated(status, place) &&
                 webhook_rules_make(&door->rules, allow, endpoints, place, NULL) == 0;
    texts_free(allow);
    texts_free(endpoints);
    json_decref(status);
}

int door_check_webhook(struct door *door, const char *webhook, struct error *error)
{
    const char *reason;
    if (!door->looked)
        look(door);
    return !door->told || webhook_allowed(&door->rules, webhook, &reason, error) ? 0 : -1;
}

void door_free(struct door *door)
{
    if (door == NULL)
        return;
    webhook_rules_clear(&door->rules);
    free(door);
}
