/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outdir: see outdir.h.
 */
#include "client/outdir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum { PART_LIMIT = 200 /* bytes of a part, so that number and suffix fit beside it */ };

struct outdir {
    char *path;
    int dir;
    uint64_t *seen; /* hashes of paths that were given out; 0: free */
    size_t count, room; /* room is a power of two */
};

struct outdir *outdir_open(const char *path, struct error *error)
{
    struct outdir *outdir;
    int dir;

    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        error_system(error, errno, "--output-dir %s cannot be made", path);
        return NULL;
    }
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        error_system(error, errno, "--output-dir %s cannot be opened", path);
        return NULL;
    }
    outdir = xcalloc(1, sizeof *outdir);
    outdir->path = xstrdup(path);
    outdir->dir = dir;
    return outdir;
}

void outdir_close(struct outdir *outdir)
{
    if (outdir != NULL) {
        close(outdir->dir);
        free(outdir->path);
        free(outdir->seen);
        free(outdir);
    }
}

/* --- names ------------------------------------------------------------------------------------ */

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return hash != 0 ? hash : 1;
}

/* Puts a hash into the table; false when it is there. */
static bool put_hash(uint64_t *table, size_t room, uint64_t hash)
{
    size_t place = hash & (room - 1);

    while (table[place] != 0 && table[place] != hash) {
        place = (place + 1) & (room - 1);
    }
    if (table[place] == hash) {
        return false;
    }
    table[place] = hash;
    return true;
}

/* Whether the path was not given out before. That two paths have one hash only costs one a number. */
static bool is_new(struct outdir *outdir, const char *path)
{
    if (2 * outdir->count >= outdir->room) {
        size_t room = outdir->room > 0 ? 2 * outdir->room : 64;
        uint64_t *table = xcalloc(room, sizeof *table);

        for (size_t i = 0; i < outdir->room; i++) {
            if (outdir->seen[i] != 0) {
                put_hash(table, room, outdir->seen[i]);
            }
        }
        free(outdir->seen);
        outdir->seen = table;
        outdir->room = room;
    }
    if (!put_hash(outdir->seen, outdir->room, hash_of(path))) {
        return false;
    }
    outdir->count++;
    return true;
}

/* One part of a path, between slashes. */
static void write_part(struct buffer *out, const char *part, size_t length)
{
    bool dots = length > 0 && strspn(part, ".") >= length && length <= 2;

    if (length > PART_LIMIT) {
        length = PART_LIMIT;
        /* Not in the middle of a character. */
        while (length > 0 && ((unsigned char)part[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)part[i];

        if (byte < 0x20 || byte == 0x7f || dots) {
            buffer_printf(out, "%%%02X", byte);
        } else {
            buffer_byte(out, part[i]);
        }
    }
}

static void write_parts(struct buffer *out, const char *name)
{
    size_t begun = out->length;

    while (*name != '\0') {
        size_t length = strcspn(name, "/");

        if (length > 0) {
            if (out->length > begun) {
                buffer_byte(out, '/');
            }
            write_part(out, name, length);
        }
        name += length + (name[length] == '/');
    }
}

static bool ends_with(const struct buffer *text, const char *suffix)
{
    size_t length = strlen(suffix);

    return text->length > length &&
           memcmp(text->bytes + text->length - length, suffix, length) == 0;
}

void outdir_path(struct outdir *outdir, const char *name, uint64_t number, const char *suffix,
                 struct buffer *path)
{
    buffer_clear(path);
    if (name != NULL) {
        write_parts(path, name);
    }
    if (path->length == 0) {
        buffer_printf(path, "%" PRIu64, number);
    }
    if (!ends_with(path, suffix)) {
        buffer_text(path, suffix);
    }
    if (!is_new(outdir, path->bytes)) {
        path->length -= strlen(suffix);
        buffer_printf(path, ".%" PRIu64 "%s", number, suffix);
        (void)is_new(outdir, path->bytes);
    }
}

/* --- files ------------------------------------------------------------------------------------ */

/* The folder below dir, made where it is not there; no symbolic link is followed. */
static int enter(int dir, const char *name)
{
    if (mkdirat(dir, name, 0777) < 0 && errno != EEXIST) {
        return -errno;
    }
    dir = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir < 0 ? -errno : dir;
}

/* Goes down to the folder of the file; *name receives what is left. Returns a descriptor or -errno. */
static int enter_all(int root, char *path, char **name)
{
    int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
    char *slash;

    *name = path;
    while (dir >= 0 && (slash = strchr(*name, '/')) != NULL) {
        int inner;

        *slash = '\0';
        inner = enter(dir, *name);
        close(dir);
        dir = inner;
        *name = slash + 1;
    }
    return dir;
}

static int put(int dir, const char *name, const char *bytes, size_t length)
{
    char temporary[RANDOM_NAME_SIZE + 1] = ".";
    mode_t mask = umask(0);
    int result;

    umask(mask);
    random_name(temporary + 1);
    result = file_make(dir, temporary, 0666 & ~mask, bytes, length, false);
    if (result == 0 && renameat(dir, temporary, dir, name) < 0) {
        result = -errno;
        unlinkat(dir, temporary, 0);
    }
    return result;
}

int outdir_put(struct outdir *outdir, const char *path, const char *bytes, size_t length,
               struct error *error)
{
    char *copy = xstrdup(path);
    char *name;
    int dir = enter_all(outdir->dir, copy, &name);
    int result = dir < 0 ? dir : put(dir, name, bytes, length);

    if (dir >= 0) {
        close(dir);
    }
    free(copy);
    if (result < 0) {
        error_system(error, -result, "%s/%s cannot be written", outdir->path, path);
        return -1;
    }
    return 0;
}
