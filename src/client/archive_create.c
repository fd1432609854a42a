/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_create: llmspool-archive create and reindex. */
#include "client/archive_create.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "client/archive.h"
#include "client/filter.h"
#include "client/gentle.h"
#include "client/screen.h"
#include "retain/members.h"
#include "retain/put_away.h"

static const char usage[] =
    "usage: llmspool-archive create [-s DIR] [-c FILE] [selection] [--failed]\n"
    "                               [--keep] [--dry-run] [-q] [--json]\n"
    "                               [--volume-size SIZE] [--level N]\n"
    "                               [--filter COMMAND] [--nice]\n"
    "Moves finished jobs with all their outputs into archives: without --older-than\n"
    "those that are older than archive_after in the section retention of\n"
    "llmspoold.conf(5) says (30d).\n"
    "\n"
    "  -c, --config FILE\n"
    "                    the configuration, of which no key is read\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --failed      also failed, cancelled and expired jobs (alone: --state\n"
    "                    failed,...)\n"
    "      --keep        leave the jobs in the spool, too\n"
    "      --volume-size SIZE\n"
    "                    about how large an archive becomes, as 500M or 1G (1G)\n"
    "      --level N     of zstd, 1 to 19 (3)\n"
    "      --filter COMMAND\n"
    "                    give each archive to a command before it counts\n"
    "      --dry-run     say what would be archived, and change nothing\n"
    "      --nice        let others use processor and disk first\n"
    "  -q, --quiet       say nothing when all is well\n"
    "      --json        the summary as a line of JSON\n"
    "      --help (alone)\n"
    "\n" SELECTION_USAGE "\n"
    "Exit status: 0 done, 1 something could not be archived, 75 another archiving\n"
    "runs.\n";

static const char reindex_usage[] =
    "usage: llmspool-archive reindex [-s DIR]\n"
    "Makes archive/ids, which tells where each archived job is, again from the\n"
    "indexes of the archives, after verifying them.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --help (alone)\n";

enum {
    OPTION_KEEP = 256,
    OPTION_DRY_RUN,
    OPTION_VOLUME_SIZE,
    OPTION_LEVEL,
    OPTION_FILTER,
    OPTION_NICE,
    OPTION_JSON
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"config", required_argument, NULL, 'c'},
    {"quiet", no_argument, NULL, 'q'},
    {"keep", no_argument, NULL, OPTION_KEEP},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"volume-size", required_argument, NULL, OPTION_VOLUME_SIZE},
    {"level", required_argument, NULL, OPTION_LEVEL},
    {"filter", required_argument, NULL, OPTION_FILTER},
    {"nice", no_argument, NULL, OPTION_NICE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    SELECTION_OPTIONS,
    {NULL, 0, NULL, 0},
};

enum { LEVEL_DEFAULT = 3, LEVEL_MAX = 19 };

#define SIZE_DEFAULT (UINT64_C(1) << 30)
#define SIZE_LIMIT (UINT64_C(1) << 50)

/* The command line. */
struct creating {
    const char *spool;
    const char *config;
    struct selection selection;
    bool failed;
    bool nice;
    bool json;
    bool quiet;
    const char *filter;
    struct put_away_plan plan;
    bool showing; /* progress, on a terminal */
    bool shown;   /* a line of it stands there */
};

/* --- options ------------------------------------------------------------------------------------------- */

/* Reads 500M, 1G, 1.5T or a number of bytes. */
static bool read_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMGT";
    char *end;
    double number = strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;

    if (end == text || !(number > 0) || (*end != '\0' && (unit == NULL || end[1] != '\0'))) {
        return false;
    }
    for (ptrdiff_t i = unit != NULL ? unit - units + 1 : 0; i > 0; i--) {
        number *= 1024;
    }
    *size = number < (double)SIZE_LIMIT ? (uint64_t)number : SIZE_LIMIT;
    return *size > 0;
}

static bool read_level(const char *text, int *level)
{
    char *end;
    long number = strtol(text, &end, 10);

    *level = (int)number;
    return end != text && *end == '\0' && number >= 1 && number <= LEVEL_MAX;
}

static int read_own(struct creating *creating, int option, struct error *error)
{
    switch (option) {
    case 's':
        creating->spool = optarg;
        return 0;
    case 'c':
        creating->config = optarg;
        return 0;
    case 'q':
        creating->quiet = true;
        return 0;
    case OPTION_KEEP:
        creating->plan.keep = true;
        return 0;
    case OPTION_DRY_RUN:
        creating->plan.dry_run = true;
        return 0;
    case OPTION_FILTER:
        creating->filter = optarg;
        return 0;
    case OPTION_NICE:
        creating->nice = true;
        return 0;
    case OPTION_JSON:
        creating->json = true;
        return 0;
    case SELECTION_FAILED:
        creating->failed = true;
        return 0;
    case OPTION_VOLUME_SIZE:
        if (read_size(optarg, &creating->plan.volume_size)) {
            return 0;
        }
        error_set(error, ERROR_USAGE, "--volume-size %s is no size, such as 500M or 1G", optarg);
        return -1;
    default:
        if (read_level(optarg, &creating->plan.level)) {
            return 0;
        }
        error_set(error, ERROR_USAGE, "--level %s is none of 1 to %d", optarg, LEVEL_MAX);
        return -1;
    }
}

