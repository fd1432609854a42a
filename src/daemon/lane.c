/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lane: see lane.h.
 */
#include "daemon/lane.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"
#include "base/xalloc.h"

enum {
    CHOICES = 3,       /* tasks of a lane that are offered to a gate which refuses one */
    CHAIN_LIMIT = 16,  /* a longer chain of fallbacks is a mistake */
};

struct lanes {
    const struct config *config;
    struct upstreams *upstreams;
    struct shares *shares;
    struct lane *all; /* uthash by key */
    TAILQ_HEAD(, lane) active;
    uint64_t picks;
};

struct lanes *lanes_open(const struct config *config, struct upstreams *upstreams,
                         struct shares *shares)
{
    struct lanes *lanes = xcalloc(1, sizeof *lanes);

    lanes->config = config;
    lanes->upstreams = upstreams;
    lanes->shares = shares;
    TAILQ_INIT(&lanes->active);
    return lanes;
}

static void lane_free(struct lanes *lanes, struct lane *lane)
{
    ready_close(&lane->ready, lanes->shares);
    ages_free(&lane->ages);
    json_decref(lane->chain);
    free(lane->upstreams);
    free(lane->key);
    free(lane->model);
    free(lane->wanted);
    free(lane->type);
    free(lane->user);
    free(lane);
}

void lanes_close(struct lanes *lanes)
{
    struct lane *lane, *next;

    if (lanes == NULL)
        return;
    HASH_ITER (hh, lanes->all, lane, next) {
        HASH_DELETE(hh, lanes->all, lane);
        lane_free(lanes, lane);
    }
    free(lanes);
}

struct lane *lanes_first(const struct lanes *lanes)
{
    return lanes->all;
}

/* --- ways ----------------------------------------------------------------------------------------- */

/* A lane is active while it has both tasks and upstreams. */
static void lane_activate(struct lanes *lanes, struct lane *lane)
{
    bool active = lane->ready.count > 0 && lane->upstream_count > 0;

    if (active && !lane->active)
        TAILQ_INSERT_TAIL(&lanes->active, lane, link);
    else if (!active && lane->active)
        TAILQ_REMOVE(&lanes->active, lane, link);
    lane->active = active;
}

/* The user section whose keys are sent to a provider, or NULL. */
static const struct config_user *key_owner(const struct config *config,
                                           const struct config_provider *route, const char *user)
{
    const struct config_user *section = config_user(config, user);

    if (section == NULL || section->key_count == 0 || route == NULL ||
        (section->provider != NULL && strcmp(section->provider, route->name) != 0))
        return NULL;
    return section;
}

static void lane_route(struct lanes *lanes, struct lane *lane)
{
    const struct config *config = lanes->config;
    const struct config_user *owner;

    free(lane->upstreams);
    lane->upstreams = NULL;
    lane->upstream_count = 0;
    lane->route = config_route(config, lane->model, lane->wanted);
    lane->protocol =
        lane->route != NULL ? provider_find(lane->route->protocol, lane->type) : NULL;
    if (lane->protocol != NULL) {
        owner = key_owner(config, lane->route, lane->user);
        lane->upstreams = upstreams_of(lanes->upstreams, lane->route, owner, lane->model,
                                       &lane->upstream_count);
    }
    if (!lane->chain_given) {
        const char **chain = config_model_fallback(config, lane->model, lane->wanted);

        json_array_clear(lane->chain);
        for (size_t i = 0; chain != NULL && chain[i] != NULL; i++)
            json_array_append_new(lane->chain, json_string(chain[i]));
        free(chain);
    }
    lane_activate(lanes, lane);
}

/* --- finding and making ------------------------------------------------------------------------------ */

static char *key_for(const struct lane_want *want, const char *user)
{
    char *chain = want->chain != NULL ? json_dumps(want->chain, JSON_COMPACT) : NULL;
    char *key = xasprintf("%s\n%s\n%s\n%s\n%s", want->model,
                          want->provider != NULL ? want->provider : "", want->type,
                          user != NULL ? user : "", chain != NULL ? chain : "");

    free(chain);
    return key;
}

/* The user section a lane is for, or NULL: users without keys of their own share it. Whoever has some has
 * lanes of his own for all models, as one of them may fall back on another whose key is his. */
static const char *lane_user(const struct lanes *lanes, const struct lane_want *want)
{
    const struct config_user *section = config_user(lanes->config, want->user);

    return section != NULL && section->key_count > 0 ? section->name : NULL;
}

