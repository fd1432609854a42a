/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Days of events: read over both kinds of files, compressed, deleted; and what a kill leaves. */
#include "fresh.h"

#include "base/day.h"
#include "retain/eventlog.h"
#include "spool/events.h"

#define DAY_MS INT64_C(86400000)

static const int32_t first_day = 20000; /* 2024-10-04 */

struct seen {
    char text[4000];
};

/* What is synced and deleted, in that order. */
static struct {
    char steps[100];
    int fail_sync; /* this one fails; 0: none */
} calls;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

static void step(char kind)
{
    size_t count = strlen(calls.steps);

    assert_true(count + 1 < sizeof calls.steps);
    calls.steps[count] = kind;
    calls.steps[count + 1] = '\0';
}

int __wrap_fsync(int fd)
{
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    step(S_ISDIR(status.st_mode) ? 'd' : 'f');
    if (strlen(calls.steps) == (size_t)calls.fail_sync) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
    if (strstr(name, ".jsonl") != NULL) {
        step('-');
    }
    return __real_unlinkat(dir, name, flags);
}

static int note(void *context, const char *text, size_t length)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);

    assert_true(used + length + 2 < sizeof seen->text);
    memcpy(seen->text + used, text, length);
    strcpy(seen->text + used + length, "|");
    return 0;
}

static int setup(void **state)
{
    int result = fresh_spool(state);

    memset(&calls, 0, sizeof calls);
    return result;
}

static int events_dir(void **state)
{
    const struct fresh *fresh = *state;

    return fresh->spool->dir[FOLDER_EVENTS];
}

static const char *day_name(int32_t day, const char *end)
{
    static char name[40];

    day_write(day, name);
    strcat(name, end);
    return name;
}

static void put_day(void **state, int32_t day, const char *text)
{
    fresh_write(events_dir(state), day_name(day, ".jsonl"), text);
}

static void expect_lines(void **state, bool newest_first, const char *lines)
{
    const struct fresh *fresh = *state;
    struct seen seen = {""};
    struct error error;

    if (eventlog_each(fresh->spool, EVENTLOG_ALL, newest_first, note, &seen, &error) != 0) {
        fail_msg("%s", error.text);
    }
    assert_string_equal(seen.text, lines);
}

/* At a moment that is so many days after the end of a day. */
static struct wall after(int32_t day, int64_t days)
{
    return (struct wall){(day + 1 + days) * DAY_MS};
}

static void compress(void **state, struct wall now, size_t days)
{
    const struct fresh *fresh = *state;
    struct eventlog_count count = {0};
    struct error error;

    if (eventlog_compress(fresh->spool, now, false, &count, &error) < 0) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(count.days, days);
}

static bool has(void **state, int32_t day, const char *end)
{
    return fresh_exists(events_dir(state), day_name(day, end));
}

static void days_are_read_in_order(void **state)
{
    put_day(state, first_day + 1, "c\nd\n");
    put_day(state, first_day, "a\nb\n");
    put_day(state, first_day + 40, "e\n");
    fresh_write(events_dir(state), "notes.txt", "x\n");
    expect_lines(state, false, "a|b|c|d|e|");
    expect_lines(state, true, "e|c|d|a|b|");
}

static void only_the_days_asked_for(void **state)
{
    const struct fresh *fresh = *state;
    struct eventlog_span span;
    struct seen seen = {""};

    assert_false(eventlog_days(fresh->spool, &span));
    put_day(state, first_day, "a\n");
    put_day(state, first_day + 1, "b\n");
    put_day(state, first_day + 2, "c\n");
    assert_true(eventlog_days(fresh->spool, &span));
    assert_int_equal(span.first, first_day);
    assert_int_equal(span.last, first_day + 2);
    span = (struct eventlog_span){first_day + 1, first_day + 1};
    assert_int_equal(eventlog_each(fresh->spool, span, false, note, &seen, NULL), 0);
    assert_string_equal(seen.text, "b|");
}

static void a_day_is_compressed_when_it_is_over_for_two(void **state)
{
    put_day(state, first_day, "a\nb\n");
    compress(state, (struct wall){after(first_day, 2).ms - 1}, 0);
    assert_true(has(state, first_day, ".jsonl"));
    compress(state, after(first_day, 2), 1);
    assert_false(has(state, first_day, ".jsonl"));
    assert_true(has(state, first_day, ".jsonl.zst"));
    expect_lines(state, false, "a|b|");
    compress(state, after(first_day, 3), 0);
}

