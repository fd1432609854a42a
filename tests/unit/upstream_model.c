/* SPDX-License-Identifier: GPL-2.0-or-later */
/* upstream_model: an upstream and a client with endless work, with a clock of their own. */
#include "upstream_model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/xalloc.h"

enum { MINUTE_MS = 60000, REQUESTS_MAX = 8192, ON_ITS_WAY_MS = 10, JITTER_MS = 15 };

enum step { FREE, ARRIVES, QUEUED, SERVED, RETURNS };

struct request {
    enum step step;
    int64_t at_ms; /* of the next step */
    int64_t sent_ms;
    int64_t tokens;
    struct gate_ticket ticket;
    struct id job;
    enum outcome outcome;
    int status;
    int64_t wait_ms;
    bool late; /* timed out */
    struct ratelimit limits;
};

struct second {
    struct model_counts counts;
    double tokens;
};

struct model {
    struct gate *gate;
    struct random gates_random, random;
    struct model_server server;
    int64_t now_ms;
    unsigned jobs_left;
    bool endless;
    int64_t tokens_least, tokens_most;
    double estimate;
    struct gate_cost next; /* the cost of the job that is next, as estimated */
    int64_t next_tokens;

    struct request requests[REQUESTS_MAX];
    unsigned used; /* places that may be in use */
    unsigned in_flight;
    unsigned queue[REQUESTS_MAX]; /* of those that wait for a slot, oldest first */
    unsigned queued;
    unsigned serving;
    uint64_t names;

    double requests_used, tokens_used; /* of the buckets */
    int64_t used_ms;

    double busy_ms; /* slots times ms */
    int64_t busy_from_ms;
    int64_t longest_ms;
    struct second seconds[MODEL_SECONDS];
};

static double uniform(struct model *model)
{
    return ((double)random_below(&model->random, 1u << 30) + 0.5) / (1u << 30);
}

static void draw_next(struct model *model)
{
    int64_t span = model->tokens_most - model->tokens_least;
    model->next_tokens =
        model->tokens_least + (int64_t)random_below(&model->random, (uint64_t)span + 1);
    model->next =
        (struct gate_cost){.input_tokens = (int64_t)((double)model->next_tokens * model->estimate),
                           .output_tokens = 0};
}

struct model *model_new(const struct gate_settings *settings, const struct model_server *server,
                        unsigned jobs, uint64_t seed)
{
    struct model *model = xcalloc(1, sizeof *model);
    random_init(&model->gates_random, seed);
    random_init(&model->random, seed + 1000003);
    model->gate = gate_new(settings, &model->gates_random);
    model->server = *server;
    model->endless = jobs == 0;
    model->jobs_left = jobs;
    model->estimate = 1;
    draw_next(model);
    return model;
}

void model_free(struct model *model)
{
    gate_free(model->gate);
    free(model);
}

void model_tokens(struct model *model, int64_t least, int64_t most, double estimate)
{
    model->tokens_least = least;
    model->tokens_most = most;
    model->estimate = estimate;
    draw_next(model);
}

static struct second *second_of(struct model *model, int64_t ms)
{
    int64_t second = ms / 1000;
    return &model->seconds[second < MODEL_SECONDS ? second : MODEL_SECONDS - 1];
}

static int64_t on_its_way(struct model *model)
{
    return ON_ITS_WAY_MS + (int64_t)random_below(&model->random, JITTER_MS);
}

/* The server */

static void refill(struct model *model)
{
    const struct model_server *server = &model->server;
    double minutes = (double)(model->now_ms - model->used_ms) / MINUTE_MS;
    if (server->fixed_ms > 0) {
        if (model->now_ms / server->fixed_ms != model->used_ms / server->fixed_ms) {
            model->requests_used = model->tokens_used = 0;
        }
    } else {
        model->requests_used = fmax(0, model->requests_used - minutes * server->rpm);
        model->tokens_used = fmax(0, model->tokens_used - minutes * server->tpm);
    }
    model->used_ms = model->now_ms;
}

static int64_t until_it_fits(const struct model *model, double used, double size, double rate)
{
    if (used <= size + 1e-9) {
        return 0;
    }
    if (model->server.fixed_ms > 0) {
        return model->server.fixed_ms - model->now_ms % model->server.fixed_ms;
    }
    return (int64_t)ceil((used - size) * MINUTE_MS / rate);
}

static void tell(const struct model *model, double used, double size, double rate,
                 struct ratelimit_bucket *bucket)
{
    if (!model->server.headers || rate <= 0) {
        return;
    }
    bucket->limit = (int64_t)rate;
    bucket->remaining = (int64_t)fmax(0, floor(size - used));
    bucket->reset_ms = until_it_fits(model, used, 0, rate);
}

