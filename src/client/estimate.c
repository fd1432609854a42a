/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimate: see estimate.h.
 */
#include "client/estimate.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "client/show.h"
#include "client/spend.h"
#include "job/ledger.h"
#include "job/price.h"
#include "job/tokens.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum level { LOW, LIKELY, HIGH, LEVELS };

static const char *const levels[LEVELS] = {"low", "likely", "high"};

/* A model that the submission asks. */
struct model {
    char *name;
    struct price price;
    bool priced;
    bool from_table;
    int64_t usual, most; /* tokens of an answer */
    size_t requests;
    UT_hash_handle hh;
};

/* A job that lies in new/ in a file of its own. */
struct dropped {
    struct id id;
    UT_hash_handle hh;
};

/* Beginnings of IDs that were counted. When the table is full a new one takes another's place, so that
 * memory stays bounded (16 MiB), and of millions of jobs one that comes twice may be counted twice. */
enum { SEEN_LEAST = 1 << 10, SEEN_MOST = 1 << 21, SEEN_TRIES = 64 };
struct seen {
    uint64_t *slots; /* 0: free */
    size_t capacity; /* a power of two */
    size_t count;
};

struct estimate {
    const struct spool *spool;
    struct wall now;
    struct price_table *told;    /* by the daemon, or the file that was named; or NULL */
    struct price_table *shipped; /* or NULL */
    bool named;                  /* told is a file's */
    struct ledger *ledger;
    struct model *models;
    struct seen seen;
    struct dropped *dropped;
    const char *currency;
    size_t requests, done, queued, again; /* again: the same job twice */
    size_t unpriced;
    bool table_used;
    int64_t input;
    int64_t output[LEVELS];
    int64_t cost_nano[LEVELS];
};

/* --- prices ----------------------------------------------------------------------------------- */

/* What the daemon said last; its own currency stands beside. */
static struct price_table *told_prices(const struct spool *spool)
{
    json_t *status = records_status(spool);
    const json_t *prices = json_object_get(status, "prices");
    const char *currency = jsontext_get_text(json_object_get(status, "money"), "currency", "USD");
    struct price_table *table =
        json_is_object(prices) ? price_table_from_json(prices, currency, NULL) : NULL;

    json_decref(status);
    return table;
}

static int find_prices(struct estimate *estimate, const char *path, struct error *error)
{
    estimate->named = path != NULL;
    if (path != NULL) {
        estimate->told = price_table_load(path, error);
        if (estimate->told == NULL) {
            return -1;
        }
    } else {
        estimate->told = told_prices(estimate->spool);
        estimate->shipped = price_table_load(NULL, NULL);
    }
    if (estimate->told != NULL) {
        estimate->currency = price_table_currency(estimate->told);
    } else if (estimate->shipped != NULL) {
        estimate->currency = price_table_currency(estimate->shipped);
    }
    /* Prices in two currencies do not add up. */
    if (estimate->shipped != NULL &&
        strcmp(price_table_currency(estimate->shipped), estimate->currency) != 0) {
        price_table_free(estimate->shipped);
        estimate->shipped = NULL;
    }
    return 0;
}

static void price_model(struct estimate *estimate, struct model *model)
{
    model->priced = price_find(estimate->told, model->name, &model->price);
    if (!model->priced) {
        model->priced = price_find(estimate->shipped, model->name, &model->price);
        model->from_table = model->priced;
    }
    estimate->table_used = estimate->table_used || model->from_table;
}

/* --- answers ---------------------------------------------------------------------------------- */

struct mean {
    const char *model;
    uint64_t requests;
    int64_t tokens;
};

static void add_to_mean(void *context, const struct spend_key *key, const struct spend *spend)
{
    struct mean *mean = context;

    if (strcmp(key->model, mean->model) == 0) {
        mean->requests += spend->requests - spend->doubts;
        mean->tokens = amount_add(mean->tokens, spend->output_tokens);
    }
}

