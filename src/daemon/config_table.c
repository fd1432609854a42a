/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_table: the settings that llmspoold.conf knows, with defaults and bounds.
 */
#include "daemon/config_table.h"

#include <stddef.h>

#include "daemon/config.h"

#define SECOND UINT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define KIB    UINT64_C(1024)
#define GIB    (KIB * KIB * KIB)

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
    {"answer_limit", &setting_size, FIELD(answer_limit), "64MiB", KIB, GIB},
    {"job_limit", &setting_size, FIELD(job_limit), "32MiB", KIB, GIB},
    {"floor_space", &setting_space, FIELD(floor_bytes), "64MiB", 0, 1024 * GIB},
    {"floor_inodes", &setting_number, FIELD(floor_inodes), "1000", 0, 1000000000},
    {"ca_file", &setting_file, FIELD(ca_file), NULL, 0, 0},
    {0},
};

const struct setting retention_settings[] = {
    {"outputs", &setting_duration, FIELD(keep_outputs_ms), NULL, 0, 36500 * DAY},
    {"failed", &setting_duration, FIELD(keep_failed_ms), NULL, 0, 36500 * DAY},
    {"events", &setting_duration, FIELD(keep_events_ms), NULL, 0, 36500 * DAY},
    {0},
};
#undef FIELD

#define FIELD(member) offsetof(struct config_provider, member)
const struct setting provider_settings[] = {
    {"protocol", &setting_text, FIELD(protocol), "openai", 0, 0},
    {"max_in_flight", &setting_count, FIELD(limits.max_in_flight), NULL, 1, 65536},
    {"connect_timeout", &setting_duration, FIELD(connect_timeout_ms), "10s", 1, HOUR},
    {"first_byte_timeout", &setting_duration, FIELD(first_byte_timeout_ms), "10m", 1, DAY},
    {"timeout", &setting_duration, FIELD(timeout_ms), "30m", 1, DAY},
    {0},
};
#undef FIELD

const struct setting model_settings[] = {
    {"provider", &setting_text, offsetof(struct config_model, provider), NULL, 0, 0},
    {0},
};
