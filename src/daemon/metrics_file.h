/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics_file: a file of metrics in a folder that is not the spool's, for the textfile collector
 * of node_exporter.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_METRICS_FILE_H
#define DAEMON_METRICS_FILE_H

#include <stddef.h>

/* Replaces the file at path atomically: written beside it under a name that does not end in .prom,
 * which the collector passes over, made readable for all (0644) and renamed. The folder must be
 * there. It is not synced: after a power failure the next one takes its place. Returns 0, or -errno
 * with nothing left behind and the old file as it was. */
int metrics_file_write(const char *path, const void *bytes, size_t length);

#endif
