/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upstreams: see upstreams.h.
 */
#include "daemon/upstreams.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/config_urls.h"

#define LEARNING    0.05 /* weight of the newest answer in a running mean */
#define RATIO_LEAST 0.001
#define RATIO_MOST  10.0

/* The file of URLs of one provider, as it was last read. */
struct url_file {
    struct url_file *next;
    char *path;
    struct timespec changed;
    char **urls;
    size_t count;
};

struct upstreams {
    const struct config *config;
    struct random *random;
    struct upstream *first;
    struct url_file *files;
    json_t *recalled;    /* gate name -> what it learnt before */
    struct mono started; /* what gates that are made begin at */
};

struct upstreams *upstreams_open(const struct config *config, struct random *random,
                                 struct mono now)
{
    struct upstreams *upstreams = xcalloc(1, sizeof *upstreams);

    upstreams->config = config;
    upstreams->random = random;
    upstreams->recalled = json_object();
    upstreams->started = now;
    return upstreams;
}

static void upstream_free(struct upstream *upstream)
{
    gate_free(upstream->gate);
    free(upstream->name);
    free(upstream->provider);
    free(upstream->url);
    free(upstream->model);
    free(upstream->owner);
    free(upstream);
}

void upstreams_close(struct upstreams *upstreams)
{
    if (upstreams == NULL)
        return;
    while (upstreams->first != NULL) {
        struct upstream *next = upstreams->first->next;

        upstream_free(upstreams->first);
        upstreams->first = next;
    }
    while (upstreams->files != NULL) {
        struct url_file *next = upstreams->files->next;

        config_list_free(upstreams->files->urls);
        free(upstreams->files->path);
        free(upstreams->files);
        upstreams->files = next;
    }
    json_decref(upstreams->recalled);
    free(upstreams);
}

struct upstream *upstreams_first(const struct upstreams *upstreams)
{
    return upstreams->first;
}

/* --- URLs ------------------------------------------------------------------------------------------ */

/* Reads a provider's file of URLs if it is another than was read. One that is bad leaves what was read
 * before, so that a half-written file stops nothing. Returns whether the list changed. */
static bool file_look(struct url_file *file, const struct config_provider *route)
{
    struct stat status;
    struct error error;
    size_t count;
    char **urls;

    if (stat(file->path, &status) < 0 || (file->changed.tv_sec == status.st_mtim.tv_sec &&
                                          file->changed.tv_nsec == status.st_mtim.tv_nsec))
        return false;
    urls = config_read_urls(route, &count, &error);
    if (urls == NULL)
        return false;
    file->changed = status.st_mtim;
    config_list_free(file->urls);
    file->urls = urls;
    file->count = count;
    return true;
}

static struct url_file *file_of(struct upstreams *upstreams, const struct config_provider *route)
{
    struct url_file *file = upstreams->files;

    while (file != NULL && strcmp(file->path, route->url_file) != 0)
        file = file->next;
    if (file != NULL)
        return file;
    file = xcalloc(1, sizeof *file);
    file->path = xstrdup(route->url_file);
    file->urls = xcalloc(1, sizeof(char *));
    file->next = upstreams->files;
    upstreams->files = file;
    file_look(file, route);
    return file;
}

bool upstreams_look_at_files(struct upstreams *upstreams)
{
    const struct config *config = upstreams->config;
    bool changed = false;

    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *route = &config->providers[i];

        if (route->url_file != NULL)
            changed = file_look(file_of(upstreams, route), route) || changed;
    }
    return changed;
}

/* --- finding and making ------------------------------------------------------------------------------ */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct gate_settings settings_of(const struct config *config,
                                        const struct config_provider *route, const char *model)
{
    struct config_limits limits;

    config_model_limits(config, model, route, &limits);
    return (struct gate_settings){
        .max_in_flight = limits.max_in_flight,
        .ceiling = config->concurrency,
        .halt_after = config->halt_after,
        .probe_ms = config->probe_ms,
        .first_byte_ms = route->first_byte_timeout_ms,
        .limits = {.rpm = (int64_t)limits.rpm,
                   .tpm = (int64_t)limits.tpm,
                   .input_tpm = (int64_t)limits.input_tpm,
                   .output_tpm = (int64_t)limits.output_tpm,
                   .rpd = (int64_t)limits.rpd},
    };
}

/* What tells upstreams apart. Borrowed. */
struct place {
    const char *provider;
    const char *url;
    const char *model;
    const char *owner;
    size_t key_number;
};

