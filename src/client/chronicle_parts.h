/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chronicle_parts: events being read and chosen. The inner side of chronicle.h.
 *
 * Floor: client.
 */
#ifndef CLIENT_CHRONICLE_PARTS_H
#define CLIENT_CHRONICLE_PARTS_H

#include "client/chronicle.h"
#include "job/selection.h"

enum { NEEDLES = 4 /* a job's ID, user, model, kind */ };

/* A job that was asked for. */
struct wanted {
    const char *word; /* as it was given */
    char *prefix;     /* its ID, or the digits that it begins with; NULL: word is a name */
    bool known;       /* in the spool, or an event told of it */
};

/* What goes on while the days are read. */
struct reading {
    const struct chronicle_plan *plan;
    const struct screen *screen;
    struct wall now;
    struct wanted *wanted;
    size_t wanted_count;
    struct selection run;
    /* Texts that each line has which is meant: most lines need no parsing. */
    const char *needles[NEEDLES];
    size_t needle_count;
};

/* Looks up the jobs and the run that plan names; plan, screen and now are set. Returns 0, or -1 with an
 * error. chronicle_close comes after it in any case. */
int chronicle_open(const struct spool *spool, struct reading *reading, struct error *error);
void chronicle_close(struct reading *reading);

/* Prints a line if it is meant; context is the reading. One that is torn is no JSON, and passed over.
 * Returns 0. */
int chronicle_look(void *context, const char *text, size_t length);

/* The UTC day of a time. */
int32_t chronicle_day(int64_t ms);

#endif
