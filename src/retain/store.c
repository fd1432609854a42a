/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store: the folder archive/, its lock and the names in it. */
#include "retain/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/day.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/move.h"

static const char temp_start[] = "archive.";
static const char name_start[] = "llmspool-";
static const char *const endings[] = {".tar.zst", ".idx.jsonl.zst", ".sha256"};

/* Who has the lock, as it says itself in the file. */
static void tell_holder(const struct spool *spool, int fd, struct error *error)
{
    char text[200];
    ssize_t length = pread(fd, text, sizeof text - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    error_set(error, ERROR_LATER, "%s/archive is being written by %s: try again when it has ended",
              spool->path, text[0] != '\0' ? text : "another program");
}

/* Only for messages: a failure is none. */
static void sign(int fd, const char *program)
{
    char *text = xasprintf("%s, process %ld\n", program, (long)getpid());

    if (ftruncate(fd, 0) == 0) {
        (void)!pwrite(fd, text, strlen(text), 0);
    }
    free(text);
}

int store_lock(const struct spool *spool, const char *program, struct error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    int fd = openat(spool->dir[FOLDER_ARCHIVE], "lock", flags, 0600);

    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        sign(fd, program);
        return fd;
    }
    if (fd >= 0 && (errno == EAGAIN || errno == EACCES)) {
        tell_holder(spool, fd, error);
    } else {
        error_system(error, errno, "cannot lock %s/archive/lock", spool->path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

void store_temp_write(char out[STORE_TEMP_SIZE])
{
    size_t length = sizeof temp_start - 1;

    memcpy(out, temp_start, length);
    random_name(out + length);
}

bool store_temp_is(const char *name)
{
    size_t length = sizeof temp_start - 1;
    unsigned char bits[(RANDOM_NAME_SIZE - 1) / 2];
    const char *rest;

    if (strncmp(name, temp_start, length) != 0 || !hex_read(name + length, bits, sizeof bits)) {
        return false;
    }
    rest = name + STORE_TEMP_SIZE - 1;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (strcmp(rest, endings[i]) == 0) {
            return true;
        }
    }
    return rest[0] == '\0';
}

int store_temp_clear(const struct spool *spool)
{
    int dir = spool->dir[FOLDER_TMP];
    DIR *list = file_list(dir);
    const struct dirent *found;
    int result;

    if (list == NULL) {
        return -errno;
    }
    while ((result = file_list_next(list, &found)) == 0 && found != NULL) {
        if (store_temp_is(found->d_name) && unlinkat(dir, found->d_name, 0) < 0 &&
            errno != ENOENT) {
            result = -errno;
            break;
        }
    }
    (void)closedir(list);
    return result;
}

int store_temp_make(const struct spool *spool, char name[STORE_TEMP_SIZE])
{
    int fd;

    store_temp_write(name);
    fd = openat(spool->dir[FOLDER_TMP], name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0600);
    return fd >= 0 ? fd : -errno;
}

void store_host(char out[STORE_HOST_SIZE])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    if (gethostname(out, STORE_HOST_SIZE) < 0 || out[0] == '\0') {
        strcpy(out, "localhost");
    }
    out[STORE_HOST_SIZE - 1] = '\0';
    for (char *next = out; *(next += strspn(next, allowed)) != '\0';) {
        *next = '_';
    }
}

static void day_digits(int32_t day, char out[9])
{
    int year, month, day_of_month;

    day_split(day, &year, &month, &day_of_month);
    snprintf(out, 9, "%04u%02u%02u", (unsigned)year % 10000, (unsigned)month % 100,
             (unsigned)day_of_month % 100);
}

void store_name_write(const struct store_name *name, enum store_kind kind,
                      char out[STORE_NAME_SIZE])
{
    char from[9], to[9];

    day_digits(name->from, from);
    day_digits(name->to, to);
    snprintf(out, STORE_NAME_SIZE, "%s%s-%s-%s-%u%s", name_start, name->host, from, to,
             name->number, endings[kind]);
}

void store_path_write(const struct store_name *name, enum store_kind kind,
                      char out[STORE_PATH_SIZE])
{
    char file[STORE_NAME_SIZE], day[9];

    day_digits(name->from, day);
    store_name_write(name, kind, file);
    snprintf(out, STORE_PATH_SIZE, "%.4s/%.2s/%s", day, day + 4, file);
}

/* Reads -YYYYMMDD backwards from *end, which is moved before it. */
static bool read_day(const char *text, size_t *end, int32_t *day)
{
    char date[DAY_SIZE];
    const char *digits;

    if (*end < 9) {
        return false;
    }
    *end -= 9;
    digits = text + *end + 1;
    snprintf(date, sizeof date, "%.4s-%.2s-%.2s", digits, digits + 4, digits + 6);
    return text[*end] == '-' && strspn(digits, "0123456789") >= 8 && day_read(date, day);
}

/* The number before the ending: 1 to 9 digits without a leading zero. */
static bool read_number(const char *text, size_t *end, unsigned *number)
{
    const char *digits;
    size_t length = 0;

    while (length < *end && strchr("0123456789", text[*end - 1 - length]) != NULL) {
        length++;
    }
    *end -= length;
    digits = text + *end;
    if (length == 0 || length > 9 || digits[0] == '0' || *end == 0 || text[*end - 1] != '-') {
        return false;
    }
    *end -= 1;
    *number = (unsigned)strtoul(digits, NULL, 10);
    return true;
}

bool store_name_read(const char *text, struct store_name *name)
{
    size_t start = sizeof name_start - 1, ending = strlen(endings[STORE_VOLUME]);
    size_t end = strlen(text);

    if (end <= start + ending || end >= STORE_NAME_SIZE || strncmp(text, name_start, start) != 0 ||
        strcmp(text + end - ending, endings[STORE_VOLUME]) != 0) {
        return false;
    }
    end -= ending;
    if (!read_number(text, &end, &name->number) || !read_day(text, &end, &name->to) ||
        !read_day(text, &end, &name->from) || end <= start || end - start >= STORE_HOST_SIZE) {
        return false;
    }
    memcpy(name->host, text + start, end - start);
    name->host[end - start] = '\0';
    return true;
}

void store_sibling(const char *path, enum store_kind kind, char out[STORE_PATH_SIZE])
{
    size_t length = strlen(path), ending = strlen(endings[STORE_VOLUME]);

    assert(length > ending);
    snprintf(out, STORE_PATH_SIZE, "%.*s%s", (int)(length - ending), path, endings[kind]);
}

struct listing {
    struct store_volume *volumes;
    size_t count;
    size_t capacity;
};

static void add(struct listing *listing, const char *year, const char *month, const char *file)
{
    struct store_volume volume;

    if (!store_name_read(file, &volume.name)) {
        return;
    }
    snprintf(volume.path, sizeof volume.path, "%.4s/%.2s/%.*s", year, month, STORE_NAME_SIZE - 1,
             file);
    if (listing->count == listing->capacity) {
        listing->capacity = 2 * listing->capacity + 16;
        listing->volumes =
            xrealloc(listing->volumes, listing->capacity * sizeof *listing->volumes);
    }
    listing->volumes[listing->count++] = volume;
}

/* Whether a name is a number of that many digits. */
static bool all_digits(const char *name, size_t length)
{
    return strlen(name) == length && strspn(name, "0123456789") == length;
}

/* Opens a folder below dir for listing; NULL when it is none. */
static DIR *list_below(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

    if (fd >= 0 && list == NULL) {
        close(fd);
    }
    return list;
}

static int list_month(struct listing *listing, int dir, const char *year, const char *month)
{
    DIR *list = list_below(dir, month);
    const struct dirent *found;
    int result;

    if (list == NULL) {
        return -errno;
    }
    while ((result = file_list_next(list, &found)) == 0 && found != NULL) {
        add(listing, year, month, found->d_name);
    }
    (void)closedir(list);
    return result;
}

static int list_year(struct listing *listing, int dir, const char *year)
{
    DIR *list = list_below(dir, year);
    const struct dirent *found;
    int result;

    if (list == NULL) {
        return -errno;
    }
    while ((result = file_list_next(list, &found)) == 0 && found != NULL) {
        result = all_digits(found->d_name, 2) ? list_month(listing, dirfd(list), year, found->d_name)
                                              : 0;
        if (result < 0) {
            break;
        }
    }
    (void)closedir(list);
    return result;
}

static int by_number(const void *a, const void *b)
{
    const struct store_volume *first = a, *second = b;

    if (first->name.number != second->name.number) {
        return first->name.number < second->name.number ? -1 : 1;
    }
    return strcmp(first->path, second->path);
}

ssize_t store_list(const struct spool *spool, struct store_volume **volumes)
{
    struct listing listing = {0};
    int dir = spool->dir[FOLDER_ARCHIVE];
    DIR *list = file_list(dir);
    const struct dirent *found;
    int result = list != NULL ? 0 : -errno;

    *volumes = NULL;
    while (result == 0 && (result = file_list_next(list, &found)) == 0 && found != NULL) {
        result = all_digits(found->d_name, 4) ? list_year(&listing, dir, found->d_name) : 0;
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    if (result < 0) {
        free(listing.volumes);
        return result;
    }
    if (listing.count > 0) {
        qsort(listing.volumes, listing.count, sizeof *listing.volumes, by_number);
    }
    *volumes = listing.volumes;
    return (ssize_t)listing.count;
}

/* Opens dir/name, made when it is missing, with the mode of the spool's folders. */
static int open_folder(const struct spool *spool, int dir, const char *name)
{
    mode_t mode = spool->shared ? 02750 : 0700;
    int fd, result;

    if (mkdirat(dir, name, 0700) < 0) {
        if (errno != EEXIST) {
            return -errno;
        }
        mode = 0;
    }
    /* Also of one that is there: a crash may have come before this. */
    result = file_sync_dir(dir);
    if (result < 0) {
        return result;
    }
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (mode != 0 && fchmod(fd, mode) < 0) {
        result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

/* Opens the folder of a month. */
static int open_month(const struct spool *spool, const struct store_name *name)
{
    char day[9], part[5];
    int year, month;

    day_digits(name->from, day);
    snprintf(part, sizeof part, "%.4s", day);
    year = open_folder(spool, spool->dir[FOLDER_ARCHIVE], part);
    if (year < 0) {
        return year;
    }
    snprintf(part, sizeof part, "%.2s", day + 4);
    month = open_folder(spool, year, part);
    close(year);
    return month;
}

static int publish_file(const struct spool *spool, const char *stem, int month,
                        const struct store_name *name, enum store_kind kind)
{
    char from[STORE_NAME_SIZE], to[STORE_NAME_SIZE];

    snprintf(from, sizeof from, "%s%s", stem, endings[kind]);
    store_name_write(name, kind, to);
    return move_noreplace(spool->dir[FOLDER_TMP], from, month, to);
}

/* An index and digests without their volume are what a crash left, and no volume is there by that name. */
static int clear_remains(int month, const struct store_name *name)
{
    char volume[STORE_NAME_SIZE], other[STORE_NAME_SIZE];
    struct stat status;

    store_name_write(name, STORE_VOLUME, volume);
    if (fstatat(month, volume, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return -EEXIST;
    }
    for (enum store_kind kind = STORE_INDEX; kind <= STORE_DIGESTS; kind++) {
        store_name_write(name, kind, other);
        if (unlinkat(month, other, 0) < 0 && errno != ENOENT) {
            return -errno;
        }
    }
    return 0;
}

int store_publish(const struct spool *spool, const char *stem, const struct store_name *name)
{
    int month = open_month(spool, name);
    int result = month < 0 ? month : clear_remains(month, name);

    if (result == 0) {
        result = publish_file(spool, stem, month, name, STORE_INDEX);
    }
    if (result == 0) {
        result = publish_file(spool, stem, month, name, STORE_DIGESTS);
    }
    if (result == 0) {
        result = file_sync_dir(month);
    }
    if (result == 0) {
        result = publish_file(spool, stem, month, name, STORE_VOLUME);
    }
    if (result == 0) {
        result = file_sync_dir(month);
    }
    if (month >= 0) {
        close(month);
    }
    return result;
}
