/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status_queue: whose jobs wait for what, in state/status.json; see status_parts.h. */
#include <string.h>

#include "base/day.h"
#include "base/jsontext.h"
#include "daemon/status_parts.h"

enum { REASON_SIZE = 400 };

/* --- models ------------------------------------------------------------------------------------------ */

static json_t *ages_json(struct lane *lane, struct wall now)
{
    uint64_t columns[AGES_COLUMNS] = {0};
    json_t *ages = json_array();

    ages_count(&lane->ages, now, columns);
    for (size_t i = 0; i < AGES_COLUMNS; i++)
        json_array_append_new(ages, status_count(columns[i]));
    return ages;
}

json_t *status_models(const struct core *core)
{
    json_t *models = json_array();

    for (struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next) {
        char reason[REASON_SIZE];
        json_t *model;

        lane_reason(lane, clock_mono(core->clock), clock_wall(core->clock), reason, sizeof reason);
        model = json_pack("{s:s, s:s, s:s*, s:o}", "model", lane->model, "type", lane->type,
                          "provider", lane->wanted, "waiting", status_count(lane->ready.count));
        if (lane->upstream_count > 0)
            json_object_set_new(model, "gate", json_string(lane->upstreams[0]->name));
        if (reason[0] != '\0')
            json_object_set_new(model, "reason", json_string(reason));
        json_object_set_new(model, "ages", ages_json(lane, clock_wall(core->clock)));
        json_array_append_new(models, model);
    }
    return models;
}

/* --- users ------------------------------------------------------------------------------------------- */

static bool is_told(const struct share *share)
{
    return share->is_user && (share->tasks > 0 || share->completed > 0 || share->failed > 0);
}

json_t *status_users(struct core *core)
{
    json_t *users = json_array();
    char day[DAY_SIZE];

    shares_today(core->shares, money_today(core->money));
    day_write(money_today(core->money), day);
    for (const struct share *share = shares_first(core->shares); share != NULL; share = share->hh.next) {
        if (is_told(share))
            json_array_append_new(
                users, json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "user", share->key, "waiting",
                                 status_count(share->tasks - share->in_flight), "running",
                                 status_count(share->in_flight), "day", day, "completed",
                                 status_count(share->completed), "failed",
                                 status_count(share->failed)));
    }
    return users;
}

void status_recall_users(struct core *core, const json_t *status)
{
    int32_t today = money_today(core->money), day;
    json_t *user;
    size_t i;

    shares_today(core->shares, today);
    json_array_foreach (json_object_get(status, "users"), i, user) {
        const char *name = jsontext_get_text(user, "user", NULL);
        int64_t completed = jsontext_get_int(user, "completed", 0);
        int64_t failed = jsontext_get_int(user, "failed", 0);
        struct share *share;

        if (name == NULL || completed < 0 || failed < 0 ||
            !day_read(jsontext_get_text(user, "day", ""), &day) || day != today)
            continue;
        share = shares_get(core->shares, name);
        share->is_user = true;
        share->completed = (uint64_t)completed;
        share->failed = (uint64_t)failed;
    }
}
