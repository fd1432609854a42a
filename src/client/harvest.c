/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harvest: see harvest.h. Keeps the lines, notes which have ended, and lets the next be printed.
 */
#include "client/harvest_inner.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/cli.h"

enum { LONG_MS = 3600 * 1000 };

/* --- a job has ended -------------------------------------------------------------------------- */

/* The first problem of a callback is told when it has returned. */
static bool note_problem(struct harvest *harvest, int result, const struct error *error)
{
    if (result < 0 && harvest->error.kind == ERROR_NONE) {
        harvest->error = *error;
    }
    return result < 0;
}

/* Why it failed, kept for when its line is printed: by then the job may have been tried again. */
static int keep_reason(struct harvest *harvest, const struct awaited *awaited,
                       const json_t *record, const char *sentence, struct spill_line *line,
                       struct error *error)
{
    const char *message = jsontext_get_text(record, "message", NULL);
    struct buffer text = {0};
    json_t *reason;
    int result;

    if (message == NULL) {
        message = strstr(sentence, ": ");
        message = message != NULL ? message + 2 : sentence;
    }
    reason = json_pack("{s:s, s:s, s:O*}", "status", wait_word(awaited, record), "message", message,
                       "reason", json_object_get(record, "reason"));
    jsontext_write(&text, reason);
    line->reason_length = (uint32_t)text.length;
    result = spill_keep(harvest->spill, text.bytes, text.length, &line->reason_at, error);
    buffer_free(&text);
    json_decref(reason);
    return result;
}

/* Writes the outcome into each line of the job; unordered, they are printed at once. */
static int end_lines(struct harvest *harvest, const struct awaited *awaited,
                     const struct spill_line *outcome, uint64_t *lines, struct error *error)
{
    struct spill_line line;
    uint64_t number = awaited->mark;
    int result = 0;

    for (*lines = 0; number > 0 && result == 0; number = line.before, ++*lines) {
        result = spill_get(harvest->spill, number - 1, &line, error);
        if (result < 0) {
            break;
        }
        line.state = outcome->state;
        line.archived = outcome->archived;
        line.found = outcome->found;
        line.reason_at = outcome->reason_at;
        line.reason_length = outcome->reason_length;
        if (harvest->plan.unordered) {
            result = harvest_print(harvest, number - 1, &line, error);
        }
        if (result == 0) {
            result = spill_set(harvest->spill, number - 1, &line, error);
        }
        harvest->first_open = harvest->first_open && number - 1 != harvest->first;
    }
    return result;
}

static int halt_if_reached(struct harvest *harvest, struct error *error)
{
    const struct halt *halt = &harvest->plan.halt;

    if (harvest->halted ||
        !halt_reached(halt, harvest->failed, spill_count(harvest->spill))) {
        return 0;
    }
    harvest->halted = true;
    return halt->when == HALT_NOW ? harvest_cancel(harvest, error) : 0;
}

/* Whether a record is wanted of an answer before its line is printed. */
static bool wants_figures(const struct harvest *harvest)
{
    return !harvest->plan.quiet && harvest->terminal;
}

static void job_ended(void *context, struct awaited *awaited)
{
    struct harvest *harvest = context;
    bool completed = awaited->state == AWAITED_COMPLETED;
    struct spill_line outcome = {
        .state = awaited->state, .archived = awaited->archived, .found = awaited->found};
    struct error error;
    uint64_t lines = 0;
    int result = 0;

    json_decref(harvest->record);
    harvest->record =
        !completed || wants_figures(harvest) ? wait_record(harvest->wait, awaited) : NULL;
    harvest->record_id = awaited->id;
    if (!completed) {
        char *sentence = wait_failure(awaited, harvest->record);

        harvest_tell_failure(harvest, sentence);
        result = keep_reason(harvest, awaited, harvest->record, sentence, &outcome, &error);
        free(sentence);
    }
    if (!note_problem(harvest, result, &error)) {
        note_problem(harvest, end_lines(harvest, awaited, &outcome, &lines, &error), &error);
    }
    harvest_note(harvest, harvest->record, wait_word(awaited, harvest->record), lines);
    if (!completed) {
        note_problem(harvest, halt_if_reached(harvest, &error), &error);
    }
    wait_forget(harvest->wait, awaited);
}

