/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * submit: see submit.h.
 */
#include "client/submit.h"
#include "client/mailing.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "client/batch_file.h"
#include "client/cli.h"
#include "client/filling.h"
#include "client/flow_send.h"
#include "client/records.h"
#include "client/runname.h"
#include "client/screen.h"
#include "client/show.h"
#include "client/trial.h"
#include "client/types.h"
#include "job/question.h"

const char *submit_field(const struct submit *command, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < command->field_count; i++) {
        if (strcmp(command->fields[i].name, name) == 0) {
            value = command->fields[i].value;
        }
    }
    return value;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static int prepare_draft(struct submit *command)
{
    bool drops;

    command->draft = draft_new(command->spool, clock_wall(&clock_system));
    for (size_t i = 0; i < command->field_count; i++) {
        if (draft_flag(command->draft, command->fields[i].name, command->fields[i].value,
                       &command->error) < 0) {
            return -1;
        }
    }
    drops = command->mode == MODE_DROP || command->mode == MODE_WAIT || command->mode == MODE_BATCH;
    return command->submission.mail != NULL && drops
               ? mailing_check(command->spool, &command->error)
               : 0;
}

static int prepare_template(struct submit *command)
{
    if (command->template_text != NULL) {
        command->stencil = filling_read(command->template_text, &command->error);
    } else if (command->template_file != NULL) {
        command->stencil = filling_load(command->template_file, &command->error);
    } else {
        return 0;
    }
    return command->stencil != NULL ? 0 : -1;
}

static int prepare(struct submit *command)
{
    const char *type = submit_field(command, "type");

    if (prepare_draft(command) < 0 || prepare_template(command) < 0) {
        return -1;
    }
    command->feed = feed_open(&command->input, &command->error);
    if (command->feed == NULL) {
        return -1;
    }
    command->making = making_new(&(struct making_plan){
        .feed = command->feed,
        .draft = command->draft,
        .stencil = command->stencil,
        .fields = command->input.format >= FEED_JSONL && command->stencil == NULL &&
                  type != NULL && question_type(type) == NULL,
        .keep_names = submit_field(command, "name") != NULL,
        .samples = command->samples,
    });
    command->estimate = estimate_new(command->spool, command->prices, clock_wall(&clock_system),
                                     &command->error);
    return command->estimate != NULL ? 0 : -1;
}

static void print_id(const struct submit *command, const struct job *job)
{
    char hex[ID_TEXT_SIZE];

    if (command->nul && !command->json) {
        id_write(&job->id, hex);
        fwrite(hex, 1, sizeof hex, stdout); /* with its NUL */
    } else {
        show_submitted(stdout, job, command->json);
    }
}

/* What submits nothing: prints each job, or its ID, or what all come to. */
static int look_only(struct submit *command)
{
    struct screen screen = screen_open(stdout);
    struct made made;
    int result;

    while ((result = making_next(command->making, &made, &command->error)) > 0) {
        if (command->mode == MODE_PRINT_ID) {
            print_id(command, made.job);
        } else if (command->mode == MODE_DRY_RUN) {
            show_json(stdout, made.job->document);
        } else {
            estimate_add(command->estimate, made.job);
        }
        job_free(made.job);
        draft_forget_files(command->draft);
    }
    if (result < 0) {
        return cli_fail(SUBMIT_PROGRAM, &command->error);
    }
    if (command->mode == MODE_ESTIMATE) {
        estimate_print(command->estimate, command->json, &screen);
    }
    return EXIT_DONE;
}