/* Whether the buckets let a request pass; else how long until they would. */
static bool take(struct model *model, struct request *request, int64_t *wait_ms)
{
    const struct model_server *server = &model->server;
    double burst = server->burst > 0 ? server->burst : server->rpm;
    int64_t requests_ms = 0, tokens_ms = 0;
    refill(model);
    if (server->rpm > 0) {
        requests_ms = until_it_fits(model, model->requests_used + 1, burst, server->rpm);
    }
    if (server->tpm > 0) {
        tokens_ms = until_it_fits(model, model->tokens_used + (double)request->tokens, server->tpm,
                                  server->tpm);
    }
    *wait_ms = requests_ms > tokens_ms ? requests_ms : tokens_ms;
    if (*wait_ms == 0) {
        model->requests_used += 1;
        model->tokens_used += (double)request->tokens;
    }
    tell(model, model->requests_used, burst, server->rpm, &request->limits.requests);
    tell(model, model->tokens_used, server->tpm, server->tpm, &request->limits.tokens);
    return *wait_ms == 0;
}

static void answer(struct model *model, struct request *request, enum outcome outcome, int status)
{
    request->outcome = outcome;
    request->status = status;
    request->step = RETURNS;
    request->at_ms = model->now_ms + on_its_way(model);
}

static void refuse(struct model *model, struct request *request, int64_t wait_ms)
{
    bool tells = model->server.retry_after && wait_ms > 0;
    request->wait_ms = tells ? (wait_ms + 999) / 1000 * 1000 : -1;
    answer(model, request, OUTCOME_THROTTLED, 429);
}

static void serve(struct model *model, struct request *request)
{
    double normal = sqrt(-2 * log(uniform(model))) * cos(2 * M_PI * uniform(model));
    double latency_ms = model->server.latency_ms * exp(model->server.spread * normal);
    request->step = SERVED;
    request->at_ms = model->now_ms + (int64_t)latency_ms;
    model->serving++;
    second_of(model, model->now_ms)->tokens += (double)request->tokens;
}

static void arrive(struct model *model, unsigned place)
{
    const struct model_server *server = &model->server;
    struct request *request = &model->requests[place];
    int64_t wait_ms = 0;
    if (server->down) {
        answer(model, request, OUTCOME_TRANSIENT, 500);
    } else if (server->most > 0 && model->serving >= server->most) {
        refuse(model, request, 0);
    } else if (!take(model, request, &wait_ms)) {
        refuse(model, request, wait_ms);
    } else if (server->slots > 0 && model->serving >= server->slots) {
        request->step = QUEUED;
        request->at_ms = INT64_MAX;
        model->queue[model->queued++] = place;
    } else {
        serve(model, request);
    }
}

static void finish(struct model *model, struct request *request)
{
    model->serving--;
    answer(model, request, OUTCOME_OK, 200);
    if (model->queued > 0 && model->serving < model->server.slots) {
        serve(model, &model->requests[model->queue[0]]);
        memmove(model->queue, model->queue + 1, --model->queued * sizeof *model->queue);
    }
}

/* The client */

static void come_back(struct model *model, struct request *request)
{
    static const char *const codes[] = {
        [OUTCOME_OK] = "", [OUTCOME_TRANSIENT] = "http_500", [OUTCOME_THROTTLED] = "rate_limit"};
    struct gate_report report = {
        .outcome = request->outcome,
        .code = codes[request->outcome],
        .message = "",
        .http_status = request->status,
        .wait_ms = request->wait_ms,
        .job = request->job,
        .limits = model->server.headers ? &request->limits : NULL,
        .cost = {request->outcome == OUTCOME_OK ? request->tokens : -1, -1},
        .before_first_byte = request->late,
    };
    enum gate_effect effect =
        gate_ended(model->gate, request->ticket, &report, (struct mono){model->now_ms});
    struct model_counts *counts = &second_of(model, model->now_ms)->counts;
    counts->answered += request->outcome == OUTCOME_OK;
    counts->failed += request->outcome == OUTCOME_TRANSIENT;
    counts->timed_out += request->late;
    counts->freed += effect == GATE_FREE;
    second_of(model, request->sent_ms)->counts.refused += request->outcome == OUTCOME_THROTTLED;
    if (request->outcome == OUTCOME_OK && model->now_ms - request->sent_ms > model->longest_ms) {
        model->longest_ms = model->now_ms - request->sent_ms;
    }
    model->jobs_left += !model->endless && request->outcome != OUTCOME_OK;
    request->step = FREE;
    model->in_flight--;
}

