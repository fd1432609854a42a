/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_table: the settings that llmspoold.conf knows, with defaults and bounds.
 *
 * Floor: daemon. Each table ends with a row without a name. Settings that are not one value of one
 * field are read by config_file: trusted_droppers, a provider's key, a model's provider.
 */
#ifndef DAEMON_CONFIG_TABLE_H
#define DAEMON_CONFIG_TABLE_H

#include "daemon/setting.h"

extern const struct setting config_settings[];    /* fields of struct config */
extern const struct setting provider_settings[];  /* fields of struct config_provider */
extern const struct setting model_settings[];     /* fields of struct config_model */
extern const struct setting retention_settings[]; /* fields of struct config */

#endif
