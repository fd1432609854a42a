/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gather: the files of a finished unit as they lie in the spool, for archiving and for comparing with
 * what was archived.
 *
 * Floor: retain. Takes no lock: a unit that is being deleted or taken back meanwhile is absent. Outputs and
 * error files are scanned, not built: a million of them are read in a run.
 */
#ifndef RETAIN_GATHER_H
#define RETAIN_GATHER_H

#include "base/error.h"
#include "base/jsonscan.h"
#include "retain/finished.h"
#include "retain/index.h"
#include "spool/spool.h"
#include "spool/unit.h"

struct gathered_file {
    struct entry entry;
    char name[INDEX_NAME_SIZE]; /* that it has in an archive */
    size_t offset; /* in the content */
    size_t length;
    unsigned char digest[SHA256_SIZE];
};

/* Zeroed at first, and used for one unit after the other; freed by gathered_free. */
struct gathered {
    struct id id;
    enum folder folder; /* FOLDER_DONE or FOLDER_FAILED */
    unsigned highest;   /* newest version, 0 in failed/ */
    struct buffer content;
    struct gathered_file *files; /* the job first, then outputs in their order, or the error file */
    size_t count;
    size_t capacity;
    struct jsonspan model; /* of the record, as they stand there */
    struct jsonspan user;
    size_t record;       /* the newest good output, or the newest, or the error file */
    int64_t finished_ms; /* of the newest version or the error file */
    const char *state;   /* completed, failed, cancelled, expired */
    struct buffer type;  /* of the job */
    struct buffer said;  /* room for strings */
};

/* Reads ID.json and its outputs or its error file, and judges them: they must be those of this job, and
 * each output's sha256 must be that of its output. Returns 0; 1 when the unit is not there any more; -1 with an
 * error that names it: ERROR_DATA when a file is damaged or larger than an archive takes, else it
 * cannot be read. */
int gather_unit(const struct spool *spool, enum folder folder, const struct id *id,
                struct gathered *gathered, struct error *error);

/* The text of a file. */
struct jsonspan gathered_text(const struct gathered *gathered, size_t number);

/* What a selection by state and age alone needs, at a fraction of finished_read's cost: folder, id, versions,
 * state, finished_ms and digest. Returns 1; 0 when finished_read must tell; or -errno. */
int gather_glance(const struct spool *spool, enum folder folder, const struct id *id,
                  struct gathered *room, struct finished *finished);

/* Whether each file of a locked unit is in an archived one, with the same bytes, and the newest is the
 * newest of both: then nothing is lost when it is deleted. Returns 1 or 0, or -errno. */
int gather_contained(const struct unit *unit, const struct index_unit *archived,
                     struct gathered *room);

void gathered_free(struct gathered *gathered);

#endif
