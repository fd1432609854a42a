/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-ctl: orders to the daemon, for the whole spool, for jobs, or for gates.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/announce.h"
#include "client/cli.h"
#include "client/control.h"
#include "client/plan.h"

#define PROGRAM "llmspool-ctl"

static const char usage[] =
    "usage: llmspool-ctl [-s DIR] [--dry-run] [-q] [--json] ORDER [JOB...|ALL|-]\n"
    "Gives an order to the daemon. A job is an ID, its first 6 or more digits, or a name;\n"
    "- reads jobs from stdin, a line each. ALL, in capitals, is every job.\n"
    "\n"
    "for the whole spool:\n"
    "  pause     send nothing more               resume    go on; ends a drain, too\n"
    "  drain     take nothing more from new/     undrain   take again\n"
    "for jobs:\n"
    "  hold      do not send it                  release   let go what is held\n"
    "  cancel    end it as cancelled             flush     forget its backoff, try now\n"
    "  retry     try again what failed           rerun     ask again what was answered;\n"
    "                                                      prints JOB@vN, the coming version\n"
    "release and flush also take gates, PROVIDER/MODEL.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "  -n, --dry-run     say what would be done to which job, and do nothing\n"
    "  -q, --quiet       do not say what is done\n"
    "      --json        say it as JSON, a line each\n"
    "      --help, --version\n";

enum { OPTION_JSON = 256 };

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"dry-run", no_argument, NULL, 'n'},
    {"quiet", no_argument, NULL, 'q'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
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

static int order(const struct announce *announce, const struct spool *spool,
                 const struct verb *verb, char **words)
{
    struct plan plan = plan_start(spool, verb);
    struct naming naming = {&plan, EXIT_DONE};
    struct error error;
    int result;

    cli_words(words, name_one, &naming);
    result = naming.result;
    if (result == EXIT_DONE) {
        result =
            plan_judge(&plan, &error) < 0 ? cli_fail(PROGRAM, &error) : carry_out(announce, &plan);
    }
    plan_free(&plan);
    return result;
}

static int run(const struct announce *announce, const char *given, const struct verb *verb,
               char **words)
{
    struct error error;
    struct spool *spool = cli_spool(given, &error);
    int result;

    if (spool == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    result = order(announce, spool, verb, words);
    spool_close(spool);
    return cli_finish(PROGRAM, result);
}

static int unknown(const char *word)
{
    const char *near = verb_near(word);

    if (near != NULL) {
        return cli_usage(PROGRAM, "no order %s; did you mean %s?", word, near);
    }
    return cli_usage(PROGRAM, "no order %s", word);
}

int main(int argc, char **argv)
{
    struct announce announce = {.program = PROGRAM};
    const struct verb *verb;
    const char *given = NULL;
    int option;

    cli_start();
    while ((option = getopt_long(argc, argv, "s:nq", options, NULL)) != -1) {
        switch (option) {
        case 's':
            given = optarg;
            break;
        case 'n':
            announce.dry_run = true;
            break;
        case 'q':
            announce.quiet = true;
            break;
        case OPTION_JSON:
            announce.json = true;
            break;
        case 'h':
            return cli_help(usage);
        case 'V':
            return cli_version(PROGRAM);
        default:
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        return cli_usage(PROGRAM, "name an order, such as pause or cancel");
    }
    verb = verb_find(argv[optind]);
    if (verb == NULL) {
        return unknown(argv[optind]);
    }
    if (verb->jobs && optind + 1 == argc) {
        return cli_usage(PROGRAM, "%s which jobs? Name them, or ALL", verb->word);
    }
    if (!verb->jobs && optind + 1 < argc) {
        return cli_usage(PROGRAM, "%s is for the whole spool; for jobs there is hold", verb->word);
    }
    return run(&announce, given, verb, argv + optind + 1);
}
