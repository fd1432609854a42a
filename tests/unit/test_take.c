/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_take: opening what others dropped. The calls that open and rename are wrapped. */
#include "unit.h"

#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "fresh.h"
#include "spool/take.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

static struct {
    int openat2_error;   /* of every openat2, 0 for the real one */
    int renameat2_error; /* of every renameat2 */
} faults;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);

long __wrap_syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    int dir = va_arg(arguments, int);
    const char *name = va_arg(arguments, const char *);
    struct open_how *how = va_arg(arguments, struct open_how *);
    size_t size = va_arg(arguments, size_t);
    va_end(arguments);
    assert_int_equal(number, SYS_openat2);
    assert_true(how->resolve == (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    if (faults.openat2_error != 0) {
        errno = faults.openat2_error;
        return -1;
    }
    return __real_syscall(number, dir, name, how, size);
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
    if (faults.renameat2_error != 0) {
        errno = faults.renameat2_error;
        return -1;
    }
    return __real_renameat2(from, a, to, b, flags);
}

static const struct take_policy private_policy = {.limit = 1000};
static const struct take_policy shared_policy = {.limit = 1000, .shared = true};

static int setup(void **state)
{
    memset(&faults, 0, sizeof faults);
    return fresh_spool(state);
}

/* A spool of an ordinary user, whatever user runs the tests. */
static int setup_user(void **state)
{
    memset(&faults, 0, sizeof faults);
    fresh_folder(state);
    fresh_drop_root(*state);
    fresh_make(*state);
    return 0;
}

static int new_dir(void **state)
{
    const struct fresh *fresh = *state;
    return fresh->spool->dir[FOLDER_NEW];
}

/* The time at which a file changed, and some milliseconds more. */
static struct wall after_change(int dir, const char *name, int64_t later_ms)
{
    struct stat status;
    assert_int_equal(fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW), 0);
    return (struct wall){(int64_t)status.st_ctim.tv_sec * 1000 + status.st_ctim.tv_nsec / 1000000 +
                         later_ms};
}

/* Tries to take new/name ten seconds after it changed. */
static enum take_verdict try_take(void **state, const char *name, const struct take_policy *policy,
                                  struct take *take)
{
    const struct fresh *fresh = *state;
    struct wall now = {0};
    if (fresh_exists(new_dir(state), name)) {
        now = after_change(new_dir(state), name, 10000);
    }
    return take_open(fresh->spool, FOLDER_NEW, name, policy, now, take);
}

