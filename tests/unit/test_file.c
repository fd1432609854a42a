/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_file: reading and writing whole files. fsync(2) and close(2) are wrapped. */
#include "unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/sha256.h"
#include "fresh.h"

/* What the wrapped calls do and have seen. */
static struct {
    int syncs;
    int watched; /* a folder, or -1; in it at the last fsync: */
    bool owners; /* a temporary name of the spool's owner */
    int sync_error; /* errno of the next fsync, once */
    int close_error;
} faults;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_close(int fd);
int __wrap_close(int fd);

static void look_for_owners(void)
{
    DIR *list = faults.watched >= 0 ? file_list(faults.watched) : NULL;
    const struct dirent *entry;
    faults.owners = false;
    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        faults.owners = faults.owners || temp_name_is(entry->d_name);
    }
    if (list != NULL) {
        closedir(list);
    }
}

int __wrap_fsync(int fd)
{
    faults.syncs++;
    look_for_owners();
    if (faults.sync_error != 0) {
        errno = faults.sync_error;
        faults.sync_error = 0;
        return -1;
    }
    return __real_fsync(fd);
}

int __wrap_close(int fd)
{
    int result = __real_close(fd);
    if (faults.close_error != 0) {
        errno = faults.close_error;
        faults.close_error = 0;
        return -1;
    }
    return result;
}

static int setup(void **state)
{
    memset(&faults, 0, sizeof faults);
    faults.watched = -1;
    return fresh_folder(state);
}

