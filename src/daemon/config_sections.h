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

/* Gives each user what their own section does not say and that of "*" does. */
void config_users_complete(struct config *config);

/* Frees what is in them. */
void config_provider_clear(struct config_provider *provider);
void config_model_clear(struct config_model *model);
void config_user_clear(struct config_user *user);
void config_hook_clear(struct config_hook *hook);

#endif
