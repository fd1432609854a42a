/* SPDX-License-Identifier: GPL-2.0-or-later */
/* limits: buckets in a hash table by model. */
#include "mock/limits.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum { MODELS_MAX = 1024, MINUTE_MS = 60000, DAY_MS = 86400000 };

/* The models after MODELS_MAX share the buckets of this name. */
static const char overflow[] = "";

/* What was taken and has not grown again: 0 is full, so that a changed rate needs no conversion. */
struct model {
    UT_hash_handle hh;
    double used[LIMITS_BUCKETS];
    struct mono at;
    char name[];
};

struct limits {
    pthread_mutex_t lock;
    const struct clock *clock;
    struct model *models;
};

struct limits *limits_new(const struct clock *clock)
{
    struct limits *limits = xcalloc(1, sizeof *limits);

    (void)pthread_mutex_init(&limits->lock, NULL);
    limits->clock = clock;
    return limits;
}

void limits_free(struct limits *limits)
{
    struct model *model, *next;

    if (limits == NULL) {
        return;
    }
    HASH_ITER(hh, limits->models, model, next)
    {
        HASH_DEL(limits->models, model);
        free(model);
    }
    (void)pthread_mutex_destroy(&limits->lock);
    free(limits);
}

static struct model *find_model(struct limits *limits, const char *name)
{
    struct model *model;
    size_t length;

    HASH_FIND_STR(limits->models, name, model);
    if (model == NULL && HASH_COUNT(limits->models) >= MODELS_MAX) {
        name = overflow;
        HASH_FIND_STR(limits->models, name, model);
    }
    if (model == NULL) {
        length = strlen(name);
        model = xcalloc(1, sizeof *model + length + 1);
        memcpy(model->name, name, length + 1);
        model->at = clock_mono(limits->clock);
        HASH_ADD_STR(limits->models, name, model);
    }
    return model;
}

/* A bucket as the settings have it now. */
struct size {
    double rate; /* that it gains in its time; 0: there is no such limit */
    double most; /* that it holds */
    double period_ms;
    double need; /* of this request */
};

static void read_sizes(const struct settings *settings, int64_t input, int64_t output,
                       struct size sizes[LIMITS_BUCKETS])
{
    double burst = (double)(settings->burst > 0 ? settings->burst : settings->rpm);

    sizes[LIMITS_REQUESTS] = (struct size){(double)settings->rpm, burst, MINUTE_MS, 1};
    sizes[LIMITS_TOKENS] = (struct size){(double)settings->tpm, (double)settings->tpm, MINUTE_MS,
                                         (double)(input + output)};
    sizes[LIMITS_INPUT] = (struct size){(double)settings->input_tpm, (double)settings->input_tpm,
                                        MINUTE_MS, (double)input};
    sizes[LIMITS_OUTPUT] = (struct size){(double)settings->output_tpm, (double)settings->output_tpm,
                                         MINUTE_MS, (double)output};
    sizes[LIMITS_DAY] = (struct size){(double)settings->rpd, (double)settings->rpd, DAY_MS, 1};
}

/* A bucket that was made smaller is at most empty. */
static void refill(struct model *model, const struct size *sizes, struct mono now)
{
    double passed_ms = (double)(now.ms - model->at.ms);

    for (size_t i = 0; i < LIMITS_BUCKETS; i++) {
        double gained = passed_ms / sizes[i].period_ms * sizes[i].rate;

        model->used[i] = fmin(fmax(0, model->used[i] - gained), sizes[i].most);
    }
    model->at = now;
}

/* Time until need fits into a bucket that holds so much. */
static int64_t bucket_wait_ms(double used, double most, double need, const struct size *size)
{
    double over = used + need - most;

    return over <= 1e-9 ? 0 : (int64_t)ceil(over * size->period_ms / size->rate);
}

static struct limits_gauge read_gauge(double used, const struct size *size)
{
    struct limits_gauge gauge = {.limited = size->rate > 0};

