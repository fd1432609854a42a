/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger: what was spent, in memory: sums, open reservations, limits of runs, and reports of them.
 * Its text is ledger_text's.
 */
#include "job/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/day.h"
#include "base/xalloc.h"
#include "job/ledger_text.h"

/* --- making and freeing ----------------------------------------------------------------------- */

struct ledger *ledger_new(const char *currency, const char *time_zone)
{
    struct ledger *ledger = xcalloc(1, sizeof *ledger);

    ledger->currency = xstrdup(currency);
    ledger->time_zone = xstrdup(time_zone);
    ledger->next = 1;
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    struct ledger_sum *sum, *next_sum;
    struct ledger_open *open, *next_open;
    struct ledger_limit *limit, *next_limit;

    if (ledger == NULL) {
        return;
    }
    HASH_ITER(hh, ledger->sums, sum, next_sum)
    {
        HASH_DEL(ledger->sums, sum);
        free(sum);
    }
    HASH_ITER(hh, ledger->opens, open, next_open)
    {
        HASH_DEL(ledger->opens, open);
        free(open);
    }
    HASH_ITER(hh, ledger->limits, limit, next_limit)
    {
        HASH_DEL(ledger->limits, limit);
        free(limit);
    }
    free(ledger->currency);
    free(ledger->time_zone);
    free(ledger);
}

const char *ledger_currency(const struct ledger *ledger)
{
    return ledger->currency;
}

const char *ledger_zone(const struct ledger *ledger)
{
    return ledger->time_zone;
}

void ledger_rename(struct ledger *ledger, const char *currency, const char *time_zone)
{
    char *old_currency = ledger->currency;
    char *old_zone = ledger->time_zone;

    ledger->currency = xstrdup(currency);
    ledger->time_zone = xstrdup(time_zone);
    free(old_currency);
    free(old_zone);
}

size_t ledger_damaged(const struct ledger *ledger)
{
    return ledger->damaged;
}

/* --- keys ------------------------------------------------------------------------------------- */

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* Bytes of a key packed behind each other: the four texts with their NULs. */
static size_t pack_size(const struct spend_key *key)
{
    return strlen(text_or_empty(key->user)) + strlen(text_or_empty(key->provider)) +
           strlen(text_or_empty(key->model)) + strlen(text_or_empty(key->run)) + 4;
}

/* Copies text to *at, moves it on, and returns the copy. */
static const char *pack_text(char **at, const char *text)
{
    const char *copy = *at;
    size_t size = strlen(text_or_empty(text)) + 1;

    memcpy(*at, text_or_empty(text), size);
    *at += size;
    return copy;
}

/* Copies the texts of key to at; packed then points there. */
static void pack(const struct spend_key *key, char *at, struct spend_key *packed)
{
    *packed = (struct spend_key){.day = key->day};
    packed->user = pack_text(&at, key->user);
    packed->provider = pack_text(&at, key->provider);
    packed->model = pack_text(&at, key->model);
    packed->run = pack_text(&at, key->run);
}

/* --- sums ------------------------------------------------------------------------------------- */

struct spend *ledger_sum(struct ledger *ledger, const struct spend_key *key)
{
    size_t length = sizeof key->day + pack_size(key);
    struct ledger_sum *sum = xcalloc(1, sizeof *sum + length);
    struct ledger_sum *found;

    memcpy(sum->packed, &key->day, sizeof key->day);
    pack(key, sum->packed + sizeof key->day, &sum->key);
    HASH_FIND(hh, ledger->sums, sum->packed, length, found);
    if (found != NULL) {
        free(sum);
        return &found->spend;
    }
    HASH_ADD_KEYPTR(hh, ledger->sums, sum->packed, length, sum);
    return &sum->spend;
}

void spend_add(struct spend *sum, const struct spend *more)
{
    sum->requests += more->requests;
    sum->unpriced += more->unpriced;
    sum->doubts += more->doubts;
    sum->input_tokens = amount_add(sum->input_tokens, more->input_tokens);
    sum->cached_tokens = amount_add(sum->cached_tokens, more->cached_tokens);
    sum->output_tokens = amount_add(sum->output_tokens, more->output_tokens);
    sum->cost_nano = amount_add(sum->cost_nano, more->cost_nano);
    sum->doubt_nano = amount_add(sum->doubt_nano, more->doubt_nano);
}

void ledger_each(const struct ledger *ledger,
                 void (*each)(void *context, const struct spend_key *key,
                              const struct spend *spend),
                 void *context)
{
    for (const struct ledger_sum *sum = ledger->sums; sum != NULL; sum = sum->hh.next) {
        each(context, &sum->key, &sum->spend);
    }
}