/* Expects that new/name is judged so, with a reason that has these words, and not opened. */
static void expect_verdict(void **state, const char *name, enum take_verdict verdict,
                           const char *words)
{
    struct take take;
    assert_int_equal(try_take(state, name, &private_policy, &take), verdict);
    assert_int_equal(take.fd, -1);
    if (strstr(take.reason, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", take.reason, words);
    }
}

static void expect_content(const struct take *take, const char *text)
{
    struct buffer out = {0};
    assert_int_equal(take_read(take, &out), 0);
    assert_string_equal(out.bytes, text);
    assert_int_equal(out.length, strlen(text));
    buffer_free(&out);
}

static void a_dropped_file_is_opened_and_read(void **state)
{
    struct take take;
    fresh_write(new_dir(state), "a.json", "{\"x\": 1}");
    assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
    assert_true(take.fd >= 0);
    assert_false(take.foreign);
    assert_int_equal(take.status.st_size, 8);
    assert_int_equal(fcntl(take.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    expect_content(&take, "{\"x\": 1}");
    expect_content(&take, "{\"x\": 1}");
    take_close(&take);
    assert_int_equal(take.fd, -1);
    take_close(&take);
}

static void reading_adds_to_what_is_in_the_buffer(void **state)
{
    struct take take;
    struct buffer out = {0};
    fresh_write(new_dir(state), "a.json", "");
    assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
    assert_int_equal(take_read(&take, &out), 0);
    assert_int_equal(out.length, 0);
    take_close(&take);
    buffer_text(&out, "before ");
    fresh_write(new_dir(state), "b.json", "b");
    assert_int_equal(try_take(state, "b.json", &private_policy, &take), TAKE_READY);
    assert_int_equal(take_read(&take, &out), 0);
    assert_string_equal(out.bytes, "before b");
    take_close(&take);
    buffer_free(&out);
}

static void without_openat2_files_are_opened_and_links_refused_too(void **state)
{
    static const int refusals[] = {ENOSYS, EPERM};
    fresh_write(new_dir(state), "a.json", "a");
    assert_int_equal(symlinkat("a.json", new_dir(state), "b.json"), 0);
    for (size_t i = 0; i < UNIT_COUNT(refusals); i++) {
        struct take take;
        faults.openat2_error = refusals[i];
        assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
        expect_content(&take, "a");
        take_close(&take);
        expect_verdict(state, "b.json", TAKE_REFUSE, "symbolic link");
    }
}

static void a_name_that_left_is_gone(void **state)
{
    expect_verdict(state, "a.json", TAKE_GONE, "");
}

static void the_systems_trouble_refuses_nobody(void **state)
{
    static const int troubles[] = {EMFILE, ENFILE, ENOMEM, EIO, EINTR, EAGAIN, ESTALE};
    fresh_write(new_dir(state), "a.json", "a");
    for (size_t i = 0; i < UNIT_COUNT(troubles); i++) {
        faults.openat2_error = troubles[i];
        expect_verdict(state, "a.json", TAKE_LATER, strerror(troubles[i]));
    }
}

static void a_fifo_is_refused_without_waiting(void **state)
{
    assert_int_equal(mkfifoat(new_dir(state), "a.json", 0600), 0);
    expect_verdict(state, "a.json", TAKE_REFUSE, "a FIFO");
}

static void a_directory_is_refused(void **state)
{
    assert_int_equal(mkdirat(new_dir(state), "a.json", 0700), 0);
    expect_verdict(state, "a.json", TAKE_REFUSE, "a directory");
}

static void a_socket_is_refused(void **state)
{
    const struct fresh *fresh = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.60s/spool/new/a.json", fresh->folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    expect_verdict(state, "a.json", TAKE_REFUSE, "a socket");
    assert_int_equal(close(fd), 0);
}

static void a_device_is_refused(void **state)
{
    if (mknodat(new_dir(state), "a.json", S_IFCHR | 0600, makedev(1, 3)) != 0) {
        assert_int_equal(errno, EPERM);
        print_message("# only root makes devices\n");
        skip();
    }
    expect_verdict(state, "a.json", TAKE_REFUSE, "a device");
}

static void symbolic_links_are_refused_wherever_they_lead(void **state)
{
    static const char *const targets[] = {"b.json", "../new/b.json", "/etc/passwd",
                                          "a.json", "nowhere",       "/dev/zero"};
    fresh_write(new_dir(state), "b.json", "b");
    for (size_t i = 0; i < UNIT_COUNT(targets); i++) {
        assert_int_equal(symlinkat(targets[i], new_dir(state), "a.json"), 0);
        expect_verdict(state, "a.json", TAKE_REFUSE, "a symbolic link");
        assert_int_equal(unlinkat(new_dir(state), "a.json", 0), 0);
    }
}

static void a_file_over_the_limit_is_refused_with_the_limit(void **state)
{
    struct take take;
    fresh_write(new_dir(state), "a.json", "");
    int fd = openat(new_dir(state), "a.json", O_WRONLY);
    assert_int_equal(ftruncate(fd, 1000), 0);
    assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
    take_close(&take);
    assert_int_equal(ftruncate(fd, 1001), 0);
    expect_verdict(state, "a.json", TAKE_REFUSE, "1001 bytes, and the limit is 1000");
    /* Huge and sparse: nothing of it is read. */
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    expect_verdict(state, "a.json", TAKE_REFUSE, "limit");
    assert_int_equal(close(fd), 0);
}

static void an_unreadable_file_waits_until_that_is_mended(void **state)
{
    struct take take;
    fresh_write(new_dir(state), "a.json", "a");
    assert_int_equal(fchmodat(new_dir(state), "a.json", 0, 0), 0);
    expect_verdict(state, "a.json", TAKE_LATER, "cannot read: chmod u+r");
    assert_int_equal(fchmodat(new_dir(state), "a.json", 0400, 0), 0);
    assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
    take_close(&take);
}

static void an_unreadable_directory_is_refused_all_the_same(void **state)
{
    assert_int_equal(mkdirat(new_dir(state), "a.json", 0), 0);
    expect_verdict(state, "a.json", TAKE_REFUSE, "a directory");
}

static void need_root(void)
{
    if (getuid() != 0) {
        print_message("# only root gives files away\n");
        skip();
    }
}

/* Gives a file to another user, as root, and goes on as the spool's. */
static void give(void **state, const char *name, uid_t owner, mode_t mode)
{
    uid_t user = geteuid();
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchownat(new_dir(state), name, owner, owner, 0), 0);
    assert_int_equal(fchmodat(new_dir(state), name, mode, 0), 0);
    assert_int_equal(seteuid(user), 0);
}

static void a_private_spool_takes_no_strangers_files(void **state)
{
    need_root();
    fresh_write(new_dir(state), "a.json", "a");
    give(state, "a.json", 1234, 0644);
    expect_verdict(state, "a.json", TAKE_REFUSE, "uid 1234");
    give(state, "a.json", 1234, 0600);
    expect_verdict(state, "a.json", TAKE_REFUSE, "uid 1234");
}

static void a_private_spool_takes_roots_files(void **state)
{
    struct take take;
    need_root();
    fresh_write(new_dir(state), "a.json", "a");
    give(state, "a.json", 0, 0644);
    assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
    assert_true(take.foreign);
    take_close(&take);
    give(state, "a.json", 0, 0600);
    expect_verdict(state, "a.json", TAKE_LATER, "cannot read: chown");
}

static void a_shared_spool_takes_everybodys_files_and_says_that_they_are_foreign(void **state)
{
    struct take take;
    need_root();
    fresh_write(new_dir(state), "a.json", "a");
    give(state, "a.json", 1234, 0644);
    assert_int_equal(try_take(state, "a.json", &shared_policy, &take), TAKE_READY);
    assert_true(take.foreign);
    expect_content(&take, "a");
    take_close(&take);
    give(state, "a.json", 1234, 0600);
    assert_int_equal(try_take(state, "a.json", &shared_policy, &take), TAKE_LATER);
    assert_string_equal(take.reason, "cannot read: chmod g+r");
}

static void link_drop(void **state, const char *temp, const char *name)
{
    const struct fresh *fresh = *state;
    int tmp = fresh->spool->dir[FOLDER_TMP];
    fresh_write(tmp, temp, "a");
    assert_int_equal(linkat(tmp, temp, new_dir(state), name, 0), 0);
}

static void a_second_name_is_given_two_seconds_to_go(void **state)
{
    const struct fresh *fresh = *state;
    struct take take;
    link_drop(state, "a", "a.json");
    struct wall now = after_change(new_dir(state), "a.json", 1999);
    assert_int_equal(take_open(fresh->spool, FOLDER_NEW, "a.json", &private_policy, now, &take),
                     TAKE_LATER);
    assert_int_equal(take.fd, -1);
    now = after_change(new_dir(state), "a.json", -1999);
    assert_int_equal(take_open(fresh->spool, FOLDER_NEW, "a.json", &private_policy, now, &take),
                     TAKE_LATER);
    assert_true(fresh_exists(fresh->spool->dir[FOLDER_TMP], "a"));
}

static void then_a_name_in_tmp_goes_and_the_file_is_taken(void **state)
{
    static const char *const temps[] = {"a", "elsewhere"};
    const struct fresh *fresh = *state;
    for (size_t i = 0; i < UNIT_COUNT(temps); i++) {
        struct take take;
        fresh_write(fresh->spool->dir[FOLDER_TMP], "unrelated", "u");
        link_drop(state, temps[i], "a.json");
        assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
        assert_int_equal(take.status.st_nlink, 1);
        expect_content(&take, "a");
        take_close(&take);
        assert_false(fresh_exists(fresh->spool->dir[FOLDER_TMP], temps[i]));
        fresh_expect(fresh->spool->dir[FOLDER_TMP], "unrelated", "u");
        assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_TMP], "unrelated", 0), 0);
        assert_int_equal(unlinkat(new_dir(state), "a.json", 0), 0);
    }
}

