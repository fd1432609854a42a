/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setting: one setting of the configuration as a row of a table: its name, how its text is read and
 * written, where the value lives, its default and its bounds.
 *
 * Floor: daemon. Reading a file, filling in defaults and printing the effective configuration all
 * follow from these rows.
 */
#ifndef DAEMON_SETTING_H
#define DAEMON_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct setting;

/* How a value is read and written. field is where it lives: its type belongs to the kind. */
struct setting_kind {
    int (*read)(const struct setting *setting, const char *text, void *field, struct error *error);
    void (*write)(const void *field, FILE *out);
    bool (*said)(const struct setting *setting, const void *field); /* NULL: always */
    bool list; /* several texts, of which read takes one and appends it */
};

struct setting {
    const char *name;
    const struct setting_kind *kind;
    size_t offset;       /* of the field in the struct that the table is for */
    const char *initial; /* as it would be in the file; NULL: the field stays as it is */
    uint64_t least;      /* bounds of counts, of sizes in bytes, of durations in ms, of nano */
    uint64_t most;       /* also of how many texts a list has */
};

/* Settings in the file's own syntax. Bounded by least and most: */
extern const struct setting_kind setting_count;    /* unsigned: 64 */
extern const struct setting_kind setting_number;   /* uint64_t: 1000 */
extern const struct setting_kind setting_duration; /* int64_t, ms: 10m */
extern const struct setting_kind setting_size;     /* size_t, bytes: 64MiB */
extern const struct setting_kind setting_space;    /* uint64_t, bytes: 64MiB */
extern const struct setting_kind setting_halt;     /* unsigned: a count, or never, which is 0 */
extern const struct setting_kind setting_money;    /* int64_t, nano: 0.50; below 0: not said */
/* Others: */
extern const struct setting_kind setting_yes;   /* bool: yes or no */
extern const struct setting_kind setting_doubt; /* bool: hold is true, retry is false */
extern const struct setting_kind setting_visibility; /* bool: owner is true, group is false */
extern const struct setting_kind setting_text;  /* char *, owned */
extern const struct setting_kind setting_file;  /* char *, owned: a file that can be read */
extern const struct setting_kind setting_list;  /* char **, owned texts, NULL-terminated; NULL:
                                                   not said */

/* Reads text into its field of object, the struct that the table is for. Returns 0, or -1 with an
 * error of kind ERROR_DATA that names the setting and says what it takes. */
int setting_read(const struct setting *setting, const char *text, void *object,
                 struct error *error);

/* Makes the field of a list an empty one, ready for setting_read. */
void setting_empty_list(const struct setting *setting, void *object);

/* Fills in all defaults of a table, which ends with a row without a name. */
void setting_defaults(const struct setting *table, void *object);

/* Prints "name = value" lines for all fields that hold something, each after indent. */
void setting_print(const struct setting *table, const void *object, const char *indent, FILE *out);

/* Whether any row's field holds something. */
bool setting_any(const struct setting *table, const void *object);

/* The row with this name, or NULL. */
const struct setting *setting_find(const struct setting *table, const char *name);

/* Writes text in double quotes as libconfuse reads it back. */
void setting_print_text(const char *text, FILE *out);

#endif
