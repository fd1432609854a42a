/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store: the folder archive/: its lock, the names of its volumes, and its temporary files in tmp/.
 *
 * Floor: retain. What is in a volume is none of its business (retain/volume.h, retain/ids.h).
 */
#ifndef RETAIN_STORE_H
#define RETAIN_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "spool/spool.h"

/* Takes the lock of whoever writes in archive/, and writes there who that is. Returns a descriptor that
 * carries it until it is closed, or -1 with an error (ERROR_LATER: another has it). */
int store_lock(const struct spool *spool, const char *program, struct error *error);

enum { STORE_TEMP_SIZE = sizeof "archive." + RANDOM_NAME_SIZE - 1 };

/* A fresh name for a file in tmp/; whether a name is one, or one with the ending of a volume's file; the removing of all that are there, by
 * who has the lock. store_temp_clear returns 0 or -errno. */
void store_temp_write(char out[STORE_TEMP_SIZE]);
bool store_temp_is(const char *name);
int store_temp_clear(const struct spool *spool);

/* Makes a new file in tmp/, open for reading and writing, of mode 0600; name receives its name.
 * Returns the descriptor or -errno. */
int store_temp_make(const struct spool *spool, char name[STORE_TEMP_SIZE]);

enum store_kind { STORE_VOLUME, STORE_INDEX, STORE_DIGESTS };
enum { STORE_HOST_SIZE = 65, STORE_NAME_SIZE = 160, STORE_PATH_SIZE = STORE_NAME_SIZE + 8 };

/* What a volume's name says. Days are since 1970 (base/day.h). */
struct store_name {
    char host[STORE_HOST_SIZE];
    int32_t from; /* days on which the first and last of its jobs finished */
    int32_t to;
    unsigned number; /* above that of every volume made before it */
};

/* This host's name, made of letters, digits, dots, hyphens and underscores alone. */
void store_host(char out[STORE_HOST_SIZE]);

/* Writes llmspool-HOST-FROM-TO-N and the ending of the kind; or the same with YYYY/MM/ before it. */
void store_name_write(const struct store_name *name, enum store_kind kind,
                      char out[STORE_NAME_SIZE]);
void store_path_write(const struct store_name *name, enum store_kind kind,
                      char out[STORE_PATH_SIZE]);

/* Takes the file name of a volume (.tar.zst) apart; false for anything else. */
bool store_name_read(const char *text, struct store_name *name);

/* A volume that lies in archive/. */
struct store_volume {
    char path[STORE_PATH_SIZE]; /* below archive/ */
    struct store_name name;
};

/* Lists the volumes, oldest (smallest number) first, into an array that the caller frees. Entries
 * that are none are passed over. Returns their number, or -errno. */
ssize_t store_list(const struct spool *spool, struct store_volume **volumes);

/* Puts the files of a volume, which lie durable in tmp/ under stem, into archive/, the volume itself last,
 * and syncs what folders that concerns; makes YYYY/ and MM/ where they are missing. Nothing is replaced.
 * Returns 0 or -errno; -EEXIST: the name is taken. */
int store_publish(const struct spool *spool, const char *stem, const struct store_name *name);

/* The path of another file of the same volume. */
void store_sibling(const char *path, enum store_kind kind, char out[STORE_PATH_SIZE]);

#endif
