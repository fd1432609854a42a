/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-prune: deletes finished work that need not be kept any more.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sizetext.h"
#include "base/timetext.h"
#include "client/cli.h"
#include "client/gentle.h"
#include "client/prune_tell.h"
#include "daemon/config.h"
#include "retain/members.h"
#include "retain/prune.h"

#define PROGRAM "llmspool-prune"

static const char usage[] =
    "usage: llmspool-prune [-s DIR] [-c FILE] [-n] [-q] [--json] [LIMITS]\n"
    "                      [SELECTION]\n"
    "Deletes finished jobs with their outputs, old versions, refused files and\n"
    "events when they need not be kept any more. What somebody is owed stays, and so\n"
    "does what was paid for and is not archived yet, unless archive_before_prune =\n"
    "no.\n"
    "\n"
    "limits, instead of those in the section retention of llmspoold.conf(5):\n"
    "      --outputs D       keep answered jobs so long (90d)\n"
    "      --failures D      keep failed and refused ones (30d)\n"
    "      --events D        keep events (365d)\n"
    "      --attachments D   keep attachments so long that no job refers to (1d)\n"
    "      --versions N      keep the newest N versions of a job (0: all)\n"
    "      --count N         keep the newest N finished jobs (0: all)\n"
    "      --bytes SIZE      keep the newest that take so much, as in 20GiB (0: all)\n"
    "      --free-space P    prune the oldest until 10% or 20GiB of the disk are\n"
    "                        free\n"
    "      --archive-before-prune yes|no\n"
    "\n" SELECTION_USAGE "\n"
    "  -c, --config FILE   the configuration, of which no key is read\n"
    "  -s, --spool DIR     the spool (see llmspool(7) for where it is looked for)\n"
    "  -n, --dry-run       say what would go, and delete nothing\n"
    "  -q, --quiet         say nothing when all is well\n"
    "      --json          say it as JSON\n"
    "      --nice          leave processor and disk to others\n"
    "      --help, --version\n";

enum {
    OPTION_JSON = 256,
    OPTION_NICE,
    OPTION_OUTPUTS,
    OPTION_FAILURES,
    OPTION_EVENTS,
    OPTION_ATTACHMENTS,
    OPTION_VERSIONS,
    OPTION_COUNT,
    OPTION_BYTES,
    OPTION_FREE_SPACE,
    OPTION_ARCHIVE,
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"config", required_argument, NULL, 'c'},
    {"dry-run", no_argument, NULL, 'n'},
    {"quiet", no_argument, NULL, 'q'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"nice", no_argument, NULL, OPTION_NICE},
    {"outputs", required_argument, NULL, OPTION_OUTPUTS},
    {"failures", required_argument, NULL, OPTION_FAILURES},
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"attachments", required_argument, NULL, OPTION_ATTACHMENTS},
    {"versions", required_argument, NULL, OPTION_VERSIONS},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"bytes", required_argument, NULL, OPTION_BYTES},
    {"free-space", required_argument, NULL, OPTION_FREE_SPACE},
    {"archive-before-prune", required_argument, NULL, OPTION_ARCHIVE},
    SELECTION_OPTIONS,
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* What the command line says; limits are applied when the configuration was read. */
struct wish {
    const char *spool;
    const char *config;
    const char *limits[OPTION_ARCHIVE + 1]; /* by the option's number; NULL: not said */
    struct selection selection;
    bool dry_run;
    bool quiet;
    bool json;
    bool nice;
};

static int bad_limit(const char *option, const char *text, const char *wanted,
                     struct error *error)
{
    error_set(error, ERROR_USAGE, "--%s wants %s, not %s", option, wanted, text);
    return -1;
}

static int read_duration(const struct wish *wish, int option, const char *name, int64_t *ms,
                         struct error *error)
{
    const char *text = wish->limits[option];

    return text == NULL || timetext_read_duration(text, ms) == 0
               ? 0
               : bad_limit(name, text, "a duration such as 90d", error);
}