static void a_torn_last_line_is_kept(void **state)
{
    put_day(state, first_day, "a\nb");
    expect_lines(state, false, "a|b|");
    compress(state, after(first_day, 9), 1);
    expect_lines(state, false, "a|b|");
}

static void an_empty_day_too(void **state)
{
    put_day(state, first_day, "");
    compress(state, after(first_day, 9), 1);
    expect_lines(state, false, "");
    assert_false(has(state, first_day, ".jsonl"));
}

static void a_kill_before_the_plain_file_goes_doubles_nothing(void **state)
{
    put_day(state, first_day, "a\nb\n");
    compress(state, after(first_day, 2), 1);
    put_day(state, first_day, "a\nb\n");
    expect_lines(state, false, "a|b|");
    compress(state, after(first_day, 2), 1);
    assert_false(has(state, first_day, ".jsonl"));
    expect_lines(state, false, "a|b|");
}

/* Nor is the only durable copy deleted: the packed file's name may not be, yet. */
static void the_plain_file_goes_when_the_packed_one_is_durable(void **state)
{
    const struct fresh *fresh = *state;
    struct eventlog_count count = {0};
    struct error error = {0};

    put_day(state, first_day, "a\nb\n");
    memset(&calls, 0, sizeof calls);
    compress(state, after(first_day, 2), 1);
    assert_string_equal(calls.steps, "fd-");
    put_day(state, first_day, "a\nb\n"); /* as a kill before it goes leaves it */
    memset(&calls, 0, sizeof calls);
    compress(state, after(first_day, 2), 1);
    assert_string_equal(calls.steps, "d-");
    put_day(state, first_day, "a\nb\nc\n");
    for (int i = 1; i <= 2; i++) {
        memset(&calls, 0, sizeof calls);
        calls.fail_sync = i;
        assert_int_equal(
            eventlog_compress(fresh->spool, after(first_day, 2), false, &count, &error), -1);
        assert_non_null(strstr(error.text, "2024-10-04.jsonl"));
        assert_true(has(state, first_day, ".jsonl"));
        expect_lines(state, false, "a|b|c|");
    }
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
}

static void nor_loses_what_was_appended_to_it_since(void **state)
{
    put_day(state, first_day, "a\nb\n");
    compress(state, after(first_day, 2), 1);
    put_day(state, first_day, "a\nb\nc\n");
    expect_lines(state, false, "a|b|c|");
    compress(state, after(first_day, 2), 1);
    expect_lines(state, false, "a|b|c|");
}

static void a_late_writer_adds_to_a_compressed_day(void **state)
{
    put_day(state, first_day, "a\nb\n");
    compress(state, after(first_day, 2), 1);
    put_day(state, first_day, "c\n");
    expect_lines(state, false, "a|b|c|");
    compress(state, after(first_day, 2), 1);
    assert_false(has(state, first_day, ".jsonl"));
    expect_lines(state, false, "a|b|c|");
    /* and a kill before its lines go doubles none */
    put_day(state, first_day, "c\n");
    expect_lines(state, false, "a|b|c|");
    compress(state, after(first_day, 2), 1);
    expect_lines(state, false, "a|b|c|");
}

static void late_lines_that_were_packed_before_a_kill_are_read_once(void **state)
{
    put_day(state, first_day, "a\nb\nc\n");
    compress(state, after(first_day, 2), 1);
    put_day(state, first_day, "c\nd\n"); /* c was packed, its file stayed, d came */
    expect_lines(state, false, "a|b|c|d|");
    compress(state, after(first_day, 2), 1);
    expect_lines(state, false, "a|b|c|d|");
    put_day(state, first_day, "c\nd\ne\nf\n");
    expect_lines(state, false, "a|b|c|d|e|f|");
    compress(state, after(first_day, 2), 1);
    assert_false(has(state, first_day, ".jsonl"));
    expect_lines(state, false, "a|b|c|d|e|f|");
}

