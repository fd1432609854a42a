/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * token: a bearer token: what it is at rest, and as a line of the tokens file.
 *
 * Floor: httpd. A token is llms_ and 32 bytes from the kernel, as base64url. At rest is its
 * SHA-256: plain, without salt or stretching, which defend passwords that can be guessed. Nobody
 * guesses 256 random bits, however fast the hash, and a digest that leaks is no token.
 */
#ifndef HTTPD_TOKEN_H
#define HTTPD_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sha256.h"

#define TOKEN_PREFIX "llms_"

enum {
    TOKEN_BYTES = 32,
    TOKEN_TEXT_SIZE = 5 + 43 + 1, /* prefix, base64url without padding, NUL */
    TOKEN_ID_SIZE = 9,            /* eight hex digits and NUL */
    TOKEN_USER_LIMIT = 100,
};

struct token {
    char id[TOKEN_ID_SIZE]; /* by which people call it; tells nothing of it */
    unsigned char digest[SHA256_SIZE];
    char user[TOKEN_USER_LIMIT + 1];
    unsigned scopes; /* of enum scope */
    struct wall created;
    struct wall expires; /* ms 0: never */
};

/* Fills bytes from the kernel's random source, for secrets. */
void token_random(void *bytes, size_t length);

/* Makes 32 random bytes as base64url, NUL-terminated. */
void token_secret(char out[44]);

/* A new token for a user: fills the record and text, which nobody keeps. */
void token_make(struct token *token, char text[TOKEN_TEXT_SIZE]);

/* Whether text may be a user of tokens: 1 to 100 of A-Z a-z 0-9 . _ @ - (login names, addresses).
 */
bool token_user_ok(const char *text);

/* "read,submit,admin" to scopes; false for any other word. */
bool token_read_scopes(const char *text, unsigned *scopes);

/* Appends the scopes as such a list. */
void token_write_scopes(struct buffer *out, unsigned scopes);

/* Appends it as a line: ID SHA-256 USER SCOPES CREATED EXPIRES, the last one - for never. */
void token_write(struct buffer *out, const struct token *token);

/* Reads such a line, without its end. Returns 0, or -1 with an error that does not tell the line's
 * content. */
int token_read(struct token *token, const char *line, struct error *error);

#endif