/* --- beginning -------------------------------------------------------------------------------- */

static int open_files(struct harvest *harvest, struct error *error)
{
    const struct harvest_plan *plan = &harvest->plan;

    if (plan->output_dir != NULL) {
        harvest->outdir = outdir_open(plan->output_dir, error);
        if (harvest->outdir == NULL) {
            return -1;
        }
    }
    if (plan->errors != NULL) {
        harvest->errors = fopen(plan->errors, "we");
        if (harvest->errors == NULL) {
            error_system(error, errno, "--errors %s cannot be made", plan->errors);
            return -1;
        }
    }
    return 0;
}

struct harvest *harvest_new(const struct spool *spool, const struct clock *clock,
                            const struct harvest_plan *plan, struct error *error)
{
    struct harvest *harvest = xcalloc(1, sizeof *harvest);
    const struct wait_plan wait_plan = {.timeout_ms = plan->timeout_ms,
                                        .fail_fast = plan->fail_fast,
                                        .ended = job_ended,
                                        .stalled = harvest_tell_stall,
                                        .context = harvest};

    harvest->spool = spool;
    harvest->clock = clock;
    harvest->plan = *plan;
    harvest->sheet.style = plan->style;
    harvest->cost_nano = -1;
    harvest->terminal = isatty(STDERR_FILENO) == 1;
    harvest->wait = wait_new(spool, clock);
    harvest->shelf = shelf_new(spool);
    harvest->spill = spill_new(error);
    if (harvest->spill == NULL || open_files(harvest, error) < 0) {
        harvest_free(harvest);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN);
    wait_start(harvest->wait, &wait_plan);
    return harvest;
}

void harvest_free(struct harvest *harvest)
{
    if (harvest == NULL) {
        return;
    }
    harvest_hide(harvest);
    wait_stop(harvest->wait);
    signal(SIGPIPE, SIG_DFL);
    wait_free(harvest->wait);
    shelf_free(harvest->shelf);
    spill_free(harvest->spill);
    outdir_close(harvest->outdir);
    if (harvest->errors != NULL) {
        fclose(harvest->errors);
    }
    row_sheet_free(&harvest->sheet);
    buffer_free(&harvest->row);
    buffer_free(&harvest->text);
    json_decref(harvest->record);
    free(harvest);
}

/* --- adding ----------------------------------------------------------------------------------- */

/* Keeps what is to be told of an input beside its answer. */
static int keep_text(struct harvest *harvest, const struct harvest_item *item,
                     struct spill_line *line, struct error *error)
{
    struct buffer *text = &harvest->text;
    json_t *kept;

    buffer_clear(text);
    if (item->name != NULL || item->columns != NULL) {
        kept = json_pack("{s:s*, s:O*}", "name", item->name, "columns", item->columns);
        jsontext_write(text, kept);
        json_decref(kept);
    }
    line->text_length = (uint32_t)text->length;
    return spill_keep(harvest->spill, text->length > 0 ? text->bytes : "", text->length,
                      &line->text_at, error);
}

int harvest_add(struct harvest *harvest, const struct harvest_item *item, struct error *error)
{
    struct awaited *awaited = wait_add(harvest->wait, &item->id, 0);
    struct spill_line line = {
        .id = item->id,
        .position = item->position,
        .before = awaited->mark,
        .run = item->run,
        .sample = (unsigned)item->sample,
        .state = AWAITED_OPEN,
        .answered_before = item->answered_before,
    };

    if (item->drop != NULL) {
        wait_expect(harvest->wait, awaited, item->drop, item->line, item->run);
    }
    if (keep_text(harvest, item, &line, error) < 0 ||
        spill_add(harvest->spill, &line, error) < 0) {
        return -1;
    }
    awaited->mark = spill_count(harvest->spill);
    return 0;
}

