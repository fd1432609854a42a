/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sessions: see sessions.h. */
#include "httpd/sessions.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct session {
    unsigned char digest[SHA256_SIZE]; /* of the secret */
    char token_id[TOKEN_ID_SIZE];
    struct mono ends;
    uint64_t number; /* no two have the same */
};

struct sessions {
    struct session list[SESSIONS_MAX]; /* the oldest first */
    size_t count;
    uint64_t made;
    const struct clock *clock;
};

struct sessions *sessions_open(const struct clock *clock)
{
    struct sessions *sessions = xcalloc(1, sizeof *sessions);

    sessions->clock = clock;
    return sessions;
}

static void remove_some(struct sessions *sessions, size_t at, size_t count)
{
    memmove(&sessions->list[at], &sessions->list[at + count],
            (sessions->count - at - count) * sizeof sessions->list[0]);
    sessions->count -= count;
}

/* All last equally long, so the oldest end first. */
static void forget_ended(struct sessions *sessions)
{
    int64_t now_ms = clock_mono(sessions->clock).ms;
    size_t ended = 0;

    while (ended < sessions->count && sessions->list[ended].ends.ms <= now_ms)
        ended++;
    remove_some(sessions, 0, ended);
}

/* One token must not end the sessions of all others by having ever more of its own. */
static void make_room(struct sessions *sessions, const char *token_id)
{
    size_t count = 0;
    size_t oldest = 0;

    for (size_t i = sessions->count; i-- > 0;) {
        if (strcmp(sessions->list[i].token_id, token_id) != 0)
            continue;
        oldest = i;
        count++;
    }
    if (count >= SESSIONS_OF_TOKEN)
        remove_some(sessions, oldest, 1);
}

void sessions_add(struct sessions *sessions, const char *token_id, char secret[SESSION_SECRET_SIZE])
{
    struct session *session;

    forget_ended(sessions);
    make_room(sessions, token_id);
    if (sessions->count == SESSIONS_MAX)
        remove_some(sessions, 0, 1);
    session = &sessions->list[sessions->count++];
    token_secret(secret);
    sha256_digest(secret, strlen(secret), session->digest);
    memcpy(session->token_id, token_id, TOKEN_ID_SIZE);
    session->ends.ms = clock_mono(sessions->clock).ms + (int64_t)SESSION_S * 1000;
    session->number = ++sessions->made;
}

/* Its place, or count when there is none. */
static size_t find(struct sessions *sessions, const char *secret, size_t length)
{
    unsigned char digest[SHA256_SIZE];
    size_t found;

    forget_ended(sessions);
    found = sessions->count;
    sha256_digest(secret, length, digest);
    for (size_t i = 0; i < sessions->count; i++)
        if (CRYPTO_memcmp(sessions->list[i].digest, digest, sizeof digest) == 0)
            found = i;
    return found;
}

const char *sessions_find(struct sessions *sessions, const char *secret, size_t length,
                          uint64_t *number)
{
    size_t at = find(sessions, secret, length);

    if (at == sessions->count)
        return NULL;
    if (number != NULL)
        *number = sessions->list[at].number;
    return sessions->list[at].token_id;
}

bool sessions_has(struct sessions *sessions, uint64_t number)
{
    forget_ended(sessions);
    for (size_t i = 0; i < sessions->count; i++)
        if (sessions->list[i].number == number)
            return true;
    return false;
}

bool sessions_end(struct sessions *sessions, const char *secret, size_t length)
{
    size_t at = find(sessions, secret, length);

    if (at == sessions->count)
        return false;
    remove_some(sessions, at, 1);
    return true;
}

void sessions_close(struct sessions *sessions)
{
    free(sessions);
}
