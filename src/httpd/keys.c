/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keys: see keys.h. */
#include "httpd/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/xalloc.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum { LINE_MAX = 2 * (SHA256_HEX_SIZE - 1) + 32 + KEYS_WHAT_SIZE };

#define WHAT_FORMAT "%191s" /* KEYS_WHAT_SIZE */

struct used {
    UT_hash_handle hh;
    TAILQ_ENTRY(used) entry; /* oldest first */
    struct key_use use;
    unsigned status; /* 0: in use */
    int64_t time_ms; /* of the answer, or of the begin */
    char *what;      /* was answered, or NULL */
};

struct keys {
    size_t limit;
    struct used *used; /* by key */
    TAILQ_HEAD(, used) order;
};

struct keys *keys_new(size_t limit)
{
    struct keys *keys = xcalloc(1, sizeof *keys);

    keys->limit = limit;
    TAILQ_INIT(&keys->order);
    return keys;
}

static void forget(struct keys *keys, struct used *used)
{
    HASH_DEL(keys->used, used);
    TAILQ_REMOVE(&keys->order, used, entry);
    free(used->what);
    free(used);
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    while (!TAILQ_EMPTY(&keys->order))
        forget(keys, TAILQ_FIRST(&keys->order));
    free(keys);
}

/* --- what a request is ------------------------------------------------------------------------- */

/* A structured field's string (RFC 8941, 3.3.3) without its quotes, else the text as it is. */
static bool key_text(const char **text, size_t *length)
{
    *length = strlen(*text);
    if (*length >= 2 && (*text)[0] == '"' && (*text)[*length - 1] == '"') {
        (*text)++;
        *length -= 2;
    }
    if (*length == 0 || *length > KEYS_TEXT_MAX)
        return false;
    for (size_t i = 0; i < *length; i++) {
        if ((*text)[i] <= ' ' || (*text)[i] > '~')
            return false;
    }
    return true;
}

static void add_text(struct sha256 *sha256, const char *text)
{
    if (text != NULL)
        sha256_add(sha256, text, strlen(text));
    sha256_add(sha256, "", 1);
}

bool key_use_make(struct key_use *use, const char *user, const char *text, const char *type,
                  const char *query, const void *body, size_t length)
{
    struct sha256 *sha256;
    size_t text_length;

    if (!key_text(&text, &text_length))
        return false;
    sha256 = sha256_start();
    add_text(sha256, user);
    sha256_add(sha256, text, text_length);
    sha256_end(sha256, use->key);
    sha256 = sha256_start();
    add_text(sha256, type);
    add_text(sha256, query);
    if (length > 0)
        sha256_add(sha256, body, length);
    sha256_end(sha256, use->request);
    return true;
}

/* --- in memory --------------------------------------------------------------------------------- */

static struct used *find(const struct keys *keys, const struct key_use *use)
{
    struct used *used;

    HASH_FIND(hh, keys->used, use->key, sizeof use->key, used);
    return used;
}

/* What is in use just now stays, whatever its age. */
static void forget_old(struct keys *keys, struct wall now)
{
    struct used *used, *next;

    for (used = TAILQ_FIRST(&keys->order); used != NULL; used = next) {
        next = TAILQ_NEXT(used, entry);
        if (used->time_ms >= now.ms - KEYS_AGE_MS && HASH_COUNT(keys->used) <= keys->limit)
            break;
        if (used->status != 0)
            forget(keys, used);
    }
}

static char *copy_what(const char *what)
{
    return what[0] != '\0' ? xstrdup(what) : NULL;
}

static void add(struct keys *keys, const struct key_use *use, const struct key_answer *answer,
                int64_t time_ms)
{
    struct used *used = xcalloc(1, sizeof *used);

    used->use = *use;
    used->status = answer->status;
    used->what = copy_what(answer->what);
    used->time_ms = time_ms;
    HASH_ADD(hh, keys->used, use.key, sizeof used->use.key, used);
    TAILQ_INSERT_TAIL(&keys->order, used, entry);
}

enum keys_verdict keys_begin(struct keys *keys, const struct key_use *use, struct wall now,
                             struct key_answer *answer)
{
    const struct used *used;

