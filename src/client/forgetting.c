/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forgetting: llmspool-ctl forget. */
#include "client/forgetting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/archive.h"
#include "client/chosen.h"
#include "client/cli.h"
#include "client/locate.h"
#include "client/show.h"
#include "retain/forget.h"
#include "retain/members.h"
#include "retain/tombstone.h"
#include "retain/unname.h"

struct forgetting {
    const struct forget_wish *wish;
    struct archive archive;
    struct tombstones stones;
    struct idset found;    /* all that are meant */
    struct idset in_runs;  /* of them, those that a manifest tells something of */
    struct idset going;    /* those that can be forgotten */
    int result;
};

/* The first trouble decides on the exit code. */
static void note(struct forgetting *forgetting, int code)
{
    forgetting->result = forgetting->result == EXIT_DONE ? code : forgetting->result;
}

static void fail(struct forgetting *forgetting, const struct error *error)
{
    note(forgetting, cli_fail(forgetting->wish->program, error));
}

/* --- which jobs ------------------------------------------------------------------------------------ */

/* In the spool, or else in the archive, where it is looked for by name or first digits, too. */
static int find_named(struct forgetting *forgetting, const char *word, struct reference *reference,
                      struct error *error)
{
    struct error in_archive;

    if (locate_reference(forgetting->archive.spool, word, reference, error) == 0) {
        return 0;
    }
    if (error->kind != ERROR_ABSENT || archive_find(&forgetting->archive, word, &reference->id,
                                                    &reference->version, &in_archive) < 0) {
        return -1;
    }
    return 0;
}

static int name_one(void *context, const char *word)
{
    struct forgetting *forgetting = context;
    struct reference reference;
    struct error error;
    int result;

    if (strcmp(word, "ALL") == 0) {
        note(forgetting, cli_usage(forgetting->wish->program,
                                   "forget takes no ALL: name the jobs, or select them"));
        return 1;
    }
    result = find_named(forgetting, word, &reference, &error);
    if (result == 0 && reference.version != 0) {
        error_set(&error, ERROR_USAGE, "%s: a job is forgotten with all of its versions", word);
        result = -1;
    }
    if (result < 0) {
        fail(forgetting, &error);
    } else {
        idset_add(&forgetting->found, &reference.id);
    }
    return 0;
}

static int add_chosen(void *context, const struct id *id)
{
    struct forgetting *forgetting = context;

    idset_add(&forgetting->found, id);
    return 0;
}

static int add_archived(void *context, const struct archive_job *job)
{
    return add_chosen(context, &job->unit->id);
}

static int select_jobs(struct forgetting *forgetting)
{
    const struct selection *selection = forgetting->wish->selection;
    struct archive_wish archived = {.selection = *selection};
    struct error error;

    if (chosen_each(forgetting->archive.spool, selection, CHOSEN_ANY, clock_wall(&clock_system),
                    add_chosen, forgetting, &error) < 0) {
        fail(forgetting, &error);
        return -1;
    }
    (void)archive_each(&forgetting->archive, &archived, false, false, add_archived, NULL,
                       forgetting);
    note(forgetting, forgetting->archive.result);
    return 0;
}

static void add_in_run(void *context, const struct id *id)
{
    struct forgetting *forgetting = context;

    idset_add(&forgetting->in_runs, id);
}

static bool is_archived(const struct forgetting *forgetting, const struct id *id)
{
    struct archived archived;

    return forgetting->archive.ids != NULL && ids_find(forgetting->archive.ids, id, 0, &archived);
}

/* Whether anything of it is left, or was. */
static bool is_known(const struct forgetting *forgetting, const struct id *id)
{
    return locate_job(forgetting->archive.spool, id, NULL) != LOCATION_NONE ||
           is_archived(forgetting, id) || idset_has(&forgetting->in_runs, id) ||
           tombstones_find(&forgetting->stones, id) != NULL;
}

/* Why a job cannot be forgotten now: its state, or NULL. */
static const char *still(const struct forgetting *forgetting, const struct id *id)
{
    static const char *const ended[] = {"completed", "failed", "cancelled", "expired"};
    const char *state = locate_state(forgetting->archive.spool, id);

    if (locate_pending(forgetting->archive.spool, id)) {
        return "dropped";
    }
    for (size_t i = 0; state != NULL && i < sizeof ended / sizeof ended[0]; i++) {
        if (strcmp(state, ended[i]) == 0) {
            return NULL;
        }
    }
    return state;
}

static void judge(struct forgetting *forgetting, const struct id *id)
{
    const char *state = still(forgetting, id);
    char text[ID_TEXT_SIZE];
    struct error error;

    id_write_short(id, text);
    if (state != NULL) {
        fprintf(stderr, "%s: %s is %s: cancel it first (llmspool-ctl cancel %s)\n",
                forgetting->wish->program, text, state, text);
        note(forgetting, EXIT_SOME_FAILED);
    } else if (is_known(forgetting, id)) {
        idset_add(&forgetting->going, id);
    } else {
        error_set(&error, ERROR_ABSENT, "there is no job %s in %s, nor in its archive", text,
                  forgetting->archive.spool->path);
        fail(forgetting, &error);
    }
}

