/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_text: see ledger_text.h. Each line is an object with one member, named for what it is.
 */
#include "job/ledger_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "base/jsontext.h"

enum { FORMAT = 1 };

/* --- writing ---------------------------------------------------------------------------------- */

static void put_text(struct buffer *out, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        buffer_printf(out, ",\"%s\":", key);
        jsontext_write_string(out, text, strlen(text));
    }
}

static void put_number(struct buffer *out, const char *key, int64_t number)
{
    buffer_printf(out, ",\"%s\":%" PRId64, key, number);
}

static void put_above_zero(struct buffer *out, const char *key, int64_t number)
{
    if (number > 0) {
        put_number(out, key, number);
    }
}

static void put_key(struct buffer *out, const struct spend_key *key)
{
    char day[DAY_SIZE];

    day_write(key->day, day);
    buffer_printf(out, "\"day\":\"%s\"", day);
    put_text(out, "user", key->user);
    put_text(out, "provider", key->provider);
    put_text(out, "model", key->model);
    put_text(out, "run", key->run);
}

static void put_sum(struct buffer *out, const struct ledger_sum *sum)
{
    const struct spend *spend = &sum->spend;

    buffer_text(out, "{\"total\":{");
    put_key(out, &sum->key);
    put_above_zero(out, "requests", (int64_t)spend->requests);
    put_above_zero(out, "unpriced", (int64_t)spend->unpriced);
    put_above_zero(out, "doubts", (int64_t)spend->doubts);
    put_above_zero(out, "input_tokens", spend->input_tokens);
    put_above_zero(out, "cached_tokens", spend->cached_tokens);
    put_above_zero(out, "output_tokens", spend->output_tokens);
    put_above_zero(out, "cost_nano", spend->cost_nano);
    put_above_zero(out, "doubt_nano", spend->doubt_nano);
    buffer_text(out, "}}\n");
}

void ledger_text_open(struct buffer *out, const char *kind, const struct reservation *reservation)
{
    buffer_printf(out, "{\"%s\":{\"number\":%" PRIu64 ",", kind, reservation->number);
    put_key(out, &reservation->key);
    if (reservation->nano >= 0) {
        put_number(out, "nano", reservation->nano);
    }
    buffer_text(out, "}}\n");
}

static const char *const ends[] = {"paid", "released", "doubt"};

void ledger_text_settle(struct buffer *out, uint64_t number, const struct settlement *settlement)
{
    buffer_printf(out, "{\"settle\":{\"number\":%" PRIu64 ",\"how\":\"%s\"", number,
                  ends[settlement->how]);
    if (settlement->cost_nano >= 0) {
        put_number(out, "nano", settlement->cost_nano);
    }
    put_above_zero(out, "input_tokens", settlement->input_tokens);
    put_above_zero(out, "cached_tokens", settlement->cached_tokens);
    put_above_zero(out, "output_tokens", settlement->output_tokens);
    buffer_text(out, "}}\n");
}

void ledger_text_limit(struct buffer *out, const char *run, int64_t nano)
{
    buffer_text(out, "{\"limit\":{\"run\":");
    jsontext_write_string(out, run, strlen(run));
    put_number(out, "nano", nano);
    buffer_text(out, "}}\n");
}

static size_t limits_in_force(const struct ledger *ledger)
{
    size_t count = 0;

    for (const struct ledger_limit *limit = ledger->limits; limit != NULL; limit = limit->hh.next) {
        count += limit->nano >= 0;
    }
    return count;
}

static void put_header(struct buffer *out, const struct ledger *ledger)
{
    size_t lines = HASH_COUNT(ledger->sums) + HASH_COUNT(ledger->opens) + limits_in_force(ledger);

    buffer_printf(out, "{\"money\":{\"version\":%d", FORMAT);
    put_text(out, "currency", ledger->currency);
    put_text(out, "time_zone", ledger->time_zone);
    put_number(out, "next", (int64_t)ledger->next);
    put_number(out, "lines", (int64_t)lines);
    buffer_text(out, "}}\n");
}

