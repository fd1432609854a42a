/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flight: see flight.h.
 */
#include "daemon/flight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/debt_hook.h"
#include "daemon/exchange.h"
#include "daemon/key.h"
#include "daemon/mark.h"
#include "daemon/metrics.h"
#include "daemon/outcome.h"
#include "daemon/status.h"
#include "job/tokens.h"
#include "spool/visible.h"
#include "provider/ratelimit.h"

enum {
    MODEL_TRUSTED_MS = 10 * 60 * 1000, /* a success this young says that URL and model are right */
    UNKNOWN_TRANSIENT = 2, /* an error that nobody knows is passing trouble so often */
    OUTPUT_MOST = 4096, /* tokens of an answer that nothing bounds, for money */
};

/* --- making it --------------------------------------------------------------------------------------- */

/* The bound of an answer that a request has at first: the job's own, or where the protocol demands one
 * what stands in for it; 0: none. */
static int64_t first_bound(const struct core *core, const struct lane *via, const struct job *job)
{
    int64_t bound = tokens_bound(job);
    int64_t usual = via->protocol != NULL ? via->protocol->usual_max_tokens : 0;
    int64_t most = (int64_t)config_model_max_output(core->config, via->model, via->wanted);

    return bound == 0 && usual > 0 && most > 0 ? most : bound == 0 ? usual : bound;
}

/* What a model takes at most, by what is known of it: more would be refused. */
static int64_t largest_bound(const struct core *core, const struct lane *via)
{
    uint64_t most = config_model_max_output(core->config, via->model, via->wanted);
    struct price price = {0};

    if (money_price(core->money, via->model, via->wanted, &price) &&
        (uint64_t)price.max_output_tokens > most)
        most = (uint64_t)price.max_output_tokens;
    return most > 0 ? (int64_t)most : INT64_MAX;
}

int64_t flight_bound(const struct core *core, const struct lane *via, const struct job *job,
                     unsigned cut)
{
    int64_t bound = first_bound(core, via, job);
    int64_t largest = largest_bound(core, via);

    for (unsigned i = 0; i < cut && bound < largest; i++)
        bound = bound > largest / 2 ? largest : bound * 2;
    return bound;
}

/* In place of the job's own, once answers were cut at that; 0: its own. */
static int64_t raised_bound(const struct core *core, const struct pick *pick,
                            const struct job *job)
{
    const struct state *memory = pick->task->memory;
    unsigned cut =
        memory != NULL ? state_count(memory, OUTCOME_UNUSABLE, OUTCOME_TRUNCATED) : 0;

    return cut > 0 ? flight_bound(core, pick->via, job, cut) : 0;
}

struct provider_ask flight_ask(struct core *core, const struct task *task, const struct job *job,
                               const struct pick *pick)
{
    const struct lane *via = pick->via;

    return (struct provider_ask){
        .model = via->model,
        .stream = task->stream && via->protocol->stream != NULL,
        .max_tokens = raised_bound(core, pick, job),
        .default_max_tokens =
            (int64_t)config_model_max_output(core->config, via->model, via->wanted),
    };
}

int64_t flight_cost_nano(struct core *core, const struct job *job, const struct pick *pick)
{
    const struct lane *via = pick->via;
    uint64_t most = config_model_max_output(core->config, via->model, via->wanted);
    int64_t raised = raised_bound(core, pick, job);
    int64_t output;
    struct price price = {0};

    if (!money_price(core->money, via->model, via->wanted, &price))
        return -1;
    if (most == 0)
        most = price.max_output_tokens > 0 ? (uint64_t)price.max_output_tokens : OUTPUT_MOST;
    output = tokens_of_output(job, most);
    return price_estimate_nano(&price, tokens_ceiling_of_job(job),
                               output > raised ? output : raised);
}

struct flight *flight_new(struct core *core, const struct pick *pick, struct job *job,
                          struct provider_request *request)
{
    struct flight *flight = xcalloc(1, sizeof *flight);

