/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_blob: attachments, and what jobs say of them. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/attachment.h"
#include "spool/blob.h"
#include "spool/file.h"

static void look_at_bytes(struct check *check, const struct check_entry *entry,
                          const struct id *blob)
{
    struct id digest;
    int fd = openat(check->spool->dir[FOLDER_BLOBS], entry->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int result = fd < 0 ? -errno : file_digest(fd, digest.bytes);

    if (fd >= 0) {
        (void)close(fd);
    }
    if (result < 0) {
        check_unreadable(check, -result);
    } else if (!id_equal(&digest, blob)) {
        check_suspect(check, CHECK_BLOB_DAMAGED, "has other bytes than its name says");
    }
}

void check_look_blob(struct check *check, const struct check_entry *entry)
{
    struct blob_entry is = blob_entry_read(entry->name);
    struct stat status;

    if (is.kind == BLOB_OTHER) {
        check_suspect(check, CHECK_UNKNOWN_ENTRY, "has a name that means nothing");
    } else if (is.kind != BLOB_LOCK && check_file(check, entry, &status) && is.kind == BLOB_FILE) {
        look_at_bytes(check, entry, &is.blob);
    }
}

struct looking {
    struct check *check;
    const struct job *job;
};

static int look_for(void *context, const struct attachment *attachment)
{
    const struct looking *looking = context;
    struct check *check = looking->check;
    const struct spool *spool = check->spool;
    struct blob_entry is = {.kind = BLOB_FILE, .blob = attachment->blob};
    char name[BLOB_NAME_SIZE], gone[BLOB_NAME_SIZE];
    int dir = spool->dir[FOLDER_BLOBS];

    blob_entry_write(&is, name);
    is.gone = true;
    blob_entry_write(&is, gone);
    if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
        faccessat(dir, gone, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
        faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        check_suspect(check, CHECK_BLOB_MISSING, "has an attachment that is gone: %s", name);
        return 1;
    }
    if (!blob_used(spool, &attachment->blob, &looking->job->id)) {
        check_suspect(check, CHECK_BLOB_UNMARKED, "uses an attachment without a mark: %s", name);
        return 1;
    }
    return 0;
}

void check_look_attachments(struct check *check, const struct job *job)
{
    attachments_each(job, look_for, &(struct looking){.check = check, .job = job});
}
