/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_spool: making, finding, opening and owning a spool. Calls that change the disk are wrapped.
 */
#include "unit.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "fresh.h"

static struct {
    int calls;     /* wrapped calls so far */
    int kill_at;   /* the process dies instead of this call, 0 never */
    int fail_at;   /* this call fails with EIO, 0 never */
    int last_sync; /* number of the last sync of a folder, and of the renaming of spool.json */
    int renamed;
} seen;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_mkdirat(int dir, const char *name, mode_t mode);
int __wrap_mkdirat(int dir, const char *name, mode_t mode);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);

static bool next_call(void)
{
    seen.calls++;
    if (seen.calls == seen.kill_at) {
        _exit(9);
    }
    errno = EIO;
    return seen.calls != seen.fail_at;
}

int __wrap_fsync(int fd)
{
    if (!next_call()) {
        return -1;
    }
    seen.last_sync = seen.calls;
    return __real_fsync(fd);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return next_call() ? __real_fchmod(fd, mode) : -1;
}

int __wrap_mkdirat(int dir, const char *name, mode_t mode)
{
    return next_call() ? __real_mkdirat(dir, name, mode) : -1;
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
    if (!next_call()) {
        return -1;
    }
    seen.renamed = seen.calls;
    return __real_renameat2(from, a, to, b, flags);
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof seen);
    return fresh_folder(state);
}

static int setup_spool(void **state)
{
    setup(state);
    fresh_make(*state);
    memset(&seen, 0, sizeof seen);
    return 0;
}

/* Makes a spool; returns whether anything was changed. */
static bool make(const struct spool_plan *plan)
{
    struct error error;
    bool made = false;
    if (spool_make(plan, &made, &error) != 0) {
        fail_msg("%s", error.text);
    }
    return made;
}

