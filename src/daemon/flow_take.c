/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_take: flows, and jobs that are after others, on their way from new/ into flows/.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "daemon/flows_core.h"
#include "daemon/refusal.h"
#include "daemon/rules.h"
#include "job/flow.h"

#define FOREIGN "foreign_flow"

static const char foreign_words[] =
    "there is a flow of this name, and it is another user's: take another name";

static void digest(const json_t *document, char sha256[SHA256_HEX_SIZE])
{
    struct buffer text = {0};

    jsontext_write_canonical(&text, document);
    sha256_hex(text.bytes, text.length, sha256);
    buffer_free(&text);
}

static struct making *making_new(const char *name, const json_t *document, const char *user,
                                 struct drop *drop)
{
    struct making *making = xcalloc(1, sizeof *making);

    making->name = xstrdup(name);
    making->user = xstrdup(user);
    making->submitted = drop->submitted;
    making->drop = drop;
    digest(document, making->sha256);
    flow_record_head(&making->text, name, making->sha256, making->submitted, user);
    return making;
}

static void making_free(struct making *making)
{
    buffer_free(&making->text);
    free(making->name);
    free(making->user);
    free(making);
}

static void making_start(struct flows *flows, struct making *making)
{
    TAILQ_INSERT_TAIL(&flows->makings, making, link);
    flows->core->kick(flows->core);
}

/* Whether a flow of that name is on its way, or about to leave. */
static bool is_busy(const struct flows *flows, const char *name)
{
    const struct making *making;
    const struct flow *flow;

    TAILQ_FOREACH(making, &flows->makings, link)
        if (strcmp(making->name, name) == 0)
            return true;
    TAILQ_FOREACH(making, &flows->group.makings, link)
        if (strcmp(making->name, name) == 0)
            return true;
    HASH_FIND_STR(flows->all, name, flow);
    return flow != NULL && flow->closing;
}

static void tell_duplicate(struct flows *flows, const char *name, struct drop *drop)
{
    events_add(flows->core->events, "duplicate",
               json_pack("{s:s, s:s}", "flow", name, "state", "waiting"));
    drop->ended(drop, DROP_ANSWERED);
}

void making_back(struct flows *flows, struct making *making)
{
    struct core *core = flows->core;
    struct drop *drop = making->drop;

    if (making->record != NULL) {
        events_add(core->events, "flow_accepted",
                   json_pack("{s:s, s:I, s:s*}", "flow", making->name, "steps",
                             (json_int_t)making->record->count, "user", making->user));
        flow_add(flows, making->record);
        drop->ended(drop, DROP_ANSWERED);
    } else if (making->result == 1) {
        drop->ended(drop, DROP_ANSWERED);
    } else if (making->result == -EPERM) {
        refusal_file(core, FOLDER_NEW, drop->name,
                     &(struct refusal){.reason = FOREIGN,
                                       .message = foreign_words,
                                       .submitted = drop->submitted});
        drop->ended(drop, DROP_TAKEN);
    } else {
        log_warning(&core->log, "flows/%s cannot be made: %s", making->name,
                    making->result < 0 ? strerror(-making->result) : making->error.text);
        drop->ended(drop, DROP_LATER);
    }
    making_free(making);
}

void flows_take_job(struct flows *flows, struct job *job, struct drop *drop)
{
    char name[sizeof "step-" + SHA256_HEX_SIZE] = "step-";
    struct making *making;
    struct flow *flow;

    digest(job->document, name + strlen(name));
    HASH_FIND_STR(flows->all, name, flow);
    if (is_busy(flows, name)) {
        drop->ended(drop, DROP_LATER);
    } else if (flow != NULL) {
        tell_duplicate(flows, name, drop);
    } else {
        making = making_new(name, job->document, job->user, drop);
        job_write(job, &making->text);
        making_start(flows, making);
    }
    job_free(job);
}

/* --- a flow ---------------------------------------------------------------------------------------------- */

/* Whether a job that is no step may be meant: one of that name, or any ID, whose job may come later. */
static bool is_known(void *context, const char *word, const char *user)
{
    const struct flows *flows = context;
    struct id id;

    return id_read(word, &id) || flows_find_own(flows->core->spool, word, user, &id);
}

static bool steps_allowed(struct core *core, const struct flow_plan *plan, const char **reason,
                          struct error *error)
{
    for (size_t i = 0; i < plan->count; i++)
        if (!rules_allow(core, plan->steps[i].job, reason, error)) {
            error_prefix(error, "step %s", plan->steps[i].name);
            return false;
        }
    return true;
}

static const char *user_or_none(const char *user)
{
    return user != NULL ? user : "";
}

