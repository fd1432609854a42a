/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_series: see metrics_series.h. */
#include "daemon/metrics_series.h"

#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/xalloc.h"
#include "daemon/metrics_parts.h"

static struct series *series_of(struct metrics_series *series, const char *provider,
                                const char *model)
{
    size_t i = 0;

    while (i < series->count && i < METRICS_SERIES &&
           (strcmp(series->rows[i].model, model) != 0 ||
            strcmp(series->rows[i].provider, provider) != 0))
        i++;
    if (i == series->count) {
        series->count++;
        if (i < METRICS_SERIES) {
            series->rows[i].provider = xstrdup(provider);
            series->rows[i].model = xstrdup(model);
        }
    }
    return &series->rows[i];
}

static void add_tokens(uint64_t *sum, int64_t tokens)
{
    if (tokens > 0) /* -1: not told */
        *sum += (uint64_t)tokens;
}

void series_count(struct metrics_series *series, const struct metrics_request *request)
{
    struct series *row = series_of(series, request->provider, request->model);

    row->outcomes[request->outcome]++;
    if (request->outcome != OUTCOME_NOT_SENT)
        buckets_add(&row->duration, &metrics_request_scale, request->duration_ms);
    if (request->first_token_ms >= 0)
        buckets_add(&row->first_token, &metrics_request_scale, request->first_token_ms);
    if (request->outcome != OUTCOME_OK)
        return;
    if (request->usage != NULL) {
        add_tokens(&row->input_tokens, request->usage->input_tokens);
        add_tokens(&row->output_tokens, request->usage->output_tokens);
        add_tokens(&row->cached_tokens, request->usage->cached_tokens);
        add_tokens(&row->reasoning_tokens, request->usage->reasoning_tokens);
    }
    if (request->cost_nano >= 0)
        row->cost_nano = amount_add(row->cost_nano, request->cost_nano);
    else
        row->unpriced++;
}

void series_clear(struct metrics_series *series)
{
    for (size_t i = 0; i < series->count && i < METRICS_SERIES; i++) {
        free(series->rows[i].provider);
        free(series->rows[i].model);
    }
    *series = (struct metrics_series){0};
}