static mode_t mode_of(int dir, const char *name)
{
    struct stat status;
    assert_int_equal(fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status.st_mode & ALLPERMS;
}

static void a_stream_is_read_to_its_end(void **state)
{
    (void)state;
    enum { LENGTH = 150000 };
    char *sent = malloc(LENGTH);
    assert_non_null(sent);
    memset(sent, 'x', LENGTH);
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    int size = 4 * LENGTH;
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(file_write(ends[1], sent, LENGTH), 0);
    assert_int_equal(close(ends[1]), 0);
    struct buffer out = {0};
    buffer_text(&out, "before ");
    assert_int_equal(file_read(ends[0], LENGTH, &out), 0);
    assert_int_equal(out.length, 7 + LENGTH);
    assert_memory_equal(out.bytes, "before ", 7);
    assert_memory_equal(out.bytes + 7, sent, LENGTH);
    assert_int_equal(out.bytes[out.length], 0);
    buffer_free(&out);
    free(sent);
    assert_int_equal(close(ends[0]), 0);
}

static void what_is_over_the_limit_is_refused_and_nothing_is_added(void **state)
{
    struct fresh *fresh = *state;
    struct buffer out = {0};
    fresh_write(fresh->dir, "five", "12345");
    assert_int_equal(file_read_at(fresh->dir, "five", 5, &out, NULL), 0);
    assert_string_equal(out.bytes, "12345");
    assert_int_equal(file_read_at(fresh->dir, "five", 4, &out, NULL), -EFBIG);
    int fd = openat(fresh->dir, "five", O_RDONLY);
    assert_int_equal(file_read(fd, 4, &out), -EFBIG);
    assert_int_equal(close(fd), 0);
    assert_string_equal(out.bytes, "12345");
    assert_int_equal(out.length, 5);
    buffer_free(&out);
}

static void an_empty_file_is_read_as_nothing(void **state)
{
    struct fresh *fresh = *state;
    struct buffer out = {0};
    struct stat status;
    fresh_write(fresh->dir, "empty", "");
    assert_int_equal(file_read_at(fresh->dir, "empty", 0, &out, &status), 0);
    assert_int_equal(out.length, 0);
    assert_string_equal(out.bytes, "");
    assert_int_equal(status.st_size, 0);
    buffer_free(&out);
}

/* /proc says size 0 and has content: the size is a hint only. */
static void a_file_longer_than_its_size_is_read_whole(void **state)
{
    (void)state;
    struct buffer out = {0};
    int proc = open("/proc/self", O_RDONLY | O_DIRECTORY);
    assert_int_equal(file_read_at(proc, "status", 1 << 20, &out, NULL), 0);
    assert_non_null(strstr(out.bytes, "Uid:"));
    assert_int_equal(close(proc), 0);
    buffer_free(&out);
}

static void only_regular_files_are_read(void **state)
{
    struct fresh *fresh = *state;
    struct buffer out = {0};
    assert_int_equal(mkfifoat(fresh->dir, "fifo", 0600), 0);
    assert_int_equal(mkdirat(fresh->dir, "folder", 0700), 0);
    assert_int_equal(symlinkat("/etc/passwd", fresh->dir, "link"), 0);
    assert_int_equal(file_read_at(fresh->dir, "fifo", 100, &out, NULL), -EINVAL);
    assert_int_equal(file_read_at(fresh->dir, "folder", 100, &out, NULL), -EISDIR);
    assert_int_equal(file_read_at(fresh->dir, "link", 100000, &out, NULL), -ELOOP);
    assert_int_equal(file_read_at(fresh->dir, "none", 100, &out, NULL), -ENOENT);
    assert_int_equal(out.length, 0);
    buffer_free(&out);
}

static void a_made_file_has_exactly_its_mode(void **state)
{
    struct fresh *fresh = *state;
    mode_t old = umask(0777);
    assert_int_equal(file_make(fresh->dir, "a", 0640, "x", 1, false), 0);
    umask(0);
    assert_int_equal(file_make(fresh->dir, "b", 0600, "x", 1, false), 0);
    umask(old);
    assert_int_equal(mode_of(fresh->dir, "a"), 0640);
    assert_int_equal(mode_of(fresh->dir, "b"), 0600);
    fresh_expect(fresh->dir, "a", "x");
}

static void making_never_touches_what_is_there(void **state)
{
    struct fresh *fresh = *state;
    fresh_write(fresh->dir, "a", "old");
    assert_int_equal(symlinkat("target", fresh->dir, "link"), 0);
    assert_int_equal(file_make(fresh->dir, "a", 0600, "new", 3, true), -EEXIST);
    assert_int_equal(file_make(fresh->dir, "link", 0600, "new", 3, true), -EEXIST);
    fresh_expect(fresh->dir, "a", "old");
    assert_false(fresh_exists(fresh->dir, "target"));
}

static void durable_means_synced_once_and_else_not_at_all(void **state)
{
    struct fresh *fresh = *state;
    assert_int_equal(file_make(fresh->dir, "a", 0600, "x", 1, false), 0);
    assert_int_equal(faults.syncs, 0);
    assert_int_equal(file_make(fresh->dir, "b", 0600, "x", 1, true), 0);
    assert_int_equal(faults.syncs, 1);
    assert_int_equal(file_replace(fresh->dir, fresh->dir, "c", 0600, "x", 1, true), 0);
    assert_int_equal(faults.syncs, 3);
    assert_int_equal(file_replace(fresh->dir, fresh->dir, "c", 0600, "y", 1, false), 0);
    assert_int_equal(faults.syncs, 3);
}

static void a_failed_sync_is_final(void **state)
{
    struct fresh *fresh = *state;
    faults.sync_error = EIO;
    assert_int_equal(file_make(fresh->dir, "a", 0600, "x", 1, true), -EIO);
    assert_int_equal(faults.syncs, 1);
    assert_int_equal(fresh_count(fresh->dir), 0);
}

static void a_failed_close_is_a_failure(void **state)
{
    struct fresh *fresh = *state;
    faults.close_error = EDQUOT;
    assert_int_equal(file_make(fresh->dir, "a", 0600, "x", 1, false), -EDQUOT);
    assert_int_equal(fresh_count(fresh->dir), 0);
}

static void a_failed_write_leaves_nothing(void **state)
{
    struct fresh *fresh = *state;
    struct rlimit old, small;
    char bytes[5000] = {0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int made = file_make(fresh->dir, "a", 0600, bytes, sizeof bytes, false);
    int replaced = file_replace(fresh->dir, fresh->dir, "b", 0600, bytes, sizeof bytes, false);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(made, -EFBIG);
    assert_int_equal(replaced, -EFBIG);
    assert_int_equal(fresh_count(fresh->dir), 0);
}

static void temporary_files_have_random_names(void **state)
{
    struct fresh *fresh = *state;
    char a[RANDOM_NAME_SIZE], b[RANDOM_NAME_SIZE];
    unsigned char bits[(RANDOM_NAME_SIZE - 1) / 2];
    assert_int_equal(file_make_temp(fresh->dir, a, 0600, "a", 1, false), 0);
    assert_int_equal(file_make_temp(fresh->dir, b, 0600, "b", 1, false), 0);
    assert_string_not_equal(a, b);
    assert_true(hex_read(a, bits, sizeof bits));
    fresh_expect(fresh->dir, a, "a");
    fresh_expect(fresh->dir, b, "b");
}

static void replacing_makes_a_new_inode_under_the_old_name(void **state)
{
    struct fresh *fresh = *state;
    struct stat before, after;
    fresh_write(fresh->dir, "a", "old");
    assert_int_equal(fstatat(fresh->dir, "a", &before, 0), 0);
    assert_int_equal(file_replace(fresh->dir, fresh->dir, "a", 0640, "new", 3, false), 0);
    assert_int_equal(fstatat(fresh->dir, "a", &after, 0), 0);
    assert_false(file_same(&before, &after));
    fresh_expect(fresh->dir, "a", "new");
    assert_int_equal(mode_of(fresh->dir, "a"), 0640);
    assert_int_equal(fresh_count(fresh->dir), 1);
}

/* What has an owner's name in tmp/ is removed when the next owner starts. */
static void a_guest_replaces_under_a_name_that_is_no_owners(void **state)
{
    struct fresh *fresh = *state;
    fresh_write(fresh->dir, "a", "old");
    assert_int_equal(mkdirat(fresh->dir, "tmp", 0700), 0);
    faults.watched = openat(fresh->dir, "tmp", O_RDONLY | O_DIRECTORY);
    assert_true(faults.watched >= 0);
    faults.sync_error = EIO;
    assert_int_equal(file_replace(faults.watched, fresh->dir, "a", 0640, "x", 1, true), -EIO);
    assert_true(faults.owners);
    faults.sync_error = EIO;
    assert_int_equal(file_replace_as_guest(faults.watched, fresh->dir, "a", 0640, "x", 1, true),
                     -EIO);
    assert_false(faults.owners);
    fresh_expect(fresh->dir, "a", "old");
    assert_int_equal(file_replace_as_guest(faults.watched, fresh->dir, "a", 0640, "new", 3, true),
                     0);
    fresh_expect(fresh->dir, "a", "new");
    assert_int_equal(mode_of(fresh->dir, "a"), 0640);
    assert_int_equal(fresh_count(faults.watched), 0);
    assert_int_equal(__real_close(faults.watched), 0);
}

static void a_failed_replacing_leaves_the_old_and_no_temporary_file(void **state)
{
    struct fresh *fresh = *state;
    assert_int_equal(mkdirat(fresh->dir, "folder", 0700), 0);
    assert_int_equal(file_replace(fresh->dir, fresh->dir, "folder", 0600, "x", 1, true), -EISDIR);
    assert_int_equal(fresh_count(fresh->dir), 1);
    fresh_write(fresh->dir, "a", "old");
    faults.sync_error = EIO;
    assert_int_equal(file_replace(fresh->dir, fresh->dir, "a", 0600, "new", 3, true), -EIO);
    fresh_expect(fresh->dir, "a", "old");
    assert_int_equal(fresh_count(fresh->dir), 2);
}

static void a_failed_sync_of_a_folder_is_told(void **state)
{
    struct fresh *fresh = *state;
    faults.sync_error = EIO;
    assert_int_equal(file_sync_dir(fresh->dir), -EIO);
    assert_int_equal(file_sync_dir(fresh->dir), 0);
}

static void listing_gives_each_entry_once_and_starts_anew(void **state)
{
    struct fresh *fresh = *state;
    fresh_write(fresh->dir, "a", "");
    fresh_write(fresh->dir, ".b", "");
    fresh_write(fresh->dir, "...", "");
    assert_int_equal(fresh_count(fresh->dir), 3);
    assert_int_equal(fresh_count(fresh->dir), 3);
    int fd = openat(fresh->dir, "a", O_RDONLY);
    assert_null(file_list(fd));
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
#define FILE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fresh_end)
    static const struct CMUnitTest tests[] = {
        FILE_TEST(a_stream_is_read_to_its_end),
        FILE_TEST(what_is_over_the_limit_is_refused_and_nothing_is_added),
        FILE_TEST(an_empty_file_is_read_as_nothing),
        FILE_TEST(a_file_longer_than_its_size_is_read_whole),
        FILE_TEST(only_regular_files_are_read),
        FILE_TEST(a_made_file_has_exactly_its_mode),
        FILE_TEST(making_never_touches_what_is_there),
        FILE_TEST(durable_means_synced_once_and_else_not_at_all),
        FILE_TEST(a_failed_sync_is_final),
        FILE_TEST(a_failed_close_is_a_failure),
        FILE_TEST(a_failed_write_leaves_nothing),
        FILE_TEST(temporary_files_have_random_names),
        FILE_TEST(replacing_makes_a_new_inode_under_the_old_name),
        FILE_TEST(a_guest_replaces_under_a_name_that_is_no_owners),
        FILE_TEST(a_failed_replacing_leaves_the_old_and_no_temporary_file),
        FILE_TEST(a_failed_sync_of_a_folder_is_told),
        FILE_TEST(listing_gives_each_entry_once_and_starts_anew),
    };
    return UNIT_RUN(tests);
}