    flight->core = core;
    flight->task = pick->task;
    flight->job = job;
    flight->via = pick->via;
    flight->upstream = pick->upstream;
    flight->protocol = pick->via->protocol;
    flight->cost = pick->cost;
    flight->attached = job->attached_bytes;
    flight->request = *request;
    *request = (struct provider_request){0};
    flight->started = clock_wall(core->clock);
    flight->key = xstrdup(pick->upstream->key);
    if (pick->task->stream && flight->protocol->stream != NULL)
        flight->stream = stream_new(flight->protocol);
    flight->ticket = gate_sent(pick->upstream->gate, &pick->cost, clock_mono(core->clock));
    ready_sent(pick->task, ready_backlog(&pick->task->lane->ready, pick->task->share),
               flight->started);
    pick->task->flight = flight;
    return flight;
}

void flight_free(struct flight *flight)
{
    if (flight->partial != NULL)
        LIST_REMOVE(flight, link);
    if (flight->task != NULL)
        flight->task->flight = NULL;
    (void)partial_close(flight->partial, NULL); /* what is left of it the next start removes */
    stream_free(flight->stream);
    provider_request_clear(&flight->request);
    job_free(flight->job);
    key_free(flight->key);
    free(flight);
}

/* --- what came back ----------------------------------------------------------------------------------- */

static struct verdict verdict_of_answer(struct flight *flight, const struct provider_reply *reply,
                                        struct answer *answer)
{
    struct upstream *upstream = flight->upstream;
    struct wall now = clock_wall(flight->core->clock);
    struct verdict verdict;

    if (flight->stream != NULL && reply->status == 200 && stream_is(reply))
        verdict = stream_end(flight->stream, flight->job, reply, now, answer);
    else
        verdict = flight->protocol->read(flight->job, reply, now, answer);
    upstream->mock = verdict.mock;
    upstream->real = !verdict.mock && verdict.outcome == OUTCOME_OK;
    return verdict;
}

/* A 404 for a model or path that answered well a moment ago is the job's own. */
static void judge_model(const struct flight *flight, struct verdict *verdict)
{
    struct gate_view view = gate_view(flight->upstream->gate, clock_mono(flight->core->clock));
    int64_t now = clock_mono(flight->core->clock).ms;

    if (verdict->outcome == OUTCOME_UPSTREAM && verdict->about_model &&
        view.last_success_mono_ms >= 0 && now - view.last_success_mono_ms < MODEL_TRUSTED_MS)
        verdict->outcome = OUTCOME_JOB;
}

/* An error that nobody knows and that came again and again, in no outage, is the job's own. */
static void judge_unknown(const struct flight *flight, struct verdict *verdict)
{
    const struct state *memory = flight->task->memory;

    if (verdict->unknown && verdict->outcome == OUTCOME_TRANSIENT && memory != NULL &&
        state_count_failures(memory, verdict->code) >= UNKNOWN_TRANSIENT)
        verdict->outcome = OUTCOME_JOB;
}

/* A gate that closed for what a person must mend: hooks are told once of each closing. */
static void gate_owe(const struct flight *flight, const struct gate_view *view)
{
    struct core *core = flight->core;
    const struct upstream *upstream = flight->upstream;
    json_t *notice = json_pack("{s:{s:s, s:s, s:s, s:s}}", "gate", "name", upstream->name,
                               "provider", upstream->provider, "model", upstream->model, "reason",
                               view->reason);
    char *what = xasprintf("%s\n%lld", upstream->name, (long long)clock_wall(core->clock).ms);

    debt_hook_now(core, HOOK_GATE_CLOSED, what, notice);
    free(what);
    json_decref(notice);
}