static int read_option(struct creating *creating, int option, struct error *error)
{
    bool own = option == 's' || option == 'c' || option == 'q' || option == SELECTION_FAILED ||
               (option >= OPTION_KEEP && option <= OPTION_JSON);

    return own ? read_own(creating, option, error)
               : selection_option(&creating->selection, option, optarg, error);
}

/* Returns whether to go on; else *code is what the program ends with. */
static bool read_options(struct creating *creating, int argc, char **argv, int *code)
{
    struct error error;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "s:c:q", options, NULL)) != -1) {
        if (option == 'h' || option == '?') {
            *code = option == 'h' ? cli_help(usage) : EXIT_USAGE;
            return false;
        }
        if (read_option(creating, option, &error) < 0) {
            *code = cli_usage(ARCHIVE_PROGRAM, "%s", error.text);
            return false;
        }
    }
    if (optind < argc) {
        *code = cli_usage(ARCHIVE_PROGRAM, "create takes no %s: select with options", argv[optind]);
        return false;
    }
    return true;
}

/* Which folders the states are in. */
static void choose_folders(struct creating *creating)
{
    unsigned states = creating->selection.states;

    creating->plan.completed = states == 0 || (states & 1) != 0;
    creating->plan.failed = creating->failed || (states & ~1U) != 0;
    if (creating->failed && states != 0) {
        creating->selection.states = states | 0xE;
    }
}

/* --- telling ------------------------------------------------------------------------------------------- */

static void clear_line(struct creating *creating)
{
    if (creating->shown) {
        fputs("\r\033[K", stderr);
        creating->shown = false;
    }
}

static void on_complaint(void *context, const char *sentence)
{
    clear_line(context);
    fprintf(stderr, "%s: %s\n", ARCHIVE_PROGRAM, sentence);
}

static void on_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct creating *creating = context;

    if (!creating->showing) {
        return;
    }
    if (total == UINT64_MAX) {
        fprintf(stderr, "\r\033[K%s: %" PRIu64, what, done);
    } else {
        fprintf(stderr, "\r\033[K%s: %" PRIu64 " of %" PRIu64, what, done, total);
    }
    creating->shown = true;
}

static void on_published(void *context, const struct volume_made *made)
{
    struct creating *creating = context;
    char path[STORE_PATH_SIZE], size[SCREEN_SIZE_SIZE];

    clear_line(creating);
    store_path_write(&made->name, STORE_VOLUME, path);
    if (!creating->json && !creating->quiet) {
        printf("%s: %" PRIu64 " job%s, %s\n", path, made->units, screen_plural(made->units),
               screen_bytes((int64_t)made->size, size));
    }
}

static int on_filter(void *context, const struct volume_made *made, const char *path,
                     struct error *error)
{
    struct creating *creating = context;

    clear_line(creating);
    return filter_run(creating->filter, made, path, error);
}

static void add_count(struct buffer *out, const char *what, uint64_t number)
{
    if (number > 0) {
        buffer_printf(out, "%s%" PRIu64 " %s", out->length > 0 ? ", " : "", number, what);
    }
}

static void print_summary(const struct creating *creating, const struct put_away_counts *counts)
{
    struct buffer rest = {0};
    char content[SCREEN_SIZE_SIZE], size[SCREEN_SIZE_SIZE];

    if (creating->plan.dry_run) {
        printf("%" PRIu64 " job%s would be archived", counts->archived,
               screen_plural(counts->archived));
        add_count(&rest, creating->plan.keep ? "archived before" : "archived before, to be deleted",
                  counts->before);
    } else {
        printf("%" PRIu64 " job%s archived in %" PRIu64 " volume%s (%s, %s compressed), %" PRIu64
               " deleted",
               counts->archived, screen_plural(counts->archived), counts->volumes,
               screen_plural(counts->volumes), screen_bytes((int64_t)counts->content, content),
               screen_bytes((int64_t)counts->size, size), counts->deleted);
        add_count(&rest, "archived before", counts->before);
    }
    add_count(&rest, "owed a notification or held, left", counts->owed);
    add_count(&rest, "changed meanwhile, left", counts->changed);
    add_count(&rest, "damaged, left", counts->damaged);
    add_count(&rest, "volumes of an interrupted run taken up", counts->taken_up);
    add_count(&rest, "interrupted deletions finished", counts->finished);
    printf("%s%s\n", rest.length > 0 ? "; " : "", rest.length > 0 ? rest.bytes : "");
    buffer_free(&rest);
}

