/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index: the index of a volume, read line by line.
 *
 * Floor: retain. The file is not trusted: what a line says is checked as far as the line goes, so that
 * names are those of a spool's entries and numbers fit each other.
 */
#ifndef RETAIN_INDEX_H
#define RETAIN_INDEX_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "job/selection.h"
#include "spool/layout.h"

#define INDEX_FILE_LIMIT (UINT64_C(256) << 20) /* bytes of a file in an archive */
#define INDEX_UNIT_LIMIT (UINT64_C(1) << 30)   /* bytes of a job's entries together */

enum { INDEX_BLOCK = 512 }; /* of a tar */

/* The first line. */
struct index_head {
    char *volume;
    uint64_t size;
    unsigned char sha256[SHA256_SIZE];
    uint64_t units;
    uint64_t files;
    int64_t first_ms; /* when the first and the last of its jobs finished, wall ms */
    int64_t last_ms;
};

/* One file of a job. */
struct index_file {
    struct entry entry; /* ENTRY_JOB, then ENTRY_OUTPUTs in their order, or ENTRY_ERROR */
    uint64_t size;
    unsigned char sha256[SHA256_SIZE];
};

/* The line of a job. Zeroed at first; freed by index_unit_clear. */
struct index_unit {
    struct id id;
    enum folder folder; /* FOLDER_DONE or FOLDER_FAILED */
    const char *state;  /* borrowed from line */
    unsigned version;   /* the newest; 0 of a failed job */
    uint64_t frame;
    uint64_t at;
    uint64_t length;
    int64_t finished_ms;
    struct index_file *files;
    size_t count;
    json_t *line;
};

struct index;

/* Reads the index in fd, which is taken over (closed also on failure). NULL with an error. */
struct index *index_open(int fd, struct error *error);

const struct index_head *index_head(const struct index *index);

/* The next job; what *unit held is freed. Returns 1; 0 at the end, when there were as many as the head
 * says; -1 with an error. */
int index_next(struct index *index, struct index_unit *unit, struct error *error);

/* Reads a line of an index; text for tests and for whoever keeps lines. Returns 0 or -1. */
int index_unit_read(json_t *line, struct index_unit *unit, struct error *error);

/* What a selection is matched against; borrows from *unit. */
struct facts index_facts(const struct index_unit *unit);

/* Bytes of a tar entry: its header, its content, padding. */
uint64_t index_entry_size(uint64_t size);

/* Writes the name of a file in a volume: done/ID.v1.json. */
enum { INDEX_NAME_SIZE = ENTRY_NAME_SIZE + 8 };
void index_name_write(enum folder folder, const struct entry *entry, char out[INDEX_NAME_SIZE]);

/* Reads one; false for a name that no file in a volume has. */
bool index_name_read(const char *name, enum folder *folder, struct entry *entry);

void index_unit_clear(struct index_unit *unit);

/* NULL is allowed. */
void index_close(struct index *index);

#endif