    forget_old(keys, now);
    used = find(keys, use);
    if (used == NULL) {
        add(keys, use, &(struct key_answer){0}, now.ms);
        return KEYS_NEW;
    }
    if (memcmp(used->use.request, use->request, sizeof use->request) != 0)
        return KEYS_OTHER;
    answer->status = used->status;
    (void)snprintf(answer->what, sizeof answer->what, "%s", used->what != NULL ? used->what : "");
    return used->status == 0 ? KEYS_BUSY : KEYS_SAME;
}

void keys_end(struct keys *keys, const struct key_use *use, const struct key_answer *answer,
              struct wall now)
{
    struct used *used = find(keys, use);

    if (used == NULL)
        return;
    used->status = answer->status;
    free(used->what);
    used->what = copy_what(answer->what);
    used->time_ms = now.ms;
    TAILQ_REMOVE(&keys->order, used, entry);
    TAILQ_INSERT_TAIL(&keys->order, used, entry);
}

void keys_abandon(struct keys *keys, const struct key_use *use)
{
    struct used *used = find(keys, use);

    if (used != NULL && used->status == 0)
        forget(keys, used);
}

size_t keys_count(const struct keys *keys)
{
    return HASH_COUNT(keys->used);
}

/* --- as text ----------------------------------------------------------------------------------- */

static void write_used(const struct used *used, struct buffer *out)
{
    char key[SHA256_HEX_SIZE], request[SHA256_HEX_SIZE];

    hex_write(used->use.key, SHA256_SIZE, key);
    hex_write(used->use.request, SHA256_SIZE, request);
    buffer_printf(out, "%s %s %u %" PRId64 "%s%s\n", key, request, used->status, used->time_ms,
                  used->what != NULL ? " " : "", used->what != NULL ? used->what : "");
}

void keys_write(const struct keys *keys, const struct key_use *use, struct buffer *out)
{
    const struct used *used = find(keys, use);

    if (used != NULL)
        write_used(used, out);
}

size_t keys_write_all(const struct keys *keys, struct buffer *out)
{
    const struct used *used;
    size_t count = 0;

    TAILQ_FOREACH(used, &keys->order, entry)
    {
        if (used->status != 0) {
            write_used(used, out);
            count++;
        }
    }
    return count;
}

/* What stands behind the digests: all of it, with or without the last. */
static bool read_answer(const char *text, struct key_answer *answer, int64_t *time_ms)
{
    int end = 0;

    /* Both numbers are bounded by the line's length. */
    if (sscanf(text, " %3u %18" SCNd64 "%n", &answer->status, time_ms, &end) != 2) /* NOLINT */
        return false;
    if (text[end] != '\0') {
        int more = 0;

        if (sscanf(text + end, " " WHAT_FORMAT "%n", answer->what, &more) != 1)
            return false;
        end += more;
    }
    return text[end] == '\0' && answer->status >= 200 && answer->status <= 599;
}

/* A line as write_used writes it, without its newline. */
static bool read_used(const char *line, size_t length, struct key_use *use,
                      struct key_answer *answer, int64_t *time_ms)
{
    const char *rest = line + 2 * (SHA256_HEX_SIZE - 1) + 1;
    char text[LINE_MAX];

    if (length <= (size_t)(rest - line) || length >= LINE_MAX ||
        !hex_read(line, use->key, SHA256_SIZE) || line[SHA256_HEX_SIZE - 1] != ' ' ||
        !hex_read(line + SHA256_HEX_SIZE, use->request, SHA256_SIZE))
        return false;
    memcpy(text, rest, length - (size_t)(rest - line));
    text[length - (size_t)(rest - line)] = '\0';
    return read_answer(text, answer, time_ms);
}

size_t keys_read(struct keys *keys, const char *text, size_t length, struct wall now)
{
    size_t lines = 0;

    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        struct key_answer answer = {0};
        struct key_use use;
        struct used *known;
        int64_t time_ms;

        lines++;
        if (end == NULL)
            break;
        if (read_used(text, (size_t)(end - text), &use, &answer, &time_ms) &&
            time_ms >= now.ms - KEYS_AGE_MS && time_ms <= now.ms + KEYS_AGE_MS) {
            known = find(keys, &use);
            if (known != NULL)
                forget(keys, known);
            add(keys, &use, &answer, time_ms);
        }
        length -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    forget_old(keys, now);
    return lines;
}