struct lane *lanes_get(struct lanes *lanes, const struct lane_want *want)
{
    const char *user = lane_user(lanes, want);
    char *key = key_for(want, user);
    struct lane *lane;

    HASH_FIND_STR(lanes->all, key, lane);
    if (lane != NULL) {
        free(key);
        return lane;
    }
    lane = xcalloc(1, sizeof *lane);
    lane->key = key;
    lane->model = xstrdup(want->model);
    lane->wanted = xstrdup(want->provider);
    lane->type = xstrdup(want->type);
    lane->user = xstrdup(user);
    lane->chain_given = want->chain != NULL;
    lane->chain = want->chain != NULL ? json_deep_copy(want->chain) : json_array();
    ready_open(&lane->ready, lanes->config->aging_ms);
    HASH_ADD_KEYPTR(hh, lanes->all, lane->key, strlen(lane->key), lane);
    lane_route(lanes, lane);
    return lane;
}

/* The lane of one model of a lane's chain, with what follows in it as its own. */
static struct lane *fallback_at(struct lanes *lanes, const struct lane *lane, size_t place)
{
    const json_t *model = json_array_get(lane->chain, place);
    json_t *rest = json_array();
    struct lane *next;

    for (size_t i = place + 1; i < json_array_size(lane->chain); i++)
        json_array_append(rest, json_array_get(lane->chain, i));
    next = lanes_get(lanes, &(struct lane_want){.model = json_string_value(model),
                                                .type = lane->type,
                                                .user = lane->user,
                                                .chain = rest});
    json_decref(rest);
    return next;
}

struct lane *lanes_without_fallback(struct lanes *lanes, const struct lane *lane)
{
    json_t *none = json_array();
    struct lane *plain = lanes_get(lanes, &(struct lane_want){.model = lane->model,
                                                              .provider = lane->wanted,
                                                              .type = lane->type,
                                                              .user = lane->user,
                                                              .chain = none});

    json_decref(none);
    return plain;
}

struct lane *lanes_fallback(struct lanes *lanes, const struct lane *lane)
{
    for (size_t i = 0; i < json_array_size(lane->chain) && i < CHAIN_LIMIT; i++) {
        struct lane *next = fallback_at(lanes, lane, i);

        if (next->upstream_count > 0)
            return next;
    }
    return NULL;
}

void lanes_configure(struct lanes *lanes, const struct config *config, struct mono now)
{
    lanes->config = config;
    upstreams_configure(lanes->upstreams, config, now);
    for (struct lane *lane = lanes->all; lane != NULL; lane = lane->hh.next) {
        lane->ready.aging_ms = config->aging_ms;
        lane_route(lanes, lane);
    }
    for (struct share *share = shares_first(lanes->shares); share != NULL;
         share = share->hh.next) {
        const struct config_user *user = config_user(config, share->key);

        share->max_in_flight = user != NULL ? user->max_in_flight : 0;
        ready_share_changed(share);
    }
}

void lanes_look_at_urls(struct lanes *lanes)
{
    if (!upstreams_look_at_files(lanes->upstreams))
        return;
    for (struct lane *lane = lanes->all; lane != NULL; lane = lane->hh.next)
        if (lane->route != NULL && lane->route->url_file != NULL)
            lane_route(lanes, lane);
}

struct share *lanes_share(struct lanes *lanes, const struct task *task)
{
    const char *key = task->user != NULL ? task->user : task->in_run != NULL ? task->in_run : "";
    struct share *share = shares_get(lanes->shares, key);
    const struct config_user *user = config_user(lanes->config, task->user);

    share->is_user = share->is_user || task->user != NULL;
    share->max_in_flight = user != NULL ? user->max_in_flight : 0;
    return share;
}

void lane_ready(struct lanes *lanes, struct task *task, struct wall now)
{
    ready_add(&task->lane->ready, task, now);
    lane_activate(lanes, task->lane);
}

void lane_unready(struct lanes *lanes, struct task *task)
{
    ready_remove(&task->lane->ready, task);
    lane_activate(lanes, task->lane);
}

/* --- picking ------------------------------------------------------------------------------------------- */