static struct upstream *find(const struct upstreams *upstreams, const struct place *place)
{
    struct upstream *upstream = upstreams->first;

    while (upstream != NULL &&
           !(strcmp(upstream->provider, place->provider) == 0 &&
             strcmp(upstream->url, place->url) == 0 && strcmp(upstream->model, place->model) == 0 &&
             same_text(upstream->owner, place->owner) && upstream->key_number == place->key_number))
        upstream = upstream->next;
    return upstream;
}

/* A name that no other upstream has: PROVIDER/MODEL, PROVIDER#2/MODEL … */
static char *name_for(const struct upstreams *upstreams, const struct place *place)
{
    const char *owner = place->owner != NULL ? place->owner : "";
    const char *at = place->owner != NULL ? "@" : "";
    char *name = xasprintf("%s%s%s/%s", place->provider, at, owner, place->model);

    for (unsigned number = 2;; number++) {
        const struct upstream *other = upstreams->first;

        while (other != NULL && strcmp(other->name, name) != 0)
            other = other->next;
        if (other == NULL)
            return name;
        free(name);
        name = xasprintf("%s%s%s#%u/%s", place->provider, at, owner, number, place->model);
    }
}

static void recall(const struct upstreams *upstreams, struct upstream *upstream);

static struct upstream *make(struct upstreams *upstreams, const struct place *place,
                             const struct config_provider *route)
{
    struct upstream *upstream = xcalloc(1, sizeof *upstream);
    struct gate_settings settings = settings_of(upstreams->config, route, place->model);

    *upstream = (struct upstream){
        .name = name_for(upstreams, place),
        .provider = xstrdup(place->provider),
        .url = xstrdup(place->url),
        .model = xstrdup(place->model),
        .owner = xstrdup(place->owner),
        .key_number = place->key_number,
        .input_ratio = 1,
        .output_ratio = 1,
        .gate = gate_new(&settings, upstreams->random),
        .next = upstreams->first,
    };
    upstreams->first = upstream;
    recall(upstreams, upstream);
    return upstream;
}

/* The URLs of a provider: a borrowed array of *count. */
static char **urls_of(struct upstreams *upstreams, const struct config_provider *route,
                      size_t *count)
{
    if (route->url_file != NULL) {
        const struct url_file *file = file_of(upstreams, route);

        *count = file->count;
        return file->urls;
    }
    *count = route->url_count;
    return route->urls;
}

struct upstream **upstreams_of(struct upstreams *upstreams, const struct config_provider *route,
                               const struct config_user *owner, const char *model, size_t *count)
{
    const struct config_key *keys = owner != NULL ? owner->keys : route->keys;
    size_t key_count = owner != NULL ? owner->key_count : route->key_count;
    size_t key_slots = key_count > 0 ? key_count : 1; /* a server that needs no key */
    size_t url_count;
    char **urls = urls_of(upstreams, route, &url_count);
    struct upstream **found = xcalloc(url_count * key_slots + 1, sizeof(struct upstream *));

    *count = 0;
    for (size_t i = 0; i < url_count * key_slots; i++) {
        char *url = config_url_make(urls[i / key_slots], model, "", NULL);
        struct place place = {.provider = route->name,
                              .url = url,
                              .model = model,
                              .owner = owner != NULL ? owner->name : NULL,
                              .key_number = i % key_slots};
        struct upstream *upstream = find(upstreams, &place);

        if (upstream == NULL)
            upstream = make(upstreams, &place, route);
        upstream->route = route;
        upstream->key = key_count > 0 ? keys[i % key_slots].key : NULL;
        found[(*count)++] = upstream;
        free(url);
    }
    return found;
}

static const struct config_provider *provider_named(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (strcmp(config->providers[i].name, name) == 0)
            return &config->providers[i];
    return NULL;
}

void upstreams_configure(struct upstreams *upstreams, const struct config *config, struct mono now)
{
    upstreams->config = config;
    upstreams_look_at_files(upstreams);
    for (struct upstream *upstream = upstreams->first; upstream != NULL;
         upstream = upstream->next) {
        const struct config_provider *route = provider_named(config, upstream->provider);

        upstream->route = NULL;
        upstream->key = NULL;
        if (route != NULL) {
            struct gate_settings settings = settings_of(config, route, upstream->model);

            gate_configure(upstream->gate, &settings, now);
        }
    }
}

/* --- what is learnt ------------------------------------------------------------------------------------ */

/* Numbers of a gate's memory, by the names that status.json has for them. */
struct number {
    const char *name;
    size_t offset;
};

