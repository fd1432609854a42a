/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harvest_tell: what a person is told on stderr: progress, failures, how it went, the way back.
 */
#include "client/harvest_inner.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/cli.h"
#include "client/drop.h"
#include "client/screen.h"

enum {
    DRAW_MS = 200,          /* between two drawings of the line */
    PLAIN_MS = 30 * 1000,   /* between two plain lines, where stderr is no terminal */
    SHOWN_JOBS = 8,         /* in the line that says how to come back */
    LONG_MS = 3600 * 1000,
};

static int64_t now_of(const struct harvest *harvest)
{
    return clock_mono(harvest->clock).ms;
}

/* --- figures ---------------------------------------------------------------------------------- */

static void note_cost(struct harvest *harvest, const json_t *record)
{
    const json_t *usage = json_object_get(record, "usage");
    const json_t *cost = json_object_get(record, "cost");
    const json_t *amount = json_object_get(cost, "amount");

    harvest->tokens += (uint64_t)(jsontext_get_int(usage, "input_tokens", 0) +
                                  jsontext_get_int(usage, "output_tokens", 0));
    if (json_is_number(amount)) {
        harvest->cost_nano = (harvest->cost_nano < 0 ? 0 : harvest->cost_nano) +
                             (int64_t)(json_number_value(amount) * 1e9);
        snprintf(harvest->currency, sizeof harvest->currency, "%s",
                 jsontext_get_text(cost, "currency", ""));
    }
}

void harvest_note(struct harvest *harvest, const json_t *record, const char *word, uint64_t lines)
{
    harvest->ended += lines;
    if (strcmp(word, "completed") != 0) {
        harvest->failed += lines;
        harvest->cancelled += strcmp(word, "cancelled") == 0 ? lines : 0;
        harvest->expired += strcmp(word, "expired") == 0 ? lines : 0;
        harvest->refused += strcmp(word, "refused") == 0 ? lines : 0;
    }
    note_cost(harvest, record);
}

/* --- progress --------------------------------------------------------------------------------- */

void harvest_hide(struct harvest *harvest)
{
    if (harvest->drawn) {
        fputs("\r\033[K", stderr);
        harvest->drawn = false;
    }
}

int64_t harvest_draw_in(const struct harvest *harvest)
{
    int64_t left = harvest->next_draw_ms - now_of(harvest);

    if (harvest->plan.quiet) {
        return LONG_MS;
    }
    return left > 0 ? left : DRAW_MS;
}

static void write_progress(struct harvest *harvest, struct buffer *line, int columns, bool colour)
{
    uint64_t count = spill_count(harvest->spill);
    const struct progress progress = {
        .count = count,
        .done = harvest->ended,
        .failed = harvest->failed,
        .growing = !harvest->ending,
        .per_second = harvest->tempo.per_second,
        .left_ms = tempo_left(&harvest->tempo, count - harvest->ended),
        .tokens = harvest->tokens,
        .cost_nano = harvest->cost_nano,
        .currency = harvest->currency,
    };

    progress_write(line, &progress, columns, colour);
}

/* A terminal breaks a line that fills it; one that is narrower than any table still has its line. */
static int columns_of(const struct screen *screen)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col - 1
                                                                           : screen->width - 1;
}

/* The first plain line comes after the first 30 s: what is quick says nothing. */
void harvest_draw(struct harvest *harvest)
{
    int64_t now = now_of(harvest);
    struct buffer line = {0};
    struct screen screen;

    if (harvest->plan.quiet || now < harvest->next_draw_ms) {
        return;
    }
    if (!harvest->terminal && harvest->next_draw_ms == 0) {
        harvest->next_draw_ms = now + PLAIN_MS;
        tempo_note(&harvest->tempo, now, harvest->ended);
        return;
    }
    tempo_note(&harvest->tempo, now, harvest->ended);
    screen = screen_open(stderr);
    if (harvest->terminal) {
        write_progress(harvest, &line, columns_of(&screen), screen.colour);
        fprintf(stderr, "\r%s\033[K", line.bytes != NULL ? line.bytes : "");
        harvest->drawn = true;
    } else {
        write_progress(harvest, &line, SCREEN_UNBOUND, false);
        fprintf(stderr, "%s: %s\n", harvest->plan.program, line.bytes);
    }
    harvest->next_draw_ms = now + (harvest->terminal ? DRAW_MS : PLAIN_MS);
    buffer_free(&line);
}

/* --- sentences -------------------------------------------------------------------------------- */

void harvest_tell_failure(struct harvest *harvest, const char *sentence)
{
    harvest_hide(harvest);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", harvest->plan.program, sentence);
}

void harvest_tell_stall(void *context, const char *reason)
{
    struct harvest *harvest = context;

    harvest_hide(harvest);
    fprintf(stderr, "%s: still waiting: %s\n", harvest->plan.program, reason);
}

static int add_line(void *context, const struct awaited *awaited)
{
    char hex[ID_TEXT_SIZE];

    id_write(&awaited->id, hex);
    buffer_printf(context, "%s\n", hex);
    return 0;
}

int harvest_cancel(struct harvest *harvest, struct error *error)
{
    struct buffer text = {0};
    int result = 0;

    wait_each_open(harvest->wait, add_line, &text);
    if (text.length > 0) {
        result = drop_order(harvest->spool, "cancel", text.bytes, text.length, error);
    }
    buffer_free(&text);
    return result;
}

