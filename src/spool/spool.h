/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool: an opened spool: its folders as held descriptors, its version, its one owner.
 *
 * Floor: spool. Everything below is done relative to these descriptors, so a spool that is moved
 * or replaced under a running program is never mixed with the new one.
 */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "spool/layout.h"

/* Plain data: read it, do not change it. */
struct spool {
    char *path;            /* absolute, as opened, for messages and watches */
    int root;              /* the spool's own folder */
    int dir[FOLDER_COUNT]; /* its folders, O_DIRECTORY | O_CLOEXEC */
    dev_t device;          /* the one file system of them all */
    ino_t spool_json;      /* inode of spool.json when opened */
    int lock;              /* spool.json with the owner's lock on it, or -1 */
    uid_t owner;           /* of the spool's folder */
    gid_t group;           /* of new/, for a shared spool */
    bool shared;           /* new/ is writable by a group */
    bool owner_only;       /* of a shared one: not the group reads a job's files, but its user */
    mode_t job_mode;       /* of job and output files: 0600, or 0640 when shared */
    char *default_model;   /* from spool.json, or NULL */
};

/* Finds which spool is meant: given (from -s) if not NULL, else LLMSPOOL_DIR, else `spool =` in
 * ~/.config/llmspool/llmspool.conf, then in SYSCONFDIR/llmspool/llmspool.conf, else
 * $XDG_STATE_HOME/llmspool (or ~/.local/state/llmspool) when it exists, else
 * LOCALSTATEDIR/spool/llmspool when it exists. Returns a path that the caller frees, or NULL with
 * an error that names the llmspool-init line. */
char *spool_find(const char *given, struct error *error);

/* Where a spool should be made: as spool_find, but the last resort is a place that need not exist, the
 * user's state folder. */
char *spool_place(const char *given, struct error *error);

/* Opens the spool at path. Refuses, untouched, what is no spool, has another version, lacks a
 * folder, or spans file systems: NULL with an error of kind ERROR_ABSENT. An I/O error or a lack
 * of permission is ERROR_SYSTEM. */
struct spool *spool_open(const char *path, struct error *error);

/* Becomes the one owner: an OFD write lock on spool.json, held until spool_close. Returns 0, or -1
 * with an error: ERROR_LATER, naming the holder's pid where state/status.json tells it, when there
 * is another owner. */
int spool_own(struct spool *spool, struct error *error);

/* Whether anybody owns the spool now (a daemon runs). */
bool spool_owned(const struct spool *spool);

/* Checks that the path still leads to this spool, with the spool.json and the folders that are held
 * open. Returns 0, or -1 with an error that says what is missing
 * (ERROR_ABSENT: it may come back) or was replaced (ERROR_DATA: it is another spool now). */
int spool_check(const struct spool *spool, struct error *error);

/* Closes everything; NULL is allowed. */
void spool_close(struct spool *spool);

/* What spool_make makes. */
struct spool_plan {
    const char *path;
    const char *group;         /* a shared spool of this group, or NULL for a private one */
    const char *default_model; /* or NULL */
};

/* Makes a spool of version 1: each folder with its mode (private: 0700; shared: tmp/, new/ and ctl/
 * 3770 of the group, the rest 2750 of the group, so that what the owner writes there is of that
 * group too), spool.json last and durable. Missing parents are made as by mkdir -p. The folders
 * take the owner of the spool's own folder, when root makes a spool in a folder of another user.
 * What a killed call left is completed. In a finished spool only missing folders are made again,
 * and modes that somebody changed stay: a second call changes nothing. *made tells whether anything
 * was changed. An unknown version, a folder that is not empty and no spool, or another group or
 * default model than those present (NULL asks for no group, and for any default model) are refused
 * before anything is touched. For programs of one thread: it changes the umask and puts it back.
 * Returns 0 or -1. */
int spool_make(const struct spool_plan *plan, bool *made, struct error *error);

#endif
