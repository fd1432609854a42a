/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upstreams: where requests can go: each URL of a provider, with each of its keys, for each model,
 * has a gate of its own.
 *
 * Floor: daemon. An upstream lives as long as the daemon: requests in flight lead to it, and what
 * its gate learnt outlasts a reload that names the same provider, URL and key number again.
 */
#ifndef DAEMON_UPSTREAMS_H
#define DAEMON_UPSTREAMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/config.h"
#include "upstream/gate.h"

struct upstream {
    struct upstream *next;
    char *name;     /* PROVIDER/MODEL; where a provider has several, PROVIDER#2/MODEL …: for status
                       and orders */
    char *provider; /* its name */
    char *url;      /* base, {model} replaced, without a slash at the end */
    char *model;
    char *owner;       /* the user whose key it sends, or NULL: the provider's */
    size_t key_number; /* of the provider's or the owner's keys, from 0 */
    const struct config_provider *route; /* NULL: no longer configured */
    const char *key;                     /* borrowed from the configuration, or NULL: none is sent */
    struct gate *gate;
    bool mock;          /* the last answer came from llmspool-mock */
    bool real;          /* the last answer did not */
    double input_ratio; /* real tokens of a request over estimated ones, a running mean; 1 at first */
    double output_ratio; /* real tokens of an answer over its bound; 1 at first */
};

struct upstreams;

/* config and random are borrowed. */
struct upstreams *upstreams_open(const struct config *config, struct random *random,
                                 struct mono now);
void upstreams_close(struct upstreams *upstreams);

/* The upstreams of a provider for a model, made when they are new: an array for the caller to free,
 * its length in *count. owner is the user section whose keys are sent, or NULL for the provider's
 * own. */
struct upstream **upstreams_of(struct upstreams *upstreams, const struct config_provider *route,
                               const struct config_user *owner, const char *model, size_t *count);

/* A new configuration: every gate gets its settings; upstreams that are no longer named lose their
 * route until upstreams_of asks for them again. The old one may be freed afterwards. */
void upstreams_configure(struct upstreams *upstreams, const struct config *config,
                         struct mono now);

/* Reads again the files of URLs that changed since they were read. Returns whether any did: the
 * lanes must ask upstreams_of anew. */
bool upstreams_look_at_files(struct upstreams *upstreams);

/* The first; others follow by next. */
struct upstream *upstreams_first(const struct upstreams *upstreams);

/* What gates learnt, out of a status.json that was written before; absent or odd parts are passed
 * over. It is given to gates when they are made. */
void upstreams_recall(struct upstreams *upstreams, const json_t *status, struct wall now);

/* What a gate learnt, as it goes into status.json. */
json_t *upstream_memory(const struct upstream *upstream, struct mono now);

/* An answer told how many tokens its request and it had: corrects later estimates. Estimates of 0
 * and counts of -1 teach nothing. */
void upstream_learn(struct upstream *upstream, const struct gate_cost *estimated,
                    const struct gate_cost *real);

#endif