static void lines_that_only_look_alike_are_kept(void **state)
{
    put_day(state, first_day, "a\nb\na\nc\n");
    compress(state, after(first_day, 2), 1);
    put_day(state, first_day, "a\nb\nx\n");
    expect_lines(state, false, "a|b|a|c|a|b|x|");
    compress(state, after(first_day, 2), 1);
    expect_lines(state, false, "a|b|a|c|a|b|x|");
}

static struct wall wall_of(void *context)
{
    return *(struct wall *)context;
}

static struct mono mono_of(void *context)
{
    return (struct mono){((struct wall *)context)->ms};
}

/* A writer that was stopped for days has the file open that was compressed meanwhile. */
static void a_writer_with_the_old_file_open_loses_nothing(void **state)
{
    const struct fresh *fresh = *state;
    struct wall then = after(first_day, -1);
    struct clock clock = {wall_of, mono_of, &then};
    struct events *events = events_open(fresh->spool, &clock);

    events_add(events, "one", NULL);
    assert_int_equal(events_flush(events), 0);
    events_add(events, "two", NULL);
    compress(state, after(first_day, 2), 1);
    assert_int_equal(events_flush(events), 0);
    assert_true(has(state, first_day, ".jsonl"));
    assert_true(has(state, first_day, ".jsonl.zst"));
    events_close(events);
    compress(state, after(first_day, 2), 1);
    expect_lines(state, false,
                 "{\"time\":\"2024-10-04T00:00:00.000Z\",\"event\":\"one\"}|"
                 "{\"time\":\"2024-10-04T00:00:00.000Z\",\"event\":\"two\"}|");
}

struct meddler {
    void **state;
    struct seen seen;
    bool done;
};

static int note_and_compress(void *context, const char *text, size_t length)
{
    struct meddler *meddler = context;

    if (!meddler->done) {
        meddler->done = true;
        compress(meddler->state, after(first_day + 1, 2), 2);
    }
    return note(&meddler->seen, text, length);
}

static void days_that_are_packed_while_they_are_read_are_read_once(void **state)
{
    const struct fresh *fresh = *state;
    struct meddler meddler = {.state = state};

    put_day(state, first_day, "a\n");
    compress(state, after(first_day, 2), 1);
    put_day(state, first_day, "b\n");
    put_day(state, first_day + 1, "c\nd\n");
    assert_int_equal(
        eventlog_each(fresh->spool, EVENTLOG_ALL, false, note_and_compress, &meddler, NULL), 0);
    assert_string_equal(meddler.seen.text, "a|b|c|d|");
}

static void what_a_kill_left_in_tmp_goes(void **state)
{
    const struct fresh *fresh = *state;

    fresh_write(fresh->spool->dir[FOLDER_TMP], "events.2024-10-04", "half");
    put_day(state, first_day, "a\n");
    compress(state, after(first_day, 2), 1);
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
    expect_lines(state, false, "a|");
}

static void a_damaged_day_holds_up_no_other(void **state)
{
    const struct fresh *fresh = *state;
    struct eventlog_count count = {0};
    struct seen seen = {""};
    struct error error = {0};

    fresh_write(events_dir(state), day_name(first_day, ".jsonl.zst"), "no zstd at all, not at all");
    put_day(state, first_day, "a\n");
    put_day(state, first_day + 1, "b\n");
    assert_int_equal(eventlog_compress(fresh->spool, after(first_day, 9), false, &count, &error),
                     -1);
    assert_non_null(strstr(error.text, "2024-10-04"));
    assert_int_equal(count.days, 1);
    assert_true(has(state, first_day, ".jsonl"));
    assert_int_equal(eventlog_each(fresh->spool, EVENTLOG_ALL, false, note, &seen, &error), -1);
    assert_string_equal(seen.text, "b|");
}

static void a_dry_run_counts_and_changes_nothing(void **state)
{
    const struct fresh *fresh = *state;
    struct eventlog_count count = {0};

    put_day(state, first_day, "a\n");
    assert_int_equal(eventlog_compress(fresh->spool, after(first_day, 2), true, &count, NULL), 0);
    assert_int_equal(count.days, 1);
    assert_true(has(state, first_day, ".jsonl"));
    assert_false(has(state, first_day, ".jsonl.zst"));
}

