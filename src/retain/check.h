/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check: whether a spool is sound, what exactly is not, and mending it.
 *
 * Floor: retain. Reads each folder once, as a stream, and looks at each entry by itself: what
 * belongs to it in other folders is looked up there, so nothing is remembered of what is sound.
 * (Only the IDs of finished jobs whose first versions are missing are kept, 32 bytes each, until
 * done/ was read to its end.) What is wrong is a suspicion at first; it is a finding when a second
 * look a moment later sees the same of the same inode. No lock is taken but for mending.
 *
 * A topic is a folder or a subject with one function that looks at one entry (check_topic.h); what
 * mends a code is a function in a table (check_mend.h).
 */
#ifndef RETAIN_CHECK_H
#define RETAIN_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "retain/check_code.h"

struct check_options {
    bool repair;       /* mend; the spool must have no daemon */
    bool dry_run;      /* with repair: only tell what would be done */
    bool quick;        /* do not read archives, nor compressed days of events */
    bool audit;        /* compare events with what the spool and its archives hold */
    int64_t moment_ms; /* between two looks while a daemon runs; a tenth of it without */
    const struct clock *clock;
};

enum check_result {
    CHECK_FOUND,  /* nothing was tried */
    CHECK_MENDED, /* message tells what was wrong, done what was done */
    CHECK_LEFT,   /* repairing does nothing about it, or could not: done tells why, or is NULL */
};

/* One finding, as it is told. Texts are borrowed for the call. */
struct check_finding {
    const struct check_row *row;
    const char *file;    /* below the spool's folder; "." for the spool itself */
    const char *message; /* what is wrong, a phrase */
    enum check_result result;
    const char *done;
};

struct check_listener {
    void (*finding)(void *context, const struct check_finding *finding);
    /* A topic was looked at: its word, what was looked at, how many entries. */
    void (*topic)(void *context, const char *word, const char *what, uint64_t entries);
    void *context;
};

/* Counts of the last look at each thing: of what was mended only mended tells. */
struct check_totals {
    uint64_t severities[CHECK_ERROR + 1];
    uint64_t mended;
    bool paid; /* an answer that was paid for is damaged or missing, or was and is put aside now */
};

/* Checks the spool at path, and mends it when asked. Returns 0 when all of it could be looked at,
 * whatever was found; -1 with an error when there is no spool that this version knows
 * (ERROR_ABSENT), when it is to be mended and a daemon runs (ERROR_LATER), or when the environment
 * fails. */
int check_spool(const char *path, const struct check_options *options,
                const struct check_listener *listener, struct check_totals *totals,
                struct error *error);

#endif
