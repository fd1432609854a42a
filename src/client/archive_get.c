/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_get: llmspool-archive get. */
#include "client/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "client/show.h"

static const char usage[] =
    "usage: llmspool-archive get [-s DIR] [--json | --job | --raw] JOB...\n"
    "Prints the answers of archived jobs: JOB is an ID, the beginning of one or a\n"
    "name; with @vN behind it that version, else the latest good one.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --json        the whole record, a line of JSON\n"
    "      --job         the job as it was asked, a line of JSON\n"
    "      --raw         the file of the record as it is in the volume, byte by byte\n"
    "      --help\n"
    "\n"
    "Exit status: 0 all printed, 1 some job failed, 65 damaged, 69 not archived.\n";

static void print_file(const struct bundle *bundle, const struct bundle_file *file)
{
    fwrite(bundle->content.bytes + file->offset, 1, file->length, stdout);
}

static int tell_failure(const struct bundle *bundle, const struct bundle_file *file)
{
    char *sentence = show_failure(&bundle->id, file->document);

    fflush(stdout);
    fprintf(stderr, "%s: %s\n", ARCHIVE_PROGRAM, sentence);
    free(sentence);
    return EXIT_SOME_FAILED;
}

static int print_bundle(const struct bundle *bundle, unsigned version, unsigned options)
{
    const struct bundle_file *file = bundle_record(bundle, version);
    bool good = strcmp(jsontext_get_text(file->document, "status", ""), "completed") == 0;

    if ((options & ARCHIVE_JOB) != 0) {
        print_file(bundle, &bundle->files[0]);
    } else if ((options & ARCHIVE_RAW) != 0) {
        print_file(bundle, file);
    } else if ((options & ARCHIVE_JSON) != 0) {
        show_json(stdout, file->document);
    } else if (!good) {
        return tell_failure(bundle, file);
    } else {
        show_answer(stdout, file->document);
    }
    return EXIT_DONE;
}

static int get(struct archive *archive, const char *word, unsigned options)
{
    struct bundle bundle = {0};
    struct error error;
    struct id id;
    unsigned version;
    int code;

    if (archive_find(archive, word, &id, &version, &error) < 0 ||
        archive_fetch(archive, &id, version, &bundle, &error) < 0) {
        fflush(stdout);
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    code = print_bundle(&bundle, version, options);
    bundle_clear(&bundle);
    return code;
}

int archive_get(int argc, char **argv)
{
    struct archive_wish wish;
    struct archive archive;
    struct error error;
    int code;

    if (!archive_wish_read(argc, argv, usage, ARCHIVE_JSON | ARCHIVE_JOB | ARCHIVE_RAW, &wish,
                           &code)) {
        return code;
    }
    if (wish.words[0] == NULL || (wish.options & (wish.options - 1)) != 0) {
        return cli_usage(ARCHIVE_PROGRAM, "get wants at least one job, and one of --json, --job, --raw");
    }
    if (archive_open(&archive, wish.spool, &error) < 0) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    for (size_t i = 0; wish.words[i] != NULL; i++) {
        code = get(&archive, wish.words[i], wish.options);
        archive.result = code > archive.result ? code : archive.result;
    }
    code = cli_finish(ARCHIVE_PROGRAM, archive.result);
    archive_close(&archive);
    archive_wish_free(&wish);
    return code;
}