static void gate_tell(const struct flight *flight, enum gate_state before)
{
    struct core *core = flight->core;
    const char *name = flight->upstream->name;
    struct gate_view view = gate_view(flight->upstream->gate, clock_mono(flight->core->clock));
    bool closed = before == GATE_OPEN && view.state != GATE_OPEN;
    bool opened = before != GATE_OPEN && view.state == GATE_OPEN;

    if (!closed && !opened)
        return;
    if (closed && view.loud)
        log_error(&core->log, "gate %s closed: %s", name, view.reason);
    else
        log_info(&core->log, "gate %s %s%s%s", name, closed ? "closed" : "opened",
                 closed ? ": " : "", closed ? view.reason : "");
    events_add(core->events, closed ? "gate_closed" : "gate_opened",
               json_pack("{s:s, s:s*}", "gate", name, "reason", closed ? view.reason : NULL));
    if (closed && view.loud)
        gate_owe(flight, &view);
}

/* What a landing knows. */
struct landing {
    const struct transfer_result *result;
    struct provider_header *headers; /* of reply */
    struct provider_reply reply;
    struct verdict verdict;
    struct answer answer;
    struct gate_cost real; /* tokens; -1: not known */
};

static enum gate_effect flight_tell_gate(struct flight *flight, const struct landing *landing)
{
    struct core *core = flight->core;
    struct gate *gate = flight->upstream->gate;
    const struct verdict *verdict = &landing->verdict;
    enum gate_state before = gate_view(gate, clock_mono(core->clock)).state;
    struct ratelimit limits;
    struct gate_report report = {.outcome = verdict->outcome,
                                 .code = verdict->code,
                                 .message = verdict->message,
                                 .trouble = verdict->trouble,
                                 .http_status = landing->result->status,
                                 .wait_ms = verdict->wait_ms,
                                 .job = flight->task->id,
                                 .limits = &limits,
                                 .cost = landing->real,
                                 .before_first_byte = landing->result->before_first_byte};
    enum gate_effect effect;

    ratelimit_read(&landing->reply, clock_wall(core->clock), &limits);
    effect = gate_ended(gate, flight->ticket, &report, clock_mono(core->clock));
    gate_tell(flight, before);
    return effect;
}

/* Whether nothing was done for a request: it did not arrive, or was refused. A gateway that lost its
 * patience (408, 504, 524) does not know what the model did. */
static bool is_unbilled(enum outcome outcome, int status)
{
    bool gave_up = status == 408 || status == 504 || status == 524;

    return outcome == OUTCOME_NOT_SENT || outcome == OUTCOME_THROTTLED ||
           outcome == OUTCOME_UPSTREAM || (status >= 300 && !gave_up);
}

/* What was paid: the real cost where the answer tells it; nothing where the request was refused or
 * never arrived; what nobody knows stays charged. Returns the cost, -1: not known. */
static int64_t flight_settle_money(struct flight *flight, const struct landing *landing)
{
    struct money *money = flight->core->money;
    enum outcome outcome = landing->verdict.outcome;
    int status = landing->result->status;
    struct price price = {0};
    int64_t cost_nano = -1;

    if (outcome == OUTCOME_OK) {
        bool known = landing->answer.usage.input_tokens >= 0;

        if (known && money_price(money, flight->via->model, flight->via->wanted, &price))
            cost_nano = price_cost_nano(&price, &landing->answer.usage);
        money_paid(money, flight->reservation, known ? &landing->answer.usage : NULL, cost_nano);
    } else if (is_unbilled(outcome, status)) {
        money_released(money, flight->reservation);
    } else if (outcome == OUTCOME_UNUSABLE || outcome == OUTCOME_JOB) {
        money_paid(money, flight->reservation, NULL, -1); /* answered with status 200: billed */
    } else {
        money_doubted(money, flight->reservation);
    }
    return cost_nano;
}

/* Whether the body of this answer must be kept because nothing else holds what it says. */
static bool keeps_raw(const struct landing *landing)
{
    return landing->result->body.length > 0 &&
           (landing->verdict.outcome == OUTCOME_UNUSABLE ||
            landing->verdict.outcome == OUTCOME_UNKNOWN ||
            (landing->verdict.outcome == OUTCOME_TRANSIENT && landing->result->status == 200));
}

/* Reads what came back. The headers of the reply are the caller's to free. */
static struct landing flight_read(struct flight *flight, const struct transfer_result *result)
{
    struct landing landing = {.result = result, .real = {-1, -1}};