#define REAL(member) offsetof(struct gate_memory, member)
static const struct number reals[] = {
    {"window", REAL(window)}, {"rate", REAL(rate)}, {"daily_left", REAL(daily_left)}};

static const char *const told_names[GATE_TOLD_COUNT] = {"requests", "tokens", "input_tokens",
                                                        "output_tokens"};

json_t *upstream_memory(const struct upstream *upstream, struct mono now)
{
    struct gate_memory memory;
    json_t *object = json_object();
    json_t *told = json_object();

    gate_remember(upstream->gate, now, &memory);
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        json_object_set_new(object, reals[i].name,
                            json_real(*(double *)((char *)&memory + reals[i].offset)));
    json_object_set_new(object, "settled", json_boolean(memory.settled));
    json_object_set_new(object, "wait_ms", json_integer(memory.wait_ms));
    for (size_t i = 0; i < GATE_TOLD_COUNT; i++)
        if (memory.told[i].limit > 0)
            json_object_set_new(told, told_names[i],
                                json_pack("{s:I, s:I, s:f, s:f}", "limit",
                                          (json_int_t)memory.told[i].limit, "period_ms",
                                          (json_int_t)memory.told[i].period_ms, "left",
                                          memory.told[i].left, "size", memory.told[i].size));
    json_object_set_new(object, "told", told);
    json_object_set_new(object, "input_ratio", json_real(upstream->input_ratio));
    json_object_set_new(object, "output_ratio", json_real(upstream->output_ratio));
    return object;
}

static double get_real(const json_t *object, const char *name, double otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static double get_ratio(const json_t *object, const char *name)
{
    double ratio = get_real(object, name, 1);

    return ratio >= RATIO_LEAST && ratio <= RATIO_MOST ? ratio : 1;
}

static void recall_told(const json_t *object, struct gate_memory_limit *told)
{
    told->limit = jsontext_get_int(object, "limit", 0);
    told->period_ms = jsontext_get_int(object, "period_ms", 0);
    told->left = get_real(object, "left", 0);
    told->size = get_real(object, "size", 0);
}

/* Gives a fresh gate what one of its name knew before. */
static void recall(const struct upstreams *upstreams, struct upstream *upstream)
{
    const json_t *object = json_object_get(upstreams->recalled, upstream->name);
    struct gate_memory memory = {.age_ms = jsontext_get_int(object, "age_ms", 0),
                                 .settled = jsontext_get_bool(object, "settled", false),
                                 .wait_ms = jsontext_get_int(object, "wait_ms", 0)};

    if (object == NULL)
        return;
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        *(double *)((char *)&memory + reals[i].offset) = get_real(object, reals[i].name, 0);
    for (size_t i = 0; i < GATE_TOLD_COUNT; i++)
        recall_told(json_object_get(json_object_get(object, "told"), told_names[i]),
                    &memory.told[i]);
    gate_recall(upstream->gate, &memory, upstreams->started);
    upstream->input_ratio = get_ratio(object, "input_ratio");
    upstream->output_ratio = get_ratio(object, "output_ratio");
}

void upstreams_recall(struct upstreams *upstreams, const json_t *status, struct wall now)
{
    struct wall then;
    size_t i;
    json_t *gate;

    if (timetext_read(jsontext_get_text(status, "time", ""), &then) < 0 || then.ms > now.ms)
        return;
    json_array_foreach (json_object_get(status, "gates"), i, gate) {
        const char *name = jsontext_get_text(gate, "gate", NULL);
        json_t *memory = json_object_get(gate, "memory");

        if (name == NULL || !json_is_object(memory))
            continue;
        json_object_set_new(memory, "age_ms", json_integer(now.ms - then.ms));
        json_object_set(upstreams->recalled, name, memory);
    }
}

static void learn(double *ratio, int64_t estimated, int64_t real)
{
    double seen;

    if (estimated <= 0 || real < 0)
        return;
    seen = (double)real / (double)estimated;
    seen = seen < RATIO_LEAST ? RATIO_LEAST : seen > RATIO_MOST ? RATIO_MOST : seen;
    *ratio += LEARNING * (seen - *ratio);
}

void upstream_learn(struct upstream *upstream, const struct gate_cost *estimated,
                    const struct gate_cost *real)
{
    learn(&upstream->input_ratio, estimated->input_tokens, real->input_tokens);
    learn(&upstream->output_ratio, estimated->output_tokens, real->output_tokens);
}
