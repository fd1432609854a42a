/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_table: the settings that llmspoold.conf knows, with defaults and bounds.
 */
#include "daemon/config_table.h"

#include <stddef.h>

#include "daemon/config.h"
#include "daemon/config_kinds.h"

#define SECOND UINT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define KIB    UINT64_C(1024)
#define GIB    (KIB * KIB * KIB)

#define KEEP_MOST   (36500 * DAY)
#define TOKENS_MOST UINT64_C(1000000000000) /* a minute */
#define NANO        UINT64_C(1000000000)
#define MONEY_MOST  (1000000000 * NANO)
#define PRICE_MOST  (1000000 * NANO) /* per million tokens */

#define FIELD(member) offsetof(struct config, member)
const struct setting config_settings[] = {
    {"concurrency", &setting_count, FIELD(concurrency), "64", 1, 65536},
    {"max_attempts", &setting_count, FIELD(max_attempts), "3", 1, 1000},
    {"backoff", &setting_duration, FIELD(backoff_ms), "2s", 1, HOUR},
    {"backoff_limit", &setting_duration, FIELD(backoff_limit_ms), "60s", 1, DAY},
    {"drain_timeout", &setting_duration, FIELD(drain_timeout_ms), "120s", 0, DAY},
    {"halt_after", &setting_halt, FIELD(halt_after), "20", 1, 1000000},
    {"probe_interval", &setting_duration, FIELD(probe_ms), "30s", SECOND, DAY},
    {"on_doubt", &setting_doubt, FIELD(hold_on_doubt), "retry", 0, 0},
    {"store_response", &setting_yes, FIELD(store_response), "yes", 0, 0},
    {"answer_from_archive", &setting_yes, FIELD(answer_from_archive), "yes", 0, 0},
    {"answer_limit", &setting_size, FIELD(answer_limit), "64MiB", KIB, GIB},
    {"job_limit", &setting_size, FIELD(job_limit), "32MiB", KIB, GIB},
    {"attachment_limit", &setting_size, FIELD(attachment_limit), "32MiB", KIB, GIB},
    {"floor_space", &setting_space, FIELD(floor_bytes), "64MiB", 0, 1024 * GIB},
    {"floor_inodes", &setting_number, FIELD(floor_inodes), "1000", 0, 1000000000},
    {"aging", &setting_duration, FIELD(aging_ms), "10m", 0, 7 * DAY},
    {"fallback_after", &setting_duration, FIELD(fallback_after_ms), "5m", 0, 7 * DAY},
    {"fallback_on_refusal", &setting_yes, FIELD(fallback_on_refusal), "no", 0, 0},
    {"truncated_retries", &setting_count, FIELD(truncated_retries), "0", 0, 10},
    {"metrics_file", &kind_metrics_file, FIELD(metrics_file), NULL, 0, 0},
    {"metrics_label", &setting_text, FIELD(metrics_label), NULL, 0, 0},
    {"metrics_every", &setting_duration, FIELD(metrics_every_ms), "15s", 100, HOUR},
    {"json_retries", &setting_count, FIELD(json_retries), "1", 0, 10},
    {"currency", &kind_currency, FIELD(currency), "USD", 0, 0},
    {"time_zone", &kind_zone, FIELD(time_zone), NULL, 0, 0},
    {"prices", &setting_file, FIELD(prices), NULL, 0, 0},
    {"ca_file", &setting_file, FIELD(ca_file), NULL, 0, 0},
    {"visibility", &setting_visibility, FIELD(owner_only), "group", 0, 0},
    {"mail_allow", &setting_list, FIELD(mail_allow), NULL, 0, 1000},
    {"trusted_droppers", &setting_list, FIELD(trusted_droppers), NULL, 0, 1000},
    {0},
};

const struct setting retention_settings[] = {
    {"outputs", &setting_duration, FIELD(retention.outputs_ms), "90d", 0, KEEP_MOST},
    {"failed", &setting_duration, FIELD(retention.failed_ms), "30d", 0, KEEP_MOST},
    {"events", &setting_duration, FIELD(retention.events_ms), "365d", 0, KEEP_MOST},
    {"attachments", &setting_duration, FIELD(retention.attachments_ms), "1d", 0, KEEP_MOST},
    {"versions", &setting_count, FIELD(retention.versions), "0", 0, 1000000},
    {"count", &setting_number, FIELD(retention.count), "0", 0, UINT64_C(1000000000)},
    {"bytes", &setting_space, FIELD(retention.bytes), "0", 0, UINT64_C(1024) * 1024 * GIB},
    {"free_space", &kind_room, FIELD(retention.free_space), "0%", 0, 0},
    {"archive_before_prune", &setting_yes, FIELD(retention.archive_first), "yes", 0, 0},
    {"archive_after", &setting_duration, FIELD(retention.archive_after_ms), "30d", 0, KEEP_MOST},
    {0},
};
#undef FIELD

#define FIELD(member) offsetof(struct config_budget, member)
const struct setting budget_settings[] = {
    {"day", &setting_money, FIELD(day_nano), NULL, 0, MONEY_MOST},
    {"week", &setting_money, FIELD(week_nano), NULL, 0, MONEY_MOST},
    {"month", &setting_money, FIELD(month_nano), NULL, 0, MONEY_MOST},
    {"run", &setting_money, FIELD(run_nano), NULL, 0, MONEY_MOST},
    {0},
};
#undef FIELD