/* Finds all jobs that are meant and judges them. Returns 0, or -1 after telling. */
static int gather(struct forgetting *forgetting, char **words)
{
    struct forget_wish const *wish = forgetting->wish;
    uint64_t lines = 0;
    struct error error;

    if (members_select(forgetting->archive.spool, wish->selection, &error) < 0) {
        fail(forgetting, &error);
        return -1;
    }
    if (words[0] != NULL ? cli_words(words, name_one, forgetting) != 0
                         : select_jobs(forgetting) < 0) {
        return -1;
    }
    idset_sort(&forgetting->found);
    if (tombstones_read(forgetting->archive.spool, &forgetting->stones, &error) < 0 ||
        unname(forgetting->archive.spool, &forgetting->found, add_in_run, forgetting, &lines,
               &error) < 0) {
        fail(forgetting, &error);
        return -1;
    }
    idset_sort(&forgetting->in_runs);
    for (size_t i = 0; i < forgetting->found.count; i++) {
        judge(forgetting, &forgetting->found.ids[i]);
    }
    idset_sort(&forgetting->going);
    return 0;
}

/* --- asking ---------------------------------------------------------------------------------------- */

/* Returns whether it is meant; if not, the exit code is noted. */
static bool is_meant(struct forgetting *forgetting)
{
    const struct forget_wish *wish = forgetting->wish;
    size_t count = forgetting->going.count;
    char answer[16];

    if (wish->yes || count == 0) {
        return true;
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        note(forgetting, cli_usage(wish->program,
                                   "what is forgotten cannot be brought back: without a terminal to "
                                   "ask on, forget needs --yes"));
        return false;
    }
    fprintf(stderr, "Forget %zu job%s of %s for good, with all answers and archived copies? [y/N] ",
            count, count == 1 ? "" : "s", forgetting->archive.spool->path);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y')) {
        return true;
    }
    fprintf(stderr, "%s: nothing was forgotten\n", wish->program);
    note(forgetting, EXIT_SOME_FAILED);
    return false;
}

/* --- doing and telling ----------------------------------------------------------------------------- */

static void tell_jobs(const struct forgetting *forgetting)
{
    const struct forget_wish *wish = forgetting->wish;

    for (size_t i = 0; i < forgetting->going.count && !wish->quiet; i++) {
        const struct id *id = &forgetting->going.ids[i];
        const char *state = locate_state(forgetting->archive.spool, id);
        bool archived = is_archived(forgetting, id);
        char text[ID_TEXT_SIZE];

        if (wish->json) {
            json_t *line;

            id_write(id, text);
            line = json_pack("{s:s, s:s?, s:b, s:s, s:s, s:b}", "id", text, "state", state,
                             "archived", archived, "effect", "act", "order", "forget", "dry_run",
                             wish->dry_run);
            show_json(stdout, line);
            json_decref(line);
        } else {
            show_id(stdout, id, text);
            printf("%s: %s%s, %s\n", text, state != NULL ? state : "not in the spool",
                   archived ? ", archived" : "",
                   wish->dry_run ? "would be forgotten" : "will be forgotten");
        }
    }
    fflush(stdout);
}

static void complain(void *context, const char *sentence)
{
    struct forgetting *forgetting = context;

    fprintf(stderr, "%s: %s\n", forgetting->wish->program, sentence);
    note(forgetting, EXIT_SOME_FAILED);
}

static void tell_counts(const struct forgetting *forgetting, const struct forget_counts *counts)
{
    if (forgetting->wish->quiet || counts->jobs == 0) {
        return;
    }
    fprintf(stderr, "%s: %" PRIu64 " job%s forgotten: %" PRIu64 " from the spool, archived copies: %"
            PRIu64 " (volumes rewritten: %" PRIu64 ", removed: %" PRIu64 "), lines of runs: %" PRIu64 "\n",
            forgetting->wish->program, counts->jobs, counts->jobs == 1 ? "" : "s", counts->units,
            counts->archive.copies, counts->archive.rewritten, counts->archive.removed, counts->lines);
    if (counts->resumed > 0) {
        fprintf(stderr, "%s: %" PRIu64 " of them by an earlier call, which had not ended\n",
                forgetting->wish->program, counts->resumed);
    }
}

/* Also when nothing is to go: what an earlier call began is finished. */
static void carry_out(struct forgetting *forgetting)
{
    struct forget_plan plan = {.program = forgetting->wish->program,
                               .jobs = &forgetting->going,
                               .clock = &clock_system,
                               .complain = complain,
                               .context = forgetting};
    struct forget_counts counts;
    struct error error;

    if (forget(forgetting->archive.spool, &plan, &counts, &error) < 0) {
        fail(forgetting, &error);
        return;
    }
    tell_counts(forgetting, &counts);
    if (counts.busy > 0) {
        forgetting->result = EXIT_LATER;
    }
}

int forgetting_run(const struct forget_wish *wish, char **words)
{
    struct forgetting forgetting = {.wish = wish};
    struct error error;

    if (words[0] != NULL && selection_any(wish->selection)) {
        return cli_usage(wish->program, "name the jobs to forget, or select them, not both");
    }
    if (archive_open(&forgetting.archive, wish->spool, &error) < 0) {
        return cli_fail(wish->program, &error);
    }
    if (gather(&forgetting, words) == 0 && (wish->dry_run || is_meant(&forgetting))) {
        tell_jobs(&forgetting);
        if (!wish->dry_run) {
            carry_out(&forgetting);
        }
    }
    archive_close(&forgetting.archive);
    tombstones_free(&forgetting.stones);
    idset_free(&forgetting.found);
    idset_free(&forgetting.in_runs);
    idset_free(&forgetting.going);
    return cli_finish(wish->program, forgetting.result);
}
