/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokens: the tokens file as a server knows it: read, looked up, read again when it changed.
 *
 * Floor: httpd. The file is its reader's alone (mode 0600); tokenfile changes it.
 */
#ifndef HTTPD_TOKENS_H
#define HTTPD_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "httpd/token.h"

#define TOKENS_PLACE LOCALSTATEDIR "/lib/llmspool-httpd/tokens"

enum { TOKENS_FILE_LIMIT = 4 * 1024 * 1024 }; /* bytes, some 20,000 tokens */

struct tokens;

/* Reads a file of tokens: path, which must exist, or, when it is NULL, TOKENS_PLACE; while that
 * does not exist, no tokens are asked for. NULL with an error. */
struct tokens *tokens_open(const char *path, struct error *error);

/* Whether there is or was a file, so that callers need tokens, even when there is none in it. Once
 * true it stays so. */
bool tokens_asked(const struct tokens *tokens);

size_t tokens_count(const struct tokens *tokens);

/* The file, whether it exists or not. */
const char *tokens_path(const struct tokens *tokens);

/* Reads the file again. Returns 1; 0 when there is still none; or -1 with an error, from then on
 * tokens are asked for: when the file is gone (ERROR_ABSENT), none is valid any more, else what was
 * read before stays. */
int tokens_reread(struct tokens *tokens, struct error *error);

/* The token that a caller sent, unless it has expired, or NULL. It takes the same time whichever
 * token it is and however much of one it resembles. Valid until the next tokens_reread. */
const struct token *tokens_find(const struct tokens *tokens, const char *text, struct wall now);

/* The one with this ID, unless it has expired, or NULL. */
const struct token *tokens_by_id(const struct tokens *tokens, const char *id, struct wall now);

/* NULL is allowed. */
void tokens_close(struct tokens *tokens);

/* Reads a file of tokens into a list of the caller's. Returns 0, or -1 with an error. A file that
 * others than its owner can use is refused. */
int tokens_read_list(int dir, const char *name, const char *path, struct token **list,
                     size_t *count, struct error *error);

#endif
