/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_list: llmspool-archive list and search. */
#include "client/archive.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "client/screen.h"
#include "client/show.h"
#include "client/table.h"
#include "retain/members.h"

static const char list_usage[] =
    "usage: llmspool-archive list [-s DIR] [--json] [VOLUME...] [selection]\n"
    "Lists the volumes of the archive; or the jobs of the volumes that are named, or\n"
    "of all that a selection fits.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --json        JSON Lines: of a job, its line in the index and its volume\n"
    "      --help\n"
    "\n" SELECTION_USAGE "\n"
    "Exit status: 0 done, 1 something is damaged, 69 a volume is not there.\n";

static const char search_usage[] =
    "usage: llmspool-archive search [-s DIR] [--json] [--volume VOLUME]... selection\n"
    "Prints the IDs of the archived jobs that a selection fits. What the indexes do\n"
    "not tell is read from the jobs.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --volume VOLUME\n"
    "                    in this volume, a file name of the archive or a path;\n"
    "                    may be repeated\n"
    "      --json        JSON Lines: its line in the index and its volume\n"
    "      --help\n"
    "\n" SELECTION_USAGE "\n"
    "Exit status: 0 done, also when nothing was found; 1 something is damaged; 69 a\n"
    "volume is not there.\n";

struct listing {
    bool json;
    bool ids; /* search */
    struct table table;
};

/* --- jobs ---------------------------------------------------------------------------------------------- */

static const char *model_of(const json_t *line)
{
    const json_t *model = json_object_get(line, "model");

    return json_is_object(model) ? jsontext_get_text(model, "asked", "?")
                                 : jsontext_get_text(line, "model", "?");
}

static void print_json(const struct archive_job *job)
{
    json_t *line = job->unit->line != NULL ? json_copy(job->unit->line) : json_object();
    char id[ID_TEXT_SIZE];

    id_write(&job->unit->id, id);
    json_object_set_new(line, "id", json_string(id));
    json_object_set_new(line, "volume", json_string(job->volume->name));
    show_json(stdout, line);
    json_decref(line);
}

static int on_job(void *context, const struct archive_job *job)
{
    struct listing *listing = context;
    const json_t *line = job->unit->line;
    char id[ID_TEXT_SIZE], finished[TIMETEXT_SIZE];

    if (listing->json) {
        print_json(job);
    } else if (listing->ids) {
        id_write(&job->unit->id, id);
        puts(id);
    } else {
        timetext_write((struct wall){job->unit->finished_ms}, finished);
        table_cell(&listing->table, "%s", show_id(stdout, &job->unit->id, id));
        table_cell(&listing->table, "%s", job->unit->state != NULL ? job->unit->state : "?");
        table_cell(&listing->table, "%u", job->unit->version);
        table_cell(&listing->table, "%s", model_of(line));
        table_cell(&listing->table, "%s", jsontext_get_text(line, "user", "-"));
        table_cell(&listing->table, "%.19sZ", finished);
    }
    return ferror(stdout);
}

static void list_jobs(struct archive *archive, const struct archive_wish *wish,
                      struct listing *listing)
{
    static const char *const headings[] = {"JOB", "STATE", "VERSION", "MODEL", "USER", "FINISHED",
                                           NULL};
    struct screen screen = screen_open(stdout);
    bool table = !listing->json && !listing->ids;

    if (table) {
        listing->table = table_start(headings);
    }
    (void)archive_each(archive, wish, listing->ids, false, on_job, NULL, listing);
    if (table) {
        table_end(&listing->table, &screen, 0);
    }
}

/* --- volumes ------------------------------------------------------------------------------------------- */

static void print_volume(struct listing *listing, const struct volume *volume,
                         const struct index_head *head)
{
    char first[TIMETEXT_SIZE], last[TIMETEXT_SIZE], bytes[SCREEN_SIZE_SIZE];

    timetext_write((struct wall){head->first_ms}, first);
    timetext_write((struct wall){head->last_ms}, last);
    if (listing->json) {
        json_t *line = json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "volume", volume->stem, "jobs",
                                 (json_int_t)head->units, "files", (json_int_t)head->files, "bytes",
                                 (json_int_t)head->size, "first", first, "last", last);

        show_json(stdout, line);
        json_decref(line);
        return;
    }
    table_cell(&listing->table, "%s", volume->stem);
    table_cell(&listing->table, "%" PRIu64, head->units);
    table_cell(&listing->table, "%s", screen_bytes((int64_t)head->size, bytes));
    table_cell(&listing->table, "%.10s", first);
    table_cell(&listing->table, "%.10s", last);
}

static void list_volume(struct archive *archive, size_t number, struct listing *listing)
{
    struct error error;
    struct volume *volume = archive_volume(archive, number, &error);
    struct index *index = volume != NULL ? volume_index(volume, &error) : NULL;

    if (index == NULL) {
        archive_complain(archive, &error);
    } else {
        print_volume(listing, volume, index_head(index));
    }
    index_close(index);
    volume_close(volume);
}

static void list_volumes(struct archive *archive, struct listing *listing)
{
    static const char *const headings[] = {"VOLUME", "JOBS", "SIZE", "FROM", "TO", NULL};
    struct screen screen = screen_open(stdout);

    if (!listing->json) {
        listing->table = table_start(headings);
    }
    for (size_t i = 0; i < archive->count; i++) {
        list_volume(archive, i, listing);
    }
    if (!listing->json) {
        table_end(&listing->table, &screen, 0);
    }
}

/* --- the commands -------------------------------------------------------------------------------------- */

static int run(struct archive_wish *wish, bool search)
{
    struct listing listing = {.json = (wish->options & ARCHIVE_JSON) != 0, .ids = search};
    struct archive archive;
    struct error error;
    int code;

    if (archive_open(&archive, wish->spool, &error) < 0) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    if (members_select(archive.spool, &wish->selection, &error) < 0) {
        archive.result = cli_fail(ARCHIVE_PROGRAM, &error);
    } else if (search || wish->volume_count > 0 || selection_any(&wish->selection)) {
        list_jobs(&archive, wish, &listing);
    } else {
        list_volumes(&archive, &listing);
    }
    code = cli_finish(ARCHIVE_PROGRAM, archive.result);
    archive_close(&archive);
    return code;
}

int archive_list(int argc, char **argv)
{
    struct archive_wish wish;
    int code;

    if (!archive_wish_read(argc, argv, list_usage,
                           ARCHIVE_JSON | ARCHIVE_VOLUME | ARCHIVE_SELECTION, &wish, &code)) {
        return code;
    }
    for (size_t i = 0; wish.words[i] != NULL; i++) {
        archive_wish_volume(&wish, wish.words[i]);
    }
    code = run(&wish, false);
    archive_wish_free(&wish);
    return code;
}

int archive_search(int argc, char **argv)
{
    struct archive_wish wish;
    int code;

    if (!archive_wish_read(argc, argv, search_usage,
                           ARCHIVE_JSON | ARCHIVE_VOLUME | ARCHIVE_SELECTION, &wish, &code)) {
        return code;
    }
    if (wish.words[0] != NULL || !selection_any(&wish.selection)) {
        code = cli_usage(ARCHIVE_PROGRAM, "search wants a selection, such as --where 'user=ann'");
    } else {
        code = run(&wish, true);
    }
    archive_wish_free(&wish);
    return code;
}
