/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blobs_named: which attachments are named by jobs that are not accepted yet. */
#include "retain/blobs_named.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/layout.h"

enum { CHUNK = 256 * 1024, DIGITS = ID_TEXT_SIZE - 1 };

struct search {
    const struct idset *wanted;
    struct idset *named;
    char *bytes; /* of CHUNK */
    /* The digits that were read last, of a row that is so long at least. */
    char window[ID_TEXT_SIZE];
    size_t row;
};

static void search_byte(struct search *search, char byte)
{
    struct id id;

    if ((byte < '0' || byte > '9') && (byte < 'a' || byte > 'f')) {
        search->row = 0;
        return;
    }
    if (search->row < DIGITS) {
        search->window[search->row++] = byte;
    } else {
        memmove(search->window, search->window + 1, DIGITS - 1);
        search->window[DIGITS - 1] = byte;
    }
    if (search->row == DIGITS && id_read(search->window, &id) && idset_has(search->wanted, &id)) {
        idset_add(search->named, &id);
    }
}

static int search_file(struct search *search, int fd)
{
    ssize_t count = 1;

    search->row = 0;
    while (count > 0 || (count < 0 && errno == EINTR)) {
        count = read(fd, search->bytes, CHUNK);
        for (ssize_t i = 0; i < count; i++) {
            search_byte(search, search->bytes[i]);
        }
    }
    return count < 0 ? -errno : 0;
}

static int search_folder(struct search *search, int dir, bool deeper);

/* Looks at an entry: a file, or where `deeper` a folder. */
static int search_entry(struct search *search, int dir, const char *name, bool deeper)
{
    struct stat status;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int result = 0;

    if (fd < 0) {
        /* Gone meanwhile, no file at all, or not to be read. */
        return errno == ENOENT || errno == ELOOP || errno == EACCES || errno == ENXIO ? 0 : -errno;
    }
    if (fstat(fd, &status) != 0) {
        result = -errno;
    } else if (S_ISREG(status.st_mode) && drop_read(name) != DROP_BLOB) {
        result = search_file(search, fd);
    } else if (S_ISDIR(status.st_mode) && deeper) {
        result = search_folder(search, fd, false);
    }
    (void)close(fd);
    return result;
}

static int search_folder(struct search *search, int dir, bool deeper)
{
    DIR *list = file_list(dir);
    const struct dirent *found;
    int result = list != NULL ? 0 : -errno;

    while (result == 0 && (result = file_list_next(list, &found)) == 0 && found != NULL) {
        result = search_entry(search, dir, found->d_name, deeper);
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return result;
}

int blobs_named(const struct spool *spool, const struct idset *wanted, struct idset *named,
                struct error *error)
{
    static const enum folder folders[] = {FOLDER_FLOWS, FOLDER_NEW};
    struct search search = {.wanted = wanted, .named = named, .bytes = xmalloc(CHUNK)};
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof folders / sizeof folders[0]; i++) {
        result = search_folder(&search, spool->dir[folders[i]], folders[i] == FOLDER_FLOWS);
        if (result < 0) {
            error_system(error, -result, "cannot look for attachments in %s/%s", spool->path,
                         folder_name(folders[i]));
        }
    }
    free(search.bytes);
    return result < 0 ? -1 : 0;
}
