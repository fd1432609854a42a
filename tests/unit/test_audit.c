/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_audit: what events tell against what a spool holds. */
#include "fresh.h"

#include "retain/audit.h"
#include "retain/ids_write.h"
#include "retain/lives.h"
#include "retain/tombstone.h"

/* 2026-12-10T12:00:00Z; events are of the first of the month. */
static const struct wall now = {1796904000000};

struct found {
    char text[4000];
};

static void note(void *context, const char *file, const char *code, const char *message)
{
    struct found *found = context;
    size_t used = strlen(found->text);

    assert_non_null(message);
    snprintf(found->text + used, sizeof found->text - used, "%s %.9s%s|", code, file,
             strchr(file, '.'));
}

static void expect(void **state, const char *findings)
{
    const struct fresh *fresh = *state;
    struct found found = {""};
    struct error error;

    if (audit_run(fresh->spool, now, 0, note, &found, &error) != 0) {
        fail_msg("%s", error.text);
    }
    assert_string_equal(found.text, findings);
}

/* An ID of one digit, 64 times. */
static const char *id_of(char digit)
{
    static char id[ID_TEXT_SIZE];

    memset(id, digit, ID_TEXT_SIZE - 1);
    return id;
}

static void event_on(void **state, const char *date, const char *kind, char digit, const char *more)
{
    const struct fresh *fresh = *state;
    char name[40], line[400];
    int fd;

    snprintf(name, sizeof name, "%s.jsonl", date);
    snprintf(line, sizeof line,
             "{\"time\":\"%sT10:00:00.000Z\",\"event\":\"%s\",\"id\":\"%s\"%s}\n", date, kind,
             id_of(digit), more);
    fd = openat(fresh->spool->dir[FOLDER_EVENTS], name, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, line, strlen(line)), 0);
    assert_int_equal(close(fd), 0);
}

static void event(void **state, const char *kind, char digit, const char *more)
{
    event_on(state, "2026-12-01", kind, digit, more);
}

static void put(void **state, enum folder folder, char digit, const char *end, const char *text)
{
    const struct fresh *fresh = *state;
    char name[ENTRY_NAME_SIZE];

    snprintf(name, sizeof name, "%s%s", id_of(digit), end);
    fresh_write(fresh->spool->dir[folder], name, text);
}

static void put_done(void **state, char digit, const char *end, const char *finished)
{
    char text[200];

    snprintf(text, sizeof text, "{\"status\":\"completed\",\"times\":{\"finished\":\"%s\"}}",
             finished);
    put(state, FOLDER_DONE, digit, ".json", "{}");
    put(state, FOLDER_DONE, digit, end, text);
}

static void a_spool_as_its_events_tell_is_in_order(void **state)
{
    event(state, "accepted", '1', "");
    event(state, "completed", '1', ",\"run\":1");
    put_done(state, '1', ".v1.json", "2026-12-01T10:00:00.000Z");
    event(state, "completed", '2', ",\"run\":1"); /* and then run again, failed, or under way */
    put(state, FOLDER_CUR, '2', ".json", "{}");
    event(state, "completed", '3', ",\"run\":1");
    put(state, FOLDER_FAILED, '3', ".json", "{}");
    event(state, "failed", '4', ",\"run\":1"); /* never completed */
    put(state, FOLDER_FAILED, '4', ".json", "{}");
    expect(state, "");
}

static void an_empty_spool_is_in_order(void **state)
{
    expect(state, "");
}

static void what_is_gone_without_a_word_is_found(void **state)
{
    event(state, "completed", '1', ",\"run\":1");
    event(state, "completed", '2', ",\"run\":3");
    put_done(state, '1', ".v1.json", "2026-12-01T10:00:00.000Z");
    expect(state, "audit_lost done/2222.json|");
}

static void what_went_with_a_word_is_not(void **state)
{
    event(state, "completed", '1', ",\"run\":1");
    event(state, "pruned", '1', ",\"state\":\"completed\"");
    event(state, "completed", '2', ",\"run\":1");
    event(state, "forgotten", '2', "");
    event(state, "archived", '3', ",\"volume\":\"x\"");
    event(state, "pruned", '3', "");
    event(state, "completed", '4', ",\"run\":1");
    event(state, "sent_back", '4', "");
    event(state, "completed", '5', ",\"run\":1");
    event(state, "set_aside", '5', ",\"code\":\"job_json\"");
    expect(state, "");
}

