/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * members: the jobs of a run, read from its manifest.
 *
 * Floor: retain. The manifest has a line for each place of the run, written by llmspoold; a job
 * that took another's place has a later line with the same position, and the last one counts.
 */
#ifndef RETAIN_MEMBERS_H
#define RETAIN_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "job/selection.h"
#include "spool/spool.h"

/* One place of a run. */
struct member {
    uint64_t position;
    struct id id;
    bool refused;  /* its line was no job: id says nothing */
    off_t at;      /* of its line in the manifest */
    size_t length; /* of that line, its newline left out */
};

/* Reads a line of a manifest as the daemon writes it, but for at; length leaves the newline out.
 * Returns false for what is no such line. */
bool member_read(const char *line, size_t length, struct member *member);

/* The places that the text of a manifest has, ordered by position, each once, as its last line
 * says; the caller frees them. What is behind the last newline is torn and no line. */
struct member *members_of(const char *text, size_t length, size_t *count);

/* As members_of, of runs/RUN/manifest.jsonl. NULL with an error (ERROR_ABSENT: there is no such
 * run; ERROR_USAGE: it is no name of one). */
struct member *members_read(const struct spool *spool, const char *run, size_t *count,
                            struct error *error);

/* Maps the text of runs/RUN/manifest.jsonl as it is now; the daemon only appends to it. *text is
 * NULL for an empty one. Returns 0, or -1 with an error (as members_read). */
int members_map(const struct spool *spool, const char *run, char **text, size_t *length,
                struct error *error);
void members_unmap(char *text, size_t length);

/* Whether there is a run of this name. */
bool members_known(const struct spool *spool, const char *run);

/* Calls visit for each place in the order of the run's input, until it returns not 0. id is NULL
 * for a line that was refused; line is that of the manifest. Returns what visit did, 0 at the end,
 * or -1 with an error (as members_read). */
int members_each(const struct spool *spool, const char *run,
                 int (*visit)(void *context, const struct id *id, const json_t *line),
                 void *context, struct error *error);

/* Looks up the jobs of the selection's run, where it has one (selection_members). Returns 0 or -1.
 * */
int members_select(const struct spool *spool, struct selection *selection, struct error *error);

/* Calls visit with the name of each run of the spool, until it returns not 0. Returns that, 0 at
 * the end, or -1 with an error. */
int members_runs(const struct spool *spool, int (*visit)(void *context, const char *run),
                 void *context, struct error *error);

/* Opens manifest.jsonl in the folder of a run, for reading and writing with these further flags of open(2),
 * and waits for the write lock under which alone it is appended to or replaced. Returns the descriptor,
 * which carries the lock and is that of the name, or -errno. */
int members_lock(int dir, int flags, mode_t mode);

#endif
