/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filling: the prompt that a template makes of a record.
 *
 * Floor: client. The places of a template (base/stencil.h) are columns by name, then {} or {line}, the record as
 * it stands; {1}, {2} …, its columns by number (of a line: what tabs separate); {file}; {n}, its number.
 */
#ifndef CLIENT_FILLING_H
#define CLIENT_FILLING_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stencil.h"
#include "client/feed.h"

/* Reads a template: text itself, or the file of that name. Returns NULL with an error. */
struct stencil *filling_read(const char *text, struct error *error);
struct stencil *filling_load(const char *path, struct error *error);

/* Appends what the template makes of the record. Returns 0, or -1 with an error that says which place has
 * nothing to be filled with. */
int filling_fill(const struct stencil *stencil, const struct feed_record *record,
                 struct buffer *out, struct error *error);

#endif
