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
#include "retain/policy.h"

/* A secret and where it came from. */
struct config_key {
    char *key;    /* wiped when freed */
    char *source; /* for messages: "key_file /etc/…", "key_env NAME", "key" */
};

/* Of one upstream: a URL, a key and a model of a provider. 0: not said. */
struct config_limits {
    unsigned max_in_flight;
    uint64_t rpm, tpm, input_tpm, output_tpm, rpd; /* requests, tokens; a minute, a day */
};

/* Of a model, in nano units of the currency a token (a price per million tokens * 1000). */
struct config_price {
    bool given; /* there is a price, or it is free */
    bool free;
    int64_t input_nano, cached_nano, output_nano; /* cached_nano -1: as input */
};

/* In nano units of the currency; -1: none. run_nano is of each run. */
struct config_budget {
    int64_t day_nano, week_nano, month_nano, run_nano;
};

/* provider "NAME" { … }. Times in ms. Lists end with NULL; what was not said is NULL. */
struct config_provider {
    char *name;
    char *protocol;          /* one of provider_protocols() */
    char **urls;             /* bases, without a slash at the end; may hold {model} */
    size_t url_count;        /* 0 with url_file */
    char *url_file;          /* a URL a line: config_read_urls() */
    struct config_key *keys; /* in the order of the file; none: none is sent */
    size_t key_count;
    char *key_header; /* name of the header in place of the protocol's: "api-key" */
    char *query;      /* after each URL, without the question mark: "api-version=2024-10-21" */
    char **headers;   /* "Name: value" */
    struct config_limits limits; /* of each upstream */
    int64_t connect_timeout_ms;
    int64_t first_byte_timeout_ms;
    int64_t idle_timeout_ms; /* between two bytes of an answer; 0: none */
    int64_t timeout_ms;
    char *proxy; /* may hold a password */
    char *ca_file;
    char *client_cert, *client_key;
    struct config_budget budget;
};

/* model "PATTERN" { … }; patterns are fnmatch(3)'s. Several sections may fit a model: of each
 * setting the first section that says it counts, so read them through config_route and
 * config_model_*. A section with a provider says nothing of models that another provider serves. */
struct config_model {
    char *pattern;
    char *provider;
    char **fallback; /* models; empty: none, though a later section may name some */
    struct config_price price;
    uint64_t max_output_tokens; /* 0: not said */
    struct config_limits limits;
    int64_t keep_ms; /* of outputs; -1: not said */
    struct config_budget budget;
};

/* user "NAME" { … }; "*" is the default, also of what another user's section does not say. */
struct config_user {
    char *name;
    struct config_key *keys;
    size_t key_count;
    char *provider;         /* whose keys they are; NULL: of the one that serves the model */
    unsigned max_in_flight; /* 0: not said */
    unsigned max_waiting;   /* 0: not said */
    char **models;          /* patterns; NULL: all */
    int64_t keep_ms;        /* of outputs; -1: not said */
    struct config_budget budget;
};

/* hook "EVENT" { … }, or "EVENT:LABEL" for a further one; "mail" is the one that job and run owners' mail
 * is sent by. */
struct config_hook {
    char *name;
    char **command; /* absolute path and arguments, NULL-terminated */
    int64_t timeout_ms;
    int64_t gather_ms; /* between two notices of single jobs */
};

/* webhook { … }: what holds for all webhooks, and the spool's own, which hears of every job. */
struct config_webhook {
    char *url;     /* the spool's own; NULL: there is none */
    char **events; /* of which it hears: config_webhook_hears; NULL: all */
    struct config_key *secrets; /* newest first; none: the spool's own (daemon/webhook_secret.h) */
    size_t secret_count;
    char **allow;       /* networks that are forbidden otherwise; NULL: none */
    int64_t timeout_ms; /* of one try */
    unsigned max_in_flight; /* to one receiver */
    char **retries;     /* durations: config_webhook_retry */
    size_t body_limit;  /* bytes; an output that would exceed it is replaced by where it lies */
    char *public_url;   /* of llmspool-httpd, without a slash at the end; NULL: not said */
};

/* endpoint "NAME" { … }: a receiver that jobs call by its name, and that hears of every job when it
 * has events. */
struct config_endpoint {
    char *name;
    char *url;
    char **events; /* NULL: only of jobs that name it */
    struct config_key *secrets; /* none: those of webhook { } */
    size_t secret_count;
};

