/* SPDX-License-Identifier: GPL-2.0-or-later */
/* option: kinds of settings, and the table. */
#include "mock/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"

static void *field(struct settings *settings, const struct settings_option *option)
{
    return (char *)settings + option->offset;
}

static const void *field_of(const struct settings *settings, const struct settings_option *option)
{
    return (const char *)settings + option->offset;
}

/* Whole numbers. */

static int number_apply(struct settings *settings, const struct settings_option *option,
                        const char *value, struct error *error)
{
    char *end = NULL;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || number < 0 || number > INT32_MAX) {
        error_set(error, ERROR_USAGE, "%s takes a whole number from 0 to %d, not \"%s\"",
                  option->name, INT32_MAX, value);
        return -1;
    }
    *(int64_t *)field(settings, option) = number;
    return 0;
}

static void number_reset(struct settings *settings, const struct settings_option *option)
{
    *(int64_t *)field(settings, option) = option->otherwise;
}

static void number_write(const struct settings *settings, const struct settings_option *option,
                         struct buffer *out)
{
    buffer_printf(out, "%lld", (long long)*(const int64_t *)field_of(settings, option));
}

static const struct settings_kind number_kind = {number_apply, number_reset, number_write};

/* Durations, kept in milliseconds. */

static int duration_apply(struct settings *settings, const struct settings_option *option,
                          const char *value, struct error *error)
{
    if (timetext_read_duration(value, field(settings, option)) != 0) {
        error_set(error, ERROR_USAGE, "%s takes a duration such as 20ms or 5s, not \"%s\"",
                  option->name, value);
        return -1;
    }
    return 0;
}

static void duration_write(const struct settings *settings, const struct settings_option *option,
                           struct buffer *out)
{
    buffer_printf(out, "\"%lldms\"", (long long)*(const int64_t *)field_of(settings, option));
}

static const struct settings_kind duration_kind = {duration_apply, number_reset, duration_write};

/* The one switch: no-rate-headers. */

static int no_headers_apply(struct settings *settings, const struct settings_option *option,
                            const char *value, struct error *error)
{
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
        error_set(error, ERROR_USAGE, "%s is true or false, not \"%s\"", option->name, value);
        return -1;
    }
    settings->rate_headers = strcmp(value, "false") == 0;
    return 0;
}

static void no_headers_reset(struct settings *settings, const struct settings_option *option)
{
    (void)option;
    settings->rate_headers = true;
}

static void no_headers_write(const struct settings *settings, const struct settings_option *option,
                             struct buffer *out)
{
    (void)option;
    buffer_text(out, settings->rate_headers ? "false" : "true");
}

static const struct settings_kind no_headers_kind = {no_headers_apply, no_headers_reset,
                                                     no_headers_write};

/* The manner of answering. */

static int answer_apply(struct settings *settings, const struct settings_option *option,
                        const char *value, struct error *error)
{
    if (strcmp(value, "echo") != 0 && strcmp(value, "auto") != 0) {
        error_set(error, ERROR_USAGE, "%s is auto or echo, not \"%s\"", option->name, value);
        return -1;
    }
    settings->echo = strcmp(value, "echo") == 0;
    return 0;
}

static void answer_reset(struct settings *settings, const struct settings_option *option)
{
    (void)option;
    settings->echo = false;
}

static void answer_write(const struct settings *settings, const struct settings_option *option,
                         struct buffer *out)
{
    (void)option;
    buffer_text(out, settings->echo ? "\"echo\"" : "\"auto\"");
}

static const struct settings_kind answer_kind = {answer_apply, answer_reset, answer_write};

/* Text. */

static int text_apply(struct settings *settings, const struct settings_option *option,
                      const char *value, struct error *error)
{
    char **text = field(settings, option);

    (void)error;
    free(*text);
    *text = xstrdup(value);
    return 0;
}

static void text_reset(struct settings *settings, const struct settings_option *option)
{
    char **text = field(settings, option);

    free(*text);
    *text = NULL;
}

