/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-init: makes a spool, private or shared by a group.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli.h"
#include "client/timers.h"
#include "spool/spool.h"

#define PROGRAM "llmspool-init"

static const char usage[] =
    "usage: llmspool-init [--group GROUP] [--model MODEL] [DIR]\n"
    "Makes a spool at DIR (default: where the other commands look first;\n"
    "llmspool(7)).\n"
    "\n"
    "      --group GROUP   a spool that a group shares, instead of a private one\n"
    "                      (0700)\n"
    "      --model MODEL   the model of jobs that name none\n"
    "      --help, --version\n"
    "\n"
    "A second call changes nothing.\n";

static const struct option options[] = {
    {"group", required_argument, NULL, 'g'},   {"model", required_argument, NULL, 'm'},
    {"spool", required_argument, NULL, 's'},   {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
};

/* Whether programs that are told nothing come to this spool. */
static bool is_usual(const char *place)
{
    struct error error;
    char *found;
    bool same;

    unsetenv("LLMSPOOL_DIR"); /* which timers do not have */
    found = spool_find(NULL, &error);
    same = found != NULL && strcmp(found, place) == 0;
    free(found);
    return same;
}

/* Nothing runs unasked, so it says how that is asked. */
static void tell_of_timers(const char *place)
{
    char *whole = realpath(place, NULL);
    const char *path = whole != NULL ? whole : place;
    char *command = timers_command(timers_here(path), path, is_usual(path));

    printf("Nothing is archived, deleted or checked by itself; each night it is, with\n    %s\n",
           command);
    free(command);
    free(whole);
}

static int make(struct spool_plan *plan, const char *given)
{
    struct error error;
    char *place = spool_place(given, &error);
    bool made;
    int result;

    plan->path = place;
    if (place == NULL || spool_make(plan, &made, &error) < 0) {
        result = cli_fail(PROGRAM, &error);
    } else {
        printf("%s: %s\n", place, made ? "spool made" : "is a spool already, nothing changed");
        if (made) {
            tell_of_timers(place);
        }
        result = cli_finish(PROGRAM, EXIT_DONE);
    }
    free(place);
    return result;
}

int main(int argc, char **argv)
{
    struct spool_plan plan = {0};
    const char *given = NULL;
    int option;

    cli_start();
    while ((option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
        switch (option) {
        case 'g':
            plan.group = optarg;
            break;
        case 'm':
            plan.default_model = optarg;
            break;
        case 's':
            given = optarg;
            break;
        case 'h':
            return cli_help(usage);
        case 'V':
            return cli_version(PROGRAM);
        default:
            return EXIT_USAGE;
        }
    }
    if (optind + 1 < argc) {
        return cli_usage(PROGRAM, "one folder at a time");
    }
    if (optind < argc) {
        given = argv[optind];
    }
    return make(&plan, given);
}
