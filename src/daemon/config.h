/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config: the daemon's configuration: llmspoold.conf read with libconfuse, options on top, and what
 * the official SDKs' environment variables say when no provider is named.
 *
 * Floor: daemon. Keys are read once, here, and masked wherever a configuration is shown.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Of a model; nano per token (a price per million tokens * 1000). */
struct config_price {
    bool given; /* there is a price, or it is free */
    bool free;
    int64_t input_nano, cached_nano, output_nano; /* cached_nano -1: as input */
};

/* Nano; -1: none. */
struct config_budget {
    int64_t day_nano, week_nano, month_nano, run_nano;
};

/* One provider section. Times in ms. */
struct config_provider {
    char *name;
    char *protocol;   /* "openai" … */
    char *url;        /* base, without a slash at the end */
    char *key;        /* or NULL: none is sent. Wiped when freed */
    char *key_source; /* where it came from, for messages: "key_file /etc/…", "OPENAI_API_KEY" */
    unsigned max_in_flight; /* 0: as concurrency */
    int64_t connect_timeout_ms;
    int64_t first_byte_timeout_ms;
    int64_t timeout_ms;
    struct config_budget budget;
};

/* model "PATTERN" { provider = … }; patterns are fnmatch(3)'s, first match wins. */
struct config_model {
    char *pattern;
    char *provider;
    struct config_price price;
    uint64_t max_output_tokens; /* usual or greatest output; 0: not said */
    struct config_budget budget;
};

/* user "alice" { … }, "*" is the default. */
struct config_user {
    char *name;
    struct config_budget budget;
};

struct config {
    char *path; /* that was read, or NULL */
    struct config_provider *providers;
    size_t provider_count;
    bool from_environment; /* the providers are the environment's */
    struct config_model *models;
    size_t model_count;
    unsigned concurrency;     /* requests in flight, all together: 64 */
    unsigned max_attempts;    /* 3 */
    int64_t backoff_ms;       /* first; doubled each attempt, full jitter: 2 s */
    int64_t backoff_limit_ms; /* 60 s */
    int64_t drain_timeout_ms; /* 120 s */
    unsigned halt_after;      /* 20; 0: never */
    int64_t probe_ms;         /* between probes of a gate closed for key, URL or model: 30 s */
    bool hold_on_doubt;       /* on_doubt = hold; false: retry */
    bool store_response;      /* true */
    size_t answer_limit;      /* bytes of one answer: 64 MiB */
    size_t job_limit;         /* bytes of one job: 32 MiB */
    uint64_t floor_bytes;     /* free space below which nothing is sent: 64 MiB */
    uint64_t floor_inodes;    /* 1,000 */
    char **trusted_droppers;  /* login names or numbers of uids, NULL-terminated */
    char *ca_file;            /* or NULL */
    int64_t keep_outputs_ms;  /* retention { outputs failed events }: read here, used by the
                                 retention commands; -1: not said */
    int64_t keep_failed_ms;
    int64_t keep_events_ms;
    struct config_user *users;
    size_t user_count;
    struct config_budget budget;
    char *currency;  /* "USD" */
    char *time_zone; /* IANA name, NULL: local */
    char *prices;    /* file, or NULL */
};

/* What the command line says; it wins over the file. 0 or NULL: not said. */
struct config_options {
    const char *path; /* -c FILE; NULL: SYSCONFDIR/llmspool/llmspoold.conf when it exists */
    unsigned concurrency;
    int64_t drain_timeout_ms;
};

/* Reads and checks the configuration. Unknown settings, values out of range, a model that names an
 * unknown provider, a key in a file that group or others can read, a key with control characters:
 * each is refused with file, line where known, and what to do. When no provider is named, they come
 * from OPENAI_API_KEY / OPENAI_BASE_URL (provider "openai") and ANTHROPIC_API_KEY /
 * ANTHROPIC_BASE_URL (provider "anthropic"); of each pair either is enough, and a protocol that is
 * not built in is passed over. No provider at all is no error. Returns NULL with an error. */
struct config *config_read(const struct config_options *options, struct error *error);

/* The provider for a model (and the job's own `provider`, or NULL), or NULL when there is none:
 * the job's provider if it names one, else the first matching model section, else, when providers
 * came from the environment, the first of them (claude* goes to anthropic where that is set), else,
 * when the file has one provider and no model section, that one. */
const struct config_provider *config_route(const struct config *config, const char *model,
                                           const char *provider);

/* Prints the effective configuration in the file's own syntax, keys masked (first three and last
 * two characters of a long one). */
void config_print(const struct config *config, FILE *out);

/* Frees it and wipes the keys; NULL is allowed. */
void config_free(struct config *config);

#endif
