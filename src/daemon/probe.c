/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe: see probe.h. */
#include "daemon/probe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/random.h"
#include "base/xalloc.h"
#include "daemon/exchange.h"
#include "daemon/probe_print.h"
#include "upstream/transfer.h"

enum { ANSWER_LIMIT = 1024 * 1024 }; /* bytes: what a probe may be answered */

/* One upstream to be asked. */
struct target {
    struct probe *probe;
    const struct config_provider *route;
    struct upstream *upstream; /* NULL: the provider is not asked, and that is told */
    const struct provider *protocol;
    struct job *job;
    struct provider_request request;
    struct probe_finding finding;
    bool done;
};

struct probe {
    const struct config *config;
    const struct probe_options *options;
    const struct clock *clock;
    uv_loop_t loop;
    struct random random;
    struct upstreams *upstreams;
    struct transfers *transfers;
    struct target *targets; /* in the order in which they are told */
    size_t count;
    size_t started;
    size_t told;
    unsigned in_flight;
    bool all_good;
};

/* --- what is asked -------------------------------------------------------------------------------
 */

/* A model section's pattern that fits one name only. */
static bool is_literal(const char *pattern)
{
    return strpbrk(pattern, "*?[\\") == NULL;
}

/* Whether a section names a model of this provider that no section before named. */
static bool names_model(const struct config *config, const struct config_provider *route, size_t at)
{
    const char *model = config->models[at].pattern;

    if (!is_literal(model) || config_route(config, model, NULL) != route)
        return false;
    for (size_t i = 0; i < at; i++)
        if (strcmp(config->models[i].pattern, model) == 0)
            return false;
    return true;
}

static bool names_any(const struct config *config, const struct config_provider *route)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (names_model(config, route, i))
            return true;
    return false;
}

bool probe_wants_model(const struct config *config)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (!names_any(config, &config->providers[i]))
            return true;
    return false;
}

static void add_target(struct probe *probe, const struct config_provider *route,
                       struct upstream *upstream)
{
    probe->targets = xrealloc(probe->targets, (probe->count + 1) * sizeof *probe->targets);
    probe->targets[probe->count++] =
        (struct target){.probe = probe, .route = route, .upstream = upstream};
}

/* A provider's URLs with its own keys, or with those of a user. */
static void add_places(struct probe *probe, const struct config_provider *route,
                       const struct config_user *owner, const char *model)
{
    size_t count;
    struct upstream **found = upstreams_of(probe->upstreams, route, owner, model, &count);

    for (size_t i = 0; i < count; i++)
        add_target(probe, route, found[i]);
    free(found);
}

/* Whether a user's keys are sent to a provider that is asked for this model. */
static bool sends_own_keys(const struct config *config, const struct config_user *user,
                           const struct config_provider *route, const char *model)
{
    if (user->key_count == 0 || !config_user_allows(user, model))
        return false;
    if (user->provider != NULL)
        return strcmp(user->provider, route->name) == 0;
    return config_route(config, model, NULL) == route;
}

static void add_model(struct probe *probe, const struct config_provider *route, const char *model)
{
    const struct config *config = probe->config;

    add_places(probe, route, NULL, model);
    for (size_t i = 0; i < config->user_count; i++)
        if (sends_own_keys(config, &config->users[i], route, model))
            add_places(probe, route, &config->users[i], model);
}

/* A file of URLs that cannot be read would leave nothing to ask. */
static int check_urls(const struct config_provider *route, struct error *error)
{
    size_t count;
    char **urls;

    if (route->url_file == NULL)
        return 0;
    urls = config_read_urls(route, &count, error);
    if (urls == NULL)
        return -1;
    config_list_free(urls);
    return 0;
}

/* Whether the model that is asked beside those of the sections is one of this provider. */
static bool serves_given(const struct probe *probe, const struct config_provider *route)
{
    const struct config *config = probe->config;
    const char *model = probe->options->model;

    if (model == NULL || config_route(config, model, NULL) != route)
        return false;
    for (size_t i = 0; i < config->model_count; i++)
        if (names_model(config, route, i) && strcmp(config->models[i].pattern, model) == 0)
            return false;
    return true;
}

/* Returns whether it is asked for any model. */
static bool add_models(struct probe *probe, const struct config_provider *route)
{
    const struct config *config = probe->config;
    bool given = serves_given(probe, route);

    for (size_t i = 0; i < config->model_count; i++)
        if (names_model(config, route, i))
            add_model(probe, route, config->models[i].pattern);
    if (given)
        add_model(probe, route, probe->options->model);
    return given || names_any(config, route);
}

/* Asking all of them for a model that only one serves would call the others bad. */
static int add_providers(struct probe *probe, size_t *asked, struct error *error)
{
    const struct config *config = probe->config;

    *asked = 0;
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *route = &config->providers[i];

        if (check_urls(route, error) < 0)
            return -1;
        if (add_models(probe, route))
            ++*asked;
        else
            add_target(probe, route, NULL);
    }
    return 0;
}