/* --- reservations ----------------------------------------------------------------------------- */

const struct reservation *ledger_add_open(struct ledger *ledger, uint64_t number,
                                          const struct spend_key *key, int64_t nano)
{
    struct ledger_open *open = xcalloc(1, sizeof *open + pack_size(key));

    open->reservation = (struct reservation){.number = number, .nano = nano};
    pack(key, open->packed, &open->reservation.key);
    HASH_ADD(hh, ledger->opens, reservation.number, sizeof number, open);
    if (number >= ledger->next) {
        ledger->next = number + 1;
    }
    return &open->reservation;
}

static struct ledger_open *find_open(const struct ledger *ledger, uint64_t number)
{
    struct ledger_open *open;

    HASH_FIND(hh, ledger->opens, &number, sizeof number, open);
    return open;
}

const struct reservation *ledger_open(const struct ledger *ledger, uint64_t number)
{
    const struct ledger_open *open = find_open(ledger, number);

    return open != NULL ? &open->reservation : NULL;
}

const struct reservation *ledger_reserve(struct ledger *ledger, const struct spend_key *key,
                                         int64_t nano, struct buffer *out)
{
    const struct reservation *reservation = ledger_add_open(ledger, ledger->next, key, nano);

    ledger_text_open(out, "reserve", reservation);
    return reservation;
}

static int64_t known(int64_t number)
{
    return number > 0 ? number : 0;
}

/* -1: no price is known. */
static int64_t settled_nano(const struct reservation *reservation,
                            const struct settlement *settlement)
{
    return settlement->how == SETTLE_DOUBT || settlement->cost_nano < 0 ? reservation->nano
                                                                        : settlement->cost_nano;
}

int64_t ledger_charge(const struct reservation *reservation, const struct settlement *settlement)
{
    return settlement->how == SETTLE_RELEASED ? 0 : known(settled_nano(reservation, settlement));
}

/* What a settlement adds to the sum of its key. */
static struct spend settled_spend(const struct reservation *reservation,
                                  const struct settlement *settlement)
{
    bool doubt = settlement->how == SETTLE_DOUBT;
    int64_t charge = ledger_charge(reservation, settlement);

    return (struct spend){
        .requests = 1,
        .unpriced = settled_nano(reservation, settlement) < 0,
        .doubts = doubt,
        .input_tokens = known(settlement->input_tokens),
        .cached_tokens = known(settlement->cached_tokens),
        .output_tokens = known(settlement->output_tokens),
        .cost_nano = doubt ? 0 : charge,
        .doubt_nano = doubt ? charge : 0,
    };
}

void ledger_apply(struct ledger *ledger, uint64_t number, const struct settlement *settlement)
{
    struct ledger_open *open = find_open(ledger, number);

    if (open == NULL) {
        return;
    }
    if (settlement->how != SETTLE_RELEASED) {
        struct spend spend = settled_spend(&open->reservation, settlement);

        spend_add(ledger_sum(ledger, &open->reservation.key), &spend);
    }
    HASH_DEL(ledger->opens, open);
    free(open);
}

void ledger_settle(struct ledger *ledger, uint64_t number, const struct settlement *settlement,
                   struct buffer *out)
{
    if (find_open(ledger, number) != NULL) {
        ledger_text_settle(out, number, settlement);
        ledger_apply(ledger, number, settlement);
    }
}

size_t ledger_doubt_open(struct ledger *ledger)
{
    const struct settlement doubt = {SETTLE_DOUBT, -1, -1, -1, -1};
    size_t count = 0;

    while (ledger->opens != NULL) {
        ledger_apply(ledger, ledger->opens->reservation.number, &doubt);
        count++;
    }
    return count;
}

void ledger_each_open(const struct ledger *ledger,
                      void (*each)(void *context, const struct reservation *reservation),
                      void *context)
{
    for (const struct ledger_open *open = ledger->opens; open != NULL; open = open->hh.next) {
        each(context, &open->reservation);
    }
}

bool ledger_empty(const struct ledger *ledger)
{
    return ledger->sums == NULL && ledger->opens == NULL;
}

/* --- limits of runs --------------------------------------------------------------------------- */

static struct ledger_limit *find_limit(const struct ledger *ledger, const char *run)
{
    struct ledger_limit *limit;

    HASH_FIND_STR(ledger->limits, run, limit);
    return limit;
}

