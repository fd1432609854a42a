/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules: see rules.h.
 */
#include "daemon/rules.h"

#include <fcntl.h>
#include <unistd.h>

#include "daemon/flows.h"
#include "daemon/webhooks.h"

static bool is_finished(struct core *core, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(core->spool->dir[FOLDER_DONE], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* How many jobs of a user wait in cur/. */
static size_t waiting_of(struct core *core, const char *user)
{
    const struct share *share = shares_get(core->shares, user);

    return share->tasks - share->in_flight;
}

bool rules_allow(struct core *core, const struct job *job, const char **reason,
                 struct error *error)
{
    const struct config_user *section = config_user(core->config, job->user);

    if (job->after != NULL && !flows_allow(core->flows, job, reason, error))
        return false;
    if (job->webhook != NULL && !webhooks_allow(core->webhooks, job->webhook, reason, error))
        return false;
    if (section == NULL || queue_find(core->queue, &job->id) != NULL)
        return true;
    if (!config_user_allows(section, job->model)) {
        *reason = "model_not_allowed";
        error_set(error, ERROR_DATA, "%s may not ask %s: the configuration's section user \"%s\" "
                                     "does not name that model",
                  job->user != NULL ? job->user : "a job without user", job->model, section->name);
        return false;
    }
    if (job->user == NULL || section->max_waiting == 0 ||
        waiting_of(core, job->user) < section->max_waiting || is_finished(core, &job->id))
        return true;
    *reason = "too_many_waiting";
    error_set(error, ERROR_DATA,
              "%s has %u jobs waiting, which is as many as the configuration allows: drop it again "
              "when some are done",
              job->user, section->max_waiting);
    return false;
}