static int add_all(struct probe *probe, struct error *error)
{
    const struct config *config = probe->config;
    const char *model = probe->options->model;
    size_t asked;

    if (config->provider_count == 0) {
        error_set(error, ERROR_ABSENT,
                  "no provider is configured: set OPENAI_API_KEY or ANTHROPIC_API_KEY, or name one "
                  "in llmspoold.conf (-c FILE)");
        return -1;
    }
    if (add_providers(probe, &asked, error) < 0)
        return -1;
    if (asked > 0)
        return 0;
    if (model != NULL)
        error_set(error, ERROR_USAGE,
                  "no provider serves %s: a model section that it fits names the one that does",
                  model);
    else
        error_set(error, ERROR_USAGE,
                  "which model provider %s is to be asked for is not known: name one with --model, "
                  "in a model section, or as the default of the spool",
                  config->providers[0].name);
    return -1;
}

/* --- the least that can be asked -----------------------------------------------------------------
 */

/* Models of embeddings have no other mark than their names. */
static bool embeds(const char *model)
{
    return strcasestr(model, "embed") != NULL;
}

/* The Responses API refuses a bound below 16. */
static int least_tokens(const char *protocol)
{
    return strcmp(protocol, "openai-responses") == 0 ? 16 : 1;
}

static struct job *make_job(const struct target *target, struct error *error)
{
    const struct job_context context = {.submitted = clock_wall(target->probe->clock)};
    const char *model = target->upstream->model;
    json_t *document;
    struct job *job;

    if (embeds(model))
        document = json_pack("{s:s, s:s, s:s}", "type", "embed", "model", model, "input", "ok");
    else
        document = json_pack("{s:s, s:s, s:{s:i}}", "model", model, "prompt", "Say ok", "params",
                             "max_tokens", least_tokens(target->route->protocol));
    if (document == NULL) {
        error_set(error, ERROR_DATA, "the model's name is no text");
        return NULL;
    }
    job = job_from_json(document, &context, error);
    json_decref(document);
    return job;
}

static int build(struct target *target, struct error *error)
{
    const struct provider_ask ask = {.model = target->upstream->model};

    target->job = make_job(target, error);
    if (target->job == NULL)
        return -1;
    target->protocol = provider_find(target->route->protocol, target->job->type);
    if (target->protocol == NULL) {
        error_set(error, ERROR_DATA, "protocol %s has no requests of type %s",
                  target->route->protocol, target->job->type);
        return -1;
    }
    return target->protocol->build(target->job, &ask, &target->request, error);
}

/* --- what came of it -----------------------------------------------------------------------------
 */

/* What each trouble (verdict.trouble) says of key and model; of others nothing is known. */
static const struct {
    const char *trouble;
    enum probe_opinion key, model;
} troubles[] = {
    {"key refused", PROBE_REFUSED, PROBE_UNTOLD},
    {"account closed", PROBE_REFUSED, PROBE_UNTOLD},
    {"no quota", PROBE_GOOD, PROBE_UNTOLD},
    {"spend limit reached", PROBE_GOOD, PROBE_UNTOLD},
    {"payment required", PROBE_GOOD, PROBE_UNTOLD},
    {"model not found", PROBE_GOOD, PROBE_REFUSED},
    {"model withdrawn", PROBE_GOOD, PROBE_REFUSED},
    {"access refused", PROBE_GOOD, PROBE_REFUSED},
};

static void judge_trouble(struct probe_finding *finding, const char *trouble)
{
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++)
        if (strcmp(troubles[i].trouble, trouble) == 0) {
            finding->key = troubles[i].key;
            finding->model = troubles[i].model;
        }
}

/* A reasoning model that had no room to think says so with status 400: it was reached all the same.
 */
static bool wanted_more_tokens(const struct verdict *verdict)
{
    return verdict->outcome == OUTCOME_JOB &&
           strcasestr(verdict->message, "max_tokens or model output limit was reached") != NULL;
}

static void judge(struct probe_finding *finding, const struct verdict *verdict)
{
    const char *trouble = verdict->trouble != NULL ? verdict->trouble : "";

    if (verdict->outcome == OUTCOME_OK || wanted_more_tokens(verdict)) {
        finding->ok = true;
        finding->key = finding->model = PROBE_GOOD;
        return;
    }
    if (verdict->outcome == OUTCOME_UPSTREAM)
        judge_trouble(finding, trouble);
    if (verdict->outcome == OUTCOME_THROTTLED || verdict->outcome == OUTCOME_JOB)
        finding->key = PROBE_GOOD; /* else it would not have come so far */
    snprintf(finding->code, sizeof finding->code, "%s", verdict->code);
    snprintf(finding->message, sizeof finding->message, "%.64s%s%s", trouble,
             trouble[0] != '\0' ? ": " : "", verdict->message);
}

