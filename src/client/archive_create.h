/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * archive_create: the subcommands of llmspool-archive that write.
 *
 * Floor: client.
 */
#ifndef CLIENT_ARCHIVE_CREATE_H
#define CLIENT_ARCHIVE_CREATE_H

/* Each gets its words from its own name on, and returns the exit code. */
int archive_create(int argc, char **argv);
int archive_reindex(int argc, char **argv);

#endif
