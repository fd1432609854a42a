/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * archive: what the subcommands of llmspool-archive share: their options, the volumes, the jobs in them.
 *
 * Floor: client.
 */
#ifndef CLIENT_ARCHIVE_H
#define CLIENT_ARCHIVE_H

#include <stdbool.h>

#include "client/cli.h"
#include "job/selection.h"
#include "retain/ids.h"
#include "retain/store.h"
#include "retain/units.h"

#define ARCHIVE_PROGRAM "llmspool-archive"

/* The subcommands that read: each gets its words from its own name on, and returns the exit code. */
int archive_verify(int argc, char **argv);
int archive_list(int argc, char **argv);
int archive_get(int argc, char **argv);
int archive_restore(int argc, char **argv);
int archive_search(int argc, char **argv);
int archive_cat(int argc, char **argv);

/* Options that a subcommand may have beside --spool and --help; bits. */
enum archive_option {
    ARCHIVE_JSON = 1,
    ARCHIVE_VOLUME = 2,
    ARCHIVE_DRY_RUN = 4,
    ARCHIVE_SELECTION = 8,
    ARCHIVE_JOB = 16,
    ARCHIVE_RAW = 32,
    ARCHIVE_OUTPUTS = 64,
};

/* What was asked for. Plain data; freed by archive_wish_free. */
struct archive_wish {
    const char *spool; /* given with -s */
    unsigned options;  /* of enum archive_option, those that were given */
    struct selection selection;
    const char **volumes; /* given with --volume */
    size_t volume_count;
    const struct id *only; /* this job alone, or NULL */
    char **words; /* what is not an option; ends with NULL */
};

/* Reads the command line. Returns 0, or with what the program ends when it is not to go on: *code. */
bool archive_wish_read(int argc, char **argv, const char *usage, unsigned allowed,
                       struct archive_wish *wish, int *code);
void archive_wish_volume(struct archive_wish *wish, const char *volume);
void archive_wish_free(struct archive_wish *wish);

/* The archive of a spool. */
struct archive {
    struct spool *spool;
    struct ids *ids;              /* NULL: damaged, which was told */
    struct store_volume *volumes; /* oldest first */
    size_t count;
    size_t unknown; /* of them, those that archive/ids does not know */
    int result;     /* the worst so far */
};

/* Opens it. Returns 0, or -1 with an error. */
int archive_open(struct archive *archive, const char *spool, struct error *error);
void archive_close(struct archive *archive);

/* Opens the number-th of its volumes, or one that is named: by its file name or path. A path that leads
 * elsewhere than into the archive is a file of its own, whose folder *dir holds open (else it is -1). */
struct volume *archive_volume(const struct archive *archive, size_t number, struct error *error);
struct volume *archive_named(const struct archive *archive, const char *name, int *dir,
                             struct error *error);

/* Tells what is wrong, and remembers that something is. */
void archive_complain(struct archive *archive, const struct error *error);

/* The job that a word names: an ID, the beginning of one, or a name, each with @vN behind it. Beginnings
 * and names are looked for in the indexes. Returns 0, or -1 with an error. */
int archive_find(struct archive *archive, const char *word, struct id *id, unsigned *version,
                 struct error *error);

/* Reads a job, the newest archived first, by archive/ids or, where that does not know it, by the indexes;
 * with a version: the newest that has it. Returns 0, or -1 with an error (ERROR_ABSENT: not archived). */
int archive_fetch(struct archive *archive, const struct id *id, unsigned version,
                  struct bundle *bundle, struct error *error);

/* One job of the archive, for archive_each. */
struct archive_job {
    const struct volume *volume;
    const struct index_unit *unit;
    const struct bundle *bundle; /* when it had to be read, or was asked for; else NULL */
};

/* Calls visit for each job that is wished, the newest volume first, until it returns not 0. newest: of a job
 * that several volumes have, the newest alone. read: with the bundle; what is damaged is told and passed
 * over. after, unless NULL, is called behind each volume, and ends it when it returns not 0. Returns 0, or -1 after telling that a volume
 * that was named is not there. */
int archive_each(struct archive *archive, const struct archive_wish *wish, bool newest, bool read,
                 int (*visit)(void *context, const struct archive_job *job),
                 int (*after)(void *context), void *context);

#endif