static void refuse_to_make(const struct spool_plan *plan, const char *words)
{
    struct error error;
    bool made;
    assert_int_equal(spool_make(plan, &made, &error), -1);
    if (strstr(error.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    }
}

static void refuse_to_open(const struct fresh *fresh, const char *words)
{
    struct error error;
    struct spool *spool = spool_open(fresh->path, &error);
    assert_null(spool);
    assert_int_equal(error.kind, ERROR_ABSENT);
    if (strstr(error.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    }
}

static mode_t mode_of(const struct fresh *fresh, const char *name)
{
    char path[400];
    struct stat status;
    snprintf(path, sizeof path, "spool/%s", name);
    assert_int_equal(fstatat(fresh->dir, path, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status.st_mode & ALLPERMS;
}

static int open_spool_folder(const struct fresh *fresh)
{
    int fd = openat(fresh->dir, "spool", O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    return fd;
}

/* Making */

static void a_private_spool_is_for_its_owner_alone(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path, .default_model = "m\"1"};
    mode_t old = umask(0777);
    bool made = make(&plan);
    umask(old);
    assert_true(made);
    for (int i = 0; i < FOLDER_COUNT; i++) {
        assert_int_equal(mode_of(fresh, folder_name((enum folder)i)), 0700);
    }
    assert_int_equal(mode_of(fresh, ""), 0700);
    assert_int_equal(mode_of(fresh, "spool.json"), 0600);
    int root = open_spool_folder(fresh);
    fresh_expect(root, "spool.json", "{\"llmspool\":1,\"default_model\":\"m\\\"1\"}\n");
    assert_int_equal(fresh_count(root), FOLDER_COUNT + 1);
    assert_int_equal(close(root), 0);
    struct error error;
    fresh->spool = spool_open(fresh->path, &error);
    assert_non_null(fresh->spool);
    assert_false(fresh->spool->shared);
    assert_int_equal(fresh->spool->job_mode, 0600);
    assert_string_equal(fresh->spool->default_model, "m\"1");
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
}

/* A group that the tests may give files to, not root's own where there is another. */
static const struct group *some_group(void)
{
    const struct group *group = getuid() == 0 ? getgrgid(1) : getgrgid(getegid());
    if (group == NULL) {
        print_message("# no group has a name\n");
        skip();
    }
    return group;
}

static void a_shared_spool_is_for_its_group(void **state)
{
    struct fresh *fresh = *state;
    const struct group *group = some_group();
    struct spool_plan plan = {.path = fresh->path, .group = group->gr_name};
    mode_t old = umask(077);
    assert_true(make(&plan));
    umask(old);
    struct error error;
    fresh->spool = spool_open(fresh->path, &error);
    assert_non_null(fresh->spool);
    for (int i = 0; i < FOLDER_COUNT; i++) {
        bool dropped = i == FOLDER_TMP || i == FOLDER_NEW || i == FOLDER_CTL;
        struct stat status;
        assert_int_equal(fstat(fresh->spool->dir[i], &status), 0);
        assert_int_equal(status.st_mode & ALLPERMS, dropped ? 03770 : 02750);
        assert_int_equal(status.st_gid, group->gr_gid);
    }
    assert_int_equal(mode_of(fresh, ""), 02750);
    assert_int_equal(mode_of(fresh, "spool.json"), 0640);
    assert_true(fresh->spool->shared);
    assert_int_equal(fresh->spool->group, group->gr_gid);
    assert_int_equal(fresh->spool->job_mode, 0640);
    assert_false(make(&plan));
    plan.group = NULL;
    refuse_to_make(&plan, "shared by a group");
}

static void a_group_that_does_not_exist_is_refused(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path, .group = "no such group"};
    refuse_to_make(&plan, "no group no such group");
    assert_int_equal(fresh_count(fresh->dir), 0);
}

static void root_makes_a_spool_for_whom_the_folder_belongs_to(void **state)
{
    struct fresh *fresh = *state;
    if (getuid() != 0) {
        print_message("# only root gives files away\n");
        skip();
    }
    assert_int_equal(mkdirat(fresh->dir, "spool", 0755), 0);
    assert_int_equal(fchownat(fresh->dir, "spool", FRESH_NOBODY, FRESH_NOBODY, 0), 0);
    struct spool_plan plan = {.path = fresh->path};
    assert_true(make(&plan));
    assert_int_equal(mode_of(fresh, ""), 0700);
    struct stat status;
    assert_int_equal(fstatat(fresh->dir, "spool/new", &status, 0), 0);
    assert_int_equal(status.st_uid, FRESH_NOBODY);
    assert_int_equal(fstatat(fresh->dir, "spool/spool.json", &status, 0), 0);
    assert_int_equal(status.st_uid, FRESH_NOBODY);
}

static void missing_parents_are_made_and_slashes_do_no_harm(void **state)
{
    struct fresh *fresh = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/a/b//spool//", fresh->folder);
    struct spool_plan plan = {.path = path};
    assert_true(make(&plan));
    assert_true(fresh_exists(fresh->dir, "a/b/spool/spool.json"));
}

static void a_second_call_changes_nothing(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path, .default_model = "m"};
    struct stat before, after;
    assert_true(make(&plan));
    assert_int_equal(fstatat(fresh->dir, "spool/spool.json", &before, 0), 0);
    assert_int_equal(fchmodat(fresh->dir, "spool/done", 0755, 0), 0);
    assert_false(make(&plan));
    plan.default_model = NULL;
    assert_false(make(&plan));
    assert_int_equal(fstatat(fresh->dir, "spool/spool.json", &after, 0), 0);
    assert_true(file_same(&before, &after));
    assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
    assert_int_equal(mode_of(fresh, "done"), 0755);
}

static void a_missing_folder_is_made_again(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path};
    assert_true(make(&plan));
    assert_int_equal(unlinkat(fresh->dir, "spool/outbox", AT_REMOVEDIR), 0);
    assert_true(make(&plan));
    assert_int_equal(mode_of(fresh, "outbox"), 0700);
}

static void other_settings_are_refused(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path};
    assert_true(make(&plan));
    plan.default_model = "m";
    refuse_to_make(&plan, "default model unset");
    plan.default_model = "";
    refuse_to_make(&plan, "no model's name");
    plan.default_model = "\xff";
    refuse_to_make(&plan, "no model's name");
    plan.default_model = NULL;
    plan.group = some_group()->gr_name;
    refuse_to_make(&plan, "private");
    int root = open_spool_folder(fresh);
    fresh_expect(root, "spool.json", "{\"llmspool\":1}\n");
    assert_int_equal(close(root), 0);
}