struct config {
    char *path; /* that was read, or NULL */
    struct config_provider *providers;
    size_t provider_count;
    bool from_environment; /* the providers are the environment's */
    struct config_model *models;
    size_t model_count;
    struct config_user *users;
    size_t user_count;
    struct config_hook *hooks;
    size_t hook_count;
    struct config_webhook webhook;
    struct config_endpoint *endpoints;
    size_t endpoint_count;
    unsigned concurrency;     /* requests in flight, all together: 64 */
    unsigned max_attempts;    /* 3 */
    int64_t backoff_ms;       /* first; doubled each attempt, full jitter: 2 s */
    int64_t backoff_limit_ms; /* 60 s */
    int64_t drain_timeout_ms; /* 120 s */
    unsigned halt_after;      /* 20; 0: never */
    int64_t probe_ms;         /* between probes of a gate closed for key, URL or model: 30 s */
    bool hold_on_doubt;       /* on_doubt = hold; false: retry */
    bool store_response;      /* true */
    bool answer_from_archive; /* true */
    size_t answer_limit;      /* bytes of one answer: 64 MiB */
    size_t job_limit;         /* bytes of one job: 32 MiB */
    size_t attachment_limit;  /* bytes of all attachments of a job: 32 MiB */
    uint64_t floor_bytes;     /* free space below which nothing is sent: 64 MiB */
    uint64_t floor_inodes;    /* 1,000 */
    bool owner_only;          /* visibility = owner: of a shared spool's results; false: group */
    char **mail_allow;        /* patterns: whom users of a shared spool may have mail sent to */
    char **trusted_droppers;  /* login names or numbers of uids, NULL-terminated */
    char *ca_file;            /* or NULL */
    struct policy retention;  /* without the rules of models and users; see config_read_policy */
    struct config_budget budget; /* for all; run_nano: of each run */
    char *currency;              /* "USD" */
    char *time_zone;             /* IANA name, where budgets turn; NULL: the local one */
    char *prices;                /* file of prices, or NULL: the shipped one */
    int64_t aging_ms;            /* waiting that improves priority by a step: 10 min; 0: off */
    int64_t fallback_after_ms;   /* of a closed gate: 5 min */
    bool fallback_on_refusal;    /* false */
    unsigned truncated_retries;  /* 0 */
    unsigned json_retries;       /* 1 */
    char *metrics_file;          /* of a textfile collector, or NULL */
    char *metrics_label;         /* value of the label spool on each sample, or NULL */
    int64_t metrics_every_ms;    /* the least time between two writes of metrics: 15 s */
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

/* Reads how long finished work is kept, without following anything that leads to a key: for the
 * programs of retention. path as in struct config_options. Returns 0, and policy_clear frees what is
 * in *policy, or -1 with an error. */
int config_read_policy(const char *path, struct policy *policy, struct error *error);

/* Reads a provider's url_file: a URL a line; blank lines and those that begin with # are passed
 * over, as is a URL that was there already. Returns them as `urls` holds them, NULL-terminated, for
 * config_list_free; or NULL with an error that has file and line, also when there is none. */
char **config_read_urls(const struct config_provider *provider, size_t *count, struct error *error);

/* Frees a NULL-terminated list and its texts; NULL is allowed. */
void config_list_free(char **list);

/* The provider for a model (and the job's own `provider`, or NULL), or NULL when there is none:
 * the job's provider if it names one, else that of the first matching model section that names one,
 * else, when providers came from the environment, the first of them (claude* goes to anthropic
 * where that is set), else, when the file has one provider and no model section names any, that
 * one. */
const struct config_provider *config_route(const struct config *config, const char *model,
                                           const char *provider);

/* What to ask in place of a model, in this order: NULL-terminated names of the configuration in an
 * array that the caller frees, or NULL when there are none. Neither the model itself nor a name
 * twice; fallbacks of a fallback are not followed, so nothing goes in circles. provider, here and
 * below, is the job's own or NULL. */
const char **config_model_fallback(const struct config *config, const char *model,
                                   const char *provider);

/* The price of a model: that of the first matching section which has one. */
void config_model_price(const struct config *config, const char *model, const char *provider,
                        struct config_price *price);

/* The limits of each upstream for a model at a provider (NULL: the one that serves it); what no
 * section says that provider does, unless it is NULL. */
void config_model_limits(const struct config *config, const char *model,
                         const struct config_provider *provider, struct config_limits *limits);

/* The usual or greatest output of a model in tokens; 0: not said. */
uint64_t config_model_max_output(const struct config *config, const char *model,
                                 const char *provider);

/* The section of a user, else that of "*" (also for NULL), else NULL. */
const struct config_user *config_user(const struct config *config, const char *name);

/* Whether a user may ask a model; user may be NULL: nobody forbids it. */
bool config_user_allows(const struct config_user *user, const char *model);

/* The hook of this name, or NULL. */
const struct config_hook *config_hook(const struct config *config, const char *name);

/* Whether a hook is told of an event: its name is that word, or that word, a colon and a label. */
bool config_hook_hears(const struct config_hook *hook, const char *event);
/* Where a person would change this configuration: the file that was read, else the usual one. */
const char *config_place(const struct config *config);

/* The section of an endpoint, or NULL. */
const struct config_endpoint *config_endpoint(const struct config *config, const char *name);

/* Whether a list of events, such as a webhook's, holds the event (completed, failed, cancelled,
 * expired); NULL holds all. */
bool config_webhook_hears(char *const *events, const char *event);

/* How long to wait after so many tries that failed, in ms and without jitter; -1: no further one. */
int64_t config_webhook_retry(const struct config_webhook *webhook, unsigned tries);

/* Prints the effective configuration in the file's own syntax, keys masked (first three and last
 * two characters of a long one). */
void config_print(const struct config *config, FILE *out);

/* Frees it and wipes the keys; NULL is allowed. */
void config_free(struct config *config);

#endif
