/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_sections: the sections of llmspoold.conf as parts of a struct config: found or made, given
 * keys, checked at their end, printed by name.
 *
 * Floor: daemon. Knows nothing of libconfuse.
 */
#ifndef DAEMON_CONFIG_SECTIONS_H
#define DAEMON_CONFIG_SECTIONS_H

#include <sys/stat.h>

#include "base/error.h"
#include "daemon/config.h"

/* What a section is part of: a file and its mode, which secrets in it depend on. */
struct config_place {
    const char *path;
    mode_t mode;
};

/* Each finds the section of this name or adds one with all its defaults. It stays valid until the
 * next is added. */
struct config_provider *config_provider_at(struct config *config, const char *name);
struct config_model *config_model_at(struct config *config, const char *pattern);
struct config_user *config_user_at(struct config *config, const char *name);
struct config_hook *config_hook_at(struct config *config, const char *name);
struct config_endpoint *config_endpoint_at(struct config *config, const char *name);

/* Adds the key that a setting (key, key_file, key_env, key_credential) leads to. Returns 0, or -1
 * with an error, also for a key that is there already. */
int config_add_key(const struct config_place *place, const char *setting, const char *value,
                   struct config_key **keys, size_t *count, struct error *error);

/* Each completes a section and checks what needs the whole of it. Returns 0, or -1 with an error.
 */
int config_provider_end(const struct config_place *place, struct config_provider *provider,
                        struct error *error);
int config_model_end(struct config_model *model, struct error *error);
int config_user_end(const struct config_user *user, struct error *error);
int config_hook_end(const struct config_hook *hook, struct error *error);
int config_endpoint_end(const struct config_endpoint *endpoint, struct error *error);

/* Gives each user what their own section does not say and that of "*" does. */
void config_users_complete(struct config *config);

void config_keys_clear(struct config_key *keys, size_t count);

#define CONFIG_SECRET_PREFIX "whsec_"
enum { CONFIG_SECRET_LEAST = 24, CONFIG_SECRET_MOST = 64, CONFIG_SECRETS_MOST = 8 }; /* bytes; of one list */

/* Whether text is a secret of Standard Webhooks. Returns 0, or -1 with an error that names path and
 * not the text. */
int config_secret_check(const char *secret, const char *path, struct error *error);

/* Adds a secret that webhooks are signed with, from a file. Returns 0, or -1 with an error, also for
 * one that is there already. */
int config_add_secret(const char *path, struct config_key **secrets, size_t *count,
                      struct error *error);

/* Fills in what webhook { } does not say, and checks that it and the endpoints go where their own rules
 * let them. Returns 0, or -1 with an error. */
int config_webhook_complete(struct config *config, struct error *error);

/* Frees what is in them. */
void config_provider_clear(struct config_provider *provider);
void config_model_clear(struct config_model *model);
void config_user_clear(struct config_user *user);
void config_hook_clear(struct config_hook *hook);
void config_webhook_clear(struct config_webhook *webhook);
void config_endpoint_clear(struct config_endpoint *endpoint);

#endif
