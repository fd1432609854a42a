/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox_stub: stands in for outbox.c until that is there: hook debts are run as soon as they are durable.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/hooks.h"
#include "daemon/outbox.h"
#include "spool/file.h"

struct owed {
    struct core *core;
    char hash[80];
};

static void ended(void *context, enum hook_end end, const char *words)
{
    struct owed *owed = context;
    char name[100];

    (void)words;
    snprintf(name, sizeof name, "%s.json", owed->hash);
    if (end == HOOK_DONE)
        unlinkat(owed->core->spool->dir[FOLDER_OUTBOX], name, 0);
    free(owed);
}

static void look(struct core *core)
{
    DIR *dir = file_list(core->spool->dir[FOLDER_OUTBOX]);
    const struct dirent *entry;

    while (dir != NULL && file_list_next(dir, &entry) == 0 && entry != NULL) {
        struct buffer text = {0};
        struct owed *owed;
        json_t *debt;

        if (file_read_at(core->spool->dir[FOLDER_OUTBOX], entry->d_name, 1 << 20, &text, NULL) != 0)
            continue;
        debt = jsontext_read_object(text.bytes, text.length, NULL);
        buffer_free(&text);
        if (json_object_get(debt, "hook") == NULL) {
            json_decref(debt);
            continue;
        }
        owed = xcalloc(1, sizeof *owed);
        owed->core = core;
        snprintf(owed->hash, sizeof owed->hash, "%.64s", entry->d_name);
        hooks_run(core->hooks, owed->hash, debt, ended, owed);
    }
    if (dir != NULL)
        closedir(dir);
}

static void fired(uv_timer_t *timer)
{
    look(timer->data);
    uv_close((uv_handle_t *)timer, (uv_close_cb)(void *)free);
}

void outbox_look(struct outbox *outbox)
{
    uv_timer_t *timer = xcalloc(1, sizeof *timer);
    struct core *core = (struct core *)(void *)outbox;

    uv_timer_init(core->loop, timer);
    timer->data = core;
    uv_timer_start(timer, fired, 200, 0);
}

void outbox_owe(struct core *core, struct publication *publication, const char *hash, json_t *debt)
{
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];

    jsontext_write(&text, debt);
    buffer_byte(&text, '\n');
    json_decref(debt);
    snprintf(name, sizeof name, "%s.json", hash);
    publication_file(publication, FOLDER_OUTBOX, name, 0600, &text, true, FOLDER_TMP, NULL);
    outbox_look((struct outbox *)(void *)core);
}