static void text_write(const struct settings *settings, const struct settings_option *option,
                       struct buffer *out)
{
    char *const *text = field_of(settings, option);

    if (*text != NULL) {
        jsontext_write_string(out, *text, strlen(*text));
    } else {
        buffer_text(out, "null");
    }
}

static const struct settings_kind text_kind = {text_apply, text_reset, text_write};

/* The key, which is not shown. */

static void key_write(const struct settings *settings, const struct settings_option *option,
                      struct buffer *out)
{
    (void)option;
    buffer_text(out, settings->key != NULL ? "\"***\"" : "null");
}

static const struct settings_kind key_kind = {text_apply, text_reset, key_write};

/* The models. */

static int models_apply(struct settings *settings, const struct settings_option *option,
                        const char *value, struct error *error)
{
    (void)option;
    (void)error;
    settings->models =
        xrealloc(settings->models, (settings->model_count + 1) * sizeof *settings->models);
    settings->models[settings->model_count++] = xstrdup(value);
    return 0;
}

static void models_reset(struct settings *settings, const struct settings_option *option)
{
    (void)option;
    for (size_t i = 0; i < settings->model_count; i++) {
        free(settings->models[i]);
    }
    free(settings->models);
    settings->models = NULL;
    settings->model_count = 0;
}

static void models_write(const struct settings *settings, const struct settings_option *option,
                         struct buffer *out)
{
    (void)option;
    buffer_byte(out, '[');
    for (size_t i = 0; i < settings->model_count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        jsontext_write_string(out, settings->models[i], strlen(settings->models[i]));
    }
    buffer_byte(out, ']');
}

const struct settings_kind option_models = {models_apply, models_reset, models_write};

/* The latency. */

static int latency_apply(struct settings *settings, const struct settings_option *option,
                         const char *value, struct error *error)
{
    (void)option;
    return latency_read(value, &settings->latency, error);
}

static void latency_reset(struct settings *settings, const struct settings_option *option)
{
    (void)option;
    settings->latency = (struct latency){.text = "0"};
}

static void latency_write(const struct settings *settings, const struct settings_option *option,
                          struct buffer *out)
{
    (void)option;
    jsontext_write_string(out, settings->latency.text, strlen(settings->latency.text));
}

static const struct settings_kind latency_kind = {latency_apply, latency_reset, latency_write};

/* The faults: KIND=RATE, or transient=RATE shared out among all that trying again gets over. */

static void share_rate(double *rates, double rate)
{
    size_t count = 0;

    for (enum fault fault = FAULT_NONE; fault < FAULT_INJECTED; fault++) {
        count += fault_kind(fault)->passing;
    }
    for (enum fault fault = FAULT_NONE; fault < FAULT_INJECTED; fault++) {
        if (fault_kind(fault)->passing) {
            rates[fault] = rate / (double)count;
        }
    }
}

static bool rates_fit(const double *rates)
{
    double sum = 0;

    for (enum fault fault = FAULT_NONE; fault < FAULT_INJECTED; fault++) {
        sum += rates[fault];
    }
    return sum <= 1 + 1e-9;
}

static int faults_apply(struct settings *settings, const struct settings_option *option,
                        const char *value, struct error *error)
{
    const char *equals = strchr(value, '=');
    size_t length = equals == NULL ? strlen(value) : (size_t)(equals - value);
    bool group = length == strlen("transient") && strncmp(value, "transient", length) == 0;
    enum fault fault = fault_read(value, length);
    char *end = NULL;
    double rate = equals == NULL ? -1 : strtod(equals + 1, &end);

    if (equals == NULL || end == equals + 1 || *end != '\0' || !(rate >= 0 && rate <= 1)) {
        error_set(error, ERROR_USAGE, "%s takes KIND=RATE with a rate from 0 to 1, not \"%s\"",
                  option->name, value);
        return -1;
    }
    if (!group && fault == FAULT_NONE) {
        error_set(error, ERROR_USAGE, "%s knows no kind \"%.*s\"; see llmspool-mock(1)",
                  option->name, (int)(length < 80 ? length : 80), value);
        return -1;
    }
    if (group) {
        share_rate(settings->rates, rate);
    } else {
        settings->rates[fault] = rate;
    }
    if (!rates_fit(settings->rates)) {
        error_set(error, ERROR_USAGE, "%s: with \"%s\" the rates come to more than 1", option->name,
                  value);
        return -1;
    }
    return 0;
}

