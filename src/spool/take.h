/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * take: opening what others dropped, safely: the only door by which foreign files come in.
 *
 * Floor: spool. The rules are in design section "Opening what others dropped": openat2 with
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS (plain openat where the kernel lacks it), O_NOFOLLOW,
 * O_NONBLOCK, O_CLOEXEC; regular file, same device, size within the limit, owner as the policy
 * says, one link. What is read later is read from the descriptor that was checked.
 */
#ifndef SPOOL_TAKE_H
#define SPOOL_TAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "spool/spool.h"

/* What to do with an entry of new/ or ctl/. TAKE_LINKED comes from new/ alone. */
enum take_verdict {
    TAKE_READY,  /* opened; take_close it */
    TAKE_LINKED, /* opened, but it has another name outside tmp/: read it and ask take_linked */
    TAKE_LATER,  /* look again: being linked, or unreadable for its mode (take->reason says) */
    TAKE_REFUSE, /* never: take->reason says why */
    TAKE_GONE,   /* the name is not there any more */
};

struct take {
    int fd;             /* -1 unless TAKE_READY or TAKE_LINKED */
    struct stat status; /* of the opened file, or of what lies there (lstat) */
    bool foreign;       /* another user owns it: copy it, its owner may hold it open */
    char reason[300];   /* a sentence for a person */
};

struct take_policy {
    size_t limit; /* largest size in bytes; the refusal names it */
    bool shared;  /* files of any owner are welcome (a shared spool); else only the spool owner's,
                     root's and our own */
};

/* Tries to open folder/name. A second link is looked into: link(2) and unlink(2) of a dropper may
 * be under way, which is TAKE_LATER until the file's ctime is 2 s away; after that a name in tmp/
 * is unlinked and the file taken. A file of our own in new/ that still has another name may be
 * one that our own move by link left behind: only its content tells where to look, so it is
 * TAKE_LINKED. Every other file with a second name is refused. now is wall time. */
enum take_verdict take_open(const struct spool *spool, enum folder folder, const char *name,
                            const struct take_policy *policy, struct wall now, struct take *take);

/* Decides on TAKE_LINKED when the ID of the content is known: where the file lies in cur/, failed/
 * or done/ under that ID its name in new/ goes, and it is TAKE_GONE; else TAKE_REFUSE, or
 * TAKE_LATER when that cannot be found out now, with take->reason. take stays open. */
enum take_verdict take_linked(const struct spool *spool, const char *name, const struct id *id,
                              struct take *take);

/* Reads a file that take_open opened, from the start, into out. Returns 0; -ESTALE when its size or
 * mtime changed while it was read (still being written: later); or another -errno. */
int take_read(const struct take *take, struct buffer *out);

/* Closes the descriptor. */
void take_close(struct take *take);

/* The name under which failed/ will keep an entry of folder: its own, or refused-UNIQUE.json where that
 * is taken, over 200 bytes, has control characters, begins with 64 hex digits or ends in .error.json.
 * UNIQUE is made of the entry's inode and ctime: asked again after a crash it is the same. */
void take_kept_name(const struct spool *spool, enum folder folder, const char *name,
                    char kept[NAME_LIMIT]);

/* Moves an entry of any file type from folder to failed/ under that name.
 * Returns 0 or -errno; then the entry stays where it is (-EACCES: another user's directory, which
 * nobody but that user and root can move; -EBUSY: a mount point). */
int take_refuse(const struct spool *spool, enum folder folder, const char *name, const char *kept);

#endif