size_t harvest_open(const struct harvest *harvest)
{
    return wait_open(harvest->wait);
}

/* --- turns ------------------------------------------------------------------------------------ */

/* Prints the lines from the first on whose jobs have ended. Of those that were printed out of order
 * the place is given back. */
static int print_next(struct harvest *harvest, struct error *error)
{
    struct spill_line line;
    uint64_t begun = harvest->first;

    while (!harvest->first_open && harvest->first < spill_count(harvest->spill)) {
        if (spill_get(harvest->spill, harvest->first, &line, error) < 0) {
            return -1;
        }
        if (line.state == AWAITED_OPEN) {
            harvest->first_open = true;
            break;
        }
        if (!line.printed && harvest_print(harvest, harvest->first, &line, error) < 0) {
            return -1;
        }
        harvest->first++;
    }
    if (harvest->first > begun) {
        spill_forget(harvest->spill, harvest->first, line.text_at);
    }
    return 0;
}

/* Says that nothing more is to be submitted. */
static int is_over(struct harvest *harvest, enum wait_result why, enum wait_result *result)
{
    harvest->over = true;
    harvest->result = why;
    *result = why;
    return 1;
}

static int turn(struct harvest *harvest, int64_t ms, int input, bool *readable,
                enum wait_result *result, struct error *error)
{
    int64_t draw = harvest_draw_in(harvest);
    enum wait_result why;
    int turned = wait_turn(harvest->wait, ms < draw ? ms : draw, input, readable, &why, error);
    int flushed;

    if (turned < 0) {
        return -1;
    }
    if (harvest->error.kind != ERROR_NONE) {
        *error = harvest->error;
        return -1;
    }
    if (print_next(harvest, error) < 0) {
        return -1;
    }
    flushed = harvest_flush(harvest, error);
    if (flushed < 0) {
        return -1;
    }
    harvest_draw(harvest);
    if (flushed > 0) {
        return is_over(harvest, WAIT_CLOSED, result);
    }
    return turned > 0 ? is_over(harvest, why, result) : 0;
}

int harvest_turn(struct harvest *harvest, int64_t timeout_ms, enum wait_result *result,
                 struct error *error)
{
    int turned = turn(harvest, timeout_ms, -1, NULL, result, error);

    return turned == 0 && harvest->halted ? is_over(harvest, WAIT_HALTED, result) : turned;
}

int harvest_input(struct harvest *harvest, int input, enum wait_result *result,
                  struct error *error)
{
    bool readable = false;
    int turned = 0;

    while (turned == 0 && !readable) {
        turned = turn(harvest, LONG_MS, input, &readable, result, error);
        if (turned == 0 && harvest->halted) {
            turned = is_over(harvest, WAIT_HALTED, result);
        }
    }
    return turned;
}

int harvest_end(struct harvest *harvest, enum wait_result *result, struct error *error)
{
    int turned = 0;

    harvest->ending = true;
    if (harvest->over && harvest->result != WAIT_HALTED) {
        *result = harvest->result;
        return 0;
    }
    while (turned == 0 && wait_open(harvest->wait) > 0) {
        turned = turn(harvest, LONG_MS, -1, NULL, result, error);
    }
    if (turned == 0) {
        turned = turn(harvest, 0, -1, NULL, result, error);
    }
    if (turned >= 0 && wait_open(harvest->wait) == 0 && !harvest->closed) {
        *result = harvest->halted ? WAIT_HALTED : WAIT_ENDED;
        turned = harvest_print_end(harvest, error);
    }
    return turned < 0 ? -1 : 0;
}