static int read_number(const struct wish *wish, int option, const char *name, uint64_t most,
                       uint64_t *number, struct error *error)
{
    const char *text = wish->limits[option];
    char *end;

    if (text == NULL) {
        return 0;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number <= most
               ? 0
               : bad_limit(name, text, "a number", error);
}

static int read_yes(const struct wish *wish, bool *yes, struct error *error)
{
    const char *text = wish->limits[OPTION_ARCHIVE];

    if (text == NULL) {
        return 0;
    }
    *yes = strcmp(text, "yes") == 0;
    return *yes || strcmp(text, "no") == 0
               ? 0
               : bad_limit("archive-before-prune", text, "yes or no", error);
}

static int read_sizes(const struct wish *wish, struct policy *policy, struct error *error)
{
    const char *bytes = wish->limits[OPTION_BYTES], *room = wish->limits[OPTION_FREE_SPACE];

    if (bytes != NULL && sizetext_read(bytes, &policy->bytes) != 0) {
        return bad_limit("bytes", bytes, "a size such as 20GiB", error);
    }
    if (room != NULL && policy_room_read(room, &policy->free_space) != 0) {
        return bad_limit("free-space", room, "a share such as 10% or a size such as 20GiB", error);
    }
    return 0;
}

/* The command line wins over the configuration. */
static int read_limits(const struct wish *wish, struct policy *policy, struct error *error)
{
    uint64_t versions = policy->versions;

    if (read_duration(wish, OPTION_OUTPUTS, "outputs", &policy->outputs_ms, error) < 0 ||
        read_duration(wish, OPTION_FAILURES, "failures", &policy->failed_ms, error) < 0 ||
        read_duration(wish, OPTION_EVENTS, "events", &policy->events_ms, error) < 0 ||
        read_duration(wish, OPTION_ATTACHMENTS, "attachments", &policy->attachments_ms, error) < 0 ||
        read_number(wish, OPTION_VERSIONS, "versions", 1000000, &versions, error) < 0 ||
        read_number(wish, OPTION_COUNT, "count", UINT64_MAX, &policy->count, error) < 0 ||
        read_yes(wish, &policy->archive_first, error) < 0) {
        return -1;
    }
    policy->versions = (unsigned)versions;
    return read_sizes(wish, policy, error);
}

static void show_progress(void *context, const struct prune_report *report)
{
    (void)context;
    prune_tell_progress(stderr, report);
}

/* Whether anything is to be told: with --quiet only what a person must act on. */
static bool is_worth_telling(const struct wish *wish, const struct prune_report *report)
{
    return !wish->quiet || wish->dry_run || report->unreadable > 0 || report->overdue > 0;
}

static int prune(struct wish *wish, const struct spool *spool, const struct policy *policy)
{
    bool watched = isatty(STDERR_FILENO) == 1 && !wish->quiet;
    struct prune_plan plan = {.policy = policy,
                              .dry_run = wish->dry_run,
                              .gentle = wish->nice,
                              .clock = &clock_system,
                              .progress = watched ? show_progress : NULL};
    struct prune_report report;
    struct error error;
    int result;

    if (selection_any(&wish->selection)) {
        if (members_select(spool, &wish->selection, &error) < 0) {
            return cli_fail(PROGRAM, &error);
        }
        plan.selection = &wish->selection;
    }
    result = prune_run(spool, &plan, &report, &error);
    if (watched) {
        prune_tell_progress(stderr, NULL);
    }
    if (wish->json) {
        prune_tell_json(stdout, &report, wish->dry_run);
    } else if (is_worth_telling(wish, &report)) {
        prune_tell(stdout, &report, wish->dry_run);
    }
    return result < 0 ? cli_fail(PROGRAM, &error) : EXIT_DONE;
}

static int run(struct wish *wish)
{
    struct policy policy;
    struct error error;
    struct spool *spool;
    int result;

    if (config_read_policy(wish->config, &policy, &error) < 0) {
        return cli_fail(PROGRAM, &error);
    }
    result = read_limits(wish, &policy, &error) < 0 ? cli_fail(PROGRAM, &error) : EXIT_DONE;
    spool = result == EXIT_DONE ? cli_spool(wish->spool, &error) : NULL;
    if (result == EXIT_DONE && spool == NULL) {
        result = cli_fail(PROGRAM, &error);
    }
    if (result == EXIT_DONE) {
        if (wish->nice) {
            gentle();
        }
        result = cli_finish(PROGRAM, prune(wish, spool, &policy));
    }
    spool_close(spool);
    policy_clear(&policy);
    return result;
}

/* Takes one option; -1 goes on, else the exit code. */
static int take_option(struct wish *wish, int option)
{
    struct error error;

    switch (option) {
    case 's':
        wish->spool = optarg;
        return -1;
    case 'c':
        wish->config = optarg;
        return -1;
    case 'n':
        wish->dry_run = true;
        return -1;
    case 'q':
        wish->quiet = true;
        return -1;
    case OPTION_JSON:
        wish->json = true;
        return -1;
    case OPTION_NICE:
        wish->nice = true;
        return -1;
    case 'h':
        return cli_help(usage);
    case 'V':
        return cli_version(PROGRAM);
    default:
        break;
    }
    if (option >= OPTION_OUTPUTS && option <= OPTION_ARCHIVE) {
        wish->limits[option] = optarg;
        return -1;
    }
    switch (selection_option(&wish->selection, option, optarg, &error)) {
    case 1:
        return -1;
    case 0:
        return EXIT_USAGE; /* getopt has said why */
    default:
        return cli_fail(PROGRAM, &error);
    }
}

int main(int argc, char **argv)
{
    struct wish wish = {0};
    int option, code = -1;

    cli_start();
    while (code == -1 && (option = getopt_long(argc, argv, "s:c:nq", options, NULL)) != -1) {
        code = take_option(&wish, option);
    }
    if (code == -1) {
        code = optind < argc ? cli_usage(PROGRAM, "no job is named: select by options") : run(&wish);
    }
    selection_free(&wish.selection);
    return code;
}