static void print_json(const struct creating *creating, const struct put_away_counts *counts)
{
    struct buffer text = {0};
    json_t *line = json_object();
    const struct {
        const char *key;
        uint64_t number;
    } numbers[] = {{"selected", counts->selected}, {"archived", counts->archived},
                   {"volumes", counts->volumes},   {"files", counts->files},
                   {"content", counts->content},   {"size", counts->size},
                   {"before", counts->before},     {"deleted", counts->deleted},
                   {"owed", counts->owed},         {"changed", counts->changed},
                   {"damaged", counts->damaged},   {"taken_up", counts->taken_up},
                   {"finished", counts->finished}};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_object_set_new(line, numbers[i].key, json_integer((json_int_t)numbers[i].number));
    }
    json_object_set_new(line, "dry_run", json_boolean(creating->plan.dry_run));
    jsontext_write(&text, line);
    printf("%s\n", text.bytes);
    json_decref(line);
    buffer_free(&text);
}

/* --- doing --------------------------------------------------------------------------------------------- */

static int create(struct creating *creating, const struct spool *spool)
{
    struct put_away_counts counts = {0};
    uint64_t complaints = 0;
    struct error error = {0};
    int result = members_select(spool, &creating->selection, &error);

    if (result < 0) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    creating->plan.filter = creating->filter != NULL ? on_filter : NULL;
    result = put_away(spool, &creating->plan, &counts, &complaints, &error);
    clear_line(creating);
    if (result < 0 && error.kind == ERROR_LATER) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    if (creating->json) {
        print_json(creating, &counts);
    } else if (!creating->quiet || creating->plan.dry_run) {
        print_summary(creating, &counts);
    }
    fflush(stdout);
    if (result < 0) {
        (void)cli_fail(ARCHIVE_PROGRAM, &error);
    }
    return cli_finish(ARCHIVE_PROGRAM, result < 0 || complaints > 0 ? EXIT_SOME_FAILED : EXIT_DONE);
}

int archive_create(int argc, char **argv, archive_age_read *read_age)
{
    struct creating creating = {
        .plan = {.program = ARCHIVE_PROGRAM " create",
                 .volume_size = SIZE_DEFAULT,
                 .level = LEVEL_DEFAULT,
                 .clock = &clock_system,
                 .complain = on_complaint,
                 .progress = on_progress,
                 .published = on_published}};
    struct error error;
    struct spool *spool;
    int code;

    if (!read_options(&creating, argc, argv, &code)) {
        selection_free(&creating.selection);
        return code;
    }
    if (!creating.selection.says_older_than) {
        creating.selection.says_older_than = true;
        if (read_age(creating.config, &creating.selection.older_than_ms, &error) < 0) {
            selection_free(&creating.selection);
            return cli_fail(ARCHIVE_PROGRAM, &error);
        }
    }
    choose_folders(&creating);
    creating.plan.selection = &creating.selection;
    creating.plan.context = &creating;
    creating.showing = isatty(STDERR_FILENO) == 1 && !creating.quiet;
    if (creating.nice) {
        gentle();
    }
    spool = cli_spool(creating.spool, &error);
    code = spool != NULL ? create(&creating, spool) : cli_fail(ARCHIVE_PROGRAM, &error);
    spool_close(spool);
    selection_free(&creating.selection);
    return code;
}

static int reindex(const struct spool *spool)
{
    struct creating creating = {0};
    struct put_away_plan plan = {
        .program = ARCHIVE_PROGRAM " reindex", .complain = on_complaint, .context = &creating};
    struct error error;
    uint64_t volumes;
    int left_out = put_away_reindex(spool, &plan, &volumes, &error);

    if (left_out < 0) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    printf("archive/ids knows %" PRIu64 " volume%s", volumes, screen_plural(volumes));
    if (left_out > 0) {
        printf("; %d damaged, left out", left_out);
    }
    putchar('\n');
    return cli_finish(ARCHIVE_PROGRAM, left_out > 0 ? EXIT_SOME_FAILED : EXIT_DONE);
}

int archive_reindex(int argc, char **argv)
{
    struct archive_wish wish;
    struct error error;
    struct spool *spool;
    int code;

    if (!archive_wish_read(argc, argv, reindex_usage, 0, &wish, &code)) {
        archive_wish_free(&wish);
        return code;
    }
    if (wish.words[0] != NULL) {
        archive_wish_free(&wish);
        return cli_usage(ARCHIVE_PROGRAM, "reindex takes no arguments");
    }
    spool = cli_spool(wish.spool, &error);
    code = spool != NULL ? reindex(spool) : cli_fail(ARCHIVE_PROGRAM, &error);
    spool_close(spool);
    archive_wish_free(&wish);
    return code;
}
