/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bundle: the files of one job, read from a volume and judged.
 *
 * Floor: retain. A volume is not trusted: a bundle is whole or it is an error.
 */
#ifndef RETAIN_BUNDLE_H
#define RETAIN_BUNDLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "retain/ids.h"
#include "retain/index.h"

/* One file; bytes are borrowed from the bundle. */
struct bundle_file {
    struct entry entry;
    size_t offset; /* of its bytes in the content */
    size_t length;
    json_t *document;
};

/* Zeroed at first; freed by bundle_clear. */
struct bundle {
    struct id id;
    enum folder folder; /* FOLDER_DONE or FOLDER_FAILED */
    unsigned highest;   /* newest version, 0 in failed/ */
    struct buffer content;
    struct bundle_file *files; /* the job first, then outputs in their order, or the error file */
    size_t count;
};

/* What is wrong with the content of a file that is to be this entry, or NULL; document is it, parsed,
 * NULL when it is no JSON object. An ID must be that of the job's content, a record that of its name, and
 * an output's sha256 that of its output. */
const char *bundle_flaw(const struct entry *entry, const json_t *document);

/* The content of a frame, kept while the jobs in it are read one after the other. Zeroed at first; its
 * content is freed by buffer_free. */
struct bundle_cache {
    bool filled;
    uint64_t frame;
    struct buffer content;
};

/* Reads the job whose entries are `length` bytes, `at` bytes into the frame that begins at `frame` of fd.
 * The frame is read to its end, for its checksum. cache may be NULL. Returns 0, or -1 with an error. */
int bundle_read(int fd, uint64_t frame, uint64_t at, uint64_t length, struct bundle_cache *cache,
                struct bundle *bundle, struct error *error);

/* Compares it with its line in the index, or with what archive/ids says. Returns 0, or -1 with an error. */
int bundle_fits_unit(const struct bundle *bundle, const struct index_unit *unit,
                     struct error *error);
int bundle_fits_ids(const struct bundle *bundle, const struct archived *archived,
                    struct error *error);

const char *bundle_bytes(const struct bundle *bundle, size_t number);

/* The file of a version (0: the newest good one), or of the error file of a failed job; NULL: none. */
const struct bundle_file *bundle_record(const struct bundle *bundle, unsigned version);

/* When its newest version, or its failure, was finished; wall, 0: not known. */
struct wall bundle_finished(const struct bundle *bundle);

void bundle_clear(struct bundle *bundle);

#endif
