/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-ctl: orders to the daemon, for the whole spool, for jobs, or for gates.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/announce.h"
#include "client/cli.h"
#include "client/control.h"
#include "client/derive.h"
#include "client/flow_order.h"
#include "client/forgetting.h"
#include "client/plan.h"
#include "job/change.h"
#include "job/selection.h"
#include "retain/members.h"

#define PROGRAM "llmspool-ctl"
#define FORGET  "forget"

static const char usage[] =
    "usage: llmspool-ctl [-s DIR] [--dry-run] [-q] [--json] ORDER [SELECTION]\n"
    "                    [--set PATH=VALUE]\n"
    "                    [JOB...|ALL|-]\n"
    "Gives an order to the daemon. A job is an ID, its first 6 or more digits, or a\n"
    "name; a run's name means its jobs; - reads them from stdin, a line each. ALL,\n"
    "in capitals, is every job.\n"
    "\n"
    "for the whole spool:\n"
    "  pause, resume    send nothing more; go on, which ends a drain, too\n"
    "  drain, undrain   take nothing more from new/; take again\n"
    "for jobs:\n"
    "  hold, release    do not send it; let go what is held\n"
    "  cancel           end it as cancelled\n"
    "  flush            forget its backoff, try now\n"
    "  retry            try again what failed\n"
    "  redeliver        try now what webhooks are owed or given up\n"
    "  rerun            ask again what was answered; prints JOB@vN, what is coming\n"
    "release and flush also take gates, PROVIDER/MODEL.\n"
    "by itself, at once:\n"
    "  forget    remove finished jobs for good: answers, archived copies, names\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "  -n, --dry-run     say what would be done to which job, and do nothing\n"
    "      --set PATH=VALUE\n"
    "                    of retry and rerun: new jobs with this changed, as in\n"
    "                    params.max_tokens=8000, in the old ones' places in their\n"
    "                    runs; prints their IDs\n"
    "      --flow FLOW   of cancel, hold, release and retry: all steps of a flow\n"
    "      --cascade     of rerun: also what depends on the job, where the answer\n"
    "                    changed\n"
    "  -y, --yes         of forget: do not ask\n"
    "  -q, --quiet       do not say what is done\n"
    "      --json        say it as JSON, a line each\n"
    "      --help, --version\n"
    "\n" SELECTION_USAGE
    "  Of jobs that have not ended the two ages are those of their submission.\n";

enum { OPTION_JSON = 256, OPTION_SET, OPTION_FLOW, OPTION_CASCADE };

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"dry-run", no_argument, NULL, 'n'},
    {"set", required_argument, NULL, OPTION_SET},
    {"yes", no_argument, NULL, 'y'},
    {"quiet", no_argument, NULL, 'q'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"flow", required_argument, NULL, OPTION_FLOW},
    {"cascade", no_argument, NULL, OPTION_CASCADE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    SELECTION_OPTIONS,
    {NULL, 0, NULL, 0},
};

/* What the command line says. */
struct wish {
    struct announce announce;
    const char *given; /* the spool */
    const struct verb *verb;
    struct selection selection;
    struct changes changes;
    bool yes; /* do not ask before forgetting */
    const char *flow; /* whose steps are meant, or NULL */
    bool cascade;     /* what depends on the jobs is meant, too */
};

/* The words are looked up one by one; all that cannot be found are told. */
struct naming {
    struct plan *plan;
    int result;
};

static int name_one(void *context, const char *word)
{
    struct naming *naming = context;
    struct error error;

    if (plan_add(naming->plan, word, &error) < 0) {
        int code = cli_fail(PROGRAM, &error);

        naming->result = naming->result == EXIT_DONE ? code : naming->result;
    }
    return 0;
}

static int count_refused(const struct plan *plan)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        if (plan->targets[i].ruling.effect == EFFECT_CANNOT) {
            return EXIT_SOME_FAILED;
        }
    }
    return EXIT_DONE;
}

/* Without a daemon an order is not lost, but it is not obeyed now. */
static void tell_nobody_obeys(const struct announce *announce, const struct spool *spool)
{
    if (!announce->quiet && !spool_owned(spool)) {
        fflush(stdout);
        fprintf(stderr, "%s: no daemon runs on %s; the order is obeyed when one starts\n", PROGRAM,
                spool->path);
    }
}

static int carry_out(const struct announce *announce, const struct plan *plan)
{
    struct error error;
    int changed = 0;

    if (!plan->verb->jobs) {
        announce_switches(announce, plan);
    }
    if (!announce->dry_run) {
        changed = control_do(plan, &error);
    }
    if (changed < 0) {
        return cli_fail(PROGRAM, &error);
    }
    if (plan->verb->jobs) {
        announce_plan(announce, plan);
    }
    if (changed > 0) {
        tell_nobody_obeys(announce, plan->spool);
    }
    return count_refused(plan);
}

