/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_cat: llmspool-archive cat. */
#include "client/archive.h"

#include "base/jsontext.h"
#include "client/show.h"
#include "retain/members.h"

static const char usage[] =
    "usage: llmspool-archive cat [-s DIR] [--volume VOLUME]... [--outputs]\n"
    "                            [selection]\n"
    "Prints archived jobs as JSON Lines: for each job {\"id\", \"state\", \"volume\",\n"
    "\"job\", \"outputs\"} with all its versions in order, or \"error\" in their place\n"
    "when it failed.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --volume VOLUME\n"
    "                    of this volume, a file name of the archive or a path;\n"
    "                    may be repeated\n"
    "      --outputs     a line for each output or error file instead, as it was\n"
    "                    stored\n"
    "      --help\n"
    "\n" SELECTION_USAGE "\n"
    "Exit status: 0 all printed, 1 something is damaged, 69 a volume is not there.\n";

static int print_outputs(const struct bundle *bundle)
{
    for (size_t i = 1; i < bundle->count; i++) {
        show_json(stdout, bundle->files[i].document);
    }
    return ferror(stdout);
}

static int print_unit(const struct archive_job *job)
{
    const struct bundle *bundle = job->bundle;
    char id[ID_TEXT_SIZE];
    json_t *outputs = json_array();
    json_t *line;

    id_write(&bundle->id, id);
    for (size_t i = 1; i < bundle->count; i++) {
        json_array_append(outputs, bundle->files[i].document);
    }
    line = json_pack("{s:s, s:s, s:s, s:O}", "id", id, "state",
                     bundle->folder == FOLDER_DONE
                         ? "completed"
                         : jsontext_get_text(bundle->files[1].document, "status", "failed"),
                     "volume", job->volume->name, "job", bundle->files[0].document);
    if (bundle->folder == FOLDER_DONE) {
        json_object_set(line, "outputs", outputs);
    } else {
        json_object_set(line, "error", json_array_get(outputs, 0));
    }
    show_json(stdout, line);
    json_decref(line);
    json_decref(outputs);
    return ferror(stdout);
}

static int print_job(void *context, const struct archive_job *job)
{
    const struct archive_wish *wish = context;

    return (wish->options & ARCHIVE_OUTPUTS) != 0 ? print_outputs(job->bundle) : print_unit(job);
}

int archive_cat(int argc, char **argv)
{
    struct archive_wish wish;
    struct archive archive;
    struct error error;
    int code;

    if (!archive_wish_read(argc, argv, usage, ARCHIVE_VOLUME | ARCHIVE_SELECTION | ARCHIVE_OUTPUTS,
                           &wish, &code)) {
        return code;
    }
    if (wish.words[0] != NULL) {
        return cli_usage(ARCHIVE_PROGRAM, "cat has no words but options: %s", wish.words[0]);
    }
    if (archive_open(&archive, wish.spool, &error) < 0) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    if (members_select(archive.spool, &wish.selection, &error) < 0) {
        archive.result = cli_fail(ARCHIVE_PROGRAM, &error);
    } else {
        (void)archive_each(&archive, &wish, false, true, print_job, NULL, &wish);
    }
    code = cli_finish(ARCHIVE_PROGRAM, archive.result);
    archive_close(&archive);
    archive_wish_free(&wish);
    return code;
}