static void a_folder_with_anything_else_in_it_is_refused_untouched(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path};
    assert_int_equal(mkdirat(fresh->dir, "spool", 0755), 0);
    int root = open_spool_folder(fresh);
    fresh_write(root, "letter", "x");
    refuse_to_make(&plan, "not empty and no spool");
    assert_int_equal(unlinkat(root, "letter", 0), 0);
    /* A file, or a link, of a folder's name. */
    fresh_write(root, "cur", "x");
    refuse_to_make(&plan, "not empty and no spool");
    assert_int_equal(unlinkat(root, "cur", 0), 0);
    assert_int_equal(symlinkat("/tmp", root, "tmp"), 0);
    refuse_to_make(&plan, "not empty and no spool");
    assert_int_equal(unlinkat(root, "tmp", 0), 0);
    /* A mail folder. */
    assert_int_equal(mkdirat(root, "cur", 0755), 0);
    int cur = openat(root, "cur", O_RDONLY | O_DIRECTORY);
    fresh_write(cur, "1700000000.mail", "x");
    refuse_to_make(&plan, "not empty and no spool");
    assert_int_equal(close(cur), 0);
    assert_int_equal(fresh_count(root), 1);
    assert_int_equal(mode_of(fresh, ""), 0755);
    assert_int_equal(mode_of(fresh, "cur"), 0755);
    assert_int_equal(close(root), 0);
}

static void an_empty_folder_is_taken(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path};
    assert_int_equal(mkdirat(fresh->dir, "spool", 0755), 0);
    assert_true(make(&plan));
    assert_int_equal(mode_of(fresh, ""), 0700);
    refuse_to_make(&(struct spool_plan){.path = ""}, "path is empty");
}

static void a_file_in_its_place_is_refused(void **state)
{
    struct fresh *fresh = *state;
    fresh_write(fresh->dir, "spool", "x");
    refuse_to_make(&(struct spool_plan){.path = fresh->path}, "Not a directory");
}

static void write_settings(const struct fresh *fresh, const char *text)
{
    int root = open_spool_folder(fresh);
    assert_int_equal(file_replace(root, root, "spool.json", 0600, text, strlen(text), false), 0);
    assert_int_equal(close(root), 0);
}

static void an_unknown_version_is_refused_untouched(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path};
    assert_true(make(&plan));
    assert_int_equal(unlinkat(fresh->dir, "spool/outbox", AT_REMOVEDIR), 0);
    write_settings(fresh, "{\"llmspool\": 2}");
    refuse_to_make(&plan, "version 2");
    refuse_to_open(fresh, "version 2");
    assert_false(fresh_exists(fresh->dir, "spool/outbox"));
    int root = open_spool_folder(fresh);
    fresh_expect(root, "spool.json", "{\"llmspool\": 2}");
    assert_int_equal(close(root), 0);
}

static void spool_json_is_renamed_last_and_durable(void **state)
{
    struct fresh *fresh = *state;
    make(&(struct spool_plan){.path = fresh->path});
    assert_true(seen.renamed > 0);
    assert_int_equal(seen.renamed, seen.calls - 1);
    assert_int_equal(seen.last_sync, seen.calls);
}

/* Makes a spool in a process that dies at its k-th change; returns whether it died. */
static bool make_and_die(const struct spool_plan *plan, int k)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool made;
        memset(&seen, 0, sizeof seen);
        seen.kill_at = k;
        _exit(spool_make(plan, &made, NULL) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    return WEXITSTATUS(status) == 9;
}