/* --- new jobs --------------------------------------------------------------------------------- */

/* Makes the new jobs; those that cannot be made are told. Returns the exit code so far. */
static int derive_all(const struct announce *announce, const struct plan *plan,
                      struct derivation *derivation)
{
    int result = count_refused(plan);
    struct error error;

    for (size_t i = 0; i < plan->target_count; i++) {
        const struct target *target = &plan->targets[i];

        if (target->ruling.effect == EFFECT_ACT &&
            derive_add(derivation, &target->id, &error) < 0) {
            announce_underivable(announce, plan, &target->id, &error);
            result = error_exit(error.kind);
        }
    }
    return result != EXIT_DONE && derive_job(derivation, 0) != NULL ? EXIT_SOME_FAILED : result;
}

static int carry_out_changes(const struct wish *wish, const struct plan *plan)
{
    struct derivation *derivation =
        derive_new(plan->spool, &wish->changes, clock_wall(&clock_system));
    struct error error;
    int result = derive_all(&wish->announce, plan, derivation);

    if (derive_places(derivation, &error) < 0 ||
        (!wish->announce.dry_run && derive_drop(derivation, &error) < 0)) {
        result = cli_fail(PROGRAM, &error);
    } else {
        announce_derived(&wish->announce, plan, derivation);
        if (!wish->announce.dry_run && derive_job(derivation, 0) != NULL) {
            tell_nobody_obeys(&wish->announce, plan->spool);
        }
    }
    derive_free(derivation);
    return result;
}

/* --- the order -------------------------------------------------------------------------------- */

static int judged(const struct wish *wish, const struct plan *plan)
{
    if (!wish->announce.quiet && !plan->named && !plan->all && wish->verb->jobs &&
        plan->target_count == 0) {
        fprintf(stderr, "%s: no job is selected\n", PROGRAM);
    }
    return wish->changes.count > 0 ? carry_out_changes(wish, plan)
                                   : carry_out(&wish->announce, plan);
}

static int order(struct wish *wish, const struct spool *spool, char **words)
{
    struct plan plan = plan_start(spool, wish->verb, &wish->selection);
    struct naming naming = {&plan, EXIT_DONE};
    struct error error;
    int result;

    if (members_select(spool, &wish->selection, &error) < 0) {
        return cli_fail(PROGRAM, &error);
    }
    cli_words(words, name_one, &naming);
    result = naming.result;
    if (result == EXIT_DONE) {
        result = plan_judge(&plan, &error) < 0 ? cli_fail(PROGRAM, &error) : judged(wish, &plan);
    }
    plan_free(&plan);
    return result;
}

/* --- flows ------------------------------------------------------------------------------------ */

struct cascade {
    const struct wish *wish;
    const struct spool *spool;
    int result;
};

static int cascade_one(void *context, const char *word)
{
    struct cascade *cascade = context;
    struct error error;

    if (flow_cascade(cascade->spool, word, cascade->wish->announce.dry_run,
                     cascade->wish->announce.quiet, &error) < 0) {
        cascade->result = cli_fail(PROGRAM, &error);
    }
    return 0;
}

static int order_flows(const struct wish *wish, const struct spool *spool, char **words)
{
    const struct announce *announce = &wish->announce;
    struct cascade cascade = {wish, spool, EXIT_DONE};
    struct error error;

    if (wish->cascade) {
        cli_words(words, cascade_one, &cascade);
    } else if (flow_order(spool, wish->verb, wish->flow, announce->dry_run, announce->quiet,
                          &error) < 0) {
        cascade.result = cli_fail(PROGRAM, &error);
    }
    if (cascade.result == EXIT_DONE && !announce->dry_run) {
        tell_nobody_obeys(announce, spool);
    }
    return cascade.result;
}

/* Whether --flow and --cascade make sense. Returns EXIT_DONE when they do. */
static int check_flows(const struct wish *wish, bool words)
{
    bool selects = selection_any(&wish->selection) || wish->changes.count > 0;

    if (wish->flow != NULL && (words || selects || wish->cascade || !flow_order_has(wish->verb))) {
        return cli_usage(PROGRAM, "--flow goes by itself with cancel, hold, release and retry");
    }
    if (wish->cascade && (wish->verb->kind != VERB_RERUN || !words || selects)) {
        return cli_usage(PROGRAM, "--cascade goes with rerun JOB...");
    }
    return EXIT_DONE;
}

