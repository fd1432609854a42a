/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_restore: llmspool-archive restore. */
#include "client/archive.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "client/screen.h"
#include "client/show.h"
#include "retain/manifest.h"
#include "retain/members.h"
#include "retain/restore.h"
#include "retain/tombstone.h"
#include "spool/events.h"

static const char usage[] =
    "usage: llmspool-archive restore [-s DIR] [--dry-run] [--json] JOB...\n"
    "       llmspool-archive restore [-s DIR] [--dry-run] [--json]\n"
    "                                [--volume VOLUME]... [selection]\n"
    "       llmspool-archive restore [-s DIR] [--dry-run] [--json] ALL\n"
    "Brings archived jobs back into done/ and failed/, with their outputs, byte by\n"
    "byte. What lies in the spool is never replaced: such jobs are passed over. The\n"
    "archive keeps its copies.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --volume VOLUME\n"
    "                    what is in it, a file name of the archive or a path;\n"
    "                    may be repeated\n"
    "      --dry-run     only tells what would be brought back\n"
    "      --json        JSON Lines, one for each job: id, state, result\n"
    "      --help\n"
    "\n" SELECTION_USAGE "\n"
    "Exit status: 0 done, also when all was there already; 1 something was damaged\n"
    "or failed; 69 not archived; 75 another program is at work in the archive.\n";

enum {
    TOLD_MAX = 20, /* jobs that are passed over, each in a line */
    EVENTS_AT_ONCE = 1024,
};

struct restoring {
    struct archive *archive;
    const struct archive_wish *wish;
    struct restore *restore; /* NULL with --dry-run */
    struct tombstones stones;
    struct events *events;
    const struct volume *volume; /* whose manifest is open */
    struct manifest *manifest;   /* NULL: it cannot be read, which was told */
    uint64_t done;
    uint64_t outputs;
    uint64_t passed_over;
    uint64_t failed;
};

/* --- what became of a job ------------------------------------------------------------------------------ */

static const char *const words[] = {[RESTORE_DONE] = "restored",
                                    [RESTORE_THERE] = "in the spool already",
                                    [RESTORE_ACTIVE] = "waiting or running",
                                    [RESTORE_BUSY] = "in another's hands",
                                    [RESTORE_FAILED] = "failed"};

static void tell_json(const struct restored *restored, const char *word)
{
    char id[ID_TEXT_SIZE];
    json_t *line;

    id_write(restored->id, id);
    line = json_pack("{s:s, s:s, s:s, s:s*}", "id", id, "folder", folder_name(restored->folder),
                     "result", word, "message", restored->sentence);
    show_json(stdout, line);
    json_decref(line);
}

static bool is_passed_over(const struct restored *restored)
{
    return restored->end == RESTORE_THERE || restored->end == RESTORE_ACTIVE;
}

static void tell(struct restoring *restoring, const struct restored *restored)
{
    const char *word = restoring->restore == NULL && restored->end == RESTORE_DONE
                           ? "would be restored"
                           : words[restored->end];
    char id[ID_TEXT_SIZE];

    if ((restoring->wish->options & ARCHIVE_JSON) != 0) {
        tell_json(restored, word);
    } else if (is_passed_over(restored) && restoring->passed_over > TOLD_MAX) {
        return; /* the last line counts them */
    } else if (restored->end != RESTORE_DONE) {
        id_write(restored->id, id);
        fprintf(stderr, "%s: %s not restored: %s%s%s\n", ARCHIVE_PROGRAM, id, word,
                restored->sentence != NULL ? ": " : "",
                restored->sentence != NULL ? restored->sentence : "");
    } else if (restoring->restore == NULL) {
        id_write(restored->id, id);
        puts(id);
    }
}

/* They are written in portions: a log that waits for too many lines drops some. */
static void add_event(struct restoring *restoring, const struct restored *restored)
{
    char id[ID_TEXT_SIZE];

    id_write(restored->id, id);
    events_add(restoring->events, "restored",
               json_pack("{s:s, s:s}", "id", id, "state",
                         restored->folder == FOLDER_DONE ? "completed" : "failed"));
    if (restoring->done % EVENTS_AT_ONCE == 0) {
        (void)events_flush(restoring->events); /* what fails is tried again with the next */
    }
}