    landing.reply = exchange_reply(result, &landing.headers);
    landing.verdict = result->end == TRANSFER_ANSWERED
                          ? verdict_of_answer(flight, &landing.reply, &landing.answer)
                          : exchange_verdict(result);
    judge_model(flight, &landing.verdict);
    judge_unknown(flight, &landing.verdict);
    if (landing.verdict.outcome == OUTCOME_OK)
        landing.real = (struct gate_cost){.input_tokens = landing.answer.usage.input_tokens,
                                          .output_tokens = landing.answer.usage.output_tokens};
    return landing;
}

/* The share and the estimates learn what it really took. */
static void flight_learn(struct flight *flight, const struct landing *landing)
{
    struct task *task = flight->task;
    const struct gate_cost estimated = {.input_tokens = task->input_tokens,
                                        .output_tokens = task->output_tokens};
    int64_t real = -1;

    if (landing->real.input_tokens >= 0 && landing->real.output_tokens >= 0)
        real = landing->real.input_tokens + landing->real.output_tokens;
    else if (landing->verdict.outcome != OUTCOME_OK && landing->result->status != 200)
        real = 0; /* nothing was done for it */
    ready_landed(task, real);
    upstream_learn(flight->upstream, &estimated, &landing->real);
}

int64_t flight_show(struct flight *flight, struct mono now)
{
    int result = partial_show(flight->partial, stream_text(flight->stream), now);

    if (result < 0)
        log_warning(&flight->core->log, "cur/: an answer cannot be shown while it comes: %s",
                    strerror(-result));
    return partial_due_ms(flight->partial, now);
}

/* The answer is whole: the rest of it is shown, and the file stays until the output is there. */
static void flight_show_all(struct flight *flight)
{
    if (flight->partial == NULL)
        return;
    LIST_REMOVE(flight, link);
    flight->task->has_partial = true;
    (void)partial_close(flight->partial, stream_text(flight->stream)); /* told when it failed first */
    flight->partial = NULL;
}

/* How long its job waited from when it might be sent; -1: this was not its first request of the run. */
static int64_t flight_waited(const struct flight *flight)
{
    const struct task *task = flight->task;
    const struct state *memory = task->memory;
    int64_t from = task->not_before > task->submitted ? task->not_before : task->submitted;

    if (memory != NULL && (memory->sends > memory->since || memory->fallback != NULL))
        return -1;
    return flight->started.ms > from ? flight->started.ms - from : 0;
}

static void flight_count(const struct flight *flight, const struct landing *landing,
                         int64_t cost_nano)
{
    enum outcome outcome = landing->verdict.outcome;
    struct metrics_request request = {
        .provider = flight->upstream->provider,
        .model = flight->via->model,
        .outcome = outcome,
        .duration_ms = landing->result->total_ms,
        .first_token_ms =
            flight->first_token > 0 ? flight->first_token - flight->started.ms : -1,
        .waited_ms = outcome != OUTCOME_NOT_SENT ? flight_waited(flight) : -1,
        .usage = outcome == OUTCOME_OK ? &landing->answer.usage : NULL,
        .cost_nano = cost_nano,
    };

    metrics_request(flight->core->metrics, &request);
}

static void flight_settle(struct flight *flight, struct landing *landing)
{
    struct core *core = flight->core;
    struct task *task = flight->task;
    struct job *job = flight->job;
    struct request_end end = {.verdict = landing->verdict,
                              .answer = &landing->answer,
                              .started = flight->started.ms,
                              .first_token = flight->first_token,
                              .latency_ms = landing->result->total_ms,
                              .http_status = landing->result->status,
                              .cost_nano = -1,
                              .via = flight->via,
                              .upstream = flight->upstream};

    end.effect = flight_tell_gate(flight, landing);
    flight_learn(flight, landing);
    end.cost_nano = flight_settle_money(flight, landing);
    flight_count(flight, landing, end.cost_nano);
    end.ended = clock_wall(core->clock).ms;
    if (keeps_raw(landing)) {
        end.raw = landing->result->body.bytes;
        end.raw_length = landing->result->body.length;
    }
    if (end.verdict.outcome == OUTCOME_OK)
        status_latency(core->status, landing->result->total_ms);
    if (end.verdict.outcome == OUTCOME_OK)
        flight_show_all(flight);
    flight->job = NULL;
    flight->task = NULL;
    task->flight = NULL;
    outcome_settle(core, task, job, &end);
}