static int run(struct wish *wish, char **words)
{
    struct error error;
    struct spool *spool = cli_spool(wish->given, &error);
    int result;

    if (spool == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    result = wish->flow != NULL || wish->cascade ? order_flows(wish, spool, words)
                                                 : order(wish, spool, words);
    spool_close(spool);
    return cli_finish(PROGRAM, result);
}

/* --- the command line ------------------------------------------------------------------------- */

static int unknown(const char *word)
{
    const char *near = verb_near(word);

    if (near != NULL) {
        return cli_usage(PROGRAM, "no order %s; did you mean %s?", word, near);
    }
    return cli_usage(PROGRAM, "no order %s", word);
}

/* What makes no sense together. Returns EXIT_DONE when all does. */
static int check(const struct wish *wish, bool words)
{
    const struct verb *verb = wish->verb;
    const struct selection *selection = &wish->selection;
    bool selects = selection_any(selection);
    bool again = verb->kind == VERB_RETRY || verb->kind == VERB_RERUN;

    if (!verb->jobs && (words || selects)) {
        return cli_usage(PROGRAM, "%s is for the whole spool; for jobs there is hold", verb->word);
    }
    if (verb->jobs && !words && !selects) {
        return cli_usage(PROGRAM, "%s which jobs? Name them, select them, or write ALL",
                         verb->word);
    }
    if (verb->jobs && !again &&
        (selection->states != 0 || selection->reason != NULL || selection->truncated)) {
        return cli_usage(PROGRAM,
                         "%s is for jobs that have not ended: --state, --failed, --reason and "
                         "--truncated select ones that have",
                         verb->word);
    }
    if (wish->changes.count > 0 && !again) {
        return cli_usage(PROGRAM, "--set goes with retry and rerun, which make new jobs by it");
    }
    if (wish->changes.count > 0 && !changes_identity(&wish->changes)) {
        return cli_usage(PROGRAM,
                         "--set changes nothing of what decides an answer (model, params, system, "
                         "prompt …), so there is no new job; without it %s asks again",
                         verb->word);
    }
    return EXIT_DONE;
}

/* Takes an option that is neither --help nor --version. Returns EXIT_DONE, or EXIT_USAGE. */
static int take_option(struct wish *wish, int option)
{
    struct error error;
    int taken = 0;

    switch (option) {
    case 's':
        wish->given = optarg;
        break;
    case 'n':
        wish->announce.dry_run = true;
        break;
    case 'y':
        wish->yes = true;
        break;
    case 'q':
        wish->announce.quiet = true;
        break;
    case OPTION_JSON:
        wish->announce.json = true;
        break;
    case OPTION_FLOW:
        wish->flow = optarg;
        break;
    case OPTION_CASCADE:
        wish->cascade = true;
        break;
    case OPTION_SET:
        taken = changes_add(&wish->changes, optarg, &error);
        break;
    default:
        taken = selection_option(&wish->selection, option, optarg, &error);
        if (taken == 0) {
            return EXIT_USAGE; /* getopt has told */
        }
        break;
    }
    return taken < 0 ? cli_fail(PROGRAM, &error) : EXIT_DONE;
}

/* No order to the daemon, but the work of this program. */
static int forget_jobs(struct wish *wish, char **words)
{
    struct forget_wish forget = {.program = PROGRAM,
                                 .spool = wish->given,
                                 .selection = &wish->selection,
                                 .dry_run = wish->announce.dry_run,
                                 .quiet = wish->announce.quiet,
                                 .json = wish->announce.json,
                                 .yes = wish->yes};

    if (words[0] == NULL && !selection_any(&wish->selection)) {
        return cli_usage(PROGRAM, "forget which jobs? Name them, or select them");
    }
    if (wish->changes.count > 0) {
        return cli_usage(PROGRAM, "--set goes with retry and rerun, which make new jobs by it");
    }
    return forgetting_run(&forget, words);
}

static int obey(struct wish *wish, char **words)
{
    int result;

    if (words[0] == NULL) {
        return cli_usage(PROGRAM, "name an order, such as pause or cancel");
    }
    if (strcmp(words[0], FORGET) == 0) {
        return forget_jobs(wish, words + 1);
    }
    if (wish->yes) {
        return cli_usage(PROGRAM, "--yes goes with forget");
    }
    wish->verb = verb_find(words[0]);
    if (wish->verb == NULL) {
        return unknown(words[0]);
    }
    result = wish->flow != NULL || wish->cascade ? check_flows(wish, words[1] != NULL)
                                                 : check(wish, words[1] != NULL);
    return result == EXIT_DONE ? run(wish, words + 1) : result;
}

int main(int argc, char **argv)
{
    struct wish wish = {.announce = {.program = PROGRAM}};
    int result = EXIT_DONE;
    int option;

    cli_start();
    while (result == EXIT_DONE &&
           (option = getopt_long(argc, argv, "s:nqy", options, NULL)) != -1) {
        if (option == 'h') {
            return cli_help(usage);
        }
        if (option == 'V') {
            return cli_version(PROGRAM);
        }
        result = take_option(&wish, option);
    }
    if (result == EXIT_DONE) {
        result = obey(&wish, argv + optind);
    }
    selection_free(&wish.selection);
    changes_free(&wish.changes);
    return result;
}
