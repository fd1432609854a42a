/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_table: the settings that llmspoold.conf knows, with defaults and bounds.
 *
 * Floor: daemon. Each table ends with a row without a name. Only keys, which are never shown, are
 * read beside the tables: by config_keys.
 */
#ifndef DAEMON_CONFIG_TABLE_H
#define DAEMON_CONFIG_TABLE_H

#include "daemon/setting.h"

extern const struct setting config_settings[];    /* fields of struct config */
extern const struct setting provider_settings[];  /* fields of struct config_provider */
extern const struct setting model_settings[];     /* fields of struct config_model */
extern const struct setting user_settings[];      /* fields of struct config_user */
extern const struct setting hook_settings[];      /* fields of struct config_hook */
extern const struct setting webhook_settings[];   /* fields of struct config_webhook */
extern const struct setting endpoint_settings[];  /* fields of struct config_endpoint */
extern const struct setting budget_settings[];    /* fields of struct config_budget */
extern const struct setting retention_settings[]; /* fields of struct config */

#endif
