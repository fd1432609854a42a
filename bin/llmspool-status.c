/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-status: the queue at a glance, or one job's story.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli.h"
#include "client/locate.h"
#include "client/overview.h"
#include "client/show.h"
#include "client/story.h"

#define PROGRAM "llmspool-status"

static const char usage[] =
    "usage: llmspool-status [-s DIR] [--gates] [--json] [JOB...|-]\n"
    "Shows how the spool stands: the daemon, jobs by state and what they wait for, gates,\n"
    "figures, the last failures. With jobs: where each is and why, its attempts, versions\n"
    "and events.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --gates       only the table of gates\n"
    "      --json        a line of JSON: for the spool, each gate, or each job\n"
    "      --help, --version\n";

enum { OPTION_GATES = 256, OPTION_JSON };

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},  {"gates", no_argument, NULL, OPTION_GATES},
    {"json", no_argument, NULL, OPTION_JSON}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

struct view {
    const struct spool *spool;
    bool gates;
    bool json;
    size_t shown; /* jobs so far */
    int result;
};

static void print_gates(const struct view *view, const json_t *overview)
{
    struct screen screen = screen_open(stdout);
    json_t *gate;
    size_t i;

    if (!view->json) {
        overview_print_gates(&screen, overview, clock_wall(&clock_system));
        return;
    }
    json_array_foreach(json_object_get(overview, "gates"), i, gate)
    {
        show_json(stdout, gate);
    }
}

static int show_spool(const struct view *view)
{
    struct screen screen = screen_open(stdout);
    struct error error;
    json_t *overview = overview_read(view->spool, &error);

    if (overview == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    if (view->gates) {
        print_gates(view, overview);
    } else if (view->json) {
        show_json(stdout, overview);
    } else {
        overview_print(&screen, overview, clock_wall(&clock_system));
    }
    json_decref(overview);
    return EXIT_DONE;
}

static void print_story(struct view *view, const struct id *id, const json_t *story)
{
    struct screen screen = screen_open(stdout);

    if (view->json) {
        show_json(stdout, story);
        return;
    }
    if (view->shown++ > 0) {
        putchar('\n');
    }
    story_print(&screen, id, story, clock_wall(&clock_system));
}

static int show_job(void *context, const char *word)
{
    struct view *view = context;
    struct reference reference;
    struct error error;
    json_t *story = NULL;

    if (locate_reference(view->spool, word, &reference, &error) == 0) {
        story = story_read(view->spool, &reference.id, clock_wall(&clock_system), &error);
    }
    if (story == NULL) {
        view->result = cli_fail(PROGRAM, &error);
        return 0;
    }
    print_story(view, &reference.id, story);
    json_decref(story);
    return 0;
}

static int run(struct view *view, const char *given, char **words)
{
    struct error error;
    struct spool *spool = cli_spool(given, &error);

    if (spool == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    view->spool = spool;
    if (words[0] == NULL) {
        view->result = show_spool(view);
    } else {
        cli_words(words, show_job, view);
    }
    spool_close(spool);
    return cli_finish(PROGRAM, view->result);
}

int main(int argc, char **argv)
{
    struct view view = {.result = EXIT_DONE};
    const char *given = NULL;
    int option;

    cli_start();
    while ((option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
        switch (option) {
        case 's':
            given = optarg;
            break;
        case OPTION_GATES:
            view.gates = true;
            break;
        case OPTION_JSON:
            view.json = true;
            break;
        case 'h':
            return cli_help(usage);
        case 'V':
            return cli_version(PROGRAM);
        default:
            return EXIT_USAGE;
        }
    }
    if (view.gates && optind < argc) {
        return cli_usage(PROGRAM, "--gates is for the whole spool, not for a job");
    }
    return run(&view, given, argv + optind);
}
