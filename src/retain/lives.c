/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lives: what events tell of each finished job. */
#include "retain/lives.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"

enum { FIRST_CAPACITY = 4096, LINES_PART = 16 };

enum kind {
    KIND_NONE,      /* says nothing of where the job is */
    KIND_ALIVE,     /* accepted, taken back, or failed: it is somewhere */
    KIND_COMPLETED, /* its version is in line.version */
    KIND_RESTORED,
    KIND_KEPT,      /* versions below line.version were pruned */
    KIND_SET_ASIDE, /* its versions may be; it is somewhere */
    KIND_ARCHIVED,
    KIND_SENT_BACK,
    KIND_GONE,
};

/* Lines are gathered in a part that is small beside the jobs; when it is full they are sorted, and
 * each is folded into its job. */
struct lives {
    struct life *all; /* sorted, one a job */
    size_t count;
    struct life *lines;
    size_t line_count;
    size_t line_capacity;
    uint32_t sequence;
};

struct lives *lives_open(void)
{
    return xcalloc(1, sizeof(struct lives));
}

void lives_close(struct lives *lives)
{
    if (lives != NULL) {
        free(lives->all);
        free(lives->lines);
        free(lives);
    }
}

/* --- folding --- */

static int compare_ids(const struct life *a, const struct life *b)
{
    return memcmp(a->id.bytes, b->id.bytes, ID_SIZE);
}

static int compare(const void *a, const void *b)
{
    const struct life *left = a, *right = b;
    int order = compare_ids(left, right);

    return order != 0 ? order
                      : (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

static void complete(struct life *life, uint32_t version)
{
    life->place = LIFE_FINISHED;
    if (version > life->version) {
        life->version = version;
    }
    if (life->first == 0) {
        life->first = version;
    }
}

/* When it comes again, its versions begin anew. */
static void leave(struct life *life)
{
    life->place = LIFE_NOWHERE;
    life->version = life->first = 0;
}

static void prune_versions(struct life *life, uint32_t first)
{
    if (first > life->version) {
        life->version = life->first = 0;
    } else if (life->first != 0 && first > life->first) {
        life->first = first;
    }
}

/* Lets a life go on by what a line told. */
static void go_on(struct life *life, const struct life *line)
{
    life->told = life->told || (line->kind != KIND_ALIVE && line->kind != KIND_SENT_BACK);
    switch ((enum kind)line->kind) {
    case KIND_ALIVE:
        if (life->place != LIFE_FINISHED) {
            life->place = LIFE_ACCEPTED;
        }
        break;
    case KIND_COMPLETED:
        complete(life, line->version);
        break;
    case KIND_RESTORED:
        life->place = LIFE_FINISHED;
        break;
    case KIND_KEPT:
        prune_versions(life, line->version);
        break;
    case KIND_SET_ASIDE:
        life->version = life->first = 0;
        break;
    case KIND_ARCHIVED:
        life->place = LIFE_ARCHIVED;
        break;
    case KIND_SENT_BACK:
    case KIND_GONE:
        leave(life);
        break;
    case KIND_NONE:
        break;
    }
    life->time_s = line->time_s;
}

/* Folds the sorted lines into the jobs that there are. What is left in their place are new jobs,
 * sorted; returns how many. */
static size_t fold_known(struct lives *lives)
{
    struct life *life = lives->all, *end = lives->all + lives->count, *fresh = NULL;
    size_t count = 0;

    for (size_t i = 0; i < lives->line_count; i++) {
        struct life line = lives->lines[i];

        while (life < end && compare_ids(life, &line) < 0) {
            life++;
        }
        if (life < end && compare_ids(life, &line) == 0) {
            go_on(life, &line);
            continue;
        }
        if (fresh == NULL || compare_ids(fresh, &line) != 0) {
            fresh = &lives->lines[count++];
            *fresh = (struct life){.id = line.id};
        }
        go_on(fresh, &line);
    }
    return count;
}

/* Merges new jobs into the others, from the end, so that none is in the way. */
static void merge(struct lives *lives, size_t fresh)
{
    size_t old = lives->count, to = old + fresh;

    if (fresh == 0) {
        return;
    }
    lives->all = xrealloc(lives->all, to * sizeof *lives->all);
    lives->count = to;
    while (fresh > 0) {
        if (old > 0 && compare_ids(&lives->all[old - 1], &lives->lines[fresh - 1]) > 0) {
            lives->all[--to] = lives->all[--old];
        } else {
            lives->all[--to] = lives->lines[--fresh];
        }
    }
}

static void fold(struct lives *lives)
{
    if (lives->line_count > 0) {
        qsort(lives->lines, lives->line_count, sizeof *lives->lines, compare);
        merge(lives, fold_known(lives));
        lives->line_count = 0;
    }
}

static void make_room(struct lives *lives)
{
    if (lives->line_count < lives->line_capacity) {
        return;
    }
    fold(lives);
    lives->line_capacity = FIRST_CAPACITY + lives->count / LINES_PART;
    lives->lines = xrealloc(lives->lines, lives->line_capacity * sizeof *lives->lines);
}

/* --- lines --- */

static const struct {
    const char *word;
    enum kind kind;
} words[] = {
    {"accepted", KIND_ALIVE},      {"retried", KIND_ALIVE},     {"rerun", KIND_ALIVE},
    {"failed", KIND_ALIVE},        {"cancelled", KIND_ALIVE},   {"expired", KIND_ALIVE},
    {"completed", KIND_COMPLETED}, {"restored", KIND_RESTORED}, {"pruned", KIND_GONE},
    {"archived", KIND_ARCHIVED},   {"forgotten", KIND_GONE},    {"sent_back", KIND_SENT_BACK},
    {"set_aside", KIND_SET_ASIDE},
};

/* The kind that a word of this length is. */
static enum kind find_kind(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == length && memcmp(word, words[i].word, length) == 0) {
            return words[i].kind;
        }
    }
    return KIND_NONE;
}

