/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook: where a job's webhook may go: judged by what it says, before anything is resolved.
 *
 * Floor: job. The daemon judges at its door and llmspool-submit before it drops, in the same words;
 * what only a resolver can tell is judged when a connection is made (upstream/addresses.h).
 */
#ifndef JOB_WEBHOOK_H
#define JOB_WEBHOOK_H

#include <stdbool.h>

#include "base/error.h"
#include "base/networks.h"

enum { WEBHOOK_WORDS_SIZE = 400 };

/* What a daemon's configuration says of it. */
struct webhook_rules {
    struct networks allow; /* that are forbidden otherwise */
    char **endpoints;      /* names; NULL-terminated */
    char *place;           /* the configuration's path */
};

/* Fills *rules with copies. Either list may be NULL: empty. Returns 0, or -1 with an error about
 * what is no network. */
int webhook_rules_make(struct webhook_rules *rules, char *const *allow, char *const *endpoints,
                       const char *place, struct error *error);

/* Leaves empty ones. */
void webhook_rules_clear(struct webhook_rules *rules);

/* Whether an address is forbidden; words (WEBHOOK_WORDS_SIZE bytes) then receive what it is, and
 * the line of the configuration that allows it. */
bool webhook_forbids(const struct webhook_rules *rules, const struct network *address, char *words);

/* Whether a job's webhook, a URL or the name of an endpoint, may come in. Where not, *reason is a
 * machine word, bad_value, webhook_forbidden or unknown_endpoint, and error a sentence. */
bool webhook_allowed(const struct webhook_rules *rules, const char *webhook, const char **reason,
                     struct error *error);

/* Whether a webhook is meant as a URL, and not as the name of an endpoint. */
bool webhook_is_url(const char *webhook);

#endif