/* What has come when templates were edited is told when all is known. */
static int job_made(void *context, const struct job *job, struct error *error)
{
    struct submit *command = context;

    if (command->mode == MODE_WAIT && job->after != NULL) {
        error_set(error, ERROR_USAGE,
                  "a job that is after others gets its ID when these have ended, so it cannot be "
                  "waited for by ID: submit it as the step of a flow (--flow)");
        return -1;
    }
    changed_note(command->changed, job);
    return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The answers are looked for from the first drop on, when it is known what the run is called. */
static int begin_harvest(struct submit *command, struct error *error)
{
    struct harvest_plan *plan = &command->plan;

    plan->place = command->place;
    plan->style.samples = command->samples > 0;
    if (command->json) {
        plan->style.format = ROW_RECORD;
    }
    command->harvest = harvest_new(command->spool, &clock_system, plan, error);
    return command->harvest != NULL ? 0 : -1;
}

static int add_to_harvest(struct submit *command, const struct bulk *bulk, size_t number,
                          struct error *error)
{
    const struct bulk_item *item = &bulk->items[number];
    unsigned lowest, highest = 0;

    if (records_versions(command->spool, &item->job->id, &lowest, &highest) < 0) {
        highest = 0;
    }
    return harvest_add(command->harvest,
                       &(struct harvest_item){
                           .id = item->job->id,
                           .drop = bulk->drop,
                           .line = bulk->list ? (unsigned)number + 2 : 0, /* behind the run's */
                           .run = highest + 1,
                           .position = item->position,
                           .name = item->name != NULL ? item->name : item->job->name,
                           .columns = item->columns,
                           .sample = item->sample,
                       },
                       error);
}

/* An ID is printed when its job is durable, so that after a failure it is known which ones are. */
static int jobs_dropped(void *context, const struct bulk *bulk, struct error *error)
{
    struct submit *command = context;

    if (command->mode == MODE_WAIT && command->harvest == NULL &&
        begin_harvest(command, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < bulk->count; i++) {
        if (command->mode == MODE_DROP) {
            print_id(command, bulk->items[i].job);
        } else if (add_to_harvest(command, bulk, i, error) < 0) {
            return -1;
        }
    }
    fflush(stdout);
    return 0;
}

/* While nothing is dropped, answers are printed. */
static int let_time_pass(void *context, int64_t timeout_ms, int input, struct error *error)
{
    struct submit *command = context;
    struct pollfd wanted = {.fd = input, .events = POLLIN};
    enum wait_result result;

    if (command->harvest == NULL) {
        poll(&wanted, input >= 0, (int)timeout_ms);
        return 0;
    }
    return input >= 0 ? harvest_input(command->harvest, input, &result, error)
                      : harvest_turn(command->harvest, timeout_ms, &result, error);
}

/* Few words on a command line are a run, too, but no script that names them wants to hear of it. */
static void run_named(void *context, const char *run)
{
    struct submit *command = context;
    bool few = command->input.format == FEED_WHOLE_FILES && isatty(STDERR_FILENO) != 1;

    if (run != command->run) {
        snprintf(command->run, sizeof command->run, "%s", run);
    }
    command->plan.run = command->run;
    if (!command->plan.quiet && !few) {
        fprintf(stderr, SUBMIT_PROGRAM ": run %s\n", run);
    }
}

static void spool_full(void *context, uint64_t waiting)
{
    const struct submit *command = context;

    if (!command->plan.quiet) {
        fprintf(stderr,
                SUBMIT_PROGRAM ": %" PRIu64 " jobs wait in the spool; going on when there are fewer "
                        "(--max-waiting)\n",
                waiting);
    }
}

static int wait_for_all(struct submit *command)
{
    enum wait_result result;

    if (command->harvest == NULL) {
        return EXIT_DONE; /* there was no record */
    }
    return harvest_end(command->harvest, &result, &command->error) < 0
               ? cli_fail(SUBMIT_PROGRAM, &command->error)
               : harvest_exit(command->harvest, result);
}

/* --- all of it ------------------------------------------------------------------------------------ */

/* Asks some first. Returns an exit code, or -1 to go on with the rest. */
static int try_some(struct submit *command)
{
    struct submission_plan *plan = &command->submission;
    struct screen screen = screen_open(stderr);
    enum trial_end end = TRIAL_STOP;

    if (plan->run == NULL) {
        runname_make(command->spool, plan->input, clock_wall(&clock_system), command->run);
        plan->run = command->run;
    }
    if (feed_keep(command->feed, &command->error) < 0) {
        return cli_fail(SUBMIT_PROGRAM, &command->error);
    }
    if (!feed_rewindable(command->feed)) {
        return cli_usage(SUBMIT_PROGRAM, "--try reads its input twice, and of pipes only stdin can be kept");
    }
    if (trial_run(plan, command->try, &screen, &end, &command->error) < 0) {
        return cli_fail(SUBMIT_PROGRAM, &command->error);
    }
    plan->estimated = true;
    plan->yes = true; /* it was asked, or is not to be */
    return end == TRIAL_GO_ON ? -1 : end == TRIAL_STOP ? EXIT_DONE : EXIT_INTERRUPTED;
}

/* One batch: what is printed is the name by which all of it is known. */
static int submit_batch(struct submit *command)
{
    char name[NAME_LIMIT];
    size_t requests;
    json_t *told;

    if (prepare_draft(command) < 0 ||
        batch_file_drop(command->spool, command->draft, command->batch, command->submission.run,
                        command->submission.mail, name, &requests, &command->error) < 0) {
        return cli_fail(SUBMIT_PROGRAM, &command->error);
    }
    if (!command->json) {
        puts(name);
        return EXIT_DONE;
    }
    told = json_pack("{s:s, s:I}", "run", name, "requests", (json_int_t)requests);
    show_json(stdout, told);
    json_decref(told);
    return EXIT_DONE;
}

static int submit_flow(struct submit *command)
{
    return flow_send(command->spool,
                     &(struct flow_wish){.program = SUBMIT_PROGRAM,
                                         .file = command->flow,
                                         .check = command->mode == MODE_PRINT_ID ||
                                                  command->mode == MODE_DRY_RUN,
                                         .wait = command->mode == MODE_WAIT,
                                         .timeout_ms = command->plan.timeout_ms,
                                         .fail_fast = command->plan.fail_fast,
                                         .json = command->json});
}

static int list_types(struct submit *command)
{
    struct screen screen = screen_open(stdout);

    types_print(command->spool, command->json, &screen);
    return EXIT_DONE;
}

int submit_run(struct submit *command)
{
    struct submission_plan *plan = &command->submission;
    int result;

    command->spool = cli_spool(command->place, &command->error);
    if (command->spool == NULL) {
        return cli_fail(SUBMIT_PROGRAM, &command->error);
    }
    if (command->flow != NULL) {
        return submit_flow(command);
    }
    if (command->mode == MODE_BATCH) {
        return submit_batch(command);
    }
    if (command->mode == MODE_TYPES) {
        return list_types(command);
    }
    if (prepare(command) < 0) {
        return cli_fail(SUBMIT_PROGRAM, &command->error);
    }
    if (command->mode != MODE_DROP && command->mode != MODE_WAIT) {
        return look_only(command);
    }
    plan->context = command;
    plan->spool = command->spool;
    plan->feed = command->feed;
    plan->making = command->making;
    plan->draft = command->draft;
    plan->estimate = command->estimate;
    command->changed = changed_new(command->spool);
    result = command->try > 0 ? try_some(command) : -1;
    if (result >= 0) {
        return result;
    }
    if (submission_run(plan, &command->error) < 0) {
        return cli_fail(SUBMIT_PROGRAM, &command->error);
    }
    changed_tell(command->changed, SUBMIT_PROGRAM, stderr);
    return command->mode == MODE_WAIT ? wait_for_all(command) : EXIT_DONE;
}

struct submit submit_new(void)
{
    return (struct submit){.mode = MODE_DROP,
                           .plan = harvest_plan(SUBMIT_PROGRAM),
                           .submission = {.max_waiting = SUBMIT_MAX_WAITING,
                                          .made = job_made,
                                          .dropped = jobs_dropped,
                                          .pass = let_time_pass,
                                          .named = run_named,
                                          .full = spool_full}};
}

void submit_clear(struct submit *command)
{
    json_decref(command->submission.mail);
    harvest_free(command->harvest);
    changed_free(command->changed);
    estimate_free(command->estimate);
    making_free(command->making);
    feed_close(command->feed);
    stencil_free(command->stencil);
    draft_free(command->draft);
    spool_close(command->spool);
    free(command->input.filter.include);
    free(command->input.filter.exclude);
    free(command->input.words);
    free(command->fields);
}