static void a_clock_set_back_makes_nobody_wait_for_ever(void **state)
{
    const struct fresh *fresh = *state;
    struct take take;
    link_drop(state, "a", "a.json");
    struct wall now = after_change(new_dir(state), "a.json", -3600000);
    assert_int_equal(take_open(fresh->spool, FOLDER_NEW, "a.json", &private_policy, now, &take),
                     TAKE_READY);
    take_close(&take);
}

static struct id sample_id(void)
{
    struct id id;
    assert_true(id_read(HEX, &id));
    return id;
}

static void a_hard_link_to_elsewhere_is_refused_by_its_content(void **state)
{
    const struct fresh *fresh = *state;
    struct take take;
    struct id id = sample_id();
    fresh_write(fresh->dir, "elsewhere", "a");
    assert_int_equal(linkat(fresh->dir, "elsewhere", new_dir(state), "a.json", 0), 0);
    /* Another job of that ID is no excuse. */
    fresh_write(fresh->spool->dir[FOLDER_CUR], HEX ".json", "a");
    assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_LINKED);
    expect_content(&take, "a");
    assert_int_equal(take_linked(fresh->spool, "a.json", &id, &take), TAKE_REFUSE);
    assert_non_null(strstr(take.reason, "hard link"));
    take_close(&take);
    assert_true(fresh_exists(new_dir(state), "a.json"));
    assert_true(fresh_exists(fresh->dir, "elsewhere"));
}

