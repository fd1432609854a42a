/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest: MANIFEST.jsonl, the first entry of a volume, read beside its index or its entries.
 *
 * Floor: retain.
 */
#ifndef RETAIN_MANIFEST_H
#define RETAIN_MANIFEST_H

#include "retain/index.h"

struct manifest;

/* Begins to read that of the volume in fd, which is borrowed, after all checksums of its frames were
 * compared. NULL with an error. */
struct manifest *manifest_open(int fd, struct error *error);

/* Whether the next line is that of this file of the job: name, size, digest, model, user, time. Returns 0,
 * or -1 with an error. */
int manifest_file(struct manifest *manifest, const struct index_unit *unit, size_t number,
                  struct error *error);

/* The same for all files of a job; lines of jobs before it are passed over, so that after an error the next
 * job may be asked for. */
int manifest_unit(struct manifest *manifest, const struct index_unit *unit, struct error *error);

/* At the end: whether there is no line left. Returns 0 or -1. */
int manifest_end(struct manifest *manifest, struct error *error);

/* NULL is allowed. */
void manifest_close(struct manifest *manifest);

#endif
