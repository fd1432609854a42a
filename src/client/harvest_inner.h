/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harvest_inner: what the parts of harvest share: harvest waits, harvest_print prints a line of the
 * input, harvest_tell says on stderr how it goes.
 *
 * Floor: client. For these alone.
 */
#ifndef CLIENT_HARVEST_INNER_H
#define CLIENT_HARVEST_INNER_H

#include "client/harvest.h"

#include <stdio.h>

#include "client/outdir.h"
#include "client/progress.h"
#include "client/shelf.h"
#include "client/spill.h"

struct harvest {
    const struct spool *spool;
    const struct clock *clock;
    struct harvest_plan plan;
    struct wait *wait;
    struct spill *spill;
    struct shelf *shelf;
    struct outdir *outdir; /* or NULL */
    FILE *errors;          /* or NULL */
    struct row_sheet sheet;
    struct buffer row, text; /* kept for their memory */
    uint64_t first;          /* the first line that was not printed */
    bool first_open;         /* it goes on, as far as is known */
    bool ending;             /* all was added */
    bool halted, closed;
    bool over;               /* harvest_turn has said so */
    enum wait_result result; /* what it said */
    struct error error;      /* of a callback; ERROR_NONE: none */

    /* The record that was read last, for whoever needs it next. */
    json_t *record;
    struct id record_id;

    /* Figures, in lines of the input. */
    uint64_t ended, failed, before;
    uint64_t cancelled, expired, refused;
    int64_t oldest_ms;       /* wall, of what was answered from before; 0: none known */
    uint64_t tokens;
    int64_t cost_nano;       /* -1: no price was seen */
    char currency[16];

    /* What a person sees of them. */
    struct tempo tempo;
    bool terminal;           /* stderr is one */
    bool drawn;              /* the line of progress is there */
    int64_t next_draw_ms;    /* mono */
};

/* Prints a line whose job has ended. Returns 0, or -1 with an error. */
int harvest_print(struct harvest *harvest, uint64_t number, struct spill_line *line,
                  struct error *error);

/* Prints what comes behind the last line. */
int harvest_print_end(struct harvest *harvest, struct error *error);

/* Makes sure that what was printed is on its way: 0, 1 when nobody reads it, or -1 with an error. */
int harvest_flush(struct harvest *harvest, struct error *error);

/* Notes in the figures how a job ended, for so many lines of the input. record may be NULL. */
void harvest_note(struct harvest *harvest, const json_t *record, const char *word, uint64_t lines);

/* Says why a job was not completed. */
void harvest_tell_failure(struct harvest *harvest, const char *sentence);

/* Says why nothing moves. */
void harvest_tell_stall(void *context, const char *reason);

/* Draws the line of progress when it is time, or a plain line; harvest_hide takes it away, so that
 * whatever else is printed begins on a line of its own. */
void harvest_draw(struct harvest *harvest);
void harvest_hide(struct harvest *harvest);

/* When harvest_draw is worth a call, at the latest: ms from now. */
int64_t harvest_draw_in(const struct harvest *harvest);

/* Orders all jobs that go on to be cancelled. Returns 0, or -1 with an error. */
int harvest_cancel(struct harvest *harvest, struct error *error);

#endif
