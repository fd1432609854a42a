/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status_gates: the gates in state/status.json; see status_parts.h. */
#include "daemon/key.h"
#include "daemon/status_parts.h"

/* How many ready jobs may go through a gate. */
static size_t gate_waiting(const struct core *core, const struct upstream *upstream)
{
    size_t waiting = 0;

    for (const struct lane *lane = lanes_first(core->lanes); lane != NULL; lane = lane->hh.next)
        for (size_t i = 0; i < lane->upstream_count; i++)
            if (lane->upstreams[i] == upstream)
                waiting += lane->ready.count;
    return waiting;
}

static void add_limit(json_t *limits, const char *name, const struct gate_limit_view *view)
{
    if (view->origin == GATE_NO_LIMIT)
        return;
    json_array_append_new(limits, json_pack("{s:s, s:s, s:I, s:I, s:I}", "of", name, "from",
                                            gate_origin_word(view->origin), "limit",
                                            (json_int_t)view->limit, "period_ms",
                                            (json_int_t)view->period_ms, "left",
                                            (json_int_t)view->left));
}

static json_t *limits_json(const struct gate_view *view)
{
    json_t *limits = json_array();

    add_limit(limits, "requests", &view->requests);
    add_limit(limits, "tokens", &view->tokens);
    add_limit(limits, "input_tokens", &view->input_tokens);
    add_limit(limits, "output_tokens", &view->output_tokens);
    add_limit(limits, "daily_requests", &view->daily);
    return limits;
}

/* When and why it is closed. */
static void add_closing(json_t *gate, const struct gate_view *view, struct mono now,
                        struct wall wall)
{
    if (view->reason != NULL)
        json_object_set_new(gate, "reason", json_string(view->reason));
    if (view->state == GATE_CLOSED && view->until_mono_ms > 0)
        json_object_set_new(gate, "until",
                            status_time((struct wall){wall.ms + view->until_mono_ms - now.ms}));
    if (view->since_mono_ms >= 0)
        json_object_set_new(gate, "since",
                            status_time((struct wall){wall.ms + view->since_mono_ms - now.ms}));
    json_object_set_new(gate, "loud", json_boolean(view->loud));
}

static json_t *gate_json(const struct core *core, const struct upstream *upstream)
{
    struct mono now = clock_mono(core->clock);
    struct gate_view view = gate_view(upstream->gate, now);
    char key[KEY_MASK_SIZE];
    json_t *gate = json_pack("{s:s, s:s, s:s, s:s, s:s}", "gate", upstream->name, "upstream",
                             upstream->url, "provider", upstream->provider, "model",
                             upstream->model, "state", gate_state_word(view.state));

    if (upstream->key != NULL)
        json_object_set_new(gate, "key", json_string(key_mask(upstream->key, key)));
    add_closing(gate, &view, now, clock_wall(core->clock));
    json_object_set_new(gate, "in_flight", status_count(view.in_flight));
    json_object_set_new(gate, "window", status_count(view.window));
    json_object_set_new(gate, "max_in_flight", status_count(view.max_in_flight));
    json_object_set_new(gate, "limits", limits_json(&view));
    json_object_set_new(gate, "used_requests", status_count((uint64_t)view.used_requests));
    json_object_set_new(gate, "used_tokens", status_count((uint64_t)view.used_tokens));
    json_object_set_new(gate, "waiting", status_count(gate_waiting(core, upstream)));
    json_object_set_new(gate, "succeeded", status_count(view.succeeded));
    json_object_set_new(gate, "failed", status_count(view.failed));
    json_object_set_new(gate, "throttled", status_count(view.throttled));
    json_object_set_new(gate, "memory", upstream_memory(upstream, now));
    return gate;
}

json_t *status_gates(const struct core *core)
{
    json_t *gates = json_array();

    for (const struct upstream *upstream = upstreams_first(core->upstreams); upstream != NULL;
         upstream = upstream->next)
        if (upstream->route != NULL)
            json_array_append_new(gates, gate_json(core, upstream));
    return gates;
}