static void our_own_half_done_move_is_finished(void **state)
{
    static const enum folder later[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};
    const struct fresh *fresh = *state;
    struct id id = sample_id();
    for (size_t i = 0; i < UNIT_COUNT(later); i++) {
        struct take take;
        int dir = fresh->spool->dir[later[i]];
        fresh_write(dir, HEX ".json", "a");
        assert_int_equal(linkat(dir, HEX ".json", new_dir(state), "a.json", 0), 0);
        assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_LINKED);
        assert_int_equal(take_linked(fresh->spool, "a.json", &id, &take), TAKE_GONE);
        take_close(&take);
        assert_false(fresh_exists(new_dir(state), "a.json"));
        fresh_expect(dir, HEX ".json", "a");
        assert_int_equal(unlinkat(dir, HEX ".json", 0), 0);
    }
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
}

static void an_order_with_a_second_name_is_refused_at_once(void **state)
{
    const struct fresh *fresh = *state;
    int ctl = fresh->spool->dir[FOLDER_CTL];
    struct take take;
    fresh_write(fresh->dir, "elsewhere", "ALL");
    assert_int_equal(linkat(fresh->dir, "elsewhere", ctl, "cancel.x", 0), 0);
    struct wall now = after_change(ctl, "cancel.x", 10000);
    assert_int_equal(take_open(fresh->spool, FOLDER_CTL, "cancel.x", &private_policy, now, &take),
                     TAKE_REFUSE);
    assert_int_equal(take.fd, -1);
}

static void a_strangers_hard_link_is_refused_at_once(void **state)
{
    const struct fresh *fresh = *state;
    struct take take;
    need_root();
    fresh_write(fresh->dir, "elsewhere", "a");
    assert_int_equal(linkat(fresh->dir, "elsewhere", new_dir(state), "a.json", 0), 0);
    give(state, "a.json", 1234, 0644);
    assert_int_equal(try_take(state, "a.json", &shared_policy, &take), TAKE_REFUSE);
    assert_int_equal(take.fd, -1);
    assert_non_null(strstr(take.reason, "hard link"));
}

