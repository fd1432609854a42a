/* SPDX-License-Identifier: GPL-2.0-or-later */
/* view: what llmspool-status shows. */
#include "client/view.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "client/batch_view.h"
#include "client/cli.h"
#include "client/failures.h"
#include "client/flow_tree.h"
#include "client/gates.h"
#include "client/locate.h"
#include "client/overview.h"
#include "client/refresh.h"
#include "client/shape.h"
#include "client/show.h"
#include "client/standing.h"
#include "client/story.h"
#include "client/tally.h"
#include "client/users.h"

enum { FAILURES_READ = 10000 /* by --failed */ };

/* --- pages
 * ---------------------------------------------------------------------------------------- */

/* Takes what was read over; NULL is passed on as the failure that it is. */
static int put_rows(const struct view *view, json_t *rows,
                    void (*print)(const struct screen *screen, const json_t *rows))
{
    json_t *row;
    size_t i;

    if (rows == NULL) {
        return -1;
    }
    if (!view->json) {
        print(view->screen, rows);
    } else if (json_is_array(rows)) {
        json_array_foreach (rows, i, row) {
            show_json(view->screen->out, row);
        }
    } else {
        show_json(view->screen->out, rows);
    }
    json_decref(rows);
    return 0;
}

static void print_gates(const struct screen *screen, const json_t *overview)
{
    gates_print(screen, overview, clock_wall(&clock_system));
}

static void print_overview(const struct screen *screen, const json_t *overview)
{
    overview_print(screen, overview, clock_wall(&clock_system));
}

static void print_failures(const struct screen *screen, const json_t *groups)
{
    if (json_array_size(groups) == 0) {
        screen_line(screen, TONE_GOOD, "nothing has failed");
    }
    failures_print(screen, groups, SIZE_MAX, NULL);
}

static int show_gates(const struct view *view, struct error *error)
{
    json_t *overview = overview_read(view->spool, error);
    json_t *gates = overview == NULL ? NULL : json_incref(json_object_get(overview, "gates"));
    int result = 0;

    if (!view->json) {
        return put_rows(view, overview, print_gates);
    }
    if (overview == NULL || gates != NULL) {
        result = put_rows(view, gates, print_gates);
    }
    json_decref(overview);
    return result;
}

static int show_job(struct view *view, const struct id *id, struct error *error)
{
    struct wall now = clock_wall(&clock_system);
    json_t *story = story_read(view->spool, id, now, error);

    if (story == NULL) {
        return -1;
    }
    if (view->json) {
        show_json(view->screen->out, story);
    } else {
        if (view->shown++ > 0) {
            fputc('\n', view->screen->out);
        }
        story_print(view->screen, id, story, now);
    }
    json_decref(story);
    return 0;
}

static int show_flow(const struct view *view, struct error *error)
{
    struct flow_view *flow = flow_view_read(view->spool, view->flow, error);

    if (flow == NULL) {
        return -1;
    }
    if (view->json) {
        json_t *json = flow_view_json(flow);

        show_json(view->screen->out, json);
        json_decref(json);
    } else {
        flow_tree_print(view->screen, flow, flow_tree_utf8(), clock_wall(&clock_system));
    }
    flow_view_free(flow);
    return 0;
}

/* A step that waits has no job yet. */
static void print_waiting(void *context, const struct flow_view *flow, const struct flow_look *step)
{
    struct view *view = context;
    struct buffer reason = {0};
    const char *why;

    flow_view_reason(flow, step, &reason);
    why = reason.bytes != NULL ? reason.bytes : "";
    if (view->json) {
        json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "flow", flow->record->name, "step",
                                 step->entry->name, "state", step->state, "reason", why);

        show_json(view->screen->out, json);
        json_decref(json);
    } else {
        fprintf(view->screen->out, "%s of flow %s: %s %s\n", step->entry->name, flow->record->name,
                step->state, why);
    }
    view->shown++;
    buffer_free(&reason);
}

/* A batch tells how it stands by its own record. */
static int show_run(struct view *view, const char *run, struct error *error)
{
    json_t *batch = batch_view_read(view->spool, run, error);

    if (batch == NULL) {
        return error->kind == ERROR_ABSENT
                   ? standing_show(view->spool, run, view->screen, view->json, error)
                   : -1;
    }
    if (view->json) {
        show_json(view->screen->out, batch);
    } else {
        batch_view_print(view->screen, batch);
    }
    json_decref(batch);
    return 0;
}

