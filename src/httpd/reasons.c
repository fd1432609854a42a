/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reasons: see reasons.h. */
#include "httpd/reasons.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "client/records.h"

enum {
    KINDS = 32,
    FRESH_MS = 1000,
};

struct kind {
    char *model;
    char *type;
    char *provider;
    char *reason;
    struct mono asked;
};

struct reasons {
    const struct spool *spool;
    struct kind kinds[KINDS];
    size_t count;
};

struct reasons *reasons_new(const struct spool *spool)
{
    struct reasons *reasons = xcalloc(1, sizeof *reasons);

    reasons->spool = spool;
    return reasons;
}

static void kind_clear(struct kind *kind)
{
    free(kind->model);
    free(kind->type);
    free(kind->provider);
    free(kind->reason);
    *kind = (struct kind){0};
}

void reasons_free(struct reasons *reasons)
{
    if (reasons == NULL)
        return;
    for (size_t i = 0; i < reasons->count; i++)
        kind_clear(&reasons->kinds[i]);
    free(reasons);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The kind's place: its own, a new one, or that of the kind that was asked for longest ago. */
static struct kind *place(struct reasons *reasons, const char *model, const char *type,
                          const char *provider)
{
    struct kind *kind = &reasons->kinds[0];

    for (size_t i = 0; i < reasons->count; i++) {
        struct kind *other = &reasons->kinds[i];

        if (same(other->model, model) && same(other->type, type) && same(other->provider, provider))
            return other;
        if (other->asked.ms < kind->asked.ms)
            kind = other;
    }
    if (reasons->count < KINDS)
        kind = &reasons->kinds[reasons->count++];
    kind_clear(kind);
    kind->model = xstrdup(model);
    kind->type = xstrdup(type);
    kind->provider = xstrdup(provider);
    kind->asked.ms = -FRESH_MS;
    return kind;
}

const char *reasons_find(struct reasons *reasons, const char *model, const char *type,
                         const char *provider)
{
    struct kind *kind = place(reasons, model, type, provider);
    struct mono now = clock_mono(&clock_system);
    bool loud;

    if (now.ms - kind->asked.ms >= FRESH_MS) {
        free(kind->reason);
        kind->reason = records_obstacle(reasons->spool, model, type, provider, &loud);
        kind->asked = now;
    }
    return kind->reason;
}
