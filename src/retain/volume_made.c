/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume_made: reading back a volume that was just written. */
#include "retain/volume_made.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "retain/frames.h"
#include "retain/volume.h"
#include "retain/walk.h"
#include "spool/file.h"

static int differs(const char *what, struct error *error)
{
    error_set(error, ERROR_SYSTEM, "%s not what was written", what);
    return -1;
}

static int compare(struct sha256 *sum, const unsigned char due[SHA256_SIZE], const char *what,
                   struct error *error)
{
    unsigned char digest[SHA256_SIZE];

    sha256_end(sum, digest);
    return memcmp(digest, due, sizeof digest) == 0 ? 0 : differs(what, error);
}

/* The bytes of a file. */
static int verify_bytes(int fd, const unsigned char due[SHA256_SIZE], const char *what,
                        struct error *error)
{
    unsigned char digest[SHA256_SIZE];
    int result = file_digest(fd, digest);

    if (result < 0) {
        error_system(error, -result, "it cannot be read");
        return -1;
    }
    return memcmp(digest, due, sizeof digest) == 0 ? 0 : differs(what, error);
}

/* The lines of the index. */
static int verify_index(int fd, const struct volume_made *made, struct error *error)
{
    struct frames *frames = frames_open(fd, 0, 0, FRAMES_ALL, true);
    struct sha256 *sum = sha256_start();
    const void *bytes;
    ssize_t count;

    while ((count = frames_next(frames, &bytes, error)) > 0) {
        sha256_add(sum, bytes, (size_t)count);
    }
    frames_close(frames);
    if (count < 0) {
        sha256_end(sum, NULL);
        return -1;
    }
    return compare(sum, made->index, "the lines of the index are", error);
}

static int digest_entry(struct walk *walk, unsigned char digest[SHA256_SIZE], struct error *error)
{
    struct sha256 *sum = sha256_start();
    const void *bytes;
    ssize_t count;

    while ((count = walk_data(walk, &bytes, error)) > 0) {
        sha256_add(sum, bytes, (size_t)count);
    }
    sha256_end(sum, digest);
    return (int)count;
}

/* The entries of the tar, the manifest first. */
static int walk_all(struct walk *walk, const struct volume_made *made, struct sha256 *entries,
                    struct error *error)
{
    unsigned char digest[SHA256_SIZE];
    struct walk_entry entry;
    uint64_t files = 0;
    bool first = true;
    int result;

    while ((result = walk_next(walk, &entry, error)) == 1) {
        if (digest_entry(walk, digest, error) < 0) {
            return -1;
        }
        if (entry.manifest != first ||
            (first && memcmp(digest, made->manifest, sizeof digest) != 0)) {
            return differs("the manifest is", error);
        }
        if (!first) {
            volume_note(entries, entry.name, entry.size, entry.mtime, digest);
            files++;
        }
        first = false;
    }
    if (result == 0 && files != made->files) {
        return differs("the number of its files is", error);
    }
    return result;
}

static int verify_entries(int fd, const struct volume_made *made, struct error *error)
{
    struct walk *walk = walk_open(fd, 0, 0, FRAMES_ALL);
    struct sha256 *entries = sha256_start();
    int result = walk_all(walk, made, entries, error);

    walk_close(walk);
    if (result < 0) {
        sha256_end(entries, NULL);
        return -1;
    }
    return compare(entries, made->entries, "the files in it are", error);
}

/* The digests, for sha256sum(1). */
static int verify_digests(const struct spool *spool, const struct volume_made *made,
                          struct error *error)
{
    struct buffer due = {0}, found = {0};
    char name[STORE_NAME_SIZE];
    int result;

    volume_digests(made, &due);
    snprintf(name, sizeof name, "%s%s", made->stem, VOLUME_DIGESTS_SUFFIX);
    result = file_read_at(spool->dir[FOLDER_TMP], name, due.length, &found, NULL);
    if (result < 0 && result != -EFBIG) {
        error_system(error, -result, "the file of its digests cannot be read");
        result = -1;
    } else if (found.length != due.length || memcmp(found.bytes, due.bytes, due.length) != 0) {
        result = differs("the file of its digests is", error);
    }
    buffer_free(&due);
    buffer_free(&found);
    return result;
}

static int verify_files(const struct volume *volume, const struct volume_made *made,
                        struct error *error)
{
    int index = volume_beside(volume, VOLUME_INDEX_SUFFIX, error);
    int result = -1;

    if (index >= 0) {
        result = verify_bytes(volume->fd, made->sha256, "its bytes are", error) < 0 ||
                         verify_bytes(index, made->index_sha256, "the bytes of its index are",
                                      error) < 0 ||
                         verify_index(index, made, error) < 0 ||
                         verify_entries(volume->fd, made, error) < 0
                     ? -1
                     : 0;
        close(index);
    }
    return result;
}

int volume_made_verify(const struct spool *spool, const struct volume_made *made,
                       struct error *error)
{
    char name[STORE_NAME_SIZE];
    struct volume *volume;
    int result = -1;

    store_name_write(&made->name, STORE_VOLUME, name);
    volume = volume_open(spool->dir[FOLDER_TMP], made->stem, name, error);
    if (volume != NULL) {
        result = verify_files(volume, made, error) < 0 ? -1 : verify_digests(spool, made, error);
        volume_close(volume);
    }
    if (result < 0) {
        error_prefix(error, "%s was written and is not whole when it is read back", name);
    }
    return result;
}
