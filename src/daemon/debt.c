/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debt: see debt.h.
 */
#include "daemon/debt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/outbox.h"
#include "daemon/webhook_message.h"
#include "spool/move.h"

enum { TARGET_SIZE = 16 + ENTRY_NAME_SIZE };

void debt_webhook(struct core *core, struct publication *publication, const struct debt_end *end,
                  const char *webhook)
{
    struct buffer text = {0};
    char id[ID_TEXT_SIZE], hash[SHA256_HEX_SIZE], time[TIMETEXT_SIZE];
    char record[TARGET_SIZE];

    id_write(end->id, id);
    buffer_printf(&text, "%s\n%u\n%s\n%s", id, end->run, end->event, webhook);
    sha256_hex(text.bytes, text.length, hash);
    buffer_free(&text);
    snprintf(record, sizeof record, "%s/%s", folder_name(end->folder), end->record);
    timetext_write(clock_wall(core->clock), time);
    outbox_owe(core, publication, hash,
               json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s*}", "webhook_id", hash, "id", id,
                         "run", (int)end->run, "event", end->event, "webhook", webhook, "record",
                         record, "time", time, "user", end->user));
}

/* Webhooks of one end, each URL once. */
struct hearers {
    struct core *core;
    struct publication *publication;
    const struct debt_end *end;
    const char **urls; /* borrowed: that are told already */
    size_t count;
};

static void hear(struct hearers *hearers, const char *webhook)
{
    const char *url = webhook_message_url(hearers->core->config, webhook, NULL);

    url = url != NULL ? url : webhook; /* an endpoint that is not there any more: kept, and told later */
    for (size_t i = 0; i < hearers->count; i++)
        if (strcmp(hearers->urls[i], url) == 0)
            return;
    hearers->urls = xrealloc(hearers->urls, (hearers->count + 1) * sizeof *hearers->urls);
    hearers->urls[hearers->count++] = url;
    debt_webhook(hearers->core, hearers->publication, hearers->end, webhook);
}

void debt_webhooks(struct core *core, struct publication *publication, const struct debt_end *end,
                   const struct job *job, const struct state *state)
{
    const struct config *config = core->config;
    struct hearers hearers = {.core = core, .publication = publication, .end = end};
    json_t *value;
    size_t i;

    if (job->webhook != NULL)
        hear(&hearers, job->webhook);
    json_array_foreach(state != NULL ? state->webhooks : NULL, i, value)
        hear(&hearers, json_string_value(value));
    if (config->webhook.url != NULL && config_webhook_hears(config->webhook.events, end->event))
        hear(&hearers, config->webhook.url);
    for (i = 0; i < config->endpoint_count; i++)
        if (config->endpoints[i].events != NULL &&
            config_webhook_hears(config->endpoints[i].events, end->event))
            hear(&hearers, config->endpoints[i].name);
    free(hearers.urls);
}

void debt_name(struct publication *publication, const struct debt_end *end, const char *name)
{
    static const enum folder places[] = {FOLDER_CUR, FOLDER_DONE, FOLDER_FAILED};
    char target[TARGET_SIZE], from[TARGET_SIZE], id[ID_TEXT_SIZE];

    id_write(end->id, id);
    snprintf(target, sizeof target, "../%s/%s", folder_name(end->folder),
             end->answer != NULL ? end->answer : end->record);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(from, sizeof from, "../%s/%s.", folder_name(places[i]), id);
        publication_link(publication, FOLDER_BY_NAME, name, target, from);
    }
}

void debt_all(struct core *core, struct publication *publication, const struct debt_end *end,
              const struct job *job, const struct state *state)
{
    json_t *value;
    size_t i;

    debt_webhooks(core, publication, end, job, state);
    if (job->name != NULL)
        debt_name(publication, end, job->name);
    if (state == NULL)
        return;
    json_array_foreach(state->names, i, value)
        debt_name(publication, end, json_string_value(value));
}

void debt_name_waiting(struct core *core, const struct id *id, const char *name)
{
    char entry[ENTRY_NAME_SIZE], target[TARGET_SIZE];
    int result;

    entry_write(ENTRY_JOB, id, 0, entry);
    snprintf(target, sizeof target, "../%s/%s", folder_name(FOLDER_CUR), entry);
    result = move_link(core->spool, FOLDER_BY_NAME, name, target);
    if (result < 0)
        log_warning(&core->log, "by-name/%s cannot be made: %s", name, strerror(-result));
}

/* Whether the link of a name must be made again; see debt_names_mend. */
static bool name_is_stale(struct core *core, const struct id *id, int64_t submitted,
                          const char *name)
{
    int dir = core->spool->dir[FOLDER_BY_NAME];
    char target[TARGET_SIZE], error[TARGET_SIZE], text[ID_TEXT_SIZE];
    ssize_t length = readlinkat(dir, name, target, sizeof target - 1);
    struct stat link;

    if (length < 0)
        return errno == ENOENT;
    target[length] = '\0';
    id_write(id, text);
    snprintf(error, sizeof error, "../%s/%s.error.json", folder_name(FOLDER_FAILED), text);
    if (strstr(target, text) != NULL)
        return strcmp(target, error) == 0;
    return fstatat(dir, name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
           clock_ms(link.st_mtim) < submitted;
}

static void name_mend(struct core *core, const struct id *id, int64_t submitted, const char *name)
{
    if (name_is_stale(core, id, submitted, name))
        debt_name_waiting(core, id, name);
}

void debt_names_mend(struct core *core, const struct id *id, int64_t submitted,
                     const struct job *job, const struct state *state)
{
    json_t *value;
    size_t i;

    if (job->name != NULL)
        name_mend(core, id, submitted, job->name);
    if (state == NULL)
        return;
    json_array_foreach(state->names, i, value)
        name_mend(core, id, submitted, json_string_value(value));
}
