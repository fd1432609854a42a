/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_wish: the command lines of llmspool-archive's subcommands. */
#include "client/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { OPTION_VOLUME = 256, OPTION_JSON, OPTION_DRY_RUN, OPTION_JOB, OPTION_RAW, OPTION_OUTPUTS };

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"volume", required_argument, NULL, OPTION_VOLUME},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"job", no_argument, NULL, OPTION_JOB},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"outputs", no_argument, NULL, OPTION_OUTPUTS},
    {"help", no_argument, NULL, 'h'},
    SELECTION_OPTIONS,
    {NULL, 0, NULL, 0},
};

/* The bit of an option, or 0 for one of a selection. */
static unsigned option_bit(int option)
{
    static const struct {
        int option;
        unsigned bit;
    } bits[] = {{OPTION_VOLUME, ARCHIVE_VOLUME},   {OPTION_JSON, ARCHIVE_JSON},
                {OPTION_DRY_RUN, ARCHIVE_DRY_RUN}, {OPTION_JOB, ARCHIVE_JOB},
                {OPTION_RAW, ARCHIVE_RAW},         {OPTION_OUTPUTS, ARCHIVE_OUTPUTS}};

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if (bits[i].option == option) {
            return bits[i].bit;
        }
    }
    return 0;
}

/* Adds one that was named; the text is borrowed. */
void archive_wish_volume(struct archive_wish *wish, const char *volume)
{
    wish->volumes = xrealloc(wish->volumes, (wish->volume_count + 1) * sizeof *wish->volumes);
    wish->volumes[wish->volume_count++] = volume;
}

static int read_option(struct archive_wish *wish, int option, unsigned allowed, const char *verb,
                       struct error *error)
{
    unsigned bit = option_bit(option);

    if ((allowed & (bit != 0 ? bit : ARCHIVE_SELECTION)) == 0) {
        error_set(error, ERROR_USAGE, "%s has no such option", verb);
        return -1;
    }
    if (bit == 0) {
        return selection_option(&wish->selection, option, optarg, error);
    }
    wish->options |= bit;
    if (bit == ARCHIVE_VOLUME) {
        archive_wish_volume(wish, optarg);
    }
    return 0;
}

bool archive_wish_read(int argc, char **argv, const char *usage, unsigned allowed,
                       struct archive_wish *wish, int *code)
{
    const char *verb = argv[0];
    struct error error;
    int option;

    *wish = (struct archive_wish){0};
    optind = 1;
    while ((option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
        if (option == 's') {
            wish->spool = optarg;
        } else if (option == 'h') {
            *code = cli_help(usage);
            return false;
        } else if (option == '?') {
            *code = EXIT_USAGE;
            return false;
        } else if (read_option(wish, option, allowed, verb, &error) < 0) {
            *code = cli_usage(ARCHIVE_PROGRAM, "%s", error.text);
            return false;
        }
    }
    wish->words = argv + optind;
    return true;
}

void archive_wish_free(struct archive_wish *wish)
{
    selection_free(&wish->selection);
    free(wish->volumes);
}
