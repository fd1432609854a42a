/* SPDX-License-Identifier: GPL-2.0-or-later */
/* token: see token.h. */
#include "httpd/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "httpd/route.h"

static const struct {
    const char *word;
    enum scope scope;
} words[] = {{"read", SCOPE_READ}, {"submit", SCOPE_SUBMIT}, {"admin", SCOPE_ADMIN}};

enum { WORDS = sizeof words / sizeof words[0] };

void token_random(void *bytes, size_t length)
{
    char *place = bytes;

    while (length > 0) {
        ssize_t got = getrandom(place, length, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* a secret that can be guessed is worse than none */
        place += got;
        length -= (size_t)got;
    }
}

void token_secret(char out[44])
{
    unsigned char bytes[TOKEN_BYTES];
    struct buffer text = {0};

    token_random(bytes, sizeof bytes);
    base64_encode(bytes, sizeof bytes, &text);
    for (size_t i = 0; i < 43; i++)
        out[i] = (char)(text.bytes[i] == '+' ? '-' : text.bytes[i] == '/' ? '_' : text.bytes[i]);
    out[43] = '\0';
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text.bytes, text.length);
    buffer_free(&text);
}

void token_make(struct token *token, char text[TOKEN_TEXT_SIZE])
{
    unsigned char id[4];

    token_random(id, sizeof id);
    hex_write(id, sizeof id, token->id);
    memcpy(text, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1);
    token_secret(text + sizeof TOKEN_PREFIX - 1);
    sha256_digest(text, strlen(text), token->digest);
}

bool token_user_ok(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-";
    size_t length = strlen(text);

    return length > 0 && length <= TOKEN_USER_LIMIT && strspn(text, letters) == length &&
           text[0] != '-';
}

bool token_read_scopes(const char *text, unsigned *scopes)
{
    *scopes = 0;
    while (true) {
        size_t length = strcspn(text, ",");
        size_t i = 0;

        while (i < WORDS &&
               (strlen(words[i].word) != length || memcmp(words[i].word, text, length) != 0))
            i++;
        if (i == WORDS)
            return false;
        *scopes |= words[i].scope;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

void token_write_scopes(struct buffer *out, unsigned scopes)
{
    const char *comma = "";

    for (size_t i = 0; i < WORDS; i++) {
        if ((scopes & words[i].scope) == 0)
            continue;
        buffer_printf(out, "%s%s", comma, words[i].word);
        comma = ",";
    }
}

static void write_time(struct buffer *out, struct wall time)
{
    char text[TIMETEXT_SIZE] = "-";

    if (time.ms != 0)
        timetext_write(time, text);
    buffer_printf(out, " %s", text);
}

void token_write(struct buffer *out, const struct token *token)
{
    char digest[SHA256_HEX_SIZE];

    hex_write(token->digest, SHA256_SIZE, digest);
    buffer_printf(out, "%s %s %s ", token->id, digest, token->user);
    token_write_scopes(out, token->scopes);
    write_time(out, token->created);
    write_time(out, token->expires);
    buffer_byte(out, '\n');
}

static bool read_time(const char *text, struct wall *time)
{
    time->ms = 0;
    return strcmp(text, "-") == 0 || timetext_read(text, time) == 0;
}

static int bad(struct error *error, const char *what)
{
    error_set(error, ERROR_DATA, "%s; a line is: ID SHA-256 USER SCOPES CREATED EXPIRES", what);
    return -1;
}

int token_read(struct token *token, const char *line, struct error *error)
{
    unsigned char id[4];
    char text[3][128];
    char scopes[64];
    char user[TOKEN_USER_LIMIT + 2];
    int end = 0;

    *token = (struct token){0};
    if (sscanf(line, "%8s %64s %101s %63s %39s %39s %n", token->id, text[0], user, scopes, text[1],
               text[2], &end) != 6 ||
        line[end] != '\0')
        return bad(error, "there are not six words");
    if (strlen(token->id) != 8 || !hex_read(token->id, id, sizeof id))
        return bad(error, "the ID is not of eight hex digits");
    if (strlen(text[0]) != 64 || !hex_read(text[0], token->digest, SHA256_SIZE))
        return bad(error, "the second word is no SHA-256");
    if (!token_user_ok(user))
        return bad(error, "the user is no login name");
    if (!token_read_scopes(scopes, &token->scopes))
        return bad(error, "the scopes are not of read, submit and admin");
    if (!read_time(text[1], &token->created) || !read_time(text[2], &token->expires))
        return bad(error, "a time is no RFC 3339 time");
    memcpy(token->user, user, strlen(user) + 1);
    return 0;
}
