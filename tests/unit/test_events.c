/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_events: the log of transitions: its lines, its days, and what a crash left of it. */
#include "fresh.h"

#include "base/jsontext.h"
#include "spool/events.h"

/* 2026-12-01T03:00:00.000Z */
enum { DAY_MS = 24 * 60 * 60 * 1000 };
static const int64_t NOW_MS = 1796094000000;

static struct wall wall_of(void *context)
{
    return (struct wall){*(int64_t *)context};
}

static struct mono mono_of(void *context)
{
    return (struct mono){*(int64_t *)context};
}

static struct clock clock_at(int64_t *ms)
{
    return (struct clock){wall_of, mono_of, ms};
}

static int days(void **state)
{
    const struct fresh *fresh = *state;
    return fresh->spool->dir[FOLDER_EVENTS];
}

static struct events *open_at(void **state, const struct clock *clock)
{
    const struct fresh *fresh = *state;
    return events_open(fresh->spool, clock);
}

static void a_line_has_time_and_event_first(void **state)
{
    int64_t ms = NOW_MS;
    struct clock clock = clock_at(&ms);
    struct events *events = open_at(state, &clock);
    events_add(events, "started", json_pack("{s:s, s:n, s:i}", "id", "x", "name", "run", 2));
    events_add(events, "paused", NULL);
    assert_false(fresh_exists(days(state), "2026-12-01.jsonl"));
    assert_int_equal(events_flush(events), 0);
    fresh_expect(days(state), "2026-12-01.jsonl",
                 "{\"time\":\"2026-12-01T03:00:00.000Z\",\"event\":\"started\",\"id\":\"x\",\"run\":2}\n"
                 "{\"time\":\"2026-12-01T03:00:00.000Z\",\"event\":\"paused\"}\n");
    events_close(events);
}

static void each_day_has_its_file(void **state)
{
    int64_t ms = NOW_MS;
    struct clock clock = clock_at(&ms);
    struct events *events = open_at(state, &clock);
    events_add(events, "one", NULL);
    assert_int_equal(events_flush(events), 0);
    ms += DAY_MS;
    events_add(events, "two", NULL);
    events_close(events); /* flushes */
    fresh_expect(days(state), "2026-12-01.jsonl",
                 "{\"time\":\"2026-12-01T03:00:00.000Z\",\"event\":\"one\"}\n");
    fresh_expect(days(state), "2026-12-02.jsonl",
                 "{\"time\":\"2026-12-02T03:00:00.000Z\",\"event\":\"two\"}\n");
}

static void a_torn_line_spoils_no_other(void **state)
{
    int64_t ms = NOW_MS;
    struct clock clock = clock_at(&ms);
    fresh_write(days(state), "2026-12-01.jsonl", "{\"time\":\"2026-12-01T02");
    struct events *events = open_at(state, &clock);
    events_add(events, "after", NULL);
    events_close(events);
    fresh_expect(days(state), "2026-12-01.jsonl",
                 "{\"time\":\"2026-12-01T02\n"
                 "{\"time\":\"2026-12-01T03:00:00.000Z\",\"event\":\"after\"}\n");
}

static void a_file_that_was_moved_away_is_begun_anew(void **state)
{
    int64_t ms = NOW_MS;
    struct clock clock = clock_at(&ms);
    struct events *events = open_at(state, &clock);
    events_add(events, "one", NULL);
    assert_int_equal(events_flush(events), 0);
    assert_int_equal(renameat(days(state), "2026-12-01.jsonl", days(state), "moved"), 0);
    events_add(events, "two", NULL);
    events_close(events);
    fresh_expect(days(state), "2026-12-01.jsonl",
                 "{\"time\":\"2026-12-01T03:00:00.000Z\",\"event\":\"two\"}\n");
}

