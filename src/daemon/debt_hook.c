/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debt_hook: see debt_hook.h.
 */
#include "daemon/debt_hook.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/hook_notice.h"
#include "daemon/outbox.h"
#include "job/mail.h"

enum { RETRY_MS = 1000 };

/* --- one debt ------------------------------------------------------------------------------------------------ */

static json_t *make_notice(struct core *core, const char *event, const char *to,
                           json_t *more)
{
    char time[TIMETEXT_SIZE];
    json_t *notice;

    timetext_write(clock_wall(core->clock), time);
    notice = json_pack("{s:s, s:s, s:s*}", "event", event, "time", time, "to", to);
    json_object_update_missing(notice, more);
    return notice;
}

static void owe(struct core *core, struct publication *publication, const char *hook,
                const char *what, json_t *notice)
{
    const char *event = jsontext_get_text(notice, "event", "");
    const char *to = jsontext_get_text(notice, "to", "");
    struct buffer text = {0};
    char hash[SHA256_HEX_SIZE];
    json_t *job, *debt;

    buffer_printf(&text, "hook\n%s\n%s\n%s\n%s", hook, event, to, what);
    sha256_hex(text.bytes, text.length, hash);
    buffer_free(&text);
    job = json_object_get(notice, "job");
    debt = json_pack("{s:s, s:s, s:s, s:O, s:s*, s:s*, s:O}", "webhook_id", hash, "hook", hook,
                     "event", event, "time", json_object_get(notice, "time"), "id",
                     jsontext_get_text(job, "id", NULL), "user",
                     jsontext_get_text(job, "user", NULL), "notice", notice);
    json_decref(notice);
    outbox_owe(core, publication, hash, debt);
}

bool debt_hook_wanted(const struct core *core, const char *event)
{
    for (size_t i = 0; i < core->config->hook_count; i++)
        if (config_hook_hears(&core->config->hooks[i], event))
            return true;
    return false;
}

void debt_hook(struct core *core, struct publication *publication, const char *event,
               const char *what, json_t *notice)
{
    for (size_t i = 0; i < core->config->hook_count; i++)
        if (config_hook_hears(&core->config->hooks[i], event))
            owe(core, publication, core->config->hooks[i].name, what,
                make_notice(core, event, NULL, notice));
}

void debt_mail(struct core *core, struct publication *publication, const char *to, const char *event,
               const char *what, json_t *notice)
{
    owe(core, publication, HOOK_MAIL, what, make_notice(core, event, to, notice));
}

char *debt_mail_to(const struct core *core, const json_t *mail, const char *user)
{
    const char *to = mail_to(mail);
    const struct passwd *entry;

    if (to == NULL && core->spool->shared)
        to = user;
    if (to == NULL && (entry = getpwuid(geteuid())) != NULL)
        to = entry->pw_name;
    return to != NULL && mail_address_good(to) ? xstrdup(to) : NULL;
}

/* --- of a moment --------------------------------------------------------------------------------------------- */

/* Debts that nothing else makes durable. */
struct moment {
    struct core *core;
    char *event;
    char *what;
    json_t *notice;
    uv_timer_t later;
};

static void moment_publish(struct moment *moment);

static void moment_closed(uv_handle_t *handle)
{
    struct moment *moment = handle->data;

    json_decref(moment->notice);
    free(moment->event);
    free(moment->what);
    free(moment);
}

static void moment_again(uv_timer_t *timer)
{
    moment_publish(timer->data);
}

static void moment_published(void *context, int result, int failed_file)
{
    struct moment *moment = context;

    (void)failed_file;
    if (result == 0 || moment->core->stopping) {
        uv_close((uv_handle_t *)&moment->later, moment_closed);
        return;
    }
    log_warning(&moment->core->log, "outbox/: a notice of %s cannot be written, trying again: %s",
                moment->event, strerror(-result));
    uv_timer_start(&moment->later, moment_again, RETRY_MS, 0);
}

static void moment_publish(struct moment *moment)
{
    struct publication *publication = publication_new(moment_published, moment);

    debt_hook(moment->core, publication, moment->event, moment->what, moment->notice);
    publish_add(moment->core->publish, publication);
}

void debt_hook_now(struct core *core, const char *event, const char *what, json_t *notice)
{
    struct moment *moment;

    if (!debt_hook_wanted(core, event))
        return;
    moment = xcalloc(1, sizeof *moment);
    moment->core = core;
    moment->event = xstrdup(event);
    moment->what = xstrdup(what);
    moment->notice = json_deep_copy(notice);
    uv_timer_init(core->loop, &moment->later);
    moment->later.data = moment;
    moment_publish(moment);
}

/* --- of a job's end ------------------------------------------------------------------------------------------ */

static json_t *describe_job(const struct debt_end *end, const struct job *job,
                            const struct debt_job *more)
{
    char id[ID_TEXT_SIZE];

    id_write(end->id, id);
    return json_pack("{s:{s:s, s:i, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:o*}}", "job", "id", id,
                     "run", (int)end->run, "status", end->event, "name", job->name, "user",
                     job->user, "model", more->model != NULL ? more->model : job->model, "in_run",
                     more->in_run, "reason", more->reason, "message", hook_notice_sentence(more->message));
}

/* Tells this end of this job from all others. */
static char *name_end(const struct debt_end *end)
{
    char id[ID_TEXT_SIZE];

    id_write(end->id, id);
    return xasprintf("%s\n%u\n%s", id, end->run, end->event);
}

static void mail_one(struct core *core, struct publication *publication, const struct debt_end *end,
                     const json_t *mail, const char *user, json_t *notice)
{
    char *to, *what;

    if (mail == NULL || !mail_wants(mail, end->event))
        return;
    to = debt_mail_to(core, mail, user);
    what = name_end(end);
    if (to != NULL)
        debt_mail(core, publication, to, "ended", what, notice);
    free(to);
    free(what);
}

static bool failed(const struct debt_end *end)
{
    return strcmp(end->event, "failed") == 0 || strcmp(end->event, "expired") == 0;
}

void debt_hook_end(struct core *core, struct publication *publication, const struct debt_end *end,
                   const struct job *job, const struct state *state, const struct debt_job *more)
{
    bool told = failed(end) && debt_hook_wanted(core, HOOK_FAILED);
    json_t *notice, *mail;
    char *what;
    size_t i;

    if (!told && job->mail == NULL && (state == NULL || json_array_size(state->mails) == 0))
        return;
    notice = describe_job(end, job, more);
    if (told) {
        what = name_end(end);
        debt_hook(core, publication, HOOK_FAILED, what, notice);
        free(what);
    }
    mail_one(core, publication, end, job->mail, job->user, notice);
    if (state != NULL)
        json_array_foreach(state->mails, i, mail)
            mail_one(core, publication, end, mail, job->user, notice);
    json_decref(notice);
}

void debt_mail_answered(struct core *core, struct publication *publication,
                        const struct debt_end *end, const struct job *job)
{
    json_t *notice = describe_job(end, job, &(struct debt_job){0});

    mail_one(core, publication, end, job->mail, job->user, notice);
    json_decref(notice);
}