static void faults_reset(struct settings *settings, const struct settings_option *option)
{
    (void)option;
    memset(settings->rates, 0, sizeof settings->rates);
}

static void faults_write(const struct settings *settings, const struct settings_option *option,
                         struct buffer *out)
{
    const char *comma = "";

    (void)option;
    buffer_byte(out, '{');
    for (enum fault fault = FAULT_NONE; fault < FAULT_INJECTED; fault++) {
        if (settings->rates[fault] > 0) {
            char number[JSONTEXT_NUMBER_SIZE];

            (void)jsontext_number(settings->rates[fault], number);
            buffer_printf(out, "%s\"%s\":%s", comma, fault_kind(fault)->name, number);
            comma = ",";
        }
    }
    buffer_byte(out, '}');
}

const struct settings_kind option_faults = {faults_apply, faults_reset, faults_write};

#define AT(field) offsetof(struct settings, field)

static const struct settings_option options[] = {
    {"answer", "auto|echo", "choose answers from the prompt, or always repeat it", &answer_kind, 0,
     0},
    {"burst", "N", "requests that --rpm lets pass at once (as --rpm)", &number_kind, AT(burst), 0},
    {"context", "N", "refuse prompts of more than N tokens", &number_kind, AT(context), 0},
    {"drip-interval", "DURATION", "time between the bytes of a dripped answer (10ms)",
     &duration_kind, AT(drip_ms), 10},
    {"fault", "KIND=RATE", "let this share of requests fail so (repeatable)", &option_faults, 0, 0},
    {"hang-limit", "DURATION", "close a hanging request after this time (10m)", &duration_kind,
     AT(hang_limit_ms), 600000},
    {"input-tpm", "N", "tokens of prompts a minute and model", &number_kind, AT(input_tpm), 0},
    {"key", "KEY", "answer 401 to requests without this key", &key_kind, AT(key), 0},
    {"latency", "SPEC", "think so long: 200ms, or lognormal:MEDIAN,SIGMA (0)", &latency_kind, 0, 0},
    {"max-concurrent", "N", "answer 429 when N requests are in flight", &number_kind,
     AT(max_concurrent), 0},
    {"models", "PATTERN", "know only models like this (repeatable; all)", &option_models, 0, 0},
    {"no-rate-headers", NULL, "keep x-ratelimit-* and retry-after to ourselves", &no_headers_kind,
     0, 0},
    {"output-tpm", "N", "tokens of answers a minute and model", &number_kind, AT(output_tpm), 0},
    {"pace", "DURATION", "time between the events of a stream (0)", &duration_kind, AT(pace_ms), 0},
    {"redirect", "URL", "where the fault redirect sends clients", &text_kind, AT(redirect), 0},
    {"retry-after", "DURATION", "what the fault 429 tells to wait (1s)", &duration_kind,
     AT(retry_after_ms), 1000},
    {"rpd", "N", "requests a day and model", &number_kind, AT(rpd), 0},
    {"rpm", "N", "requests a minute and model", &number_kind, AT(rpm), 0},
    {"seed", "N", "of faults and latencies (1)", &number_kind, AT(seed), 1},
    {"slots", "N", "serve N requests at a time and let the others wait", &number_kind, AT(slots),
     0},
    {"tpm", "N", "tokens a minute and model", &number_kind, AT(tpm), 0},
};

enum { OPTION_COUNT = sizeof options / sizeof options[0] };

const struct settings_option *settings_options(size_t *count)
{
    *count = OPTION_COUNT;
    return options;
}
