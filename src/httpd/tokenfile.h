/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokenfile: the tokens file changed by a person: a token added, the tokens listed, one revoked.
 *
 * Floor: httpd. The file is replaced as a whole, one change at a time (its folder is locked), and
 * is synced. Root, who may do this for a server, leaves it with the owner that it or its folder
 * has.
 */
#ifndef HTTPD_TOKENFILE_H
#define HTTPD_TOKENFILE_H

#include <stdio.h>

#include "httpd/token.h"

/* Adds a token for token->user with its scopes and expiry, the rest is filled in; text receives the
 * token. A file that is not there is made. Returns 0, or -1 with an error. */
int tokenfile_add(const char *path, struct token *token, char text[TOKEN_TEXT_SIZE],
                  struct error *error);

/* Prints the tokens, without their digests. */
int tokenfile_list(const char *path, FILE *out, struct error *error);

/* Removes the one with this ID. Returns 0, or -1 with an error (ERROR_ABSENT: there is none). */
int tokenfile_revoke(const char *path, const char *id, struct error *error);

#endif
