/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook_notice: see hook_notice.h.
 */
#include "daemon/hook_notice.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"

enum { SENTENCE_LIMIT = 300 };

bool hook_notice_gathers(const json_t *notice)
{
    return json_is_object(json_object_get(notice, "job"));
}

/* --- many as one ------------------------------------------------------------------------------------------- */

json_t *hook_notice_sentence(const char *text)
{
    size_t length;

    if (text == NULL)
        return NULL;
    length = strlen(text);
    if (length > SENTENCE_LIMIT) {
        length = SENTENCE_LIMIT;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    return json_stringn(text, length);
}

void hook_notice_count(json_t *groups, const char *word, const char *message)
{
    json_t *group = json_object_get(groups, word);

    if (group == NULL) {
        group = json_pack("{s:i, s:o*}", "count", 0, "message", hook_notice_sentence(message));
        json_object_set_new(groups, word, group);
    }
    json_object_set_new(group, "count", json_integer(jsontext_get_int(group, "count", 0) + 1));
}

struct counted {
    const char *word;
    json_t *group;
    json_int_t count;
};

static int compare_counted(const void *a, const void *b)
{
    const struct counted *left = a, *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp(left->word, right->word);
}

json_t *hook_notice_groups(json_t *groups, const char *member)
{
    size_t size = json_object_size(groups), used = 0;
    struct counted *list = xcalloc(size + 1, sizeof *list);
    json_t *array = json_array(), *group;
    const char *word;

    json_object_foreach(groups, word, group)
        list[used++] = (struct counted){word, group, jsontext_get_int(group, "count", 0)};
    if (used > 1)
        qsort(list, used, sizeof *list, compare_counted);
    for (size_t i = 0; i < used && i < HOOK_NOTICE_GROUPS; i++) {
        json_t *row = json_pack("{s:s}", member, list[i].word);

        json_object_update(row, list[i].group);
        json_array_append_new(array, row);
    }
    free(list);
    return array;
}

json_t *hook_notice_gather(const json_t *notices)
{
    json_t *whole = json_copy(json_array_get(notices, 0));
    json_t *jobs = json_array(), *notice;
    json_t *statuses = json_object(), *reasons = json_object(), *runs = json_object();
    size_t i;

    json_array_foreach(notices, i, notice) {
        json_t *job = json_object_get(notice, "job");
        const char *reason = jsontext_get_text(job, "reason", NULL);
        const char *run = jsontext_get_text(job, "in_run", NULL);

        if (i < HOOK_NOTICE_JOBS)
            json_array_append(jobs, job);
        hook_notice_count(statuses, jsontext_get_text(job, "status", "failed"), NULL);
        if (reason != NULL)
            hook_notice_count(reasons, reason, jsontext_get_text(job, "message", NULL));
        if (run != NULL)
            hook_notice_count(runs, run, NULL);
        json_object_set(whole, "time", json_object_get(notice, "time"));
    }
    json_object_del(whole, "job");
    json_object_set_new(whole, "count", json_integer((json_int_t)json_array_size(notices)));
    json_object_set_new(whole, "statuses", hook_notice_groups(statuses, "status"));
    json_object_set_new(whole, "reasons", hook_notice_groups(reasons, "reason"));
    json_object_set_new(whole, "runs", hook_notice_groups(runs, "run"));
    json_object_set_new(whole, "jobs", jobs);
    json_decref(statuses);
    json_decref(reasons);
    json_decref(runs);
    return whole;
}

/* --- as a command gets it ---------------------------------------------------------------------------------- */

void hook_notice_write(struct buffer *out, json_t *notice, const char *id, const char *spool)
{
    json_t *whole = json_pack("{s:s, s:s}", "notice_id", id, "spool", spool);

    json_object_update_missing(whole, notice);
    jsontext_write(out, whole);
    buffer_byte(out, '\n');
    json_decref(whole);
}

/* What a notice is of, where it is one: a run's name, or the only job's ID. */
static const char *only_job(const json_t *notice)
{
    const json_t *jobs = json_object_get(notice, "jobs");

    return json_array_size(jobs) == 1 ? jsontext_get_text(json_array_get(jobs, 0), "id", NULL)
                                      : NULL;
}

void hook_notice_variables(const json_t *notice, const char *id, const char *spool,
                           char *variables[HOOK_NOTICE_VARIABLES])
{
    const char *run = jsontext_get_text(json_object_get(notice, "run"), "name", NULL);
    const char *job = only_job(notice);
    size_t used = 0;

    variables[used++] = xasprintf("LLMSPOOL_EVENT=%s", jsontext_get_text(notice, "event", ""));
    variables[used++] = xasprintf("LLMSPOOL_NOTICE_ID=%s", id);
    variables[used++] = xasprintf("LLMSPOOL_DIR=%s", spool);
    if (run != NULL)
        variables[used++] = xasprintf("LLMSPOOL_RUN=%s", run);
    if (job != NULL)
        variables[used++] = xasprintf("LLMSPOOL_ID=%s", job);
    variables[used] = NULL;
}
