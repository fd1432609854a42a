/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-check: proves that a spool is sound, or says exactly what is not, and mends it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "client/cli.h"
#include "client/screen.h"
#include "client/show.h"
#include "job/field.h"
#include "retain/check.h"

#define PROGRAM "llmspool-check"

enum { MOMENT_MS = 2000 };

static const char usage[] =
    "usage: llmspool-check [-s DIR] [-v] [--json] [--quick] [--audit]\n"
    "                      [--repair [--dry-run]] [DIR]\n"
    "Looks at all of a spool and says what is not as it should be. Says nothing when\n"
    "all is well.\n"
    "\n"
    "  -s, --spool DIR   the spool (default: where the other commands look;\n"
    "                    llmspool(7))\n"
    "  -v, --verbose     print what was looked at, and notes, too\n"
    "      --json        a finding a line, as JSON\n"
    "      --quick       leave out what takes long: archives, and compressed days of\n"
    "                    events\n"
    "      --audit       compare the events of all days with what the spool and\n"
    "                    archives hold\n"
    "      --repair      mend what needs no guess; the daemon must be stopped\n"
    "      --dry-run     with --repair: only print what would be done\n"
    "      --codes       print all codes, their severities and what --repair does\n"
    "      --help, --version\n"
    "\n"
    "Leaves with 0 when the spool is sound, 1 when something is wrong, 65 when\n"
    "answers are damaged or missing, 69 when there is no spool.\n";

enum { OPTION_JSON = 256, OPTION_QUICK, OPTION_AUDIT, OPTION_REPAIR, OPTION_DRY_RUN, OPTION_CODES };

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"verbose", no_argument, NULL, 'v'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quick", no_argument, NULL, OPTION_QUICK},
    {"audit", no_argument, NULL, OPTION_AUDIT},
    {"repair", no_argument, NULL, OPTION_REPAIR},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"codes", no_argument, NULL, OPTION_CODES},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

struct run {
    struct check_options options;
    bool json;
    bool verbose;
    const struct check_row *row; /* whose heading was printed last */
    enum check_result result;    /* under it */
};

/* --- one finding --- */

/* Prints text as it may be shown: names come from strangers. */
static void print_line(const char *indent, const char *text)
{
    struct buffer out = {0};

    buffer_text(&out, indent);
    screen_fit(&out, text, SCREEN_UNBOUND);
    puts(out.bytes);
    buffer_free(&out);
}

static void print_json(const struct run *run, const struct check_finding *finding)
{
    json_t *object = json_object();

    field_text(object, "severity", check_severity_word(finding->row->severity));
    field_text(object, "check", finding->row->word);
    field_text(object, "file", finding->file);
    field_text(object, "message", finding->message);
    field_text(object, "repair", finding->row->mend);
    if (run->options.repair && !run->options.dry_run) {
        json_object_set_new(object, "mended", json_boolean(finding->result == CHECK_MENDED));
        field_text(object, "done", finding->done);
    }
    show_json(stdout, object);
    json_decref(object);
}

static void print_heading(struct run *run, const struct check_finding *finding)
{
    const struct check_row *row = finding->row;
    bool mended = finding->result == CHECK_MENDED;

    if (run->row == row && run->result == finding->result) {
        return;
    }
    run->row = row;
    run->result = finding->result;
    printf("%s %s: %s\n", mended ? "mended" : check_severity_word(row->severity), row->word,
           row->meaning);
    if (mended) {
        return;
    }
    if (row->mend != NULL && finding->result == CHECK_FOUND) {
        printf("    %s %s\n", run->options.dry_run ? "would:" : "llmspool-check --repair",
               row->mend);
    } else if (row->advice != NULL) {
        printf("    to do: %s\n", row->advice);
    }
}

static void print_words(struct run *run, const struct check_finding *finding)
{
    struct buffer text = {0};

    print_heading(run, finding);
    buffer_printf(&text, "%s: %s", finding->file, finding->message);
    if (finding->done != NULL) {
        buffer_printf(&text, "; %s", finding->done);
    }
    print_line("  ", text.bytes);
    buffer_free(&text);
}