    if (gauge.limited) {
        gauge.limit = (int64_t)size->rate;
        gauge.remaining = (int64_t)fmax(0, floor(size->most - used));
        gauge.reset_ms = bucket_wait_ms(used, 0, 0, size);
    }
    return gauge;
}

static void read_gauges(const struct model *model, const struct size *sizes,
                        struct limits_report *report)
{
    for (size_t i = 0; i < LIMITS_BUCKETS; i++) {
        report->gauges[i] = read_gauge(model->used[i], &sizes[i]);
    }
}

/* Whether the request may pass by all of a model's buckets; *report says which is in the way. */
static enum limits_verdict look(const struct model *model, const struct size *sizes,
                                struct limits_report *report)
{
    enum limits_verdict verdict = LIMITS_PASS;

    for (size_t i = 0; i < LIMITS_BUCKETS && verdict != LIMITS_NEVER; i++) {
        const struct size *size = &sizes[i];
        int64_t wait_ms;

        if (!(size->rate > 0)) {
            continue;
        }
        wait_ms = bucket_wait_ms(model->used[i], size->most, size->need, size);
        if (size->need > size->most) {
            verdict = LIMITS_NEVER;
        } else if (wait_ms > report->wait_ms) {
            verdict = LIMITS_WAIT;
        } else {
            continue;
        }
        report->wait_ms = wait_ms;
        report->scarce = (enum limits_bucket)i;
        report->need = (int64_t)size->need;
    }
    return verdict;
}

static bool has_limits(const struct settings *settings)
{
    return settings->rpm > 0 || settings->tpm > 0 || settings->input_tpm > 0 ||
           settings->output_tpm > 0 || settings->rpd > 0;
}

enum limits_verdict limits_take(struct limits *limits, const struct settings *settings,
                                const char *name, int64_t input, int64_t output,
                                struct limits_report *report)
{
    struct size sizes[LIMITS_BUCKETS];
    enum limits_verdict verdict;
    struct model *model;

    *report = (struct limits_report){0};
    if (!has_limits(settings)) {
        return LIMITS_PASS;
    }
    read_sizes(settings, input, output, sizes);
    (void)pthread_mutex_lock(&limits->lock);
    model = find_model(limits, name);
    refill(model, sizes, clock_mono(limits->clock));
    verdict = look(model, sizes, report);
    for (size_t i = 0; i < LIMITS_BUCKETS; i++) {
        model->used[i] += verdict == LIMITS_PASS && sizes[i].rate > 0 ? sizes[i].need : 0;
    }
    read_gauges(model, sizes, report);
    (void)pthread_mutex_unlock(&limits->lock);
    return verdict;
}

void limits_tell(struct limits *limits, const struct settings *settings, const char *name,
                 struct limits_report *report)
{
    struct size sizes[LIMITS_BUCKETS];
    struct model *model;

    *report = (struct limits_report){0};
    if (!has_limits(settings)) {
        return;
    }
    read_sizes(settings, 0, 0, sizes);
    (void)pthread_mutex_lock(&limits->lock);
    model = find_model(limits, name);
    refill(model, sizes, clock_mono(limits->clock));
    read_gauges(model, sizes, report);
    (void)pthread_mutex_unlock(&limits->lock);
}

void limits_write_duration(int64_t ms, char out[LIMITS_DURATION_SIZE])
{
    int64_t minutes = ms / MINUTE_MS;
    double seconds = (double)(ms % MINUTE_MS) / 1000;

    if (ms > 0 && ms < 1000) {
        (void)snprintf(out, LIMITS_DURATION_SIZE, "%lldms", (long long)ms);
    } else if (minutes >= 60) {
        (void)snprintf(out, LIMITS_DURATION_SIZE, "%lldh%lldm%gs", (long long)(minutes / 60),
                       (long long)(minutes % 60), seconds);
    } else if (minutes > 0) {
        (void)snprintf(out, LIMITS_DURATION_SIZE, "%lldm%gs", (long long)minutes, seconds);
    } else {
        (void)snprintf(out, LIMITS_DURATION_SIZE, "%gs", seconds);
    }
}