/* clang-format off */
#define LIMITS                                                                                     \
    {"max_in_flight", &setting_count, FIELD(limits.max_in_flight), NULL, 1, 65536},                \
    {"rpm", &setting_number, FIELD(limits.rpm), NULL, 1, 1000000000},                              \
    {"tpm", &setting_number, FIELD(limits.tpm), NULL, 1, TOKENS_MOST},                             \
    {"input_tpm", &setting_number, FIELD(limits.input_tpm), NULL, 1, TOKENS_MOST},                 \
    {"output_tpm", &setting_number, FIELD(limits.output_tpm), NULL, 1, TOKENS_MOST},               \
    {"rpd", &setting_number, FIELD(limits.rpd), NULL, 1, 1000000000}
/* clang-format on */

#define FIELD(member) offsetof(struct config_provider, member)
const struct setting provider_settings[] = {
    {"protocol", &kind_protocol, FIELD(protocol), "openai", 0, 0},
    {"url", &kind_urls, FIELD(urls), NULL, 1, 256},
    {"url_file", &setting_file, FIELD(url_file), NULL, 0, 0},
    {"key_header", &kind_header_name, FIELD(key_header), NULL, 0, 0},
    {"query", &kind_query, FIELD(query), NULL, 0, 0},
    {"headers", &kind_headers, FIELD(headers), NULL, 0, 32},
    LIMITS,
    {"connect_timeout", &setting_duration, FIELD(connect_timeout_ms), "10s", 1, HOUR},
    {"first_byte_timeout", &setting_duration, FIELD(first_byte_timeout_ms), "10m", 1, DAY},
    {"idle_timeout", &setting_duration, FIELD(idle_timeout_ms), "5m", 0, DAY},
    {"timeout", &setting_duration, FIELD(timeout_ms), "30m", 1, DAY},
    {"proxy", &kind_proxy, FIELD(proxy), NULL, 0, 0},
    {"ca_file", &setting_file, FIELD(ca_file), NULL, 0, 0},
    {"client_cert", &setting_file, FIELD(client_cert), NULL, 0, 0},
    {"client_key", &kind_secret_file, FIELD(client_key), NULL, 0, 0},
    {0},
};
#undef FIELD

#define FIELD(member) offsetof(struct config_model, member)
const struct setting model_settings[] = {
    {"provider", &setting_text, FIELD(provider), NULL, 0, 0},
    {"fallback", &setting_list, FIELD(fallback), NULL, 0, 8},
    {"input_price", &kind_price, FIELD(price.input_nano), NULL, 0, PRICE_MOST},
    {"cached_price", &kind_price, FIELD(price.cached_nano), NULL, 0, PRICE_MOST},
    {"output_price", &kind_price, FIELD(price.output_nano), NULL, 0, PRICE_MOST},
    {"price", &kind_free, FIELD(price.free), NULL, 0, 0},
    {"max_output_tokens", &setting_number, FIELD(max_output_tokens), NULL, 1, 1000000000},
    LIMITS,
    {"keep", &setting_duration, FIELD(keep_ms), NULL, 0, KEEP_MOST},
    {0},
};
#undef FIELD

#define FIELD(member) offsetof(struct config_user, member)
const struct setting user_settings[] = {
    {"provider", &setting_text, FIELD(provider), NULL, 0, 0},
    {"max_in_flight", &setting_count, FIELD(max_in_flight), NULL, 1, 65536},
    {"max_waiting", &setting_count, FIELD(max_waiting), NULL, 1, 1000000000},
    {"models", &setting_list, FIELD(models), NULL, 0, 256},
    {"keep", &setting_duration, FIELD(keep_ms), NULL, 0, KEEP_MOST},
    {0},
};
#undef FIELD

#define FIELD(member) offsetof(struct config_hook, member)
const struct setting hook_settings[] = {
    {"command", &kind_command, FIELD(command), NULL, 1, 64},
    {"timeout", &setting_duration, FIELD(timeout_ms), "60s", 1, HOUR},
    {"gather", &setting_duration, FIELD(gather_ms), "1m", 0, DAY},
    {0},
};
#undef FIELD

#define FIELD(member) offsetof(struct config_webhook, member)
const struct setting webhook_settings[] = {
    {"url", &kind_web, FIELD(url), NULL, 0, 0},
    {"events", &kind_ends, FIELD(events), NULL, 0, 4},
    {"allow", &kind_networks, FIELD(allow), NULL, 0, 1000},
    {"timeout", &setting_duration, FIELD(timeout_ms), "20s", 1, 10 * 60 * SECOND},
    {"max_in_flight", &setting_count, FIELD(max_in_flight), "16", 1, 1000},
    {"retries", &kind_delays, FIELD(retries), NULL, 0, 100},
    {"body_limit", &setting_size, FIELD(body_limit), "20KiB", KIB, 32 * KIB * KIB},
    {"public_url", &kind_web, FIELD(public_url), NULL, 0, 0},
    {0},
};
#undef FIELD

#define FIELD(member) offsetof(struct config_endpoint, member)
const struct setting endpoint_settings[] = {
    {"url", &kind_web, FIELD(url), NULL, 0, 0},
    {"events", &kind_ends, FIELD(events), NULL, 0, 4},
    {0},
};
#undef FIELD
