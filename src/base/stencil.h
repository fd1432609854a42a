/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stencil: text with places that are filled in: what a template is made of.
 *
 * Floor: base. `{name}` is a place; `{{` and `}}` are a brace each. A name is anything but braces
 * and control characters, and may be empty. Filling is one pass: what was filled in is never looked
 * at again, so that a value may hold braces.
 */
#ifndef BASE_STENCIL_H
#define BASE_STENCIL_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

struct stencil;

/* Reads text, which is copied. NULL with an error of kind ERROR_DATA that names the character (from
 * 1, in bytes) where a brace has no other, or where a name has what none may have. */
struct stencil *stencil_read(const char *text, size_t length, struct error *error);

/* Frees it; NULL is allowed. */
void stencil_free(struct stencil *stencil);

/* The names of its places, each once, in the order in which they first occur. */
size_t stencil_count(const struct stencil *stencil);
const char *stencil_name(const struct stencil *stencil, size_t index);

/* Appends the text to out, each place filled by value, which appends to out. Returns 0, or -1 as
 * soon as value did, with the error that it set; out then has what was filled so far. */
int stencil_fill(const struct stencil *stencil,
                 int (*value)(void *context, const char *name, struct buffer *out,
                              struct error *error),
                 void *context, struct buffer *out, struct error *error);

#endif