/* What this spool's answers of the model came to on the average, else what is said of it. */
static void expect_answers(const struct estimate *estimate, struct model *model)
{
    struct mean mean = {.model = model->name};

    ledger_each(estimate->ledger, add_to_mean, &mean);
    if (mean.requests > 0 && mean.tokens > 0) {
        model->usual = mean.tokens / (int64_t)mean.requests + 1;
    } else if (model->priced && model->price.usual_output_tokens > 0) {
        model->usual = model->price.usual_output_tokens;
    } else {
        model->usual = ESTIMATE_USUAL;
    }
    model->most = model->priced && model->price.max_output_tokens > 0
                      ? model->price.max_output_tokens
                      : ESTIMATE_MOST;
}

static struct model *find_model(struct estimate *estimate, const char *name)
{
    struct model *model;

    HASH_FIND_STR(estimate->models, name, model);
    if (model == NULL) {
        model = xcalloc(1, sizeof *model);
        model->name = xstrdup(name);
        price_model(estimate, model);
        expect_answers(estimate, model);
        HASH_ADD_KEYPTR(hh, estimate->models, model->name, strlen(model->name), model);
    }
    return model;
}

/* --- jobs ------------------------------------------------------------------------------------- */

/* Whether there is an answer that will do. */
static bool answered(const struct estimate *estimate, const struct job *job)
{
    json_t *output;
    int64_t finished;

    if (job->max_age <= 0) {
        return job->max_age < 0; /* any will, or none */
    }
    output = records_output(estimate->spool, &job->id, 0, NULL, NULL);
    finished = records_time(json_object_get(output, "times"), "finished");
    json_decref(output);
    return finished > 0 && estimate->now.ms - finished <= job->max_age;
}

/* The slot of a key, or the one where it belongs. */
static uint64_t *seen_slot(struct seen *seen, uint64_t key)
{
    uint64_t *slot = NULL;

    for (size_t i = 0; i < SEEN_TRIES; i++) {
        slot = &seen->slots[(key + i) & (seen->capacity - 1)];
        if (*slot == key || *slot == 0) {
            break;
        }
    }
    return slot;
}

static void seen_put(struct seen *seen, uint64_t key)
{
    uint64_t *slot = seen_slot(seen, key);

    seen->count += *slot == 0;
    *slot = key;
}

static void seen_grow(struct seen *seen)
{
    struct seen grown = {.capacity = seen->capacity > 0 ? 2 * seen->capacity : SEEN_LEAST};

    grown.slots = xcalloc(grown.capacity, sizeof *grown.slots);
    for (size_t i = 0; i < seen->capacity; i++) {
        if (seen->slots[i] != 0) {
            seen_put(&grown, seen->slots[i]);
        }
    }
    free(seen->slots);
    *seen = grown;
}

/* Whether the ID was there; else it is put there. */
static bool seen_before(struct seen *seen, const struct id *id)
{
    uint64_t key;

    memcpy(&key, id->bytes, sizeof key);
    key = key != 0 ? key : 1;
    if (2 * seen->count >= seen->capacity && seen->capacity < SEEN_MOST) {
        seen_grow(seen);
    }
    if (*seen_slot(seen, key) == key) {
        return true;
    }
    seen_put(seen, key);
    return false;
}

/* The jobs of new/ that can be known by their file's name, once: to look there for each would take too
 * long. */