static void on_finding(void *context, const struct check_finding *finding)
{
    struct run *run = context;

    if (finding->row->severity == CHECK_NOTE && finding->result != CHECK_MENDED && !run->verbose) {
        return;
    }
    if (run->json) {
        print_json(run, finding);
    } else {
        print_words(run, finding);
    }
}

static void on_topic(void *context, const char *word, const char *what, uint64_t entries)
{
    const struct run *run = context;

    if (run->verbose && entries > 0) {
        fprintf(stderr, "%s: %s: %s: %" PRIu64 " entr%s\n", PROGRAM, word, what, entries,
                entries == 1 ? "y" : "ies");
    } else if (run->verbose) {
        fprintf(stderr, "%s: %s: %s\n", PROGRAM, word, what);
    }
}

/* --- the whole --- */

static int list_codes(void)
{
    for (int i = 0; i < CHECK_CODE_COUNT; i++) {
        const struct check_row *row = check_row((enum check_code)i);

        printf("%s\t%s\t%s\t%s\n", row->word, check_severity_word(row->severity), row->meaning,
               row->mend != NULL ? row->mend : "-");
    }
    return cli_finish(PROGRAM, EXIT_DONE);
}

static int exit_code(const struct check_totals *totals)
{
    if (totals->paid) {
        return EXIT_DATA;
    }
    return totals->severities[CHECK_ERROR] + totals->severities[CHECK_WARNING] > 0
               ? EXIT_SOME_FAILED
               : EXIT_DONE;
}

static void print_summary(const struct run *run, const struct check_totals *totals,
                          const char *path)
{
    uint64_t errors = totals->severities[CHECK_ERROR];
    uint64_t warnings = totals->severities[CHECK_WARNING];

    if (errors + warnings + totals->mended == 0 && !run->verbose) {
        return;
    }
    fprintf(stderr, "%s: %s: %" PRIu64 " error%s, %" PRIu64 " warning%s", PROGRAM, path, errors,
            screen_plural(errors), warnings, screen_plural(warnings));
    if (totals->mended > 0) {
        fprintf(stderr, ", %" PRIu64 " mended", totals->mended);
    }
    fputs("\n", stderr);
}

static int check(struct run *run, const char *given)
{
    const struct check_listener listener = {on_finding, on_topic, run};
    struct check_totals totals;
    struct error error;
    char *path = spool_find(given, &error);
    int result;

    if (path == NULL || check_spool(path, &run->options, &listener, &totals, &error) < 0) {
        result = cli_fail(PROGRAM, &error);
    } else {
        result = exit_code(&totals);
        print_summary(run, &totals, path);
    }
    free(path);
    return cli_finish(PROGRAM, result);
}

/* Takes one option; -1 to go on, or the exit code. */
static int take_option(struct run *run, int option, const char **given)
{
    switch (option) {
    case 's':
        *given = optarg;
        return -1;
    case 'v':
        run->verbose = true;
        return -1;
    case OPTION_JSON:
        run->json = true;
        return -1;
    case OPTION_QUICK:
        run->options.quick = true;
        return -1;
    case OPTION_AUDIT:
        run->options.audit = true;
        return -1;
    case OPTION_REPAIR:
        run->options.repair = true;
        return -1;
    case OPTION_DRY_RUN:
        run->options.dry_run = true;
        return -1;
    case OPTION_CODES:
        return list_codes();
    case 'h':
        return cli_help(usage);
    case 'V':
        return cli_version(PROGRAM);
    default:
        return EXIT_USAGE;
    }
}

int main(int argc, char **argv)
{
    struct run run = {.options = {.moment_ms = MOMENT_MS, .clock = &clock_system}};
    const char *given = NULL;
    int option;

    cli_start();
    while ((option = getopt_long(argc, argv, "s:v", options, NULL)) != -1) {
        int result = take_option(&run, option, &given);

        if (result >= 0) {
            return result;
        }
    }
    if (run.options.dry_run && !run.options.repair) {
        return cli_usage(PROGRAM, "--dry-run goes with --repair: without it nothing is changed");
    }
    if (optind + 1 < argc) {
        return cli_usage(PROGRAM, "one spool at a time");
    }
    if (optind < argc) {
        given = argv[optind];
    }
    return check(&run, given);
}
