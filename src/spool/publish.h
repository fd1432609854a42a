/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * publish: durable group commit. Files are written, synced, renamed to their names, the folders
 * synced, and only then the callback is called, on the loop.
 *
 * Floor: spool. All file work runs in libuv's thread pool. One commit runs at a time and takes all
 * that became ready while the one before ran. Within a commit the files are written and synced in
 * parallel, then renamed in the order in which they were added, then each folder concerned is synced
 * once: so two publications of one name keep their order.
 */
#ifndef SPOOL_PUBLISH_H
#define SPOOL_PUBLISH_H

#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "spool/spool.h"

struct publish;
struct publication;

/* Called on the loop when a publication ended: result is 0 when all of it is durable, or -errno of
 * the first step that failed; with it, failed_file is the number of that file in the order of
 * publication_file calls, or -1 for another step. -EEXIST: the name of a file that must not replace
 * is taken. On failure steps before the failed one may have taken effect (a repetition is
 * harmless), its temporary files are gone, and a file whose sync failed was abandoned. */
typedef void publish_done(void *context, int result, int failed_file);

struct publish_counts {
    uint64_t commits;
    uint64_t publications;
    uint64_t files;
    uint64_t failures;       /* publications that ended with an error */
    uint64_t largest;        /* publications in the largest commit */
    uint64_t total_us;       /* wall time of all commits, microseconds */
    uint64_t longest_us;     /* of the longest commit */
    uint64_t waiting;        /* publications not ended now */
};

/* A publisher for one spool; at most workers pool threads write at once. The loop and the spool
 * must outlive it. */
struct publish *publish_open(uv_loop_t *loop, const struct spool *spool, unsigned workers);

/* Calls hook(context) on the loop after the callbacks of each commit, for what should be done once
 * for all of them. */
void publish_on_commit(struct publish *publish, void (*hook)(void *context), void *context);

/* A new, empty publication; hand it to publish_add, or to publication_free. */
struct publication *publication_new(publish_done *done, void *context);
void publication_free(struct publication *publication);

/* Adds a file: bytes (taken over; *bytes is empty afterwards) become folder/name with this mode.
 * temp_folder is where it is written, under temp_name (an old file of that name is removed first),
 * or a random name when temp_name is NULL. replace: rename over what is there; otherwise never
 * (-EEXIST). */
void publication_file(struct publication *publication, enum folder folder, const char *name,
                      mode_t mode, struct buffer *bytes, bool replace, enum folder temp_folder,
                      const char *temp_name);

/* Lets reader (visible_reader) read the file that was added last; as visible_grant. */
void publication_reader(struct publication *publication, uid_t reader);

/* Adds a file that lies whole as temp_folder/temp_name already (left by a crash): it is synced and
 * renamed like the others. */
void publication_existing(struct publication *publication, enum folder folder, const char *name,
                          bool replace, enum folder temp_folder, const char *temp_name);

/* Adds the syncing of a file that lies there already: its data (fdatasync(2): the job whose output is
 * published), or with _mode its mode, too (a mark that must survive power loss). A file that is gone is not
 * an error. */
void publication_sync(struct publication *publication, enum folder folder, const char *name);
void publication_sync_mode(struct publication *publication, enum folder folder, const char *name);

/* Adds the syncing of a folder, for names that changed in it before this publication. */
void publication_folder(struct publication *publication, enum folder folder);

/* Adds pointing folder/name at target after the files are renamed; with only_from, only where it is
 * a symbolic link whose target begins with only_from. */
void publication_link(struct publication *publication, enum folder folder, const char *name,
                      const char *target, const char *only_from);

/* Also tells heard(context) how the publication ends, before its own callback is called; one that is
 * freed instead ends with -ECANCELED. */
void publication_hear(struct publication *publication, publish_done *heard, void *context);

/* Starts it, or lets it wait for the commit under way. Takes the publication over. */
void publish_add(struct publish *publish, struct publication *publication);

/* What it has done so far. */
struct publish_counts publish_counts(const struct publish *publish);

/* Whether nothing waits and nothing runs. */
bool publish_idle(const struct publish *publish);

/* Frees it; it must be idle. NULL is allowed. */
void publish_close(struct publish *publish);

#endif
