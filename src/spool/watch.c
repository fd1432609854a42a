/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch: hints that something changed in folders, from inotify through libinotifytools.
 *
 * What has to be known of libinotifytools 3.22: its state is static; it has no accessor for its
 * descriptor; next_events(0, 1) polls, hands out events from a buffer of its own and asks the
 * kernel only when that is empty, so that a false from watch_next means that both were; its buffer
 * outlives inotifytools_cleanup; it says nothing when a path that is watched already is
 * watched again, and leaks a record; it complains on stderr when a dead watch is removed; and it
 * finds the wrong watch by path after one of the same path has died. Hence this module keeps the
 * watch descriptors itself.
 */
#include "spool/watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inotifytools/inotify.h>
#include <inotifytools/inotifytools.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

enum {
    ARRIVALS = IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE,
    DEPARTURES = IN_MOVED_FROM | IN_DELETE,
    DEATHS = IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF,
};

/* A folder that is to be watched. */
struct place {
    char *path;
    int key;
    int wd; /* its watch, or -1: it died */
    int mask;
    dev_t device; /* what is watched */
    ino_t inode;
};

struct watch {
    int fd;
    struct place *places;
    size_t count;
};

/* There is one inotify instance in the library, so there can be one watch. */
static bool watch_taken;

/* The descriptor that the next open will get, or -errno. */
static int lowest_free(void)
{
    int fd = open("/", O_PATH | O_CLOEXEC);
    if (fd < 0 || close(fd) < 0)
        return -errno;
    return fd;
}

static bool is_inotify(int fd)
{
    char path[32];
    char target[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    return strcmp(target, "anon_inode:inotify") == 0;
}

/* Makes the library's descriptor; the library does not tell it, but it is the lowest that was
 * free. Returns it, or -errno. */
static int initialize(void)
{
    int fd = lowest_free();
    if (fd < 0)
        return fd;
    if (fd >= FD_SETSIZE) /* the library calls select(2) */
        return -EMFILE;
    if (!inotifytools_initialize())
        return inotifytools_error() > 0 ? -inotifytools_error() : -ENOSYS;
    if (!is_inotify(fd)) {
        inotifytools_cleanup();
        return -ENOTSUP;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        int result = -errno;
        inotifytools_cleanup();
        return result;
    }
    return fd;
}

struct watch *watch_open(int *problem)
{
    assert(!watch_taken);
    int fd = getenv("LLMSPOOL_NO_INOTIFY") != NULL ? -ENOSYS : initialize();
    if (fd < 0) {
        *problem = fd;
        return NULL;
    }
    struct watch *watch = xcalloc(1, sizeof(*watch));
    watch->fd = fd;
    watch_taken = true;
    return watch;
}

static struct place *find_path(const struct watch *watch, const char *path)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (strcmp(watch->places[i].path, path) == 0)
            return &watch->places[i];
    }
    return NULL;
}

static struct place *find_wd(const struct watch *watch, int wd)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->places[i].wd == wd)
            return &watch->places[i];
    }
    return NULL;
}

static struct place *new_place(struct watch *watch, const char *path)
{
    watch->places = xrealloc(watch->places, (watch->count + 1) * sizeof(*watch->places));
    struct place *place = &watch->places[watch->count++];
    *place = (struct place){.path = xstrdup(path), .wd = -1};
    return place;
}

/* Ends a watch in the kernel alone: asked to remove one that has just died by itself, the library
 * complains on stderr. It keeps a small record of each until it is closed. */
static void drop_watch(const struct watch *watch, struct place *place)
{
    if (place->wd >= 0)
        (void)inotify_rm_watch(watch->fd, place->wd); /* EINVAL: it is gone already */
    place->wd = -1;
}

/* Watches the place's path. Adding a watch again with the same mask changes nothing in the kernel
 * and tells the watch descriptor, which the library does not. */
static int start_watch(struct watch *watch, struct place *place, int mask)
{
    if (!inotifytools_watch_file(place->path, mask))
        return inotifytools_error() > 0 ? -inotifytools_error() : -EIO;
    int wd = inotify_add_watch(watch->fd, place->path, (uint32_t)mask);
    if (wd < 0)
        return -errno;
    place->wd = wd;
    place->mask = mask;
    return 0;
}

static int add_place(struct watch *watch, const char *path, int key, int wanted)
{
    int mask = wanted | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    struct place *place = find_path(watch, path);
    struct stat status;

    if (place == NULL)
        place = new_place(watch, path);
    place->key = key;
    if (stat(path, &status) < 0)
        return -errno;
    if (place->wd >= 0 && place->mask == mask && place->device == status.st_dev &&
        place->inode == status.st_ino)
        return 0;
    drop_watch(watch, place);
    place->device = status.st_dev;
    place->inode = status.st_ino;
    return start_watch(watch, place, mask);
}

int watch_add(struct watch *watch, const char *path, int key, bool leaving)
{
    return add_place(watch, path, key, ARRIVALS | (leaving ? DEPARTURES : 0));
}

int watch_add_writes(struct watch *watch, const char *path, int key)
{
    return add_place(watch, path, key, ARRIVALS | IN_MODIFY);
}

void watch_remove(struct watch *watch, const char *path)
{
    struct place *place = find_path(watch, path);

    if (place != NULL)
        drop_watch(watch, place);
}

int watch_descriptor(const struct watch *watch)
{
    return watch->fd;
}

static enum watch_kind kind_of(uint32_t mask)
{
    if ((mask & ARRIVALS) != 0)
        return WATCH_ARRIVED;
    return (mask & DEPARTURES) != 0 ? WATCH_LEFT : WATCH_WRITTEN;
}

/* Says what an event of the kernel means; false when it means nothing: of a watch that was dropped,
 * or the last word of one that is known to be dead. */
static bool translate(struct watch *watch, const struct inotify_event *raw,
                      struct watch_event *event)
{
    *event = (struct watch_event){.kind = WATCH_LOST, .key = -1};
    if ((raw->mask & IN_Q_OVERFLOW) != 0)
        return true;
    struct place *place = find_wd(watch, raw->wd);
    if (place == NULL)
        return false;
    if ((raw->mask & DEATHS) != 0) {
        if ((raw->mask & IN_MOVE_SELF) != 0)
            drop_watch(watch, place); /* it lives on, elsewhere */
        place->wd = -1;
        return true;
    }
    if (raw->len == 0)
        return false;
    event->kind = kind_of(raw->mask);
    event->key = place->key;
    (void)snprintf(event->name, sizeof(event->name), "%s", raw->name);
    return true;
}

bool watch_next(struct watch *watch, struct watch_event *event)
{
    const struct inotify_event *raw;

    while ((raw = inotifytools_next_events(0, 1)) != NULL) {
        if (translate(watch, raw, event))
            return true;
    }
    return false;
}

void watch_close(struct watch *watch)
{
    if (watch == NULL)
        return;
    for (size_t i = 0; i < watch->count; i++) {
        drop_watch(watch, &watch->places[i]);
        free(watch->places[i].path);
    }
    while (inotifytools_next_events(0, 1) != NULL) /* empties the library's buffer */
        continue;
    inotifytools_cleanup();
    watch_taken = false;
    free(watch->places);
    free(watch);
}