/* A job, or else a step that waits for others, or a run, of that name. */
static int show_word(struct view *view, const char *word, struct error *error)
{
    struct reference reference;
    struct error no_run;

    if (locate_reference(view->spool, word, &reference, error) == 0) {
        return show_job(view, &reference.id, error);
    }
    if (error->kind != ERROR_SYSTEM &&
        flow_view_waiting(view->spool, word, print_waiting, view, NULL) > 0) {
        return 0;
    }
    if (error->kind == ERROR_ABSENT && layout_name_ok(word)) {
        if (show_run(view, word, &no_run) == 0) {
            view->shown++;
            return 0;
        }
        if (no_run.kind != ERROR_ABSENT) {
            *error = no_run;
        }
    }
    return -1;
}

static int try_word(void *context, const char *word)
{
    struct view *view = context;
    struct error error;

    if (show_word(view, word, &error) < 0) {
        view->result = cli_fail(VIEW_PROGRAM, &error);
    }
    return 0;
}

/* What is named, each in turn: on a page that is shown again a failure stands in its place. */
static int show_words(struct view *view, struct error *error)
{
    if (view->watch_ms == 0) {
        cli_words(view->words, try_word, view);
        return 0;
    }
    view->shown = 0;
    for (char **word = view->words; *word != NULL; word++) {
        if (show_word(view, *word, error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int show_page(void *context, const struct screen *screen, struct error *error)
{
    struct view *view = context;
    struct wall now = clock_wall(&clock_system);

    view->screen = screen;
    switch (view->mode) {
    case MODE_GATES:
        return show_gates(view, error);
    case MODE_RUNS:
        return standing_list(view->spool, screen, view->json, now, error);
    case MODE_FAILED:
        return put_rows(view, tally_failures(view->spool, FAILURES_READ), print_failures);
    case MODE_SHAPE:
        return put_rows(view, shape_read(view->spool, now, error), shape_print);
    case MODE_USERS:
        return put_rows(view, users_read(view->spool, now, error), users_print);
    case MODE_FLOW:
        return show_flow(view, error);
    case MODE_SPEND:
        return spend_print(view->spool, &view->plan, screen, now, error);
    default:
        break;
    }
    if (view->chronicle.run != NULL) {
        return show_run(view, view->chronicle.run, error);
    }
    return view->words[0] != NULL
               ? show_words(view, error)
               : put_rows(view, overview_read(view->spool, error), print_overview);
}

/* Shown once, or again and again. */
static int show(struct view *view)
{
    struct screen screen = screen_open(stdout);
    struct error error;
    int result = view->watch_ms > 0 ? refresh_run(view->watch_ms, show_page, view, &error)
                                    : show_page(view, &screen, &error);

    if (result < 0) {
        return cli_fail(VIEW_PROGRAM, &error);
    }
    if (result > 0 && result != SIGINT) { /* as if it had ended us at once */
        signal(result, SIG_DFL);
        raise(result);
    }
    return result > 0 ? EXIT_INTERRUPTED : view->result;
}

/* --- events
 * --------------------------------------------------------------------------------------- */

/* The words of all lines of stdin stand where "-" is. */
struct words {
    char **words;
    size_t count;
};

static int keep_word(void *context, const char *word)
{
    struct words *words = context;

    words->words = xrealloc(words->words, (words->count + 2) * sizeof *words->words);
    words->words[words->count++] = xstrdup(word);
    words->words[words->count] = NULL;
    return 0;
}

static int show_events(struct view *view)
{
    char **argv = view->words;
    struct screen screen = screen_open(stdout);
    struct words words = {NULL, 0};
    struct error error;
    int result;

    cli_words(argv, keep_word, &words);
    view->chronicle.jobs = words.words;
    view->chronicle.json = view->json;
    result = argv[0] != NULL && words.count == 0 ? 0 /* an empty stdin names no job */
             : view->mode == MODE_FOLLOW
                 ? chronicle_follow(view->spool, &view->chronicle, &screen, &error)
                 : chronicle_print(view->spool, &view->chronicle, &screen,
                                   clock_wall(&clock_system), &error);
    for (size_t i = 0; i < words.count; i++) {
        free(words.words[i]);
    }
    free(words.words);
    return result < 0 ? cli_fail(VIEW_PROGRAM, &error) : EXIT_DONE;
}

int view_run(struct view *view, const char *given)
{
    struct error error;
    struct spool *spool = cli_spool(given, &error);

    if (spool == NULL) {
        return cli_fail(VIEW_PROGRAM, &error);
    }
    view->spool = spool;
    if (view->json) {
        view->plan.format = SPEND_JSON;
    }
    view->result =
        view->mode == MODE_EVENTS || view->mode == MODE_FOLLOW ? show_events(view) : show(view);
    spool_close(spool);
    return cli_finish(VIEW_PROGRAM, view->result);
}
