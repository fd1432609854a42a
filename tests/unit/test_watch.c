/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_watch: hints of what arrives in a folder and leaves it. */
#include "fresh.h"

#include <poll.h>

#include "spool/watch.h"

enum { KEY = 7 };

static struct watch *watch_folder(const struct fresh *fresh, bool leaving)
{
    int problem = 0;
    struct watch *watch = watch_open(&problem);
    if (watch == NULL) {
        skip(); /* no inotify here */
    }
    assert_int_equal(watch_add(watch, fresh->folder, KEY, leaving), 0);
    return watch;
}

/* Whether an event of this kind and name is among those that are there. */
static bool told(struct watch *watch, enum watch_kind kind, const char *name)
{
    struct pollfd poll_fd = {.fd = watch_descriptor(watch), .events = POLLIN};
    struct watch_event event;
    bool found = false;
    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    while (watch_next(watch, &event)) {
        bool same = event.kind == kind &&
                    (kind == WATCH_LOST || (event.key == KEY && strcmp(event.name, name) == 0));
        found = found || same;
    }
    return found;
}

static void what_is_renamed_linked_or_written_into_it_is_told(void **state)
{
    const struct fresh *fresh = *state;
    assert_int_equal(mkdirat(fresh->dir, "tmp", 0700), 0);
    int tmp = openat(fresh->dir, "tmp", O_RDONLY | O_DIRECTORY);
    struct watch *watch = watch_folder(fresh, false);
    fresh_write(tmp, "a", "x");
    assert_int_equal(renameat(tmp, "a", fresh->dir, "a.json"), 0);
    assert_true(told(watch, WATCH_ARRIVED, "a.json"));
    fresh_write(tmp, "b", "x");
    assert_int_equal(linkat(tmp, "b", fresh->dir, "b.json", 0), 0);
    assert_true(told(watch, WATCH_ARRIVED, "b.json"));
    fresh_write(fresh->dir, "c.json", "x");
    assert_true(told(watch, WATCH_ARRIVED, "c.json"));
    watch_close(watch);
    close(tmp);
}

static void what_leaves_is_told_where_it_was_asked_for(void **state)
{
    const struct fresh *fresh = *state;
    fresh_write(fresh->dir, "pause", "");
    struct watch *watch = watch_folder(fresh, true);
    assert_int_equal(unlinkat(fresh->dir, "pause", 0), 0);
    assert_true(told(watch, WATCH_LEFT, "pause"));
    watch_close(watch);
}

static void nothing_is_left_over_when_it_is_drained(void **state)
{
    const struct fresh *fresh = *state;
    struct watch *watch = watch_folder(fresh, false);
    struct watch_event event;
    char name[32];
    int arrived = 0;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "%d.json", i);
        fresh_write(fresh->dir, name, "x");
    }
    while (watch_next(watch, &event)) {
        arrived++;
    }
    assert_true(arrived >= 500);
    struct pollfd poll_fd = {.fd = watch_descriptor(watch), .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 0), 0);
    watch_close(watch);
}

static void a_folder_that_goes_is_a_lost_watch(void **state)
{
    const struct fresh *fresh = *state;
    int problem = 0;
    char path[300];
    snprintf(path, sizeof path, "%s/new", fresh->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    struct watch *watch = watch_open(&problem);
    if (watch == NULL) {
        skip();
    }
    assert_int_equal(watch_add(watch, path, KEY, false), 0);
    assert_int_equal(renameat(fresh->dir, "new", fresh->dir, "moved"), 0);
    assert_true(told(watch, WATCH_LOST, NULL));
    watch_close(watch);
}

static void without_inotify_it_says_so(void **state)
{
    int problem = 0;
    (void)state;
    assert_int_equal(setenv("LLMSPOOL_NO_INOTIFY", "1", 1), 0);
    assert_null(watch_open(&problem));
    assert_int_equal(problem, -ENOSYS);
    assert_int_equal(unsetenv("LLMSPOOL_NO_INOTIFY"), 0);
}

int main(void)
{
#define WATCH_TEST(function) cmocka_unit_test_setup_teardown(function, fresh_folder, fresh_end)
    static const struct CMUnitTest tests[] = {
        WATCH_TEST(what_is_renamed_linked_or_written_into_it_is_told),
        WATCH_TEST(what_leaves_is_told_where_it_was_asked_for),
        WATCH_TEST(nothing_is_left_over_when_it_is_drained),
        WATCH_TEST(a_folder_that_goes_is_a_lost_watch),
        WATCH_TEST(without_inotify_it_says_so),
    };
    return UNIT_RUN(tests);
}