static void remove_spool(struct fresh *fresh)
{
    spool_close(fresh->spool);
    fresh->spool = NULL;
    assert_int_equal(nftw(fresh->path, fresh_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void killed_at_any_moment_it_is_completed_by_the_next_call(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path, .group = some_group()->gr_name};
    struct error error;
    int k = 1;
    for (; make_and_die(&plan, k); k++) {
        struct spool *early = spool_open(fresh->path, &error);
        bool complete = fresh_exists(fresh->dir, "spool/spool.json");
        assert_int_equal(early != NULL, complete);
        spool_close(early);
        assert_int_equal(make(&plan), !complete);
        fresh->spool = spool_open(fresh->path, &error);
        assert_non_null(fresh->spool);
        assert_int_equal(mode_of(fresh, "new"), 03770);
        assert_int_equal(mode_of(fresh, "done"), 02750);
        remove_spool(fresh);
    }
    assert_true(k > 3 * FOLDER_COUNT);
}

static void failing_at_any_call_it_says_so_and_can_be_called_again(void **state)
{
    struct fresh *fresh = *state;
    struct spool_plan plan = {.path = fresh->path, .group = some_group()->gr_name};
    int k = 1;
    for (;; k++) {
        struct error error = {0};
        bool made;
        memset(&seen, 0, sizeof seen);
        seen.fail_at = k;
        int result = spool_make(&plan, &made, &error);
        memset(&seen, 0, sizeof seen);
        if (result == 0) {
            break;
        }
        assert_non_null(strstr(error.text, "Input/output error"));
        make(&plan);
        fresh->spool = spool_open(fresh->path, &error);
        assert_non_null(fresh->spool);
        remove_spool(fresh);
    }
    assert_true(k > 3 * FOLDER_COUNT);
}

/* Opening */

static void what_is_not_there_is_no_spool(void **state)
{
    struct fresh *fresh = *state;
    refuse_to_open(fresh, "llmspool-init");
    fresh_write(fresh->dir, "spool", "x");
    refuse_to_open(fresh, "llmspool-init");
    assert_int_equal(unlinkat(fresh->dir, "spool", 0), 0);
    assert_int_equal(mkdirat(fresh->dir, "spool", 0700), 0);
    refuse_to_open(fresh, "it has no spool.json");
}

static void spool_json_must_be_one(void **state)
{
    struct fresh *fresh = *state;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "spool.json"},
        {"[1]", "spool.json"},
        {"{}", "llmspool"},
        {"{\"llmspool\": \"1\"}", "llmspool"},
        {"{\"llmspool\": 0}", "version 0"},
        {"{\"llmspool\": 1, \"default_model\": 7}", "default_model"},
        {"{\"llmspool\": 1, \"default_model\": \"\"}", "default_model"},
    };
    make(&(struct spool_plan){.path = fresh->path});
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        write_settings(fresh, cases[i].text);
        refuse_to_open(fresh, cases[i].words);
    }
    struct error error;
    write_settings(fresh, "{\"llmspool\": 1, \"later\": {\"key\": 1}, \"default_model\": null}");
    fresh->spool = spool_open(fresh->path, &error);
    assert_non_null(fresh->spool);
    assert_null(fresh->spool->default_model);
}

static void every_folder_must_be_there(void **state)
{
    struct fresh *fresh = *state;
    make(&(struct spool_plan){.path = fresh->path});
    int root = open_spool_folder(fresh);
    for (int i = 0; i < FOLDER_COUNT; i++) {
        const char *name = folder_name((enum folder)i);
        assert_int_equal(renameat(root, name, root, "away"), 0);
        refuse_to_open(fresh, name);
        assert_int_equal(symlinkat("away", root, name), 0);
        refuse_to_open(fresh, name);
        assert_int_equal(unlinkat(root, name, 0), 0);
        assert_int_equal(renameat(root, "away", root, name), 0);
    }
    assert_int_equal(close(root), 0);
}

/* 0: refused as it must be; 1: not; 77: nothing can be mounted here. */
static int open_over_two_file_systems(const struct fresh *fresh)
{
    char path[300];
    struct error error;
    snprintf(path, sizeof path, "%s/done", fresh->path);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", path, "tmpfs", 0, "mode=700") != 0) {
        return 77;
    }
    return spool_open(fresh->path, &error) == NULL && strstr(error.text, "file system") != NULL ? 0
                                                                                                : 1;
}

