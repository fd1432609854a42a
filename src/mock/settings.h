/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings: how the mock behaves: what it wants, limits, faults, latency. One table names every
 * setting for the command line and for POST /mock/config alike.
 *
 * Floor: mock. A settings object is changed by its maker only; once published it is constant and
 * shared by the requests that began under it, each of which holds a reference.
 */
#ifndef MOCK_SETTINGS_H
#define MOCK_SETTINGS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "mock/fault.h"
#include "mock/latency.h"

struct settings {
    atomic_int holders;
    char *key;          /* NULL: requests need none */
    char *redirect;     /* where the fault of that name sends clients; NULL: nobody is there */
    char **models;      /* fnmatch(3) patterns */
    size_t model_count; /* 0: every model is known */
    bool echo;          /* always echo, whatever the prompt asks */
    bool rate_headers;  /* send x-ratelimit-* where there is a limit */
    struct latency latency;
    int64_t rpm;            /* requests a minute and model; 0: any number, here and below */
    int64_t burst;          /* requests at once; 0: rpm */
    int64_t rpd;            /* requests a day and model */
    int64_t tpm;            /* tokens a minute and model */
    int64_t input_tpm;      /* of prompts alone */
    int64_t output_tpm;     /* of answers alone */
    int64_t max_concurrent; /* in flight; one more is refused with 429 */
    int64_t slots;          /* served at once; the others wait without a word */
    int64_t context;        /* tokens that a prompt may have */
    int64_t hang_limit_ms;  /* after which a hanging request is closed */
    int64_t drip_ms;        /* between two bytes of a dripped answer */
    int64_t pace_ms;        /* between two events of a stream */
    int64_t retry_after_ms; /* told by the fault 429 */
    int64_t seed;           /* of faults and latencies */
    double rates[FAULT_COUNT];
};

struct settings_option {
    const char *name;
    const char *argument; /* its name in the usage text; NULL: a switch */
    const char *help;
    const struct settings_kind *kind;
    size_t offset;     /* of the field, for the kinds that have one */
    int64_t otherwise; /* the default, for numbers and durations */
};

/* All options; *count becomes their number. */
const struct settings_option *settings_options(size_t *count);

/* The defaults, with one holder. */
struct settings *settings_new(void);

/* A changeable copy, with one holder. */
struct settings *settings_copy(const struct settings *settings);

struct settings *settings_hold(struct settings *settings);
void settings_drop(struct settings *settings);

/* Applies one option as on the command line: a switch takes "true" or "false", a repeatable one
 * adds. Returns 0, or -1 with *error. */
int settings_apply(struct settings *settings, const char *name, const char *value,
                   struct error *error);

/* Applies the members of an object: null puts the default back, a list or (for faults) an object
 * replaces what was there. Returns 0, or -1 with *error and settings half changed. */
int settings_apply_json(struct settings *settings, const json_t *object, struct error *error);

/* Appends all settings as an object that settings_apply_json understands; the key as "***". */
void settings_write(const struct settings *settings, struct buffer *out);

/* Whether requests for model are answered. */
bool settings_has_model(const struct settings *settings, const char *model);

#endif