void ledger_write(const struct ledger *ledger, struct buffer *out)
{
    put_header(out, ledger);
    for (const struct ledger_sum *sum = ledger->sums; sum != NULL; sum = sum->hh.next) {
        put_sum(out, sum);
    }
    for (const struct ledger_limit *limit = ledger->limits; limit != NULL; limit = limit->hh.next) {
        if (limit->nano >= 0) {
            ledger_text_limit(out, limit->run, limit->nano);
        }
    }
    for (const struct ledger_open *open = ledger->opens; open != NULL; open = open->hh.next) {
        ledger_text_open(out, "open", &open->reservation);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A number of our own: 0 or above, -1 where it is absent or none. */
static int64_t get_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    int64_t number = json_integer_value(value);

    return json_is_integer(value) && number >= 0 ? number : -1;
}

static int64_t get_sum(const json_t *object, const char *key)
{
    int64_t number = get_number(object, key);

    return number > 0 ? number : 0;
}

static bool get_key(const json_t *object, struct spend_key *key)
{
    key->user = jsontext_get_text(object, "user", "");
    key->provider = jsontext_get_text(object, "provider", "");
    key->model = jsontext_get_text(object, "model", "");
    key->run = jsontext_get_text(object, "run", "");
    return day_read(jsontext_get_text(object, "day", ""), &key->day);
}

/* Each takes one kind of line; false when it is none of ours. */

static bool take_total(struct ledger *ledger, const json_t *line)
{
    struct spend_key key;
    struct spend spend = {
        .requests = (uint64_t)get_sum(line, "requests"),
        .unpriced = (uint64_t)get_sum(line, "unpriced"),
        .doubts = (uint64_t)get_sum(line, "doubts"),
        .input_tokens = get_sum(line, "input_tokens"),
        .cached_tokens = get_sum(line, "cached_tokens"),
        .output_tokens = get_sum(line, "output_tokens"),
        .cost_nano = get_sum(line, "cost_nano"),
        .doubt_nano = get_sum(line, "doubt_nano"),
    };

    if (!get_key(line, &key)) {
        return false;
    }
    spend_add(ledger_sum(ledger, &key), &spend);
    return true;
}

static bool take_open(struct ledger *ledger, const json_t *line)
{
    struct spend_key key;
    int64_t number = get_number(line, "number");

    if (number <= 0 || !get_key(line, &key)) {
        return false;
    }
    if (ledger_open(ledger, (uint64_t)number) == NULL) {
        ledger_add_open(ledger, (uint64_t)number, &key, get_number(line, "nano"));
    }
    return true;
}

static bool take_settle(struct ledger *ledger, const json_t *line)
{
    const char *how = jsontext_get_text(line, "how", "");
    int64_t number = get_number(line, "number");
    struct settlement settlement = {
        .cost_nano = get_number(line, "nano"),
        .input_tokens = get_number(line, "input_tokens"),
        .cached_tokens = get_number(line, "cached_tokens"),
        .output_tokens = get_number(line, "output_tokens"),
    };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (number > 0 && strcmp(how, ends[i]) == 0) {
            settlement.how = (enum settle)i;
            ledger_apply(ledger, (uint64_t)number, &settlement);
            return true;
        }
    }
    return false;
}

static bool take_limit(struct ledger *ledger, const json_t *line)
{
    const char *run = jsontext_get_text(line, "run", NULL);

    if (run == NULL) {
        return false;
    }
    ledger_set_limit(ledger, run, get_number(line, "nano"));
    return true;
}

static const struct {
    const char *name;
    bool (*take)(struct ledger *ledger, const json_t *line);
} kinds[] = {
    {"total", take_total},   {"open", take_open},   {"reserve", take_open},
    {"settle", take_settle}, {"limit", take_limit},
};

static bool take_line(struct ledger *ledger, const char *text, size_t length)
{
    json_t *line = jsontext_read_object(text, length, NULL);
    bool taken = false;

    for (size_t i = 0; line != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        const json_t *member = json_object_get(line, kinds[i].name);

        if (member != NULL) {
            taken = kinds[i].take(ledger, member);
            break;
        }
    }
    json_decref(line);
    return taken;
}

/* Makes the ledger that a header begins; *lines receives how many belong to its snapshot. */
static struct ledger *take_header(const char *text, size_t length, int64_t *lines)
{
    json_t *line = jsontext_read_object(text, length, NULL);
    const json_t *header = json_object_get(line, "money");
    struct ledger *ledger = NULL;

    *lines = get_number(header, "lines");
    if (get_number(header, "version") == FORMAT && *lines >= 0 && get_number(header, "next") > 0) {
        ledger = ledger_new(jsontext_get_text(header, "currency", "USD"),
                            jsontext_get_text(header, "time_zone", NULL));
        ledger->next = (uint64_t)get_number(header, "next");
    }
    json_decref(line);
    return ledger;
}

/* The length of the line at text with its newline, or 0 when it has none: torn. */
static size_t line_length(const char *text, size_t length)
{
    const char *end = length > 0 ? memchr(text, '\n', length) : NULL;

    return end != NULL ? (size_t)(end - text) + 1 : 0;
}

struct ledger *ledger_read(const char *text, size_t length, struct error *error)
{
    size_t size = line_length(text, length);
    int64_t lines = 0;
    struct ledger *ledger = size > 0 ? take_header(text, size - 1, &lines) : NULL;

    if (ledger == NULL) {
        error_set(error, ERROR_DATA, "it does not begin with a snapshot of this version");
        return NULL;
    }
    for (; size > 0; lines--) {
        text += size;
        length -= size;
        size = line_length(text, length);
        if (size > 0 && !take_line(ledger, text, size - 1)) {
            ledger->damaged++;
        }
        if ((size == 0 || ledger->damaged > 0) && lines > 0) {
            error_set(error, ERROR_DATA, "its snapshot is not whole");
            ledger_free(ledger);
            return NULL;
        }
    }
    return ledger;
}