static void find_dropped(struct estimate *estimate)
{
    int fd = openat(estimate->spool->dir[FOLDER_NEW], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct dropped *dropped, *known;
        char text[ID_TEXT_SIZE];
        struct id id;

        snprintf(text, sizeof text, "%.*s", ID_TEXT_SIZE - 1, entry->d_name);
        if (drop_read(entry->d_name) != DROP_JOB || !id_read(text, &id)) {
            continue;
        }
        HASH_FIND(hh, estimate->dropped, &id, sizeof id, known);
        if (known == NULL) {
            dropped = xcalloc(1, sizeof *dropped);
            dropped->id = id;
            HASH_ADD(hh, estimate->dropped, id, sizeof dropped->id, dropped);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static bool job_in(const struct estimate *estimate, enum folder folder, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(estimate->spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool queued(const struct estimate *estimate, const struct id *id)
{
    const struct dropped *dropped;

    HASH_FIND(hh, estimate->dropped, id, sizeof *id, dropped);
    return dropped != NULL || job_in(estimate, FOLDER_CUR, id);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void add_request(struct estimate *estimate, const struct job *job)
{
    struct model *model = find_model(estimate, job->model);
    int64_t input = tokens_of_job(job);
    int64_t most = tokens_bound(job) > 0 ? tokens_bound(job) : model->most;
    int64_t choices = tokens_of_output(job, (uint64_t)most) / most; /* 0 for embeddings */
    int64_t output[LEVELS];

    output[HIGH] = most * choices;
    output[LIKELY] = lesser(model->usual, most) * choices;
    output[LOW] = (output[LIKELY] + ESTIMATE_SHORT - 1) / ESTIMATE_SHORT;
    model->requests++;
    estimate->requests++;
    estimate->unpriced += !model->priced;
    estimate->input = amount_add(estimate->input, input);
    for (int level = 0; level < LEVELS; level++) {
        estimate->output[level] = amount_add(estimate->output[level], output[level]);
        if (model->priced) {
            estimate->cost_nano[level] =
                amount_add(estimate->cost_nano[level],
                           price_estimate_nano(&model->price, input, output[level]));
        }
    }
}

enum standing estimate_add(struct estimate *estimate, const struct job *job)
{
    bool again = seen_before(&estimate->seen, &job->id);
    enum standing standing = again ? STANDING_AGAIN : STANDING_NEW;

    if (job_in(estimate, FOLDER_DONE, &job->id) && answered(estimate, job)) {
        standing = STANDING_DONE;
        estimate->done += !again;
    } else if (!again && queued(estimate, &job->id)) {
        standing = STANDING_QUEUED;
        estimate->queued++;
    }
    if (again) {
        estimate->again++;
    } else if (standing == STANDING_NEW) {
        add_request(estimate, job);
    }
    return standing;
}

int64_t estimate_likely_nano(const struct estimate *estimate)
{
    return estimate->cost_nano[LIKELY];
}

const char *estimate_currency(const struct estimate *estimate)
{
    return estimate->currency;
}

uint64_t estimate_requests(const struct estimate *estimate)
{
    return estimate->requests;
}

uint64_t estimate_done(const struct estimate *estimate)
{
    return estimate->done;
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_counts(const struct estimate *estimate, const struct screen *screen)
{
    char known[200] = "";
    int length = 0;
    const struct {
        size_t number;
        const char *words;
    } parts[] = {{estimate->done, "done already"},
                 {estimate->queued, "in the spool already"},
                 {estimate->again, "twice"}};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].number > 0) {
            length += snprintf(known + length, sizeof known - (size_t)length, "%s%zu %s",
                               length > 0 ? ", " : "", parts[i].number, parts[i].words);
        }
    }
    if (length > 0) {
        screen_line(screen, TONE_PLAIN, "requests   %zu; beside %s, which cost nothing",
                    estimate->requests, known);
    } else {
        screen_line(screen, TONE_PLAIN, "requests   %zu", estimate->requests);
    }
}

static void print_cost(const struct estimate *estimate, const struct screen *screen)
{
    char cost[LEVELS][AMOUNT_SIZE];

    for (int level = 0; level < LEVELS; level++) {
        amount_show(estimate->cost_nano[level], cost[level]);
    }
    if (estimate->unpriced < estimate->requests || estimate->requests == 0) {
        screen_line(screen, TONE_STRONG, "cost       low %s, likely %s, high %s %s", cost[LOW],
                    cost[LIKELY], cost[HIGH], estimate->currency);
    }
    for (const struct model *model = estimate->models; model != NULL; model = model->hh.next) {
        if (!model->priced) {
            screen_line(screen, TONE_BAD, "no price   %s (%zu request%s)", model->name,
                        model->requests, screen_plural(model->requests));
        }
    }
}

static const char *price_date(const struct estimate *estimate)
{
    return estimate->named        ? price_table_date(estimate->told)
           : estimate->table_used ? price_table_date(estimate->shipped)
                                  : NULL;
}

static void print_text(const struct estimate *estimate, const struct screen *screen)
{
    const char *date = price_date(estimate);

    print_counts(estimate, screen);
    screen_line(screen, TONE_PLAIN, "input      %" PRId64 " tokens", estimate->input);
    screen_line(screen, TONE_PLAIN,
                "output     low %" PRId64 ", likely %" PRId64 ", high %" PRId64 " tokens",
                estimate->output[LOW], estimate->output[LIKELY], estimate->output[HIGH]);
    print_cost(estimate, screen);
    if (date != NULL) {
        screen_line(screen, TONE_PLAIN, "prices     %s of %s",
                    estimate->named ? "the table" : "llmspool's own table", date);
    }
}

static json_t *levels_json(const int64_t numbers[LEVELS], bool money)
{
    json_t *object = json_object();

    for (int level = 0; level < LEVELS; level++) {
        json_object_set_new(object, levels[level],
                            money ? json_real(amount_units(numbers[level]))
                                  : json_integer(numbers[level]));
    }
    return object;
}

static json_t *unpriced_json(const struct estimate *estimate)
{
    json_t *models = json_array();

    for (const struct model *model = estimate->models; model != NULL; model = model->hh.next) {
        if (!model->priced) {
            json_array_append_new(models, json_string(model->name));
        }
    }
    return models;
}

static void print_json(const struct estimate *estimate, FILE *out)
{
    json_t *line = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:s, s:I, s:o, s:s*}", "requests",
        (json_int_t)estimate->requests, "done", (json_int_t)estimate->done, "queued",
        (json_int_t)estimate->queued, "again", (json_int_t)estimate->again, "input_tokens",
        (json_int_t)estimate->input, "output_tokens", levels_json(estimate->output, false), "cost",
        levels_json(estimate->cost_nano, true), "currency", estimate->currency, "unpriced",
        (json_int_t)estimate->unpriced, "models_without_price", unpriced_json(estimate),
        "prices_date", price_date(estimate));

    show_json(out, line);
    json_decref(line);
}

void estimate_print(const struct estimate *estimate, bool json, const struct screen *screen)
{
    if (json) {
        print_json(estimate, screen->out);
    } else {
        print_text(estimate, screen);
    }
}

struct estimate *estimate_new(const struct spool *spool, const char *prices, struct wall now,
                              struct error *error)
{
    struct estimate *estimate = xcalloc(1, sizeof *estimate);

    estimate->spool = spool;
    estimate->now = now;
    estimate->currency = "USD";
    if (find_prices(estimate, prices, error) == 0) {
        estimate->ledger = spend_ledger(spool, error);
    }
    if (estimate->ledger == NULL) {
        estimate_free(estimate);
        return NULL;
    }
    find_dropped(estimate);
    return estimate;
}

void estimate_free(struct estimate *estimate)
{
    struct model *model, *next_model;
    struct dropped *dropped, *next_dropped;

    if (estimate == NULL) {
        return;
    }
    HASH_ITER(hh, estimate->models, model, next_model)
    {
        HASH_DEL(estimate->models, model);
        free(model->name);
        free(model);
    }
    HASH_ITER(hh, estimate->dropped, dropped, next_dropped)
    {
        HASH_DEL(estimate->dropped, dropped);
        free(dropped);
    }
    free(estimate->seen.slots);
    price_table_free(estimate->told);
    price_table_free(estimate->shipped);
    ledger_free(estimate->ledger);
    free(estimate);
}