static void what_cannot_be_written_is_kept_for_the_next_time(void **state)
{
    int64_t ms = NOW_MS;
    struct clock clock = clock_at(&ms);
    assert_int_equal(mkdirat(days(state), "2026-12-01.jsonl", 0700), 0);
    struct events *events = open_at(state, &clock);
    events_add(events, "one", NULL);
    assert_true(events_flush(events) < 0);
    assert_int_equal(unlinkat(days(state), "2026-12-01.jsonl", AT_REMOVEDIR), 0);
    assert_int_equal(events_flush(events), 0);
    events_close(events);
    fresh_expect(days(state), "2026-12-01.jsonl",
                 "{\"time\":\"2026-12-01T03:00:00.000Z\",\"event\":\"one\"}\n");
}

static void mend_expecting(void **state, uint64_t expected)
{
    const struct fresh *fresh = *state;
    uint64_t bytes = 77;
    assert_int_equal(events_mend(fresh->spool, &bytes), 0);
    assert_int_equal(bytes, expected);
}

static void mending_cuts_torn_last_lines_of_any_day(void **state)
{
    fresh_write(days(state), "2026-11-30.jsonl", "{\"event\":\"one\"}\n{\"eve");
    fresh_write(days(state), "2026-12-01.jsonl", "{\"time\":\"2026-12-01T02");
    fresh_write(days(state), "2026-12-02.jsonl", "{\"event\":\"whole\"}\n");
    fresh_write(days(state), "2026-12-03.jsonl", "");
    fresh_write(days(state), "2026-12-04.json", "{\"no event");
    fresh_write(days(state), "2026-13-04.jsonl", "{\"no day");
    mend_expecting(state, 5 + 22);
    fresh_expect(days(state), "2026-11-30.jsonl", "{\"event\":\"one\"}\n");
    fresh_expect(days(state), "2026-12-01.jsonl", "");
    fresh_expect(days(state), "2026-12-02.jsonl", "{\"event\":\"whole\"}\n");
    fresh_expect(days(state), "2026-12-04.json", "{\"no event");
    fresh_expect(days(state), "2026-13-04.jsonl", "{\"no day");
    mend_expecting(state, 0);
}

static void mending_keeps_a_whole_event_without_its_newline(void **state)
{
    fresh_write(days(state), "2026-12-01.jsonl", "{\"event\":\"one\"}\n{\"event\":\"two\"}");
    mend_expecting(state, 0);
    fresh_expect(days(state), "2026-12-01.jsonl",
                 "{\"event\":\"one\"}\n{\"event\":\"two\"}");
}

/* The newline may be further back than is read at once. */
static void mending_cuts_a_long_torn_line(void **state)
{
    const size_t length = 200000;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    text[9] = '\n';
    fresh_write(days(state), "2026-12-01.jsonl", text);
    free(text);
    mend_expecting(state, length - 10);
    fresh_expect(days(state), "2026-12-01.jsonl", "xxxxxxxxx\n");
}

static void mending_passes_over_what_is_being_written(void **state)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    fresh_write(days(state), "2026-12-01.jsonl", "{\"event");
    int fd = openat(days(state), "2026-12-01.jsonl", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    mend_expecting(state, 0);
    assert_int_equal(close(fd), 0);
    mend_expecting(state, 7);
}

int main(void)
{
#define EVENTS_TEST(function) cmocka_unit_test_setup_teardown(function, fresh_spool, fresh_end)
    static const struct CMUnitTest tests[] = {
        EVENTS_TEST(a_line_has_time_and_event_first),
        EVENTS_TEST(each_day_has_its_file),
        EVENTS_TEST(a_torn_line_spoils_no_other),
        EVENTS_TEST(a_file_that_was_moved_away_is_begun_anew),
        EVENTS_TEST(what_cannot_be_written_is_kept_for_the_next_time),
        EVENTS_TEST(mending_cuts_torn_last_lines_of_any_day),
        EVENTS_TEST(mending_keeps_a_whole_event_without_its_newline),
        EVENTS_TEST(mending_cuts_a_long_torn_line),
        EVENTS_TEST(mending_passes_over_what_is_being_written),
    };
    return UNIT_RUN(tests);
}