static void on_restored(void *context, const struct restored *restored)
{
    struct restoring *restoring = context;

    switch (restored->end) {
    case RESTORE_DONE:
        restoring->done++;
        restoring->outputs += restored->versions;
        if (restoring->restore != NULL) {
            add_event(restoring, restored);
        }
        break;
    case RESTORE_THERE:
    case RESTORE_ACTIVE:
        restoring->passed_over++;
        break;
    default:
        restoring->failed++;
        restoring->archive->result = EXIT_SOME_FAILED;
    }
    tell(restoring, restored);
}

/* --- the jobs ------------------------------------------------------------------------------------------ */

static void refuse(struct restoring *restoring, const struct error *error)
{
    restoring->failed++;
    archive_complain(restoring->archive, error);
}

/* Whether a person had the job removed for good: no old copy of it comes back. */
static bool was_forgotten(const struct restoring *restoring, const struct bundle *bundle)
{
    const struct tombstone *stone = tombstones_find(&restoring->stones, &bundle->id);

    return stone != NULL && bundle_finished(bundle).ms <= stone->ms;
}

static void bring(struct restoring *restoring, const struct bundle *bundle)
{
    if (was_forgotten(restoring, bundle)) {
        char id[ID_TEXT_SIZE];

        id_write(&bundle->id, id);
        fprintf(stderr, "%s: %s not restored: it was forgotten\n", ARCHIVE_PROGRAM, id);
        restoring->passed_over++;
    } else if (restoring->restore != NULL) {
        restore_add(restoring->restore, bundle);
    } else {
        on_restored(restoring, &(struct restored){.id = &bundle->id,
                                                  .folder = bundle->folder,
                                                  .versions = bundle->folder == FOLDER_DONE
                                                                  ? (unsigned)bundle->count - 1
                                                                  : 0,
                                                  .end = restore_look(restoring->archive->spool,
                                                                      &bundle->id)});
    }
}

/* Opens the manifest of the next volume. A damaged one stops nothing: the index has it all, too. */
static void next_manifest(struct restoring *restoring, const struct volume *volume)
{
    struct error error;

    if (restoring->volume == volume) {
        return;
    }
    manifest_close(restoring->manifest);
    restoring->volume = volume;
    restoring->manifest = manifest_open(volume->fd, &error);
    if (restoring->manifest == NULL) {
        error_prefix(&error, "%s: its manifest cannot be compared", volume->name);
        archive_complain(restoring->archive, &error);
    }
}

static int on_job(void *context, const struct archive_job *job)
{
    struct restoring *restoring = context;
    struct error error;

    if (job->unit->line != NULL) {
        next_manifest(restoring, job->volume);
        if (restoring->manifest != NULL &&
            manifest_unit(restoring->manifest, job->unit, &error) < 0) {
            error_prefix(&error, "%s is damaged", job->volume->name);
            refuse(restoring, &error);
            return 0;
        }
    }
    bring(restoring, job->bundle);
    return 0;
}

/* Behind each volume: the next may have the same jobs. */
static int after_volume(void *context)
{
    struct restoring *restoring = context;

    if (restoring->restore != NULL) {
        restore_flush(restoring->restore);
    }
    manifest_close(restoring->manifest);
    restoring->manifest = NULL;
    restoring->volume = NULL;
    return 0;
}

static void restore_named(struct restoring *restoring, const char *word)
{
    struct bundle bundle = {0};
    struct error error;
    struct id id;
    unsigned version;

    if (archive_find(restoring->archive, word, &id, &version, &error) < 0 ||
        archive_fetch(restoring->archive, &id, version, &bundle, &error) < 0) {
        int code = cli_fail(ARCHIVE_PROGRAM, &error);

        restoring->failed++;
        restoring->archive->result =
            error.kind == ERROR_DATA ? EXIT_SOME_FAILED : code;
        return;
    }
    bring(restoring, &bundle);
    bundle_clear(&bundle);
}