/* Changes a taken file by a call on another descriptor and expects that reading tells. */
static void expect_stale(void **state, const char *name, void (*change)(int fd))
{
    struct take take;
    struct buffer out = {0};
    buffer_text(&out, "before");
    fresh_write(new_dir(state), name, "content");
    assert_int_equal(try_take(state, name, &private_policy, &take), TAKE_READY);
    int fd = openat(new_dir(state), name, O_RDWR);
    change(fd);
    assert_int_equal(close(fd), 0);
    assert_int_equal(take_read(&take, &out), -ESTALE);
    assert_string_equal(out.bytes, "before");
    take_close(&take);
    buffer_free(&out);
}

static void let_grow(int fd)
{
    assert_int_equal(pwrite(fd, "more", 4, 7), 4);
}

static void truncate_it(int fd)
{
    assert_int_equal(ftruncate(fd, 3), 0);
}

static void touch_it(int fd)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 12345}};
    assert_int_equal(futimens(fd, times), 0);
}

static void a_file_that_changes_under_our_hands_is_told(void **state)
{
    expect_stale(state, "a.json", let_grow);
    expect_stale(state, "b.json", truncate_it);
    expect_stale(state, "c.json", touch_it);
}

static void a_file_that_is_replaced_is_read_as_it_was_opened(void **state)
{
    struct take take;
    fresh_write(new_dir(state), "a.json", "old");
    fresh_write(new_dir(state), "b.json", "new");
    assert_int_equal(try_take(state, "a.json", &private_policy, &take), TAKE_READY);
    assert_int_equal(renameat(new_dir(state), "b.json", new_dir(state), "a.json"), 0);
    expect_content(&take, "old");
    take_close(&take);
}

static void refuse_as(void **state, const char *name, bool own_name)
{
    const struct fresh *fresh = *state;
    char kept[NAME_LIMIT];
    assert_int_equal(take_refuse(fresh->spool, FOLDER_NEW, name, kept), 0);
    assert_false(fresh_exists(new_dir(state), name));
    assert_true(fresh_exists(fresh->spool->dir[FOLDER_FAILED], kept));
    if (own_name) {
        assert_string_equal(kept, name);
    } else {
        assert_int_equal(strncmp(kept, "refused-", 8), 0);
        assert_int_equal(drop_read(kept), DROP_JOB);
        assert_int_equal(strlen(kept), strlen("refused-.json") + 24);
    }
}

static void what_is_refused_keeps_its_name_where_that_is_harmless(void **state)
{
    char long_name[NAME_LIMIT];
    memset(long_name, 'n', sizeof long_name);
    const struct {
        const char *name;
        int length; /* cut to */
        bool own_name;
    } names[] = {
        {"a.json", 6, true},
        {"\xc3\xa9 \xff.json", 9, true},
        {"64 hex digits are needed: 00112233.json", 39, true},
        {long_name, 200, true},
        {long_name, 201, false},
        {long_name, 255, false},
        {"a\nb.json", 8, false},
        {"a\x7f.json", 7, false},
        {"\x1b[31m.json", 10, false},
        {HEX ".json", 69, false},
        {HEX ".v1.json", 72, false},
        {HEX, 64, false},
        {"a.json.error.json", 17, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(names); i++) {
        char name[NAME_LIMIT];
        snprintf(name, sizeof name, "%.*s", names[i].length, names[i].name);
        fresh_write(new_dir(state), name, "x");
        refuse_as(state, name, names[i].own_name);
    }
    fresh_write(new_dir(state), "a.json", "again");
    refuse_as(state, "a.json", false);
}

/* The types of entry that somebody may drop. */
static void drop_all_types(void **state)
{
    assert_int_equal(mkfifoat(new_dir(state), "fifo.json", 0), 0);
    assert_int_equal(symlinkat("nowhere", new_dir(state), "link.json"), 0);
    assert_int_equal(mkdirat(new_dir(state), "folder.json", 0700), 0);
    int folder = openat(new_dir(state), "folder.json", O_RDONLY | O_DIRECTORY);
    fresh_write(folder, "inside", "x");
    assert_int_equal(close(folder), 0);
}

static void entries_of_any_type_are_kept(void **state)
{
    const struct fresh *fresh = *state;
    drop_all_types(state);
    refuse_as(state, "fifo.json", true);
    refuse_as(state, "link.json", true);
    refuse_as(state, "folder.json", true);
    assert_int_equal(mkdirat(new_dir(state), "locked.json", 0), 0);
    refuse_as(state, "locked.json", true);
    assert_int_equal(mkdirat(new_dir(state), "folder.json", 0700), 0);
    refuse_as(state, "folder.json", false);
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_FAILED]), 5);
}