static void a_day_that_is_written_to_is_left_alone(void **state)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd;

    put_day(state, first_day, "a\n");
    fd = openat(events_dir(state), day_name(first_day, ".jsonl"), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    compress(state, after(first_day, 9), 0);
    assert_true(has(state, first_day, ".jsonl"));
    assert_int_equal(close(fd), 0);
    compress(state, after(first_day, 9), 1);
}

static int count_line(void *context, const char *text, size_t length)
{
    size_t *lines = context;

    assert_int_equal(text[length - 1], '}');
    ++*lines;
    return 0;
}

static void large_days_too(void **state)
{
    struct buffer text = {0};
    size_t lines = 0;
    const struct fresh *fresh = *state;

    for (int i = 0; i < 300000; i++) {
        buffer_printf(&text, "{\"line\":%d}\n", i);
    }
    put_day(state, first_day, text.bytes);
    compress(state, after(first_day, 2), 1);
    buffer_clear(&text);
    assert_int_equal(
        file_read_at(events_dir(state), day_name(first_day, ".jsonl.zst"), SIZE_MAX, &text, NULL),
        0);
    assert_in_range(text.length, 1000, 1500000);
    buffer_free(&text);
    assert_int_equal(eventlog_each(fresh->spool, EVENTLOG_ALL, false, count_line, &lines, NULL), 0);
    assert_int_equal(lines, 300000);
}

static void a_damaged_day_is_told(void **state)
{
    const struct fresh *fresh = *state;
    struct seen seen = {""};
    struct error error = {0};

    fresh_write(events_dir(state), day_name(first_day, ".jsonl.zst"), "no zstd at all, not at all");
    assert_int_equal(eventlog_each(fresh->spool, EVENTLOG_ALL, false, note, &seen, &error), -1);
    assert_non_null(strstr(error.text, "2024-10-04.jsonl.zst"));
}

static void old_days_are_deleted(void **state)
{
    const struct fresh *fresh = *state;
    struct eventlog_count count = {0};

    put_day(state, first_day, "a\n");
    compress(state, after(first_day, 2), 1);
    put_day(state, first_day + 1, "b\n");
    assert_int_equal(
        eventlog_expire(fresh->spool, after(first_day, 10), 10 * DAY_MS, true, &count, NULL), 0);
    assert_int_equal(count.days, 1);
    assert_true(has(state, first_day, ".jsonl.zst"));
    assert_int_equal(
        eventlog_expire(fresh->spool, after(first_day, 10), 10 * DAY_MS, false, &count, NULL), 0);
    assert_int_equal(count.days, 2);
    assert_false(has(state, first_day, ".jsonl.zst"));
    assert_true(has(state, first_day + 1, ".jsonl"));
}

int main(void)
{
#define UNIT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fresh_end)
    static const struct CMUnitTest tests[] = {
        UNIT_TEST(days_are_read_in_order),
        UNIT_TEST(only_the_days_asked_for),
        UNIT_TEST(a_day_is_compressed_when_it_is_over_for_two),
        UNIT_TEST(a_torn_last_line_is_kept),
        UNIT_TEST(an_empty_day_too),
        UNIT_TEST(a_kill_before_the_plain_file_goes_doubles_nothing),
        UNIT_TEST(the_plain_file_goes_when_the_packed_one_is_durable),
        UNIT_TEST(nor_loses_what_was_appended_to_it_since),
        UNIT_TEST(a_late_writer_adds_to_a_compressed_day),
        UNIT_TEST(late_lines_that_were_packed_before_a_kill_are_read_once),
        UNIT_TEST(lines_that_only_look_alike_are_kept),
        UNIT_TEST(a_writer_with_the_old_file_open_loses_nothing),
        UNIT_TEST(days_that_are_packed_while_they_are_read_are_read_once),
        UNIT_TEST(what_a_kill_left_in_tmp_goes),
        UNIT_TEST(a_damaged_day_holds_up_no_other),
        UNIT_TEST(a_dry_run_counts_and_changes_nothing),
        UNIT_TEST(a_day_that_is_written_to_is_left_alone),
        UNIT_TEST(large_days_too),
        UNIT_TEST(a_damaged_day_is_told),
        UNIT_TEST(old_days_are_deleted),
    };
    return UNIT_RUN(tests);
}
