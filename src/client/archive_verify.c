/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_verify: llmspool-archive verify. */
#include "client/archive.h"

#include <string.h>
#include <unistd.h>

#include "client/screen.h"
#include "retain/verify.h"

static const char usage[] =
    "usage: llmspool-archive verify [-s DIR] [VOLUME...]\n"
    "Reads volumes from end to end, all of the archive when none is named, and tells\n"
    "what is wrong.\n"
    "\n"
    "  -s, --spool DIR   the spool (see llmspool(7) for where it is looked for)\n"
    "      --help\n"
    "\n"
    "Exit status: 0 all is whole, 1 something is wrong, 69 a volume is not there.\n";

static void on_finding(void *context, const char *sentence)
{
    printf("%s: %s\n", (const char *)context, sentence);
}

static void verify_one(struct archive *archive, struct volume *volume)
{
    if (volume_verify(volume->dir, volume->stem, NULL, VERIFY_CONTENT, on_finding, volume->stem) >
        0) {
        archive->result = EXIT_SOME_FAILED;
    }
    fflush(stdout);
}

/* archive/ids itself, and that it and the folder know the same volumes. */
static void verify_ids(struct archive *archive)
{
    struct error error;

    if (archive->ids == NULL) {
        printf("ids: it is damaged\n");
        archive->result = EXIT_SOME_FAILED;
        return;
    }
    if (ids_verify(archive->ids, &error) < 0) {
        printf("ids: %s\n", error.text);
        archive->result = EXIT_SOME_FAILED;
    }
    for (size_t i = 0; i < archive->count; i++) {
        if (ids_volume_find(archive->ids, archive->volumes[i].path) == SIZE_MAX) {
            printf("ids: it does not know %s: the next llmspool-archive create takes it up\n",
                   archive->volumes[i].path);
            archive->result = EXIT_SOME_FAILED;
        }
    }
    for (size_t i = 0; ids_volume(archive->ids, i) != NULL; i++) {
        const char *path = ids_volume(archive->ids, i)->path;

        if (faccessat(archive->spool->dir[FOLDER_ARCHIVE], path, F_OK, 0) < 0) {
            printf("ids: it knows %s, which is not there\n", path);
            archive->result = EXIT_SOME_FAILED;
        }
    }
}

static void verify_all(struct archive *archive)
{
    for (size_t i = 0; i < archive->count; i++) {
        struct error error;
        struct volume *volume = archive_volume(archive, i, &error);

        if (volume == NULL) {
            archive_complain(archive, &error);
        } else {
            verify_one(archive, volume);
            volume_close(volume);
        }
    }
    verify_ids(archive);
}

static void verify_named(struct archive *archive, char **names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        struct error error;
        int dir;
        struct volume *volume = archive_named(archive, names[i], &dir, &error);

        if (volume == NULL) {
            archive->result = cli_fail(ARCHIVE_PROGRAM, &error);
        } else {
            verify_one(archive, volume);
            volume_close(volume);
        }
        if (dir >= 0) {
            close(dir);
        }
    }
}

int archive_verify(int argc, char **argv)
{
    struct archive_wish wish;
    struct archive archive;
    struct error error;
    int code;

    if (!archive_wish_read(argc, argv, usage, 0, &wish, &code)) {
        return code;
    }
    if (archive_open(&archive, wish.spool, &error) < 0) {
        return cli_fail(ARCHIVE_PROGRAM, &error);
    }
    if (wish.words[0] != NULL) {
        verify_named(&archive, wish.words);
    } else {
        verify_all(&archive);
    }
    code = cli_finish(ARCHIVE_PROGRAM, archive.result);
    archive_close(&archive);
    archive_wish_free(&wish);
    return code;
}