static void read_result(struct target *target, const struct transfer_result *result)
{
    struct wall now = clock_wall(target->probe->clock);
    struct provider_header *headers;
    struct provider_reply reply = exchange_reply(result, &headers);
    struct answer answer = {0};
    struct verdict verdict;

    target->finding.latency_ms = result->total_ms;
    target->finding.http_status = result->status;
    target->finding.reachable = result->end != TRANSFER_NOT_SENT;
    ratelimit_read(&reply, now, &target->finding.limits);
    verdict = result->end == TRANSFER_ANSWERED
                  ? target->protocol->read(target->job, &reply, now, &answer)
                  : exchange_verdict(result);
    target->finding.mock = verdict.mock;
    judge(&target->finding, &verdict);
    answer_clear(&answer);
    free(headers);
}

static void tell(struct probe *probe)
{
    for (; probe->told < probe->count && probe->targets[probe->told].done; probe->told++) {
        const struct target *target = &probe->targets[probe->told];

        probe->all_good = probe->all_good && (target->upstream == NULL || target->finding.ok);
        if (target->upstream == NULL)
            probe_print_unasked(probe->options->out, target->route->name, probe->options->json);
        else if (probe->options->json)
            probe_print_json(probe->options->out, target->upstream, &target->finding);
        else
            probe_print_line(probe->options->out, target->upstream, &target->finding);
        fflush(probe->options->out); /* whoever ends it checks the stream */
    }
}

/* --- the requests --------------------------------------------------------------------------------
 */

static void start_more(struct probe *probe);

static void landed(void *context, struct transfer_result *result)
{
    struct target *target = context;

    exchange_conceal(target->upstream->key, &result->body);
    read_result(target, result);
    target->done = true;
    target->probe->in_flight--;
    tell(target->probe);
    start_more(target->probe);
}

/* The request cannot be made. */
static void refused(struct target *target, const struct error *error)
{
    snprintf(target->finding.code, sizeof target->finding.code, "no_request");
    snprintf(target->finding.message, sizeof target->finding.message, "%.*s",
             (int)sizeof target->finding.message - 1, error->text);
    target->done = true;
}

static void start(struct target *target)
{
    struct probe *probe = target->probe;
    const struct config_provider *route = target->route;
    int64_t most = probe->options->timeout_ms;
    struct transfer_request limits = {.total_timeout_ms = most, .answer_limit = ANSWER_LIMIT};
    struct error error;

    limits.connect_timeout_ms = route->connect_timeout_ms > 0 && route->connect_timeout_ms < most
                                    ? route->connect_timeout_ms
                                    : most;
    ratelimit_read(&(struct provider_reply){0}, clock_wall(probe->clock),
                   &target->finding.limits); /* nothing is told yet */
    if (build(target, &error) == 0 &&
        exchange_start(probe->transfers, target->upstream, target->protocol, target->upstream->key,
                       &target->request, &limits, landed, target, &error) != NULL)
        probe->in_flight++;
    else
        refused(target, &error);
}

static void start_more(struct probe *probe)
{
    while (probe->started < probe->count && probe->in_flight < probe->config->concurrency) {
        struct target *target = &probe->targets[probe->started++];

        if (target->upstream != NULL)
            start(target);
        else
            target->done = true;
    }
    tell(probe);
}

static void target_clear(struct target *target)
{
    provider_request_clear(&target->request);
    job_free(target->job);
}

static void probe_close(struct probe *probe)
{
    for (size_t i = 0; i < probe->count; i++)
        target_clear(&probe->targets[i]);
    free(probe->targets);
    transfers_close(probe->transfers);
    uv_run(&probe->loop, UV_RUN_DEFAULT);
    uv_loop_close(&probe->loop);
    upstreams_close(probe->upstreams);
}

int probe_run(const struct config *config, const struct probe_options *options,
              const struct clock *clock, struct error *error)
{
    struct probe probe = {.config = config, .options = options, .clock = clock, .all_good = true};
    int result = -1;

    random_init(&probe.random, 0);
    if (uv_loop_init(&probe.loop) < 0) {
        error_set(error, ERROR_SYSTEM, "the event loop cannot be made");
        return -1;
    }
    probe.upstreams = upstreams_open(config, &probe.random, clock_mono(clock));
    probe.transfers = transfers_open(&probe.loop, 0, config->ca_file, NULL, error);
    if (probe.transfers != NULL && add_all(&probe, error) == 0) {
        start_more(&probe);
        uv_run(&probe.loop, UV_RUN_DEFAULT);
        assert(probe.told == probe.count);
        result = probe.all_good ? 0 : 1;
    }
    probe_close(&probe);
    return result;
}