static unsigned free_place(struct model *model)
{
    unsigned place = 0;
    while (place < model->used && model->requests[place].step != FREE) {
        place++;
    }
    assert(place < REQUESTS_MAX);
    model->used = place < model->used ? model->used : place + 1;
    return place;
}

static void send_ready(struct model *model)
{
    struct mono now = {model->now_ms};
    while (model->endless || model->jobs_left > 0) {
        struct id job = {0};
        memcpy(job.bytes, &model->names, sizeof model->names);
        if (!gate_ready(model->gate, &job, &model->next, false, now)) {
            return;
        }
        struct request *request = &model->requests[free_place(model)];
        *request = (struct request){
            .step = ARRIVES,
            .at_ms = model->now_ms + on_its_way(model),
            .sent_ms = model->now_ms,
            .tokens = model->next_tokens,
            .ticket = gate_sent(model->gate, &model->next, now),
            .job = job,
            .wait_ms = -1,
            .limits = {{-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}},
        };
        model->names++;
        model->in_flight++;
        model->jobs_left -= !model->endless;
        second_of(model, model->now_ms)->counts.sent++;
        draw_next(model);
    }
}

static void time_out(struct model *model, unsigned place)
{
    struct request *request = &model->requests[place];
    int64_t limit_ms = model->server.first_byte_ms;
    if (limit_ms == 0 || request->step != QUEUED || model->now_ms < request->sent_ms + limit_ms) {
        return;
    }
    for (unsigned i = 0; i < model->queued; i++) {
        if (model->queue[i] == place) {
            memmove(model->queue + i, model->queue + i + 1,
                    (--model->queued - i) * sizeof *model->queue);
        }
    }
    request->late = true;
    request->outcome = OUTCOME_TRANSIENT;
    come_back(model, request);
}

static int64_t next_ms(const struct model *model, const struct request *request)
{
    if (request->step == QUEUED && model->server.first_byte_ms > 0) {
        return request->sent_ms + model->server.first_byte_ms;
    }
    return request->step == FREE ? INT64_MAX : request->at_ms;
}

static void step_requests(struct model *model)
{
    for (unsigned i = 0; i < model->used; i++) {
        struct request *request = &model->requests[i];
        time_out(model, i);
        if (request->step == FREE || request->at_ms > model->now_ms) {
            continue;
        }
        if (request->step == ARRIVES) {
            arrive(model, i);
        } else if (request->step == SERVED) {
            finish(model, request);
        } else if (request->step == RETURNS) {
            come_back(model, request);
        }
    }
}

void model_run(struct model *model, int64_t until_ms)
{
    while (model->now_ms < until_ms) {
        send_ready(model);
        if (!model->endless && model->jobs_left == 0 && model->in_flight == 0) {
            return;
        }
        int64_t next = until_ms;
        int64_t wake = gate_wake_ms(model->gate);
        if (wake > model->now_ms && wake < next) {
            next = wake;
        }
        for (unsigned i = 0; i < model->used; i++) {
            int64_t at_ms = next_ms(model, &model->requests[i]);
            next = at_ms < next ? at_ms : next;
        }
        next = next > model->now_ms ? next : model->now_ms + 1;
        unsigned busy = model->serving < model->server.slots ? model->serving : model->server.slots;
        model->busy_ms += (double)busy * (double)(next - model->now_ms);
        model->now_ms = next;
        step_requests(model);
    }
}

/* What was seen */

struct model_server *model_server(struct model *model)
{
    return &model->server;
}

struct gate *model_gate(const struct model *model)
{
    return model->gate;
}

int64_t model_now(const struct model *model)
{
    return model->now_ms;
}

struct model_counts model_counts(const struct model *model, int from, int to)
{
    struct model_counts sum = {0};
    for (int i = from; i < to; i++) {
        const struct model_counts *counts = &model->seconds[i].counts;
        sum.sent += counts->sent;
        sum.answered += counts->answered;
        sum.refused += counts->refused;
        sum.failed += counts->failed;
        sum.timed_out += counts->timed_out;
        sum.freed += counts->freed;
    }
    return sum;
}

double model_tokens_used(const struct model *model, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++) {
        sum += model->seconds[i].tokens;
    }
    return sum;
}

void model_busy_from(struct model *model)
{
    model->busy_from_ms = model->now_ms;
    model->busy_ms = 0;
}

double model_busy(const struct model *model)
{
    return model->busy_ms / model->server.slots / (double)(model->now_ms - model->busy_from_ms);
}

int64_t model_longest_ms(const struct model *model)
{
    return model->longest_ms;
}

unsigned model_in_flight(const struct model *model)
{
    return model->in_flight;
}
