/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_send: see flow_send.h.
 */
#include "client/flow_send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/cli.h"
#include "client/drop.h"
#include "client/flow_view.h"
#include "client/input.h"
#include "client/records.h"
#include "client/show.h"
#include "client/wake.h"
#include "job/flow.h"
#include "job/templates.h"

enum { LOOK_MS = 500 };

/* A flow on its way. */
struct sending {
    const struct spool *spool;
    const struct flow_wish *wish;
    struct flow_plan *plan;
    char drop[NAME_LIMIT]; /* its name in new/ */
    struct error error;
};

static bool is_known(void *context, const char *word, const char *user)
{
    const struct sending *sending = context;
    const struct spool *spool = sending->spool;
    char target[NAME_LIMIT];
    struct id id;

    (void)user; /* whose a job is the daemon looks at */
    return id_read(word, &id) ||
           readlinkat(spool->dir[FOLDER_BY_NAME], word, target, sizeof target) >= 0;
}

/* Reads and judges the file; text receives it. */
static int read_flow(struct sending *sending, struct buffer *text)
{
    struct flow_context context = {.job = {.default_model = sending->spool->default_model,
                                           .submitted = clock_wall(&clock_system)},
                                   .known = is_known,
                                   .context = sending};
    json_t *document;

    if (input_read(sending->wish->file, JOB_SIZE_LIMIT, text, &sending->error) < 0) {
        return -1;
    }
    document = jsontext_read(text->bytes != NULL ? text->bytes : "", text->length, &sending->error);
    if (document != NULL) {
        context.job.templates = templates_new(sending->spool, &clock_system);
        sending->plan = flow_read(document, &context, &sending->error);
        templates_free(context.job.templates);
        json_decref(document);
    }
    if (sending->plan == NULL) {
        error_prefix(&sending->error, "%s", sending->wish->file);
        return -1;
    }
    return 0;
}

/* What is known of the steps. */
static void print_steps(const struct sending *sending, const struct flow_view *view)
{
    for (size_t i = 0; i < sending->plan->count; i++) {
        const struct flow_step *step = &sending->plan->steps[i];
        const struct flow_entry *entry = view != NULL ? view->steps[i].entry : NULL;
        bool known = step->parent_count == 0 || (entry != NULL && entry->noted);
        char id[ID_TEXT_SIZE] = "";

        if (known) {
            show_id(stdout, entry != NULL && entry->noted ? &entry->id : &step->job->id, id);
        }
        if (sending->wish->json) {
            json_t *line = json_pack("{s:s, s:s, s:s*}", "flow", sending->plan->name, "name",
                                     step->name, "id", known ? id : NULL);

            show_json(stdout, line);
            json_decref(line);
        } else {
            printf("%s%s%s\n", step->name, known ? "\t" : "", id);
        }
    }
}

/* --- waiting -------------------------------------------------------------------------------------- */

static bool drop_is_there(const struct sending *sending)
{
    return faccessat(sending->spool->dir[FOLDER_NEW], sending->drop, F_OK, AT_SYMLINK_NOFOLLOW) ==
           0;
}

