/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_report: see run_report.h.
 */
#include "daemon/run_report.h"

#include <string.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "daemon/batch_find.h"
#include "daemon/hook_notice.h"
#include "retain/roll.h"

enum status { COMPLETED, FAILED, CANCELLED, EXPIRED, REFUSED, GONE, STATUSES };

static const char *const status_words[STATUSES] = {"completed", "failed",  "cancelled",
                                                   "expired",   "refused", "gone"};

struct making {
    const struct run_report_order *order;
    struct batch_finder *finder;
    json_int_t counts[STATUSES];
    json_int_t input_tokens;
    json_int_t output_tokens;
    int64_t cost_nano;
    char currency[16]; /* of the first that has one; empty: no cost is known */
    json_t *reasons;   /* groups, see hook_notice_count */
    json_t *failures;
    enum run_report_end end;
    struct error *error;
};

static enum status status_of(const json_t *record)
{
    const char *word = jsontext_get_text(record, "status", "");

    for (int i = 0; i < STATUSES; i++)
        if (strcmp(word, status_words[i]) == 0)
            return (enum status)i;
    return FAILED;
}

static json_int_t counted(const json_t *usage, const char *key)
{
    json_int_t count = jsontext_get_int(usage, key, 0);

    return count > 0 ? count : 0;
}

/* What of other currencies is left out: a spool has one, unless its configuration was changed. */
static void add_cost(struct making *making, const json_t *cost)
{
    const char *currency = jsontext_get_text(cost, "currency", NULL);
    int64_t nano;

    if (currency == NULL || !amount_of_double(json_number_value(json_object_get(cost, "amount")), &nano))
        return;
    if (making->currency[0] == '\0')
        snprintf(making->currency, sizeof making->currency, "%s", currency);
    if (strcmp(making->currency, currency) == 0)
        making->cost_nano = amount_add(making->cost_nano, nano);
}

static void add_failure(struct making *making, const struct id *id, const json_t *record)
{
    char text[ID_TEXT_SIZE];
    const char *message = jsontext_get_text(record, "message", NULL);
    const char *reason = jsontext_get_text(record, "reason", "unknown");

    hook_notice_count(making->reasons, reason, message);
    if (json_array_size(making->failures) >= HOOK_NOTICE_JOBS)
        return;
    id_write(id, text);
    json_array_append_new(making->failures,
                          json_pack("{s:s, s:s, s:s, s:o*}", "id", text, "status",
                                    status_words[status_of(record)], "reason", reason, "message",
                                    hook_notice_sentence(message)));
}

static void add_record(struct making *making, const struct id *id, const json_t *record)
{
    const json_t *usage = json_object_get(record, "usage");
    enum status status = status_of(record);

    making->counts[status]++;
    making->input_tokens += counted(usage, "input_tokens");
    making->output_tokens += counted(usage, "output_tokens");
    add_cost(making, json_object_get(record, "cost"));
    if (status != COMPLETED)
        add_failure(making, id, record);
}

static enum run_report_end add_job(struct making *making, const struct id *id)
{
    json_t *record;

    switch (batch_find(making->finder, id, &record, making->error)) {
    case BATCH_FOUND_DONE:
    case BATCH_FOUND_FAILED:
        add_record(making, id, record);
        json_decref(record);
        return RUN_REPORT_MADE;
    case BATCH_FOUND_OPEN:
        return RUN_REPORT_OPEN;
    case BATCH_FOUND_NONE:
        making->counts[GONE] += making->order->sure;
        return making->order->sure ? RUN_REPORT_MADE : RUN_REPORT_UNSURE;
    case BATCH_FOUND_ERROR:
        break;
    }
    return RUN_REPORT_FAILED;
}

static int visit(void *context, const struct member *member)
{
    struct making *making = context;

    if (atomic_load(making->order->stop))
        making->end = RUN_REPORT_GIVEN_UP;
    else if (member->refused)
        making->counts[REFUSED]++;
    else
        making->end = add_job(making, &member->id);
    return making->end == RUN_REPORT_MADE ? 0 : 1;
}

static json_t *report_of(const struct making *making)
{
    const struct run_report_order *order = making->order;
    struct wall now = clock_wall(order->clock);
    int64_t began = roll_begun_ms(order->spool, order->run);
    char began_text[TIMETEXT_SIZE] = "", ended[TIMETEXT_SIZE];
    json_int_t jobs = 0;
    json_t *report;

    if (began > 0)
        timetext_write((struct wall){began}, began_text);
    timetext_write(now, ended);
    report = json_pack("{s:s, s:s*, s:s}", "name", order->run, "began",
                       began > 0 ? began_text : NULL, "ended", ended);
    if (began > 0 && now.ms > began)
        json_object_set_new(report, "duration_ms", json_integer(now.ms - began));
    for (int i = 0; i < STATUSES; i++)
        jobs += making->counts[i];
    json_object_set_new(report, "jobs", json_integer(jobs));
    for (int i = 0; i < STATUSES; i++)
        json_object_set_new(report, status_words[i], json_integer(making->counts[i]));
    if (making->currency[0] != '\0') {
        json_object_set_new(report, "cost", json_real(amount_units(making->cost_nano)));
        json_object_set_new(report, "currency", json_string(making->currency));
    }
    json_object_set_new(report, "input_tokens", json_integer(making->input_tokens));
    json_object_set_new(report, "output_tokens", json_integer(making->output_tokens));
    json_object_set_new(report, "reasons", hook_notice_groups(making->reasons, "reason"));
    json_object_set(report, "failures", making->failures);
    return report;
}

enum run_report_end run_report_make(const struct run_report_order *order, json_t **report,
                                    struct error *error)
{
    struct making making = {.order = order,
                            .finder = batch_finder_new(order->spool),
                            .reasons = json_object(),
                            .failures = json_array(),
                            .error = error};

    if (roll_call(order->spool, order->run, visit, &making, error) < 0)
        making.end = error->kind == ERROR_ABSENT ? RUN_REPORT_GONE : RUN_REPORT_FAILED;
    if (making.end == RUN_REPORT_MADE)
        *report = report_of(&making);
    json_decref(making.reasons);
    json_decref(making.failures);
    batch_finder_free(making.finder);
    return making.end;
}
