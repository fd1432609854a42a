/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * optionfile: llmspool-httpd.conf read with libconfuse into options.
 *
 * Floor: httpd. Each value is checked where it stands, so what is wrong is told with file and line.
 */
#ifndef HTTPD_OPTIONFILE_H
#define HTTPD_OPTIONFILE_H

#include "base/error.h"
#include "httpd/options.h"

enum { OPTIONFILE_LIMIT = 1024 * 1024 }; /* bytes */

/* Reads the file at path, or SYSCONFDIR/llmspool/llmspool-httpd.conf if it is there when path is
 * NULL, over the options, which hold the defaults. Returns 0, or -1 with an error; the options are
 * then fit to be freed only. */
int optionfile_read(struct front_options *options, const char *path, struct error *error);

/* The same for a text, path standing in messages; for tests. The text is changed. */
int optionfile_parse(struct front_options *options, const char *path, char *text,
                     struct error *error);

#endif