/* Whether every gate of a lane has been shut for longer than its jobs need to wait. */
static bool lane_is_shut(const struct lanes *lanes, const struct lane *lane, struct mono now)
{
    for (size_t i = 0; i < lane->upstream_count; i++) {
        int64_t since_ms = gate_view(lane->upstreams[i]->gate, now).since_mono_ms;

        if (since_ms < 0 || now.ms - since_ms < lanes->config->fallback_after_ms)
            return false;
    }
    return lane->upstream_count > 0;
}

static bool lane_is_open(const struct lane *lane, struct mono now)
{
    for (size_t i = 0; i < lane->upstream_count; i++)
        if (gate_open_now(lane->upstreams[i]->gate, now))
            return true;
    return false;
}

/* The lane whose model a lane's jobs may ask now: its own, or a fallback's; NULL: none. */
static struct lane *lane_via(struct lanes *lanes, struct lane *lane, struct mono now)
{
    for (unsigned steps = 0; lane != NULL && steps <= CHAIN_LIMIT; steps++) {
        if (lane_is_open(lane, now))
            return lane;
        lane = lane_is_shut(lanes, lane, now) ? lanes_fallback(lanes, lane) : NULL;
    }
    return NULL;
}

static struct gate_cost cost_for(const struct task *task, const struct upstream *upstream)
{
    return (struct gate_cost){
        .input_tokens = (int64_t)((double)task->input_tokens * upstream->input_ratio),
        .output_tokens = (int64_t)((double)task->output_tokens * upstream->output_ratio),
    };
}

/* The upstream of a lane with the most room that lets a task pass now. */
static bool offer(struct lane *via, struct task *task, bool single, struct mono now,
                  struct pick *pick)
{
    double best_room = 0;

    pick->upstream = NULL;
    for (size_t i = 0; i < via->upstream_count; i++) {
        struct upstream *upstream = via->upstreams[i];
        struct gate_cost cost = cost_for(task, upstream);
        double room;

        if (!gate_ready(upstream->gate, &task->id, &cost, single, now))
            continue;
        room = gate_room(upstream->gate, now);
        if (pick->upstream == NULL || room > best_room) {
            *pick = (struct pick){
                .task = task, .via = via, .upstream = upstream, .cost = cost};
            best_room = room;
        }
    }
    return pick->upstream != NULL;
}

/* Whether one of the gates looks for a probe, and so may refuse the one job that closed it. */
static bool lane_probes(const struct lane *lane, struct mono now)
{
    for (size_t i = 0; i < lane->upstream_count; i++)
        if (gate_open_now(lane->upstreams[i]->gate, now) &&
            gate_view(lane->upstreams[i]->gate, now).state != GATE_OPEN)
            return true;
    return false;
}

/* A probing gate may not want the very job that closed it: then the next ones are offered, and where
 * there is none, that one all the same. An open gate that refuses the first has no room for it yet:
 * smaller ones must not take what it waits for. */
static bool lane_pick(struct lane *lane, struct lane *via, struct wall wall, struct mono now,
                      struct pick *pick)
{
    bool probes = lane_probes(via, now);
    unsigned offered = 0;
    struct task *first = NULL;

    for (size_t i = 0; i < (probes ? CHOICES : 1); i++) {
        struct task *task = ready_choice(&lane->ready, i, wall);

        if (task == NULL)
            continue;
        if (offer(via, task, false, now, pick))
            return true;
        first = first != NULL ? first : task;
        offered++;
    }
    return probes && offered == 1 && offer(via, first, true, now, pick);
}

/* Of lanes whose next jobs are equally urgent, the one that was picked from longest ago. */
static bool lane_before(const struct lane *lane, int level, const struct lane *other,
                        int other_level)
{
    if (other == NULL || level != other_level)
        return other == NULL || level < other_level;
    return lane->picked < other->picked;
}

bool lanes_pick(struct lanes *lanes, struct wall wall, struct mono now, struct pick *pick)
{
    struct lane *best = NULL;
    int best_level = 0;
    struct lane *lane;

    TAILQ_FOREACH (lane, &lanes->active, link) {
        struct lane *via = lane_via(lanes, lane, now);
        int level = via != NULL ? ready_level(&lane->ready, wall) : -1;
        struct pick found;

        if (level < 0 || !lane_before(lane, level, best, best_level))
            continue;
        if (!lane_pick(lane, via, wall, now, &found))
            continue;
        best = lane;
        best_level = level;
        *pick = found;
    }
    if (best != NULL)
        best->picked = ++lanes->picks;
    return best != NULL;
}

