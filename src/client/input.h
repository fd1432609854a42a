/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input: the whole of a file that the command line names.
 *
 * Floor: client.
 */
#ifndef CLIENT_INPUT_H
#define CLIENT_INPUT_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends the content of the file at path, "-" being stdin, to out. More than limit bytes are
 * refused. Returns 0, or -1 with an error that names the file. */
int input_read(const char *path, size_t limit, struct buffer *out, struct error *error);

#endif
