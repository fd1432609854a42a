/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify: is a volume whole: every byte of its three files, and that they say the same.
 *
 * Floor: retain.
 */
#ifndef RETAIN_VERIFY_H
#define RETAIN_VERIFY_H

#include <stddef.h>

enum verify_depth {
    VERIFY_BYTES,   /* digests, frames, the tar, manifest and index against its entries */
    VERIFY_CONTENT, /* also each document against its name, and the index against the records */
};

/* Reads the volume STEM in the folder dir from end to end and calls finding with a sentence for each
 * thing that is wrong; what cannot be read is a finding, too. name: that it is to be published under
 * (llmspool-….tar.zst), or NULL when STEM has it. Returns the number of findings: 0 for a volume that is
 * whole. Memory is bounded by the largest file in it. */
size_t volume_verify(int dir, const char *stem, const char *name, enum verify_depth depth,
                     void (*finding)(void *context, const char *sentence), void *context);

#endif
