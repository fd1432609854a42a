/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_kinds: kinds of settings that have rules of their own: URLs, headers, prices, a time zone.
 *
 * Floor: daemon. Values are owned texts unless it says otherwise.
 */
#ifndef DAEMON_CONFIG_KINDS_H
#define DAEMON_CONFIG_KINDS_H

#include <stdbool.h>

#include "daemon/setting.h"

extern const struct setting_kind kind_protocol;    /* one of provider_protocols() */
extern const struct setting_kind kind_urls;        /* list: base URLs */
extern const struct setting_kind kind_headers;     /* list: "Name: value" that are not our own */
extern const struct setting_kind kind_header_name; /* a token of RFC 9110 */
extern const struct setting_kind kind_query;       /* of a URL, without the question mark */
extern const struct setting_kind kind_proxy;       /* URL; a password in it is written masked */
extern const struct setting_kind kind_secret_file; /* readable, but not for others */
extern const struct setting_kind kind_zone;        /* in /usr/share/zoneinfo */
extern const struct setting_kind kind_currency;    /* three capital letters */
extern const struct setting_kind kind_price;       /* int64_t, nano a token; text is per million */
extern const struct setting_kind kind_room;        /* struct policy_room: 10% or 5GiB */
extern const struct setting_kind kind_metrics_file; /* an absolute path that ends in .prom */
extern const struct setting_kind kind_web;         /* URL that webhooks can go to */
extern const struct setting_kind kind_ends;        /* list: how jobs end */
extern const struct setting_kind kind_networks;    /* list: networks and addresses */
extern const struct setting_kind kind_delays;      /* list: durations, which may repeat */
extern const struct setting_kind kind_free;        /* bool: the word free */
extern const struct setting_kind kind_command;     /* list: a program's absolute path, arguments */

/* Whether a proxy's URL holds a user or a password. */
bool kind_proxy_is_secret(const char *proxy);

#endif
