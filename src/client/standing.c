/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standing: see standing.h. Printing is in standing_print.c. */
#include "client/standing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/amount.h"
#include "base/timetext.h"
#include "client/records.h"
#include "client/spend.h"
#include "client/tally.h"
#include "retain/ids.h"
#include "retain/roll.h"

enum { FAILURES_READ = 1000, ENOUGH = 20 /* ends, to tell a rate by */ };
enum { MINUTE_MS = 60 * 1000 };

static const int64_t windows_ms[STANDING_WINDOWS] = {MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS,
                                                     INT64_MAX};

/* --- where each job is -------------------------------------------------------------------------
 */

struct reading {
    const struct spool *spool;
    struct standing *standing;
    struct wall now;
    struct ids *ids; /* opened when the first job is in no folder */
    bool asked;      /* for ids */
    json_t *failures;
    size_t failures_read;
};

static bool lies_in(const struct spool *spool, enum folder folder, const char *name,
                    struct stat *status)
{
    return fstatat(spool->dir[folder], name, status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A file's status changes last when it is moved to where it lies. */
static int64_t moved_ms(const struct stat *status)
{
    return clock_ms(status->st_ctim);
}

static void count_end(struct reading *reading, const struct stat *status)
{
    struct standing *standing = reading->standing;
    int64_t ended = moved_ms(status);

    for (size_t i = 0; i < STANDING_WINDOWS; i++) {
        standing->ended[i] +=
            ended >= standing->begun_ms &&
            (windows_ms[i] == INT64_MAX || reading->now.ms - ended < windows_ms[i]);
    }
}

static void look_at_failure(struct reading *reading, const struct id *id)
{
    json_t *record;

    if (reading->failures == NULL || reading->failures_read == FAILURES_READ) {
        return;
    }
    reading->failures_read++;
    record = records_error(reading->spool, id, NULL);
    if (record != NULL) {
        tally_group(reading->failures, record);
    }
    json_decref(record);
}

/* A job may move from one folder to the next while it is looked for. */
static bool find(struct reading *reading, const struct id *id)
{
    const struct spool *spool = reading->spool;
    struct standing *standing = reading->standing;
    struct stat status;
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    if (lies_in(spool, FOLDER_CUR, name, &status)) {
        if ((status.st_mode & S_IXUSR) != 0) {
            standing->running++;
        } else {
            standing->waiting++;
        }
        return true;
    }
    if (lies_in(spool, FOLDER_DONE, name, &status)) {
        standing->completed++;
        standing->before += moved_ms(&status) < standing->begun_ms;
        count_end(reading, &status);
        return true;
    }
    if (lies_in(spool, FOLDER_FAILED, name, &status)) {
        standing->failed++;
        count_end(reading, &status);
        look_at_failure(reading, id);
        return true;
    }
    return false;
}

static void look_in_archives(struct reading *reading, const struct id *id)
{
    struct archived archived;

    if (!reading->asked) {
        reading->asked = true;
        reading->ids = ids_open(reading->spool, NULL);
    }
    if (reading->ids != NULL && ids_find(reading->ids, id, 0, &archived)) {
        reading->standing->archived++;
    } else {
        reading->standing->gone++;
    }
}

static int look(void *context, const struct member *member)
{
    struct reading *reading = context;

    reading->standing->places++;
    if (member->refused) {
        reading->standing->refused++;
    } else if (!find(reading, &member->id) && !find(reading, &member->id)) {
        look_in_archives(reading, &member->id);
    }
    return 0;
}

int standing_read(const struct spool *spool, const char *run, struct wall now,
                  struct standing *standing, json_t **failures, struct error *error)
{
    struct reading reading = {.spool = spool, .standing = standing, .now = now};
    int result;

    *standing = (struct standing){.begun_ms = roll_begun_ms(spool, run)};
    reading.failures = failures != NULL ? json_array() : NULL;
    result = roll_call(spool, run, look, &reading, error);
    ids_close(reading.ids);
    if (failures != NULL) {
        *failures = tally_sorted(reading.failures);
    }
    return result;
}

/* --- pace ----------------------------------------------------------------------------------------
 */

double standing_rate(const struct standing *standing, struct wall now)
{
    int64_t passed = now.ms - standing->begun_ms;

    for (size_t i = 0; i < STANDING_WINDOWS; i++) {
        int64_t window = windows_ms[i] < passed ? windows_ms[i] : passed;

        if (window > 0 && (standing->ended[i] >= ENOUGH || i + 1 == STANDING_WINDOWS)) {
            return (double)standing->ended[i] * MINUTE_MS / (double)window;
        }
    }
    return 0;
}

int64_t standing_end_ms(const struct standing *standing, struct wall now)
{
    double left = (double)(standing->waiting + standing->running);
    double rate = standing_rate(standing, now);
    double ms = rate > 0 ? left / rate * MINUTE_MS : 0;

    return ms > 0 && ms < 1e15 ? now.ms + (int64_t)ms : 0;
}

/* --- money ---------------------------------------------------------------------------------------
 */

json_t *standing_money(const struct spool *spool, const char *run, struct error *error)
{
    struct ledger *ledger = spend_ledger(spool, error);
    struct spend_row *rows;
    struct spend sum = {0};
    size_t count;
    json_t *money;
    int64_t limit;

    if (ledger == NULL) {
        return NULL;
    }
    rows = ledger_group(ledger, BY_RUN, INT32_MIN, INT32_MAX, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key.run, run) == 0) {
            spend_add(&sum, &rows[i].spend);
        }
    }
    free(rows);
    money = json_pack("{s:s, s:f, s:f, s:I, s:I, s:I, s:I}", "currency", ledger_currency(ledger),
                      "cost", amount_units(sum.cost_nano), "in_doubt", amount_units(sum.doubt_nano),
                      "requests", (json_int_t)sum.requests, "unpriced", (json_int_t)sum.unpriced,
                      "input_tokens", (json_int_t)sum.input_tokens, "output_tokens",
                      (json_int_t)sum.output_tokens);
    limit = ledger_limit_of(ledger, run);
    if (limit >= 0) {
        json_object_set_new(money, "max_cost", json_real(amount_units(limit)));
    }
    ledger_free(ledger);
    return money;
}

/* --- as JSON -------------------------------------------------------------------------------------
 */

static void set_time(json_t *object, const char *key, int64_t ms)
{
    char text[TIMETEXT_SIZE];

    if (ms > 0) {
        timetext_write((struct wall){ms}, text);
        json_object_set_new(object, key, json_string(text));
    } else {
        json_object_set_new(object, key, json_null());
    }
}

json_t *standing_json(const char *run, const struct standing *standing, const json_t *failures,
                      const json_t *money, struct wall now)
{
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        {"jobs", standing->places},
        {"waiting", standing->waiting},
        {"running", standing->running},
        {"completed", standing->completed},
        {"failed", standing->failed},
        {"refused", standing->refused},
        {"archived", standing->archived},
        {"gone", standing->gone},
        {"answered_before", standing->before},
        {"last_minute", standing->ended[0]},
    };
    json_t *page = json_pack("{s:s}", "run", run);

    set_time(page, "begun", standing->begun_ms);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        json_object_set_new(page, counts[i].key, json_integer((json_int_t)counts[i].value));
    }
    json_object_set_new(page, "per_minute", json_real(standing_rate(standing, now)));
    set_time(page, "ends", standing_end_ms(standing, now));
    if (money != NULL) {
        json_object_set_new(page, "money", json_deep_copy(money));
    }
    if (failures != NULL) {
        json_object_set_new(page, "failures", json_deep_copy(failures));
    }
    return page;
}
