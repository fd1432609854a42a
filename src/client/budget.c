/* SPDX-License-Identifier: GPL-2.0-or-later */
/* budget: see budget.h. */
#include "client/budget.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "retain/members.h"

/* --- runs ----------------------------------------------------------------------------------- */

/* The jobs of a run: an object whose keys are their IDs. */
static json_t *read_run(const struct spool *spool, const char *run)
{
    json_t *jobs = json_object();
    size_t count = 0;
    struct member *members = members_read(spool, run, &count, NULL);
    char hex[ID_TEXT_SIZE];

    for (size_t i = 0; members != NULL && i < count; i++) {
        if (!members[i].refused) {
            id_write(&members[i].id, hex);
            json_object_set_new(jobs, hex, json_true());
        }
    }
    free(members);
    return jobs;
}

static bool in_run(const struct spool *spool, const char *run, const struct id *id, json_t *runs)
{
    char hex[ID_TEXT_SIZE];

    if (strchr(run, '/') != NULL || run[0] == '.') {
        return false;
    }
    if (json_object_get(runs, run) == NULL) {
        json_object_set_new(runs, run, read_run(spool, run));
    }
    id_write(id, hex);
    return json_object_get(json_object_get(runs, run), hex) != NULL;
}

/* --- whose it is ---------------------------------------------------------------------------- */

/* What comes behind a beginning, or NULL where it is another. */
static const char *behind(const char *text, const char *beginning)
{
    size_t length = strlen(beginning);

    return strncmp(text, beginning, length) == 0 ? text + length : NULL;
}

/* What comes behind "WORD NAME", or NULL. */
static const char *behind_name(const char *text, const char *word, const char *name)
{
    char *beginning = xasprintf("%s %s", word, name != NULL ? name : "");
    const char *rest = name != NULL ? behind(text, beginning) : NULL;

    free(beginning);
    return rest != NULL && (*rest == '\0' || strchr(" ,;", *rest) != NULL) ? rest : NULL;
}

/* The provider that serves a model, by its gate. */
static const char *provider_of(const json_t *status, const struct budget_subject *subject)
{
    json_t *gate;
    size_t i;

    json_array_foreach (json_object_get(status, "gates"), i, gate) {
        if (subject->provider == NULL && subject->model != NULL &&
            strcmp(jsontext_get_text(gate, "model", ""), subject->model) == 0) {
            return jsontext_get_text(gate, "provider", NULL);
        }
    }
    return subject->provider;
}

/* What comes behind the scope of a budget when the job is within it, or NULL. */
static const char *behind_scope(const char *scope, const json_t *status,
                                const struct budget_subject *subject)
{
    const char *rest = behind(scope, "all");

    if (rest == NULL && subject->user == NULL) {
        rest = behind(scope, "jobs without a user");
    }
    if (rest == NULL) {
        rest = behind_name(scope, "user", subject->user);
    }
    if (rest == NULL) {
        rest = behind_name(scope, "model", subject->model);
    }
    return rest != NULL ? rest : behind_name(scope, "provider", provider_of(status, subject));
}

/* Whether the job is in the run whose name text begins with. */
static bool fits_run(const struct spool *spool, const char *text,
                     const struct budget_subject *subject, json_t *runs)
{
    char *run = xstrndup(text, strcspn(text, " ,;"));
    bool fits = in_run(spool, run, subject->id, runs);

    free(run);
    return fits;
}

/* "budget: … for SCOPE[, run RUN] …" */
static bool fits_budget(const struct spool *spool, const json_t *status, const char *reason,
                        const struct budget_subject *subject, json_t *runs)
{
    const char *scope = strstr(reason, " for ");
    const char *rest, *run;

    if (behind(reason, "budget: ") == NULL || scope == NULL) {
        return false;
    }
    scope += strlen(" for ");
    run = behind(scope, "run ");
    if (run != NULL) {
        return fits_run(spool, run, subject, runs);
    }
    rest = behind_scope(scope, status, subject);
    run = rest != NULL ? behind(rest, ", run ") : NULL;
    return rest != NULL && (run == NULL || fits_run(spool, run, subject, runs));
}

static bool fits_price(const char *reason, const struct budget_subject *subject)
{
    const char *rest = behind_name(reason, "no price for", subject->model);

    return rest != NULL && behind(rest, " under a budget") != NULL;
}

const char *budget_reason(const struct spool *spool, const json_t *status,
                          const struct budget_subject *subject, json_t *runs)
{
    json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(status, "reasons"), i, entry) {
        const char *reason = jsontext_get_text(entry, "reason", "");

        if (fits_price(reason, subject) || fits_budget(spool, status, reason, subject, runs)) {
            return reason;
        }
    }
    return NULL;
}

char *budget_reason_of(const struct spool *spool, const struct id *id, const json_t *job)
{
    const struct budget_subject subject = {
        .id = id,
        .model = jsontext_get_text(job, "model", NULL),
        .provider = jsontext_get_text(job, "provider", NULL),
        .user = jsontext_get_text(job, "user", NULL),
    };
    json_t *status = records_status(spool);
    json_t *runs = json_object();
    char *reason = xstrdup(budget_reason(spool, status, &subject, runs));

    json_decref(runs);
    json_decref(status);
    return reason;
}
