/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_line: what the index and the manifest of a volume say of a job.
 *
 * Floor: retain. Text only. Where the job's frame begins is known when the volume is put together: its
 * line is made in two parts, the frame's number between them.
 */
#ifndef RETAIN_INDEX_LINE_H
#define RETAIN_INDEX_LINE_H

#include "base/buffer.h"
#include "retain/gather.h"

enum { INDEX_METADATA_LIMIT = 4096 }; /* bytes of metadata that the index tells */

/* Appends the begin of the line, up to the frame's number, and the rest with its newline. */
void index_line_begin(struct buffer *out, const struct gathered *unit);
void index_line_end(struct buffer *out, const struct gathered *unit, uint32_t at, uint32_t length);

/* Appends the lines of its files in the manifest. */
void index_line_manifest(struct buffer *out, const struct gathered *unit);

#endif