static void what_was_set_aside_is_not_looked_for(void **state)
{
    event(state, "completed", '1', ",\"run\":1"); /* one of two versions was damaged */
    event(state, "completed", '1', ",\"run\":2");
    event(state, "set_aside", '1', ",\"code\":\"output_json\",\"run\":2,\"kept\":true");
    put_done(state, '1', ".v1.json", "2026-12-01T10:00:00.000Z");
    event(state, "completed", '2', ",\"run\":1"); /* the only one: it was asked again */
    event(state, "set_aside", '2', ",\"code\":\"done_no_output\",\"kept\":true");
    event(state, "retried", '2', ",\"run\":2");
    event(state, "completed", '2', ",\"run\":2");
    put_done(state, '2', ".v2.json", "2026-12-01T10:00:00.000Z");
    event(state, "completed", '3', ",\"run\":1"); /* its job stayed, and went since */
    event(state, "set_aside", '3', ",\"code\":\"output_json\",\"kept\":true");
    event(state, "set_aside", '4', ",\"code\":\"job_json\"");
    event(state, "completed", '4', ",\"run\":1"); /* after that */
    expect(state, "audit_lost done/3333.json|audit_lost done/4444.json|");
}

/* Their events may have been lost in a power failure. */
static void what_was_forgotten_since_is_not_looked_for(void **state)
{
    const struct fresh *fresh = *state;
    struct id id;
    struct error error;

    for (char digit = '1'; digit <= '3'; digit++) {
        assert_true(id_read(id_of(digit), &id));
        assert_int_equal(tombstones_add(fresh->spool, &id, 1,
                                        (struct wall){INT64_C(1796212800000)}, &error),
                         0); /* 2026-12-02T12:00 */
    }
    event(state, "completed", '1', ",\"run\":1");
    event(state, "accepted", '2', "");
    event(state, "completed", '3', ",\"run\":1");
    event_on(state, "2026-12-03", "completed", '3', ",\"run\":1"); /* was asked again */
    event(state, "completed", '4', ",\"run\":1");
    expect(state, "audit_lost done/3333.json|audit_lost done/4444.json|");
}

static void words_that_do_not_tell_that_it_went_do_not_count(void **state)
{
    event(state, "completed", '1', ",\"run\":2");
    event(state, "pruned", '1', ",\"kept_from\":2");
    event(state, "completed", '2', ",\"run\":1");
    event(state, "archived", '2', ",\"volume\":\"x\",\"kept\":true");
    event(state, "pruned", '3', "");
    event(state, "completed", '3', ",\"run\":1"); /* after it was pruned */
    event(state, "pruned", '4', "");
    event(state, "restored", '4', ",\"state\":\"completed\"");
    expect(state, "audit_lost done/1111.json|audit_lost done/2222.json|"
                  "audit_lost done/3333.json|audit_lost done/4444.json|");
}

static void a_newest_version_that_is_gone_is_found(void **state)
{
    event(state, "completed", '1', ",\"run\":1");
    event(state, "completed", '1', ",\"run\":2");
    put_done(state, '1', ".v1.json", "2026-12-01T10:00:00.000Z");
    event(state, "completed", '2', ",\"run\":7");
    event(state, "pruned", '2', "");
    event(state, "completed", '2', ",\"run\":1"); /* begins anew */
    put_done(state, '2', ".v1.json", "2026-12-01T10:00:00.000Z");
    expect(state, "audit_version done/1111.v2.json|");
}

/* Enters a job into archive/ids. */
static void archive(void **state, char digit, unsigned highest)
{
    const struct fresh *fresh = *state;
    struct ids_volume volume = {.path = (char[]){"2026/12/x.tar.zst"}, .size = 1};
    struct archived archived = {.highest = highest, .failed = highest == 0};
    struct error error;
    struct ids *old = ids_open(fresh->spool, &error);
    struct ids_write *write = ids_write_begin(fresh->spool, old, &error);

    assert_non_null(write);
    assert_true(id_read(id_of(digit), &archived.id));
    ids_write_volume(write, &volume);
    assert_int_equal(ids_write_unit(write, &archived, &error), 0);
    if (ids_write_commit(write, &error) != 0) {
        fail_msg("%s", error.text);
    }
    ids_close(old);
}

