/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_requests: metrics of requests, tokens and costs by provider and model; see
 * metrics_parts.h. */
#include "base/amount.h"
#include "daemon/metrics_parts.h"

const struct buckets_scale metrics_request_scale = {1000,
                                                    15,
                                                    {50, 100, 250, 500, 1000, 2500, 5000, 10000,
                                                     20000, 30000, 60000, 120000, 300000, 600000,
                                                     1800000}};

static const char *word(const char *name)
{
    return name != NULL ? name : METRICS_OTHER;
}

/* One sample a row: what of reads in it. */
static void row_samples(const struct metrics_look *look, const struct metrics_family *family,
                        struct buffer *out)
{
    const struct metrics_series *series = &look->metrics->series;

    for (size_t i = 0; i < series->count; i++) {
        const struct series *row = &series->rows[i];
        const struct promtext_label labels[] = {
            {"provider", word(row->provider)}, {"model", word(row->model)}, {NULL, NULL}};

        promtext_sample(out, family->name, labels, family->of(row));
    }
}

static void outcome_samples(const struct metrics_look *look, const struct metrics_family *family,
                            struct buffer *out)
{
    const struct metrics_series *series = &look->metrics->series;

    for (size_t i = 0; i < series->count; i++) {
        const struct series *row = &series->rows[i];

        for (size_t outcome = 0; outcome < METRICS_OUTCOMES; outcome++) {
            const struct promtext_label labels[] = {
                {"provider", word(row->provider)},
                {"model", word(row->model)},
                {"outcome", outcome_word((enum outcome)outcome)},
                {NULL, NULL}};

            if (outcome != OUTCOME_IN_DOUBT) /* that is told after it, by who finds it */
                promtext_sample(out, family->name, labels, (double)row->outcomes[outcome]);
        }
    }
}

/* A histogram a row, which lies at field in it. */
static void histogram_samples(const struct metrics_look *look, const struct metrics_family *family,
                              struct buffer *out)
{
    const struct metrics_series *series = &look->metrics->series;

    for (size_t i = 0; i < series->count; i++) {
        const struct series *row = &series->rows[i];
        const struct promtext_label labels[] = {
            {"provider", word(row->provider)}, {"model", word(row->model)}, {NULL, NULL}};
        const void *buckets = (const char *)row + family->field;

        promtext_histogram(out, family->name, labels, &metrics_request_scale, buckets);
    }
}

static void cost_samples(const struct metrics_look *look, const struct metrics_family *family,
                         struct buffer *out)
{
    const struct metrics_series *series = &look->metrics->series;

    for (size_t i = 0; i < series->count; i++) {
        const struct series *row = &series->rows[i];
        const struct promtext_label labels[] = {{"provider", word(row->provider)},
                                                {"model", word(row->model)},
                                                {"currency", look->core->config->currency},
                                                {NULL, NULL}};

        promtext_sample(out, family->name, labels, amount_units(row->cost_nano));
    }
}

static double input_tokens(const void *row)
{
    return (double)((const struct series *)row)->input_tokens;
}

static double output_tokens(const void *row)
{
    return (double)((const struct series *)row)->output_tokens;
}

static double cached_tokens(const void *row)
{
    return (double)((const struct series *)row)->cached_tokens;
}

static double reasoning_tokens(const void *row)
{
    return (double)((const struct series *)row)->reasoning_tokens;
}

static double unpriced(const void *row)
{
    return (double)((const struct series *)row)->unpriced;
}

const struct metrics_family metrics_requests[] = {
    {.name = "llmspool_requests_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Requests that ended, by how: ok, or what went wrong.",
     .samples = outcome_samples},
    {.name = "llmspool_request_duration_seconds",
     .kind = PROMTEXT_HISTOGRAM,
     .help =
         "Time of requests from their sending to the whole answer, or to their failure; without "
         "those of outcome not_sent.",
     .samples = histogram_samples,
     .field = offsetof(struct series, duration)},
    {.name = "llmspool_first_token_seconds",
     .kind = PROMTEXT_HISTOGRAM,
     .help = "Time of streamed requests from their sending to the first text.",
     .samples = histogram_samples,
     .field = offsetof(struct series, first_token)},
    {.name = "llmspool_input_tokens_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Input tokens of answered requests, as the answers tell them.",
     .samples = row_samples,
     .of = input_tokens},
    {.name = "llmspool_cached_tokens_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Those of the input tokens that the provider had cached.",
     .samples = row_samples,
     .of = cached_tokens},
    {.name = "llmspool_output_tokens_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Output tokens of answered requests, as the answers tell them.",
     .samples = row_samples,
     .of = output_tokens},
    {.name = "llmspool_reasoning_tokens_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Those of the output tokens that went into reasoning.",
     .samples = row_samples,
     .of = reasoning_tokens},
    {.name = "llmspool_cost_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Cost of answered requests by the prices that are known, in units of the currency.",
     .samples = cost_samples},
    {.name = "llmspool_unpriced_requests_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Answered requests whose cost is not known, for want of a price or of a usage.",
     .samples = row_samples,
     .of = unpriced},
    {0},
};