static void so_they_are_where_only_links_avoid_replacing(void **state)
{
    faults.renameat2_error = EINVAL;
    drop_all_types(state);
    refuse_as(state, "fifo.json", true);
    refuse_as(state, "link.json", true);
    refuse_as(state, "folder.json", true);
    assert_int_equal(mkdirat(new_dir(state), "folder.json", 0700), 0);
    refuse_as(state, "folder.json", false);
}

static void refusing_what_is_not_there_is_told(void **state)
{
    const struct fresh *fresh = *state;
    char kept[NAME_LIMIT];
    assert_int_equal(take_refuse(fresh->spool, FOLDER_NEW, "a.json", kept), -ENOENT);
}

int main(void)
{
#define TAKE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fresh_end)
#define USER_TEST(function) cmocka_unit_test_setup_teardown(function, setup_user, fresh_end)
    static const struct CMUnitTest tests[] = {
        TAKE_TEST(a_dropped_file_is_opened_and_read),
        TAKE_TEST(reading_adds_to_what_is_in_the_buffer),
        TAKE_TEST(without_openat2_files_are_opened_and_links_refused_too),
        TAKE_TEST(a_name_that_left_is_gone),
        TAKE_TEST(the_systems_trouble_refuses_nobody),
        TAKE_TEST(a_fifo_is_refused_without_waiting),
        TAKE_TEST(a_directory_is_refused),
        TAKE_TEST(a_socket_is_refused),
        TAKE_TEST(a_device_is_refused),
        TAKE_TEST(symbolic_links_are_refused_wherever_they_lead),
        TAKE_TEST(a_file_over_the_limit_is_refused_with_the_limit),
        USER_TEST(an_unreadable_file_waits_until_that_is_mended),
        USER_TEST(an_unreadable_directory_is_refused_all_the_same),
        USER_TEST(a_private_spool_takes_no_strangers_files),
        USER_TEST(a_private_spool_takes_roots_files),
        USER_TEST(a_shared_spool_takes_everybodys_files_and_says_that_they_are_foreign),
        TAKE_TEST(a_second_name_is_given_two_seconds_to_go),
        TAKE_TEST(then_a_name_in_tmp_goes_and_the_file_is_taken),
        TAKE_TEST(a_clock_set_back_makes_nobody_wait_for_ever),
        TAKE_TEST(a_hard_link_to_elsewhere_is_refused_by_its_content),
        TAKE_TEST(our_own_half_done_move_is_finished),
        TAKE_TEST(an_order_with_a_second_name_is_refused_at_once),
        USER_TEST(a_strangers_hard_link_is_refused_at_once),
        TAKE_TEST(a_file_that_changes_under_our_hands_is_told),
        TAKE_TEST(a_file_that_is_replaced_is_read_as_it_was_opened),
        TAKE_TEST(what_is_refused_keeps_its_name_where_that_is_harmless),
        USER_TEST(entries_of_any_type_are_kept),
        USER_TEST(so_they_are_where_only_links_avoid_replacing),
        TAKE_TEST(refusing_what_is_not_there_is_told),
    };
    return UNIT_RUN(tests);
}