void ledger_set_limit(struct ledger *ledger, const char *run, int64_t nano)
{
    struct ledger_limit *limit = find_limit(ledger, run);

    if (limit == NULL && nano >= 0) {
        limit = xcalloc(1, sizeof *limit + strlen(run) + 1);
        memcpy(limit->run, run, strlen(run) + 1);
        HASH_ADD_STR(ledger->limits, run, limit);
    }
    if (limit != NULL) {
        limit->nano = nano;
    }
}

void ledger_limit(struct ledger *ledger, const char *run, int64_t nano, struct buffer *out)
{
    if (ledger_limit_of(ledger, run) != nano) {
        ledger_set_limit(ledger, run, nano);
        ledger_text_limit(out, run, nano);
    }
}

int64_t ledger_limit_of(const struct ledger *ledger, const char *run)
{
    const struct ledger_limit *limit = run != NULL ? find_limit(ledger, run) : NULL;

    return limit != NULL ? limit->nano : -1;
}

/* --- reports ---------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum spend_by by;
} columns[] = {
    {"day", BY_DAY},     {"user", BY_USER}, {"provider", BY_PROVIDER},
    {"model", BY_MODEL}, {"run", BY_RUN},
};

unsigned spend_by_read(const char *name)
{
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (strcmp(columns[i].word, name) == 0) {
            return columns[i].by;
        }
    }
    return 0;
}

const char *spend_by_word(enum spend_by by)
{
    size_t i = 0;

    while (columns[i].by != by) {
        i++;
        assert(i < sizeof columns / sizeof columns[0]);
    }
    return columns[i].word;
}

struct group {
    unsigned by;
    int32_t from, until;
    struct spend_row *rows; /* not added up yet */
    size_t count, capacity;
};

static struct spend_row *group_row(struct group *group, const struct spend_key *key)
{
    struct spend_row *row;

    if (group->count == group->capacity) {
        group->capacity = 2 * group->capacity + 64;
        group->rows = xrealloc(group->rows, group->capacity * sizeof *group->rows);
    }
    row = &group->rows[group->count++];
    *row = (struct spend_row){
        .key = {.day = (group->by & BY_DAY) != 0 ? key->day : 0,
                .user = (group->by & BY_USER) != 0 ? key->user : "",
                .provider = (group->by & BY_PROVIDER) != 0 ? key->provider : "",
                .model = (group->by & BY_MODEL) != 0 ? key->model : "",
                .run = (group->by & BY_RUN) != 0 ? key->run : ""},
    };
    return row;
}

static void group_sum(void *context, const struct spend_key *key, const struct spend *spend)
{
    struct group *group = context;

    if (key->day >= group->from && key->day <= group->until) {
        group_row(group, key)->spend = *spend;
    }
}

static void group_open(void *context, const struct reservation *reservation)
{
    struct group *group = context;

    if (reservation->key.day >= group->from && reservation->key.day <= group->until) {
        struct spend_row *row = group_row(group, &reservation->key);

        row->open = 1;
        row->reserved_nano = known(reservation->nano);
    }
}

static int compare_rows(const void *a, const void *b)
{
    const struct spend_key *left = &((const struct spend_row *)a)->key;
    const struct spend_key *right = &((const struct spend_row *)b)->key;
    int order = (left->day > right->day) - (left->day < right->day);

    order = order != 0 ? order : strcmp(left->user, right->user);
    order = order != 0 ? order : strcmp(left->provider, right->provider);
    order = order != 0 ? order : strcmp(left->model, right->model);
    return order != 0 ? order : strcmp(left->run, right->run);
}

/* Adds up neighbours with the same key. */
static size_t merge_rows(struct spend_row *rows, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_rows(&rows[kept - 1], &rows[i]) == 0) {
            spend_add(&rows[kept - 1].spend, &rows[i].spend);
            rows[kept - 1].open += rows[i].open;
            rows[kept - 1].reserved_nano =
                amount_add(rows[kept - 1].reserved_nano, rows[i].reserved_nano);
        } else {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

struct spend_row *ledger_group(const struct ledger *ledger, unsigned by, int32_t from,
                               int32_t until, size_t *count)
{
    struct group group = {.by = by, .from = from, .until = until};

    ledger_each(ledger, group_sum, &group);
    ledger_each_open(ledger, group_open, &group);
    if (group.count > 0) {
        qsort(group.rows, group.count, sizeof *group.rows, compare_rows);
    }
    *count = merge_rows(group.rows, group.count);
    return group.rows;
}