/* A flow of the name of one that has not ended: the same again, or it is refused. */
static bool take_name(struct flows *flows, const struct flow *flow, const struct making *making,
                      const char **reason, struct error *error)
{
    const char *name = making->name;

    if (strcmp(user_or_none(flow->record->user), user_or_none(making->user)) != 0) {
        *reason = FOREIGN;
        error_set(error, ERROR_DATA, "%s", foreign_words);
        return false;
    }
    if (strcmp(flow->record->sha256, making->sha256) != 0) {
        *reason = "flow_under_way";
        error_set(error, ERROR_DATA,
                  "flow %s has not ended and has other steps: cancel it (llmspool-ctl cancel "
                  "--flow %s), or give this one another name",
                  name, name);
        return false;
    }
    tell_duplicate(flows, name, making->drop);
    return true;
}

static bool take_plan(struct flows *flows, const struct flow_plan *plan, const json_t *document,
                      const struct job_context *context, struct drop *drop, struct error *error)
{
    struct making *making;
    struct flow *flow;

    if (is_busy(flows, plan->name)) {
        drop->ended(drop, DROP_LATER);
        return true;
    }
    making = making_new(plan->name, document, context->owner, drop);
    HASH_FIND_STR(flows->all, plan->name, flow);
    if (flow != NULL) {
        bool taken = take_name(flows, flow, making, context->reason, error);

        making_free(making);
        return taken;
    }
    for (size_t i = 0; i < plan->count; i++)
        job_write(plan->steps[i].job, &making->text);
    making_start(flows, making);
    return true;
}

bool flows_take(struct flows *flows, json_t *document, const struct job_context *context,
                struct drop *drop, struct error *error)
{
    struct flow_context judge = {.job = *context, .known = is_known, .context = flows};
    struct flow_plan *plan = flow_read(document, &judge, error);
    bool taken = plan != NULL && steps_allowed(flows->core, plan, context->reason, error) &&
                 take_plan(flows, plan, document, context, drop, error);

    flow_free(plan);
    return taken;
}

/* --- waiting for itself ------------------------------------------------------------------------------------ */

/* The steps that wait, by a way, for one name: those that wait for it, those that wait for their names, and
 * so on. */
struct search {
    struct flows *flows;
    const char *user;      /* the only one whose steps wait for its jobs; NULL: all do */
    const json_t *parents; /* of the new job */
    struct step *first;    /* found, and not looked at yet; linked by next_found */
    struct step **last;
};

static void search_add(struct search *search, const char *name, struct step *from)
{
    struct waiters *waiters;

    HASH_FIND_STR(search->flows->waiters, name, waiters);
    for (struct waiter *waiter = waiters != NULL ? waiters->first : NULL; waiter != NULL;
         waiter = waiter->next) {
        struct step *step = waiter->step;

        if (step->search == search->flows->searches ||
            (search->user != NULL && strcmp(step->entry->user != NULL ? step->entry->user : "",
                                            search->user) != 0))
            continue;
        step->search = search->flows->searches;
        step->from = from;
        step->next_found = NULL;
        *search->last = step;
        search->last = &step->next_found;
    }
}

static bool has_word(const json_t *words, const char *word)
{
    json_t *value;
    size_t i;

    json_array_foreach(words, i, value)
        if (strcmp(json_string_value(value), word) == 0)
            return true;
    return false;
}

static void refuse_way(const struct job *job, const struct step *step, struct error *error)
{
    struct buffer way = {0};

    buffer_printf(&way, "%s -> ", job->name);
    for (; step != NULL; step = step->from)
        buffer_printf(&way, "%s -> ", step->entry->name);
    buffer_text(&way, job->name);
    error_set(error, ERROR_DATA, "%s: each of these jobs waits for the next, so none would ever run",
              way.bytes);
    buffer_free(&way);
}

bool flows_allow(struct flows *flows, const struct job *job, const char **reason,
                 struct error *error)
{
    struct search search = {.flows = flows,
                            .user = flows->core->spool->owner_only ? job->user : NULL,
                            .parents = job->after,
                            .last = &search.first};
    bool cycle = job->name != NULL && has_word(job->after, job->name);
    struct step *step = NULL;

    flows->searches++;
    if (!cycle && job->name != NULL)
        search_add(&search, job->name, NULL);
    for (step = search.first; !cycle && step != NULL; step = step->next_found) {
        cycle = has_word(job->after, step->entry->name);
        if (cycle)
            break;
        search_add(&search, step->entry->name, step);
    }
    if (!cycle)
        return true;
    *reason = "cycle";
    refuse_way(job, step, error);
    return false;
}