/* Size of the flow's record, which grows with each thing that happens. */
static off_t progress_size(const struct sending *sending)
{
    char *path = xasprintf("%s/" FLOW_PROGRESS_FILE, sending->plan->name);
    struct stat status = {0};

    if (fstatat(sending->spool->dir[FOLDER_FLOWS], path, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        status.st_size = -1;
    }
    free(path);
    return status.st_size;
}

/* Whether the flow has ended, or was refused. Returns 1, 0, or -1 with the error. */
static int look(struct sending *sending, off_t *seen, struct flow_view **view)
{
    json_t *refusal;
    off_t size;

    if (drop_is_there(sending)) {
        return 0;
    }
    size = progress_size(sending);
    if (size == *seen && size >= 0) {
        return 0;
    }
    *seen = size;
    if (size < 0 && (refusal = records_refusal(sending->spool, sending->drop)) != NULL) {
        error_set(&sending->error, ERROR_DATA, "%s", jsontext_get_text(refusal, "message", ""));
        json_decref(refusal);
        return -1;
    }
    flow_view_free(*view);
    *view = flow_view_read(sending->spool, sending->plan->name, &sending->error);
    if (*view == NULL) {
        return sending->error.kind == ERROR_ABSENT ? 0 : -1;
    }
    return (*view)->record->ended != 0;
}

static int tell(const struct sending *sending, const char *why, int code)
{
    fprintf(stderr, "%s: %s; the flow stays in the spool: llmspool-status --flow %s\n",
            sending->wish->program, why, sending->plan->name);
    return code;
}

/* Sleeps and looks until the flow has ended. Returns EXIT_DONE, or another exit code. */
static int wait_for_end(struct sending *sending, struct flow_view **view)
{
    struct wake *wake = wake_open(sending->spool, true);
    int64_t until = sending->wish->timeout_ms >= 0
                        ? clock_mono(&clock_system).ms + sending->wish->timeout_ms
                        : INT64_MAX;
    struct watch_event event;
    int ended, code = EXIT_DONE;
    off_t seen = -2;

    while ((ended = look(sending, &seen, view)) == 0 && code == EXIT_DONE) {
        int64_t left = until - clock_mono(&clock_system).ms;

        if (sending->wish->fail_fast && !spool_owned(sending->spool)) {
            code = tell(sending, "no daemon runs", EXIT_ABSENT);
        } else if (left <= 0) {
            code = tell(sending, "timed out", EXIT_LATER);
        } else if (wake_sleep(wake, left < LOOK_MS ? left : LOOK_MS, -1, &event) == WAKE_SIGNAL) {
            code = tell(sending, "interrupted", EXIT_INTERRUPTED);
        }
    }
    wake_close(wake);
    return ended < 0 ? cli_fail(sending->wish->program, &sending->error) : code;
}

/* The answers of the steps that nothing is after; and each failure, on stderr. */
static int print_end(const struct sending *sending, const struct flow_view *view)
{
    char *inner = xcalloc(sending->plan->count, 1);
    int result = EXIT_DONE;

    for (size_t i = 0; i < sending->plan->count; i++) {
        for (size_t n = 0; n < sending->plan->steps[i].parent_count; n++) {
            if (sending->plan->steps[i].parents[n] != FLOW_OUTSIDE) {
                inner[sending->plan->steps[i].parents[n]] = 1;
            }
        }
    }
    for (size_t i = 0; i < view->record->count; i++) {
        const struct flow_entry *entry = view->steps[i].entry;
        bool completed = strcmp(entry->status, "completed") == 0;
        json_t *record = completed && !inner[i]
                             ? records_output(sending->spool, &entry->id, 0, NULL, NULL)
                             : NULL;

        if (!completed) {
            fprintf(stderr, "%s: step %s: %s%s%s\n", sending->wish->program, entry->name,
                    entry->status, entry->reason != NULL ? ": " : "",
                    entry->reason != NULL ? entry->reason : "");
            result = EXIT_SOME_FAILED;
        } else if (record != NULL && sending->wish->json) {
            show_json(stdout, record);
        } else if (record != NULL) {
            show_answer(stdout, record);
        }
        json_decref(record);
    }
    free(inner);
    return result;
}

static int wait_and_print(struct sending *sending)
{
    struct flow_view *view = NULL;
    int result = wait_for_end(sending, &view);

    if (result == EXIT_DONE) {
        result = print_end(sending, view);
    }
    flow_view_free(view);
    return result;
}

static int send_text(struct sending *sending, const struct buffer *text)
{
    struct flow_view *view;
    struct id id;

    sha256_digest(text->bytes, text->length, id.bytes);
    if (drop_job(sending->spool, &id, text->bytes, text->length, sending->drop, &sending->error) <
        0) {
        return cli_fail(sending->wish->program, &sending->error);
    }
    if (sending->wish->wait) {
        return wait_and_print(sending);
    }
    view = flow_view_read(sending->spool, sending->plan->name, NULL);
    if (view != NULL && (view->record->count != sending->plan->count || drop_is_there(sending))) {
        flow_view_free(view); /* of a flow before this one */
        view = NULL;
    }
    print_steps(sending, view);
    flow_view_free(view);
    return EXIT_DONE;
}

int flow_send(const struct spool *spool, const struct flow_wish *wish)
{
    struct sending sending = {.spool = spool, .wish = wish};
    struct buffer text = {0};
    int result;

    if (read_flow(&sending, &text) < 0) {
        result = cli_fail(wish->program, &sending.error);
    } else if (wish->check) {
        print_steps(&sending, NULL);
        result = EXIT_DONE;
    } else {
        result = send_text(&sending, &text);
    }
    flow_free(sending.plan);
    buffer_free(&text);
    return result;
}