bool lanes_offer(struct lanes *lanes, struct task *task, struct mono now, struct pick *pick)
{
    struct lane *via = task->lane->upstream_count > 0 ? lane_via(lanes, task->lane, now) : NULL;

    return via != NULL && offer(via, task, true, now, pick);
}

/* --- waking ---------------------------------------------------------------------------------------------- */

/* When one of a lane's gates opens, and in *shut_ms when the turn of its fallback comes. */
static int64_t gates_wake_ms(const struct lanes *lanes, const struct lane *lane, struct mono now,
                             int64_t *shut_ms)
{
    int64_t wake_ms = -1;

    *shut_ms = 0;
    for (size_t i = 0; i < lane->upstream_count; i++) {
        const struct gate *gate = lane->upstreams[i]->gate;
        int64_t since_ms = gate_view(gate, now).since_mono_ms;
        int64_t until_ms = since_ms < 0 ? -1 : since_ms + lanes->config->fallback_after_ms;

        wake_ms = clock_sooner(wake_ms, gate_wake_ms(gate));
        if (*shut_ms >= 0)
            *shut_ms = until_ms < 0 || until_ms > *shut_ms ? until_ms : *shut_ms;
    }
    return wake_ms;
}

/* When a lane that may not go now may: a gate opens, or the turn of a fallback comes. */
static int64_t lane_wake_ms(struct lanes *lanes, const struct lane *lane, struct mono now)
{
    int64_t wake_ms = -1;

    for (unsigned steps = 0; lane != NULL && steps <= CHAIN_LIMIT; steps++) {
        int64_t shut_ms;

        wake_ms = clock_sooner(wake_ms, gates_wake_ms(lanes, lane, now, &shut_ms));
        if (json_array_size(lane->chain) == 0 || shut_ms < 0)
            break;
        if (shut_ms > now.ms)
            return clock_sooner(wake_ms, shut_ms);
        lane = lanes_fallback(lanes, lane);
    }
    return wake_ms;
}

int64_t lanes_wake_ms(struct lanes *lanes, struct mono now)
{
    int64_t wake_ms = -1;
    const struct lane *lane;

    TAILQ_FOREACH (lane, &lanes->active, link)
        wake_ms = clock_sooner(wake_ms, lane_wake_ms(lanes, lane, now));
    return wake_ms;
}

/* --- telling --------------------------------------------------------------------------------------------- */

bool lane_is_real(const struct lane *lane)
{
    for (size_t i = 0; i < lane->upstream_count; i++)
        if (lane->upstreams[i]->real)
            return true;
    return false;
}

static void gate_reason(const struct gate_view *view, struct mono now, struct wall wall, char *out,
                        size_t size)
{
    char until[TIMETEXT_SIZE];

    if (view->state == GATE_CLOSED && view->until_mono_ms > now.ms) {
        timetext_write_local((struct wall){wall.ms + view->until_mono_ms - now.ms}, wall, until);
        snprintf(out, size, "gate: %s until %s", view->reason, until);
    } else {
        snprintf(out, size, "gate: %s", view->reason);
    }
}

static void no_way_reason(const struct lane *lane, char *out, size_t size)
{
    if (lane->route == NULL && lane->wanted != NULL)
        snprintf(out, size, "no provider %s", lane->wanted);
    else if (lane->route == NULL)
        snprintf(out, size, "no provider for %s", lane->model);
    else if (lane->protocol == NULL)
        snprintf(out, size, "provider %s does not speak %s", lane->route->name, lane->type);
    else
        snprintf(out, size, "provider %s has no URL now", lane->route->name);
}

/* With several upstreams their jobs are held only when all are closed; the reason is that of the one
 * that opens first. */
void lane_reason(const struct lane *lane, struct mono now, struct wall wall, char *out,
                 size_t size)
{
    struct gate_view soonest;

    out[0] = '\0';
    if (lane->upstream_count == 0) {
        no_way_reason(lane, out, size);
        return;
    }
    for (size_t i = 0; i < lane->upstream_count; i++) {
        struct gate_view view = gate_view(lane->upstreams[i]->gate, now);

        if (view.state == GATE_OPEN || view.reason == NULL)
            return;
        if (i == 0 || clock_sooner(view.until_mono_ms, soonest.until_mono_ms) == view.until_mono_ms)
            soonest = view;
    }
    gate_reason(&soonest, now, wall, out, size);
}
