/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * standing: how far a run is: what became of its jobs, how fast, what it cost, when it will end.
 *
 * Floor: client. Each job of the run is looked for where it lies, in memory that does not grow with
 * the run.
 */
#ifndef CLIENT_STANDING_H
#define CLIENT_STANDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "spool/spool.h"

/* Over the last minute, ten minutes, hour, and since the run began. */
enum { STANDING_WINDOWS = 4 };

struct standing {
    int64_t begun_ms;
    uint64_t places;  /* of its input: the sum of the next seven */
    uint64_t refused; /* lines that were no jobs */
    uint64_t waiting; /* in cur/, with what is delayed or held */
    uint64_t running;
    uint64_t completed;
    uint64_t failed;   /* in failed/, in whatever way it ended */
    uint64_t archived; /* ended, and put away */
    uint64_t gone;     /* in no folder and no archive */
    uint64_t before;   /* of the completed: before the run began */
    uint64_t ended[STANDING_WINDOWS]; /* how many in which time before now */
};

/* Looks where each job of the run is. failures, unless NULL, receives the failures grouped as
 * tally_failures does, of at most the first 1,000 met. Returns 0, or -1 with an error
 * (ERROR_ABSENT: no such run; ERROR_USAGE: no name of one). */
int standing_read(const struct spool *spool, const char *run, struct wall now,
                  struct standing *standing, json_t **failures, struct error *error);

/* Jobs a minute, by the shortest of the times in which enough ended to tell; 0: not known. */
double standing_rate(const struct standing *standing, struct wall now);

/* When the last job will have ended at that rate, wall ms; 0: that cannot be told. */
int64_t standing_end_ms(const struct standing *standing, struct wall now);

/* All of it as the object that llmspool-status(1) describes; with money, which NULL leaves out. */
json_t *standing_json(const char *run, const struct standing *standing, const json_t *failures,
                      const json_t *money, struct wall now);

/* What the run cost, as an object, or NULL with an error: state/money is damaged. */
json_t *standing_money(const struct spool *spool, const char *run, struct error *error);

/* Prints what standing_json made for a person; stopped says why nothing moves, or NULL. */
void standing_print(const struct screen *screen, const json_t *page, const char *stopped,
                    struct wall now);

/* All of these for one run: a page, or a line of JSON. Returns 0, or -1 with an error as
 * standing_read or standing_money. */
int standing_show(const struct spool *spool, const char *run, const struct screen *screen, bool json,
                  struct error *error);

/* Prints all runs, the newest first: a table, or a line of JSON each. Returns 0 or -1. */
int standing_list(const struct spool *spool, const struct screen *screen, bool json,
                  struct wall now, struct error *error);

#endif