static void all_of_it_must_be_on_one_file_system(void **state)
{
    struct fresh *fresh = *state;
    make(&(struct spool_plan){.path = fresh->path});
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(open_over_two_file_systems(fresh));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("# nothing can be mounted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void an_opened_spool_knows_its_path_and_owner(void **state)
{
    struct fresh *fresh = *state;
    struct error error;
    make(&(struct spool_plan){.path = fresh->path});
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(fchdir(fresh->dir), 0);
    fresh->spool = spool_open("spool/", &error);
    assert_int_equal(fchdir(here), 0);
    assert_int_equal(close(here), 0);
    assert_non_null(fresh->spool);
    assert_int_equal(fresh->spool->path[0], '/');
    assert_string_equal(strrchr(fresh->spool->path, '/'), "/spool");
    assert_int_equal(fresh->spool->owner, geteuid());
    assert_int_equal(fresh->spool->lock, -1);
    struct stat status;
    assert_int_equal(fstatat(fresh->spool->root, "spool.json", &status, 0), 0);
    assert_int_equal(status.st_ino, fresh->spool->spool_json);
    assert_int_equal(status.st_dev, fresh->spool->device);
}

/* Owning */

static void a_spool_has_one_owner(void **state)
{
    struct fresh *fresh = *state;
    struct error error;
    struct spool *other = spool_open(fresh->path, &error);
    assert_non_null(other);
    assert_false(spool_owned(other));
    assert_int_equal(spool_own(fresh->spool, &error), 0);
    assert_true(spool_owned(other));
    assert_true(spool_owned(fresh->spool));
    assert_int_equal(spool_own(other, &error), -1);
    assert_int_equal(error.kind, ERROR_LATER);
    assert_non_null(strstr(error.text, fresh->path));
    fresh_write(other->dir[FOLDER_STATE], "status.json", "{\"pid\": 4711}");
    assert_int_equal(spool_own(other, &error), -1);
    assert_non_null(strstr(error.text, "4711"));
    spool_close(fresh->spool);
    fresh->spool = NULL;
    assert_false(spool_owned(other));
    assert_int_equal(spool_own(other, &error), 0);
    spool_close(other);
}

static void many_starters_make_one_owner(void **state)
{
    enum { STARTERS = 8 };
    struct fresh *fresh = *state;
    int ready[2], go[2], owners = 0;
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < STARTERS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct spool *spool = spool_open(fresh->path, NULL);
            char told = spool != NULL && spool_own(spool, NULL) == 0;
            /* Holds what it has until all others have tried. */
            close(go[1]);
            bool waited = write(ready[1], &told, 1) == 1 && read(go[0], &told, 1) == 0;
            spool_close(spool);
            _exit(waited ? 0 : 1);
        }
    }
    for (int i = 0; i < STARTERS; i++) {
        assert_int_equal(read(ready[0], &byte, 1), 1);
        owners += byte;
    }
    assert_int_equal(owners, 1);
    assert_int_equal(close(go[1]), 0);
    for (int i = 0; i < STARTERS; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(close(go[0]), 0);
    assert_int_equal(close(ready[0]), 0);
    assert_int_equal(close(ready[1]), 0);
}

static void a_replaced_spool_json_is_not_owned(void **state)
{
    struct fresh *fresh = *state;
    struct error error;
    write_settings(fresh, "{\"llmspool\":1}");
    assert_int_equal(spool_own(fresh->spool, &error), -1);
    assert_non_null(strstr(error.text, "spool.json was replaced"));
    assert_int_equal(fresh->spool->lock, -1);
}

static void expect_check_fails(const struct fresh *fresh, const char *words)
{
    struct error error;
    assert_int_equal(spool_check(fresh->spool, &error), -1);
    if (strstr(error.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    }
}

static void a_spool_that_is_there_passes_the_check(void **state)
{
    struct fresh *fresh = *state;
    struct error error;
    assert_int_equal(spool_check(fresh->spool, &error), 0);
}

static void each_folder_that_is_gone_or_another_is_told(void **state)
{
    struct fresh *fresh = *state;
    struct error error;
    for (int i = 0; i < FOLDER_COUNT; i++) {
        const char *name = folder_name((enum folder)i);
        int root = fresh->spool->root;
        assert_int_equal(renameat(root, name, root, "away"), 0);
        expect_check_fails(fresh, name);
        assert_int_equal(mkdirat(root, name, 0700), 0);
        expect_check_fails(fresh, "was replaced");
        assert_int_equal(unlinkat(root, name, AT_REMOVEDIR), 0);
        assert_int_equal(renameat(root, "away", root, name), 0);
    }
    assert_int_equal(spool_check(fresh->spool, &error), 0);
}

static void another_spool_json_or_spool_is_told(void **state)
{
    struct fresh *fresh = *state;
    assert_int_equal(renameat(fresh->dir, "spool", fresh->dir, "away"), 0);
    expect_check_fails(fresh, "any more");
    make(&(struct spool_plan){.path = fresh->path});
    expect_check_fails(fresh, "was replaced");
    assert_int_equal(nftw(fresh->path, fresh_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(renameat(fresh->dir, "away", fresh->dir, "spool"), 0);
    write_settings(fresh, "{\"llmspool\":1}");
    expect_check_fails(fresh, "spool.json was replaced");
    assert_int_equal(unlinkat(fresh->spool->root, "spool.json", 0), 0);
    expect_check_fails(fresh, "spool.json any more");
}

/* Finding */

/* HOME is the temporary folder, and nothing else is set. */
static void set_home(const struct fresh *fresh)
{
    assert_int_equal(setenv("HOME", fresh->folder, 1), 0);
    assert_int_equal(unsetenv("LLMSPOOL_DIR"), 0);
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
}

static void expect_found(const char *given, const char *path)
{
    struct error error;
    char *found = spool_find(given, &error);
    if (found == NULL) {
        fail_msg("%s", error.text);
    }
    assert_string_equal(found, path);
    free(found);
}

static void expect_not_found(const char *given, enum error_kind kind, const char *words)
{
    struct error error;
    assert_null(spool_find(given, &error));
    assert_int_equal(error.kind, kind);
    if (strstr(error.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    }
}

static void write_client_file(const struct fresh *fresh, const char *text)
{
    (void)mkdirat(fresh->dir, ".config", 0700);
    (void)mkdirat(fresh->dir, ".config/llmspool", 0700);
    int dir = openat(fresh->dir, ".config/llmspool", O_RDONLY | O_DIRECTORY);
    assert_true(dir >= 0);
    assert_int_equal(file_replace(dir, dir, "llmspool.conf", 0600, text, strlen(text), false), 0);
    assert_int_equal(close(dir), 0);
}

static void the_option_wins_over_the_variable_over_the_file(void **state)
{
    struct fresh *fresh = *state;
    set_home(fresh);
    write_client_file(fresh, "spool = \"/from/file\"\n");
    expect_found(NULL, "/from/file");
    assert_int_equal(setenv("LLMSPOOL_DIR", "from/variable", 1), 0);
    expect_found(NULL, "from/variable");
    expect_found("from/option", "from/option");
    assert_int_equal(setenv("LLMSPOOL_DIR", "", 1), 0);
    expect_found(NULL, "/from/file");
    expect_not_found("", ERROR_USAGE, "empty");
}

static void other_settings_in_the_client_file_are_ignored(void **state)
{
    struct fresh *fresh = *state;
    set_home(fresh);
    write_client_file(fresh, "# comment\nmodel = \"m\"\nwidth = 80\nspool = '/from/file'");
    expect_found(NULL, "/from/file");
}

static void a_broken_client_file_is_told_with_its_line(void **state)
{
    struct fresh *fresh = *state;
    set_home(fresh);
    write_client_file(fresh, "\nspool = = \"x\"\n");
    expect_not_found(NULL, ERROR_DATA, "llmspool.conf, line 2");
    write_client_file(fresh, "spool = \"relative\"\n");
    expect_not_found(NULL, ERROR_DATA, "no absolute path");
    assert_int_equal(unlinkat(fresh->dir, ".config/llmspool/llmspool.conf", 0), 0);
    assert_int_equal(mkdirat(fresh->dir, ".config/llmspool/llmspool.conf", 0700), 0);
    expect_not_found(NULL, ERROR_SYSTEM, "llmspool.conf");
}

static void without_any_word_the_users_own_spool_is_meant(void **state)
{
    struct fresh *fresh = *state;
    char path[400];
    set_home(fresh);
    if (access(SYSCONFDIR "/llmspool/llmspool.conf", F_OK) == 0) {
        print_message("# this machine has a client file\n");
        skip();
    }
    write_client_file(fresh, "");
    snprintf(path, sizeof path, "%s/.local/state/llmspool", fresh->folder);
    make(&(struct spool_plan){.path = path});
    expect_found(NULL, path);
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0);
    expect_found(NULL, path);
    snprintf(path, sizeof path, "%s/state/llmspool", fresh->folder);
    make(&(struct spool_plan){.path = path});
    *strrchr(path, '/') = '\0';
    assert_int_equal(setenv("XDG_STATE_HOME", path, 1), 0);
    path[strlen(path)] = '/';
    expect_found(NULL, path);
}

static void with_none_the_line_that_makes_one_is_told(void **state)
{
    struct fresh *fresh = *state;
    set_home(fresh);
    if (access(SYSCONFDIR "/llmspool/llmspool.conf", F_OK) == 0 ||
        access(LOCALSTATEDIR "/spool/llmspool", F_OK) == 0) {
        print_message("# this machine has a spool\n");
        skip();
    }
    expect_not_found(NULL, ERROR_ABSENT, "llmspool-init ");
    expect_not_found(NULL, ERROR_ABSENT, "/.local/state/llmspool");
}

int main(void)
{
#define MAKE_TEST(function)  cmocka_unit_test_setup_teardown(function, setup, fresh_end)
#define SPOOL_TEST(function) cmocka_unit_test_setup_teardown(function, setup_spool, fresh_end)
    static const struct CMUnitTest tests[] = {
        MAKE_TEST(a_private_spool_is_for_its_owner_alone),
        MAKE_TEST(a_shared_spool_is_for_its_group),
        MAKE_TEST(a_group_that_does_not_exist_is_refused),
        MAKE_TEST(root_makes_a_spool_for_whom_the_folder_belongs_to),
        MAKE_TEST(missing_parents_are_made_and_slashes_do_no_harm),
        MAKE_TEST(a_second_call_changes_nothing),
        MAKE_TEST(a_missing_folder_is_made_again),
        MAKE_TEST(other_settings_are_refused),
        MAKE_TEST(a_folder_with_anything_else_in_it_is_refused_untouched),
        MAKE_TEST(an_empty_folder_is_taken),
        MAKE_TEST(a_file_in_its_place_is_refused),
        MAKE_TEST(an_unknown_version_is_refused_untouched),
        MAKE_TEST(spool_json_is_renamed_last_and_durable),
        MAKE_TEST(killed_at_any_moment_it_is_completed_by_the_next_call),
        MAKE_TEST(failing_at_any_call_it_says_so_and_can_be_called_again),
        MAKE_TEST(what_is_not_there_is_no_spool),
        MAKE_TEST(spool_json_must_be_one),
        MAKE_TEST(every_folder_must_be_there),
        MAKE_TEST(all_of_it_must_be_on_one_file_system),
        MAKE_TEST(an_opened_spool_knows_its_path_and_owner),
        SPOOL_TEST(a_spool_has_one_owner),
        SPOOL_TEST(many_starters_make_one_owner),
        SPOOL_TEST(a_replaced_spool_json_is_not_owned),
        SPOOL_TEST(a_spool_that_is_there_passes_the_check),
        SPOOL_TEST(each_folder_that_is_gone_or_another_is_told),
        SPOOL_TEST(another_spool_json_or_spool_is_told),
        MAKE_TEST(the_option_wins_over_the_variable_over_the_file),
        MAKE_TEST(other_settings_in_the_client_file_are_ignored),
        MAKE_TEST(a_broken_client_file_is_told_with_its_line),
        MAKE_TEST(without_any_word_the_users_own_spool_is_meant),
        MAKE_TEST(with_none_the_line_that_makes_one_is_told),
    };
    return UNIT_RUN(tests);
}