static void what_was_archived_must_be_in_an_archive(void **state)
{
    event(state, "archived", '1', ",\"volume\":\"x\""); /* its archive is gone */
    event(state, "completed", '2', ",\"run\":2");
    event(state, "archived", '2', ",\"volume\":\"x\"");
    archive(state, '2', 2);
    event(state, "completed", '3', ",\"run\":2"); /* an old copy only */
    event(state, "archived", '3', ",\"volume\":\"x\"");
    archive(state, '3', 1);
    event(state, "failed", '4', ",\"run\":1");
    event(state, "archived", '4', ",\"volume\":\"x\"");
    archive(state, '4', 0);
    event(state, "archived", '5', ",\"volume\":\"x\"");
    event(state, "restored", '5', ",\"state\":\"completed\"");
    put_done(state, '5', ".v1.json", "2026-12-01T10:00:00.000Z");
    expect(state, "audit_lost done/1111.json|audit_version done/3333.v2.json|");
}

static void what_has_no_answer_must_be_somewhere_too(void **state)
{
    event(state, "accepted", '1', ",\"run\":1");
    event(state, "accepted", '2', ",\"run\":1");
    put(state, FOLDER_CUR, '2', ".json", "{}");
    event(state, "accepted", '3', ",\"run\":1");
    event(state, "failed", '3', ",\"run\":1");
    event(state, "accepted", '4', ",\"run\":1");
    event(state, "sent_back", '4', "");
    event(state, "expired", '5', ",\"run\":1");
    event(state, "pruned", '5', ",\"state\":\"expired\"");
    event(state, "restored", '6', ",\"state\":\"failed\"");
    event(state, "started", '7', ",\"run\":1"); /* as it is when the rest is of a deleted day */
    expect(state, "audit_job cur/11111.json|audit_job cur/33333.json|audit_job cur/66666.json|");
}

static void a_lowest_version_that_is_gone_is_found(void **state)
{
    event(state, "completed", '1', ",\"run\":1");
    event(state, "completed", '1', ",\"run\":2");
    put_done(state, '1', ".v2.json", "2026-12-01T10:00:00.000Z");
    event(state, "completed", '2', ",\"run\":1");
    event(state, "completed", '2', ",\"run\":3");
    event(state, "pruned", '2', ",\"kept_from\":3");
    put_done(state, '2', ".v3.json", "2026-12-01T10:00:00.000Z");
    event(state, "completed", '3', ",\"run\":4"); /* runs 1 to 3 are of deleted days */
    put_done(state, '3', ".v4.json", "2026-12-01T10:00:00.000Z");
    expect(state, "audit_version done/1111.v1.json|");
}

static void a_failed_run_does_not_hide_when_the_answer_came(void **state)
{
    event(state, "rerun", '1', ",\"run\":2");
    event(state, "failed", '1', ",\"run\":2");
    put_done(state, '1', ".v1.json", "2025-01-01T00:00:00.000Z"); /* of a day that was deleted */
    put(state, FOLDER_DONE, '1', ".v2.json",
        "{\"status\":\"failed\",\"times\":{\"finished\":\"2026-12-01T10:00:00.000Z\"}}");
    expect(state, "");
}

/* Prunes a job, as another program does, when the first finding is told. */
static void note_and_prune(void *context, const char *file, const char *code, const char *message)
{
    void **state = context;
    const struct fresh *fresh = *state;
    char name[ENTRY_NAME_SIZE];

    assert_non_null(message);
    assert_string_equal(code, "audit_lost");
    assert_true(strncmp(file, "done/1", 6) == 0);
    event(state, "pruned", '2', "");
    snprintf(name, sizeof name, "%s.json", id_of('2'));
    assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_DONE], name, 0), 0);
    snprintf(name, sizeof name, "%s.v1.json", id_of('2'));
    assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_DONE], name, 0), 0);
}

static void what_goes_after_the_last_events_were_read_is_not_found(void **state)
{
    const struct fresh *fresh = *state;
    struct error error;

    event(state, "completed", '1', ",\"run\":1");
    event(state, "completed", '2', ",\"run\":1");
    put_done(state, '2', ".v1.json", "2026-12-01T10:00:00.000Z");
    assert_int_equal(audit_run(fresh->spool, now, 0, note_and_prune, state, &error), 0);
}

static void what_nobody_told_of_is_found(void **state)
{
    event(state, "completed", '1', ",\"run\":1");
    put_done(state, '1', ".v1.json", "2026-12-01T10:00:00.000Z");
    put_done(state, '2', ".v1.json", "2026-12-01T00:00:00.000Z");
    put_done(state, '3', ".v1.json", "2026-11-30T23:59:59.999Z"); /* before the first day */
    put_done(state, '4', ".v1.json", "2026-12-10T11:59:30.000Z"); /* just now */
    expect(state, "audit_untold done/2222.json|");
}

