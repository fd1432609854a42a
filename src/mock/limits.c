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

enum { MODELS_MAX = 1024, MINUTE_MS = 60000 };

/* The models after MODELS_MAX share the buckets of this name. */
static const char overflow[] = "";

/* What was taken and has not grown again: 0 is full, so that a changed rate needs no conversion. */
struct model {
    UT_hash_handle hh;
    double requests_used;
    double tokens_used;
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

static void refill(const struct settings *settings, struct model *model, struct mono now)
{
    double minutes = (double)(now.ms - model->at.ms) / MINUTE_MS;

    model->requests_used = fmax(0, model->requests_used - minutes * (double)settings->rpm);
    model->tokens_used = fmax(0, model->tokens_used - minutes * (double)settings->tpm);
    model->at = now;
}

/* Time until need fits into a bucket of that size. */
static int64_t bucket_wait_ms(double used, double size, double need, int64_t rate)
{
    double over = used + need - size;

    return over <= 1e-9 ? 0 : (int64_t)ceil(over * MINUTE_MS / (double)rate);
}

static struct limits_gauge bucket_gauge(double used, double size, int64_t rate)
{
    struct limits_gauge gauge = {.limited = rate > 0};

    if (gauge.limited) {
        gauge.limit = rate;
        gauge.remaining = (int64_t)fmax(0, floor(size - used));
        gauge.reset_ms = bucket_wait_ms(used, 0, 0, rate);
    }
    return gauge;
}

/* Whether the request may pass by one model's buckets; takes what it needs if so. */
static enum limits_verdict take(const struct settings *settings, struct model *model, double tokens,
                                struct limits_report *report)
{
    double burst = (double)(settings->burst > 0 ? settings->burst : settings->rpm);
    int64_t requests_ms = 0, tokens_ms = 0;
    enum limits_verdict verdict = LIMITS_PASS;

    if (settings->rpm > 0) {
        requests_ms = bucket_wait_ms(model->requests_used, burst, 1, settings->rpm);
    }
    if (settings->tpm > 0) {
        tokens_ms =
            bucket_wait_ms(model->tokens_used, (double)settings->tpm, tokens, settings->tpm);
    }
    if (settings->tpm > 0 && tokens > (double)settings->tpm) {
        verdict = LIMITS_NEVER;
    } else if (requests_ms > 0 || tokens_ms > 0) {
        verdict = requests_ms >= tokens_ms ? LIMITS_REQUESTS : LIMITS_TOKENS;
    } else {
        model->requests_used += settings->rpm > 0 ? 1 : 0;
        model->tokens_used += settings->tpm > 0 ? tokens : 0;
    }
    report->wait_ms = requests_ms > tokens_ms ? requests_ms : tokens_ms;
    report->requests = bucket_gauge(model->requests_used, burst, settings->rpm);
    report->tokens = bucket_gauge(model->tokens_used, (double)settings->tpm, settings->tpm);
    return verdict;
}

enum limits_verdict limits_take(struct limits *limits, const struct settings *settings,
                                const char *name, int64_t tokens, struct limits_report *report)
{
    enum limits_verdict verdict;
    struct model *model;

    *report = (struct limits_report){0};
    if (settings->rpm == 0 && settings->tpm == 0) {
        return LIMITS_PASS;
    }
    (void)pthread_mutex_lock(&limits->lock);
    model = find_model(limits, name);
    refill(settings, model, clock_mono(limits->clock));
    verdict = take(settings, model, (double)tokens, report);
    (void)pthread_mutex_unlock(&limits->lock);
    return verdict;
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