static void restore_all(struct restoring *restoring)
{
    bool all = restoring->wish->words[0] != NULL && strcmp(restoring->wish->words[0], "ALL") == 0;

    if (all || restoring->wish->words[0] == NULL) {
        (void)archive_each(restoring->archive, restoring->wish, true, true, on_job, after_volume,
                           restoring);
        return;
    }
    for (size_t i = 0; restoring->wish->words[i] != NULL; i++) {
        restore_named(restoring, restoring->wish->words[i]);
    }
}

/* --- the command --------------------------------------------------------------------------------------- */

static void summary(const struct restoring *restoring)
{
    fprintf(stderr,
            "%s: %" PRIu64 " job%s with %" PRIu64 " output%s %s, %" PRIu64 " passed over, %" PRIu64
            " damaged or failed\n",
            ARCHIVE_PROGRAM, restoring->done, screen_plural(restoring->done), restoring->outputs,
            screen_plural(restoring->outputs),
            restoring->restore != NULL ? "restored" : "would be restored", restoring->passed_over,
            restoring->failed);
}

static void work(struct restoring *restoring)
{
    struct spool *spool = restoring->archive->spool;

    if ((restoring->wish->options & ARCHIVE_DRY_RUN) == 0) {
        restoring->events = events_open(spool, &clock_system);
        restoring->restore = restore_open(spool, store_temp_write, on_restored, restoring);
    }
    restore_all(restoring);
    manifest_close(restoring->manifest);
    if (restoring->restore != NULL) {
        restore_flush(restoring->restore);
    }
}

/* Takes the archive's lock, so that what a killed run left in tmp/ is nobody's, and no volume goes. */
static int restore_locked(struct archive *archive, const struct archive_wish *wish)
{
    struct restoring restoring = {.archive = archive, .wish = wish};
    struct error error;
    int lock = -1;

    if (tombstones_read(archive->spool, &restoring.stones, &error) < 0) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    if ((wish->options & ARCHIVE_DRY_RUN) == 0) {
        int result;

        lock = store_lock(archive->spool, ARCHIVE_PROGRAM " restore", &error);
        if (lock < 0) {
            tombstones_free(&restoring.stones);
            return cli_fail(ARCHIVE_PROGRAM, &error);
        }
        result = store_temp_clear(archive->spool);
        if (result < 0) {
            error_system(&error, -result, "cannot clear %s/tmp", archive->spool->path);
            archive_complain(archive, &error);
        }
    }
    work(&restoring);
    summary(&restoring);
    tombstones_free(&restoring.stones);
    restore_close(restoring.restore);
    if (restoring.events != NULL) {
        events_close(restoring.events);
    }
    if (lock >= 0) {
        close(lock);
    }
    return archive->result;
}

static bool is_clear(const struct archive_wish *wish)
{
    bool some = selection_any(&wish->selection) || wish->volume_count > 0;

    return (wish->words[0] != NULL) != some;
}

int archive_restore(int argc, char **argv)
{
    struct archive_wish wish;
    struct archive archive;
    struct error error;
    int code;

    if (!archive_wish_read(
            argc, argv, usage,
            ARCHIVE_JSON | ARCHIVE_VOLUME | ARCHIVE_SELECTION | ARCHIVE_DRY_RUN, &wish, &code)) {
        return code;
    }
    if (!is_clear(&wish)) {
        code = cli_usage(ARCHIVE_PROGRAM, "restore wants jobs, or ALL, or a selection or --volume");
    } else if (archive_open(&archive, wish.spool, &error) < 0) {
        code = cli_fail(ARCHIVE_PROGRAM, &error);
    } else {
        if (members_select(archive.spool, &wish.selection, &error) < 0) {
            archive.result = cli_fail(ARCHIVE_PROGRAM, &error);
        } else {
            archive.result = restore_locked(&archive, &wish);
        }
        code = cli_finish(ARCHIVE_PROGRAM, archive.result);
        archive_close(&archive);
    }
    archive_wish_free(&wish);
    return code;
}