/* An age in the greatest unit that says it: 3 days. */
static void write_age(int64_t ms, char out[32])
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{INT64_C(86400000), "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    size_t unit = 0;
    int64_t number;

    while (unit + 1 < sizeof units / sizeof units[0] && ms < units[unit].ms) {
        unit++;
    }
    number = ms > 0 ? ms / units[unit].ms : 0;
    snprintf(out, 32, "%" PRId64 " %s%s", number, units[unit].name, number == 1 ? "" : "s");
}

static void tell_before(const struct harvest *harvest)
{
    uint64_t count = spill_count(harvest->spill);
    char age[32];

    if (harvest->before == 0 || count < 2 || harvest->plan.quiet) {
        return;
    }
    fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " answered from before", harvest->plan.program,
            harvest->before, count);
    if (harvest->oldest_ms > 0) {
        write_age(clock_wall(harvest->clock).ms - harvest->oldest_ms, age);
        fprintf(stderr, ", oldest %s", age);
    }
    fputs("; --fresh asks again\n", stderr);
}

static void tell_failed(const struct harvest *harvest)
{
    const struct {
        uint64_t number;
        const char *word;
    } words[] = {{harvest->failed - harvest->cancelled - harvest->expired - harvest->refused,
                  "failed"},
                 {harvest->cancelled, "cancelled"},
                 {harvest->expired, "expired"},
                 {harvest->refused, "refused"}};
    uint64_t count = spill_count(harvest->spill);
    const char *separator = "(";

    if (harvest->failed == 0 || count < 2) {
        return;
    }
    fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " not answered ", harvest->plan.program,
            harvest->failed, count);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].number > 0) {
            fprintf(stderr, "%s%" PRIu64 " %s", separator, words[i].number, words[i].word);
            separator = ", ";
        }
    }
    fputs(")", stderr);
    if (harvest->plan.run != NULL) {
        fprintf(stderr, "; to try them again: llmspool-ctl retry --run %s", harvest->plan.run);
    }
    fputs("\n", stderr);
}

/* --- the way back ----------------------------------------------------------------------------- */

static int name_job(void *context, const struct awaited *awaited)
{
    char text[ID_SHORT_SIZE];

    (void)context;
    id_write_short(&awaited->id, text);
    fprintf(stderr, " %s", text);
    return 0;
}

static void tell_command(const struct harvest *harvest, const char *command)
{
    fputs(command, stderr);
    if (harvest->plan.place != NULL) {
        fprintf(stderr, " -s %s", harvest->plan.place);
    }
}

/* How to come back to what was submitted and goes on by itself. */
static void tell_way_back(const struct harvest *harvest, const char *why)
{
    size_t open = wait_open(harvest->wait);
    uint64_t count = spill_count(harvest->spill);

    fprintf(stderr, "%s: %s; %zu of %" PRIu64 " job%s %s in the spool: ", harvest->plan.program,
            why, open, count, count == 1 ? "" : "s",
            open == 1 ? "has not ended and stays" : "have not ended and stay");
    if (harvest->plan.run != NULL) {
        tell_command(harvest, "llmspool-wait");
        fprintf(stderr, " %s, then ", harvest->plan.run);
        tell_command(harvest, "llmspool-result");
        fprintf(stderr, " --run %s; or the same command again\n", harvest->plan.run);
        return;
    }
    if (open > SHOWN_JOBS) {
        fputs("the same command waits for them again\n", stderr);
        return;
    }
    tell_command(harvest, "llmspool-wait");
    wait_each_open(harvest->wait, name_job, NULL);
    putc('\n', stderr);
}

/* It ended before the jobs did. */
static void leave_behind(struct harvest *harvest, enum wait_result result, const char *why)
{
    bool asked = result == WAIT_INTERRUPTED || result == WAIT_CLOSED;
    struct error error;

    if (wait_open(harvest->wait) == 0) {
        return;
    }
    if (!asked || !harvest->plan.cancel_on_interrupt) {
        tell_way_back(harvest, why);
    } else if (harvest_cancel(harvest, &error) < 0) {
        (void)cli_fail(harvest->plan.program, &error);
    } else {
        fprintf(stderr, "%s: %s; %zu job%s cancelled\n", harvest->plan.program, why,
                wait_open(harvest->wait), wait_open(harvest->wait) == 1 ? " is" : "s are");
    }
}

int harvest_exit(struct harvest *harvest, enum wait_result result)
{
    harvest_hide(harvest);
    switch (result) {
    case WAIT_ENDED:
        break;
    case WAIT_TIMED_OUT:
        leave_behind(harvest, result, "timed out");
        return EXIT_LATER;
    case WAIT_STUCK:
        leave_behind(harvest, result, "nothing can move");
        return EXIT_ABSENT;
    case WAIT_INTERRUPTED:
        leave_behind(harvest, result, "interrupted");
        return EXIT_INTERRUPTED;
    case WAIT_CLOSED:
        leave_behind(harvest, result, "nobody reads the output any more");
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
        return EXIT_CREATE; /* where SIGPIPE is blocked */
    case WAIT_HALTED:
        fprintf(stderr, "%s: halted: %" PRIu64 " of %" PRIu64 " failed\n", harvest->plan.program,
                harvest->failed, spill_count(harvest->spill));
        break;
    }
    tell_before(harvest);
    tell_failed(harvest);
    return harvest->failed > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
}
