/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ids_file: the form of archive/ids, for the two modules that read and write it.
 *
 * Floor: retain. All numbers are little-endian: <endian.h> goes between them and ours.
 */
#ifndef RETAIN_IDS_FILE_H
#define RETAIN_IDS_FILE_H

#include <stdint.h>

#include "retain/ids.h"

#define IDS_NAME "ids"
#define IDS_MAGIC "llmspool-ids 1\n" /* and its NUL */

struct ids_head {
    char magic[16];
    uint64_t rows;
    uint32_t volumes;
    uint32_t row_size;
    uint64_t table_offset;
    uint64_t table_length;
    uint64_t zeros[2];
};

struct ids_row {
    struct id id;
    uint32_t volume;
    uint32_t version;
    uint64_t frame;
    uint32_t at;
    uint32_t length;
    unsigned char digest[IDS_DIGEST_SIZE];
};

_Static_assert(sizeof(struct ids_head) == 64, "the head is 64 bytes");
_Static_assert(sizeof(struct ids_row) == 64, "a row is 64 bytes");

/* The mapped rows, ids_count of them. */
const struct ids_row *ids_rows(const struct ids *ids);

#endif