/* What an event means for where its job is, with its other members. */
static enum kind kind_of(const json_t *event)
{
    const char *word = jsontext_get_text(event, "event", "");
    enum kind kind = find_kind(word, strlen(word));

    if (kind == KIND_GONE && json_object_get(event, "kept_from") != NULL) {
        return KIND_KEPT;
    }
    if (kind == KIND_ARCHIVED && jsontext_get_bool(event, "kept", false)) {
        return KIND_NONE;
    }
    if (kind == KIND_SET_ASIDE && !jsontext_get_bool(event, "kept", false)) {
        return KIND_GONE;
    }
    if (kind == KIND_RESTORED &&
        strcmp(jsontext_get_text(event, "state", "completed"), "completed") != 0) {
        return KIND_ALIVE;
    }
    return kind;
}

/* Whether a line may be one of those; most are not, and need not be parsed. */
static bool is_of_use(const char *text, size_t length)
{
    static const char before[] = "\"event\":\"";
    const char *word = memmem(text, length, before, sizeof before - 1);
    const char *end;

    if (word == NULL) {
        return true; /* written by somebody else, with spaces */
    }
    word += sizeof before - 1;
    end = memchr(word, '"', (size_t)(text + length - word));
    return end != NULL && find_kind(word, (size_t)(end - word)) != KIND_NONE;
}

static uint32_t number_of(const json_t *event, const char *key)
{
    json_int_t number = jsontext_get_int(event, key, 0);

    return number > 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static uint32_t time_of(const json_t *event)
{
    struct wall time;

    if (timetext_read(jsontext_get_text(event, "time", ""), &time) < 0) {
        return 0;
    }
    return time.ms > 0 && time.ms / 1000 <= UINT32_MAX ? (uint32_t)(time.ms / 1000) : 0;
}

static void take_event(struct lives *lives, const json_t *event)
{
    struct life line = {.place = LIFE_NOWHERE};
    enum kind kind = kind_of(event);

    if (kind == KIND_NONE || !id_read(jsontext_get_text(event, "id", ""), &line.id)) {
        return;
    }
    line.kind = (uint8_t)kind;
    line.sequence = ++lives->sequence;
    line.time_s = time_of(event);
    line.version = number_of(event, kind == KIND_KEPT ? "kept_from" : "run");
    make_room(lives);
    lives->lines[lives->line_count++] = line;
}

void lives_take(struct lives *lives, const char *text, size_t length)
{
    json_t *event;

    if (!is_of_use(text, length)) {
        return;
    }
    event = jsontext_read_object(text, length, NULL);
    if (event != NULL) {
        take_event(lives, event);
    }
    json_decref(event);
}

/* --- asking --- */

const struct life *lives_all(struct lives *lives, size_t *count)
{
    fold(lives);
    *count = lives->count;
    return lives->all;
}

static int compare_key(const void *key, const void *life)
{
    return memcmp(((const struct id *)key)->bytes, ((const struct life *)life)->id.bytes, ID_SIZE);
}

const struct life *lives_find(struct lives *lives, const struct id *id)
{
    fold(lives);
    return lives->count == 0
               ? NULL
               : bsearch(id, lives->all, lives->count, sizeof *lives->all, compare_key);
}
