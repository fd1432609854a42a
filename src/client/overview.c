/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * overview: see overview.h. Printing is in overview_print.c.
 */
#include "client/overview.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "client/tally.h"
#include "client/upkeep.h"

enum { FAILURES_READ = 200, MINUTE_MS = 60 * 1000 };

static json_t *count_json(size_t count)
{
    return json_integer((json_int_t)count);
}

static json_t *folders_json(const struct tally *tally)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "new", count_json(tally->dropped),
                     "cur", count_json(tally->active), "running", count_json(tally->running),
                     "done", count_json(tally->done), "failed", count_json(tally->failed),
                     "refused", count_json(tally->refused), "orders", count_json(tally->orders),
                     "holds", count_json(tally->holds), "at_least",
                     json_boolean(tally->cut));
}

/* The daemon's status is a cache: what it says of now is worth nothing when no daemon runs. */
static json_t *own_status(const struct spool *spool, bool up)
{
    static const char *const fleeting[] = {"counts", "gates", "models",  "reasons", "oldest_runnable",
                                           "disk",   "rates", "trouble", "users"};
    json_t *status = records_status(spool);

    if (status == NULL) {
        return json_object();
    }
    for (size_t i = 0; !up && i < sizeof fleeting / sizeof fleeting[0]; i++) {
        json_object_del(status, fleeting[i]);
    }
    return status;
}

/* The daemon writes nothing while nothing changes: a minute later nothing has ended for a minute. */
static void rate_of_now(json_t *overview, struct wall now)
{
    json_t *rates = json_object_get(overview, "rates");

    if (rates != NULL && now.ms - records_time(overview, "time") > MINUTE_MS) {
        json_object_set_new(rates, "per_minute", json_integer(0));
    }
}

json_t *overview_read(const struct spool *spool, struct error *error)
{
    bool up = spool_owned(spool);
    json_t *overview = own_status(spool, up);
    struct tally tally;
    json_t *upkeep;

    if (tally_read(spool, json_object_get(overview, "counts"), &tally, error) < 0) {
        json_decref(overview);
        return NULL;
    }
    rate_of_now(overview, clock_wall(&clock_system));
    json_object_set_new(overview, "daemon_up", json_boolean(up));
    json_object_set_new(overview, "spool", json_string(spool->path));
    json_object_set_new(overview, "shared", json_boolean(spool->shared));
    json_object_set_new(overview, "paused", json_boolean(tally.pause));
    json_object_set_new(overview, "draining", json_boolean(tally.drain));
    json_object_set_new(overview, "folders", folders_json(&tally));
    upkeep = upkeep_read(spool, tally.done + tally.failed, clock_wall(&clock_system));
    if (upkeep != NULL) {
        json_object_set_new(overview, "upkeep", upkeep);
    }
    json_object_set_new(overview, "failures", tally_failures(spool, FAILURES_READ));
    return overview;
}

char *overview_stopped(const struct spool *spool)
{
    json_t *status;
    const char *trouble;
    char *reason = NULL;

    if (!spool_owned(spool)) {
        return xstrdup("no daemon runs");
    }
    status = records_status(spool);
    trouble = jsontext_get_text(status, "trouble", NULL);
    if (jsontext_get_bool(status, "paused", false)) {
        reason = xstrdup("paused (llmspool-ctl resume)");
    } else if (trouble != NULL) {
        reason = xstrdup(trouble);
    }
    json_decref(status);
    return reason;
}
