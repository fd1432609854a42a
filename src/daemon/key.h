/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key: secrets from where they are kept: a file, an environment variable, a systemd credential.
 *
 * Floor: daemon. Errors name the place, never what was found there.
 */
#ifndef DAEMON_KEY_H
#define DAEMON_KEY_H

#include "base/error.h"

enum { KEY_LIMIT = 16 * 1024 }; /* bytes */

/* Each returns the key, which the caller ends with key_free, or NULL with an error of kind
 * ERROR_DATA. A key is not empty and holds no control characters; one newline at its end is
 * dropped. */

/* From a regular file that users other than its owner and group can neither read nor change. */
char *key_from_file(const char *path, struct error *error);

char *key_from_environment(const char *name, struct error *error);

/* From $CREDENTIALS_DIRECTORY/name: LoadCredential= in systemd.exec(5). */
char *key_from_credential(const char *name, struct error *error);

/* Copies a key that was found at place, after the same checks. */
char *key_copy(const char *key, const char *place, struct error *error);

enum { KEY_MASK_SIZE = 12 };

/* A key as it may be shown: its first three and last two characters, or only stars when it is so short that
 * these would give it away. Returns out. */
const char *key_mask(const char *key, char out[KEY_MASK_SIZE]);

/* Wipes and frees; NULL is allowed. */
void key_free(char *key);

#endif