static void flight_landed(void *context, struct transfer_result *result)
{
    struct flight *flight = context;
    struct landing landing;

    flight->transfer = NULL;
    exchange_conceal(flight->key, &result->body);
    if (!flight->core->abandoned) { /* else it stays marked: the next start counts the doubt */
        landing = flight_read(flight, result);
        flight_settle(flight, &landing);
        answer_clear(&landing.answer);
        free(landing.headers);
    }
    flight->landed(flight);
    flight_free(flight);
}

/* --- leaving ------------------------------------------------------------------------------------------- */

/* libcurl refused to begin: as if the upstream could not be reached. */
static void flight_refused(struct flight *flight, const struct error *error)
{
    struct transfer_result result = {.end = TRANSFER_NOT_SENT, .first_byte_ms = -1};

    snprintf(result.message, sizeof result.message, "%.*s", (int)sizeof result.message - 1,
             error->text);
    flight_landed(flight, &result);
}

void flight_withdraw(struct flight *flight)
{
    struct core *core = flight->core;
    struct task *task = flight->task;
    struct gate_report report = {.outcome = OUTCOME_CANCELLED,
                                 .code = "",
                                 .message = "",
                                 .wait_ms = -1,
                                 .job = task->id,
                                 .cost = {0, 0}};

    gate_ended(flight->upstream->gate, flight->ticket, &report, clock_mono(core->clock));
    ready_landed(task, 0);
    money_released(core->money, flight->reservation);
    flight->task = NULL;
    task->flight = NULL;
    mark_unsent(core, task);
    flight->landed(flight);
    flight_free(flight);
}

/* More of the answer came. A stream that cannot be read is judged when it ends. */
static bool flight_heard(void *context, const struct transfer_head *head, const char *bytes,
                         size_t length)
{
    struct flight *flight = context;
    struct core *core = flight->core;

    if (head->status != 200)
        return true; /* an error comes as one document */
    stream_feed(flight->stream, bytes, length);
    if (stream_text(flight->stream)->length > 0 && flight->first_token == 0) {
        flight->first_token = clock_wall(core->clock).ms;
        flight->partial = partial_open(core->spool->dir[FOLDER_CUR], &flight->task->id,
                                       core->spool->job_mode,
                                       visible_reader(core->spool, flight->task->user));
        LIST_INSERT_HEAD(&core->streams, flight, link);
    }
    flight->listened(flight);
    return true;
}

void flight_start(struct flight *flight)
{
    struct core *core = flight->core;
    const struct config_provider *route = flight->upstream->route;
    bool stream = flight->stream != NULL;
    struct error error;

    if (route == NULL) { /* a reload took its provider away while it waited */
        error_set(&error, ERROR_USAGE, "provider %s is no longer configured",
                  flight->upstream->provider);
        flight_refused(flight, &error);
        return;
    }
    const struct transfer_request limits = {
        .connect_timeout_ms = route->connect_timeout_ms,
        .first_byte_timeout_ms = route->first_byte_timeout_ms,
        .idle_timeout_ms = stream ? route->idle_timeout_ms : 0,
        .total_timeout_ms = flight->job->timeout > 0 ? flight->job->timeout : route->timeout_ms,
        .answer_limit = core->config->answer_limit,
        .identity = stream,
        .on_data = stream ? flight_heard : NULL,
        .data_context = flight,
    };
    flight->transfer = exchange_start(core->transfers, flight->upstream, flight->protocol,
                                      flight->key, &flight->request, &limits, flight_landed,
                                      flight, &error);
    if (flight->transfer == NULL)
        flight_refused(flight, &error);
}