static void to_be_accepted_does_not_tell_of_an_end(void **state)
{
    event(state, "accepted", '1', ",\"run\":1");
    put_done(state, '1', ".v1.json", "2026-12-01T10:00:00.000Z");
    expect(state, "audit_untold done/1111.json|");
}

static void without_any_day_nothing_is_missing_in_them(void **state)
{
    put_done(state, '2', ".v1.json", "2026-12-01T00:00:00.000Z");
    expect(state, "");
}

static void lost_lines_are_told(void **state)
{
    const struct fresh *fresh = *state;

    fresh_write(fresh->spool->dir[FOLDER_EVENTS], "2026-12-02.jsonl",
                "{\"time\":\"2026-12-02T10:00:00.000Z\",\"event\":\"events_lost\",\"count\":7}\n"
                "{\"event\":\"events_lost\",\"cou\n");
    expect(state, "audit_events events/20.jsonl|");
}

static void events_that_cannot_be_read_are_an_error(void **state)
{
    const struct fresh *fresh = *state;
    struct found found = {""};
    struct error error = {0};

    fresh_write(fresh->spool->dir[FOLDER_EVENTS], "2026-12-02.jsonl.zst", "no zstd");
    assert_int_equal(audit_run(fresh->spool, now, 0, note, &found, &error), -1);
    assert_non_null(strstr(error.text, "2026-12-02.jsonl.zst"));
    assert_string_equal(found.text, "");
}

/* Many more lines than fit at first, in no order, several a job. */
static void lives_are_folded_as_they_come(void **state)
{
    enum { JOBS = 30000 };
    struct lives *lives = lives_open();
    size_t count;

    (void)state;
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < JOBS; i++) {
            char line[200];
            int length = snprintf(
                line, sizeof line, "{\"time\":\"x\",\"event\":\"%s\",\"id\":\"%064x\",\"run\":%u}",
                round == 3 && i % 3 == 0 ? "pruned" : "completed", i * 7919 % JOBS, round);
            lives_take(lives, line, (size_t)length);
        }
    }
    const struct life *all = lives_all(lives, &count);
    assert_int_equal(count, JOBS);
    size_t gone = 0;
    for (size_t i = 0; i < count; i++) {
        gone += all[i].place == LIFE_NOWHERE;
        assert_int_equal(all[i].version, all[i].place == LIFE_NOWHERE ? 0 : 3);
        assert_true(i == 0 || memcmp(all[i - 1].id.bytes, all[i].id.bytes, ID_SIZE) < 0);
    }
    assert_int_equal(gone, JOBS / 3);
    assert_ptr_equal(lives_find(lives, &all[77].id), &all[77]);
    lives_close(lives);
}

int main(void)
{
#define AUDIT_TEST(function) cmocka_unit_test_setup_teardown(function, fresh_spool, fresh_end)
    static const struct CMUnitTest tests[] = {
        AUDIT_TEST(a_spool_as_its_events_tell_is_in_order),
        AUDIT_TEST(an_empty_spool_is_in_order),
        AUDIT_TEST(what_is_gone_without_a_word_is_found),
        AUDIT_TEST(what_went_with_a_word_is_not),
        AUDIT_TEST(what_was_set_aside_is_not_looked_for),
        AUDIT_TEST(what_was_forgotten_since_is_not_looked_for),
        AUDIT_TEST(words_that_do_not_tell_that_it_went_do_not_count),
        AUDIT_TEST(a_newest_version_that_is_gone_is_found),
        AUDIT_TEST(what_was_archived_must_be_in_an_archive),
        AUDIT_TEST(what_has_no_answer_must_be_somewhere_too),
        AUDIT_TEST(a_lowest_version_that_is_gone_is_found),
        AUDIT_TEST(a_failed_run_does_not_hide_when_the_answer_came),
        AUDIT_TEST(what_goes_after_the_last_events_were_read_is_not_found),
        AUDIT_TEST(what_nobody_told_of_is_found),
        AUDIT_TEST(to_be_accepted_does_not_tell_of_an_end),
        AUDIT_TEST(without_any_day_nothing_is_missing_in_them),
        AUDIT_TEST(lost_lines_are_told),
        AUDIT_TEST(events_that_cannot_be_read_are_an_error),
        AUDIT_TEST(lives_are_folded_as_they_come),
    };
    return UNIT_RUN(tests);
}
