/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed: where records come from: the words and files of a command line, one record after the other.
 *
 * Floor: client. Beneath it reader (a file, piece by piece), csv (rows) and tree (files of folders). No more
 * than one record is kept, so that input may be endless.
 */
#ifndef CLIENT_FEED_H
#define CLIENT_FEED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "client/tree.h"

/* What is in the files. */
enum feed_format {
    FEED_WHOLE_FILES, /* one record a file; words that are no files are records themselves */
    FEED_LINES,
    FEED_NUL, /* as lines, each ended by NUL */
    FEED_JSONL,
    FEED_CSV,
    FEED_TSV,
};

/* What a word of the command line stands for. */
enum feed_source {
    SOURCE_TEXT, /* the prompt itself; with a format other than FEED_WHOLE_FILES a file */
    SOURCE_FILE, /* a file, "-" being stdin */
    SOURCE_JOB,  /* a file that is a job */
    SOURCE_TREE, /* a folder or a pattern: its files */
};

struct feed_word {
    enum feed_source source;
    const char *word; /* borrowed */
};

/* What is fed. Plain data. */
struct feed_plan {
    enum feed_format format;
    struct feed_word *words;
    size_t count;
    struct tree_filter filter;
    uint64_t limit; /* so many records at most; 0: all */
};

/* One record. Borrowed until the next one. */
struct feed_record {
    bool job;           /* the text is a job as JSON, unless its members are fields */
    const char *text;   /* as it stands in the file */
    size_t length;
    const char *file;   /* as it was named, or as it was found; "-" for stdin; "" for a word */
    uint64_t line;      /* where it begins, from 1; 0: it is all of the file */
    uint64_t number;    /* among all records, from 1 */
    const char *name;   /* that its job may have, of the file's name; or NULL */
    json_t *columns;    /* an object with a member a column, in order; NULL: it has none */
};

struct feed;

/* Begins. plan outlives it. Where no word is given and a format is, stdin is read. Returns NULL with an error
 * of kind ERROR_USAGE when stdin is named twice. */
struct feed *feed_open(const struct feed_plan *plan, struct error *error);

/* The next record. Returns 1, 0 at the end, or -1 with an error that names file and line. */
int feed_next(struct feed *feed, struct feed_record *record, struct error *error);

/* Appends where a record is, for a message: "FILE, line N", or nothing for a word. */
void feed_where(const struct feed_record *record, struct error *error);

/* Whether the next record is there within timeout_ms, or needs no waiting at all. */
bool feed_ready(struct feed *feed, int timeout_ms);

/* The descriptor that is read just now, or -1. */
int feed_input(const struct feed *feed);

/* Whether all that is fed can be read again: it lies in files, or stdin was kept. */
bool feed_rewindable(const struct feed *feed);

/* Copies stdin into an unlinked temporary file where it is no file itself, so that it can be read twice. To be
 * called before the first record. Returns 0, or -1 with an error. */
int feed_keep(struct feed *feed, struct error *error);

/* Begins again. Returns 0, or -1 with an error. */
int feed_rewind(struct feed *feed, struct error *error);

/* Frees it; NULL is allowed. */
void feed_close(struct feed *feed);

#endif
