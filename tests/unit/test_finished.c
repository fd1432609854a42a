/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_finished: the units of done/ and failed/, listed and read. */
#include "unit.h"

#include "base/jsontext.h"
#include "base/timetext.h"
#include "fresh.h"
#include "retain/finished.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"
#define OTHER                                                                                      \
    "ff112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

#define OUTPUT(status, finished)                                                                   \
    "{\"status\": \"" status "\", \"times\": {\"finished\": \"" finished "\"}}"

static struct id id_of(const char *hex)
{
    struct id id;
    assert_true(id_read(hex, &id));
    return id;
}

static void put(const struct fresh *fresh, enum folder folder, const char *name, const char *text)
{
    fresh_write(fresh->spool->dir[folder], name, text);
}

static int64_t ms(const char *text)
{
    struct wall time;
    assert_int_equal(timetext_read(text, &time), 0);
    return time.ms;
}

static struct finished must_read(const struct fresh *fresh, enum folder folder)
{
    struct id id = id_of(HEX);
    struct finished finished;
    assert_int_equal(finished_read(fresh->spool, folder, &id, true, &finished), 0);
    return finished;
}

/* What was visited. */
struct seen {
    struct id ids[8];
    int count;
    int stop_at; /* 0: never */
};

static int note(void *context, const struct id *id)
{
    struct seen *seen = context;
    seen->ids[seen->count++] = *id;
    return seen->count == seen->stop_at ? 77 : 0;
}

static void jobs_are_listed_and_nothing_else(void **state)
{
    struct fresh *fresh = *state;
    struct seen seen = {.count = 0};
    struct id one = id_of(HEX), two = id_of(OTHER);
    put(fresh, FOLDER_DONE, HEX ".json", "{}");
    put(fresh, FOLDER_DONE, HEX ".v1.json", "{}");
    put(fresh, FOLDER_DONE, OTHER ".json", "{}");
    put(fresh, FOLDER_DONE, OTHER ".gone", "{}");
    put(fresh, FOLDER_DONE, "other.json", "{}");
    assert_int_equal(finished_each(fresh->spool, FOLDER_DONE, note, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_true((id_equal(&seen.ids[0], &one) && id_equal(&seen.ids[1], &two)) ||
                (id_equal(&seen.ids[0], &two) && id_equal(&seen.ids[1], &one)));

    seen = (struct seen){.stop_at = 1};
    assert_int_equal(finished_each(fresh->spool, FOLDER_DONE, note, &seen), 77);
    assert_int_equal(seen.count, 1);
    seen = (struct seen){.count = 0};
    assert_int_equal(finished_each(fresh->spool, FOLDER_FAILED, note, &seen), 0);
    assert_int_equal(seen.count, 0);
}

static void a_unit_without_its_job_is_none(void **state)
{
    struct fresh *fresh = *state;
    struct id id = id_of(HEX);
    struct finished finished;
    put(fresh, FOLDER_DONE, HEX ".v1.json", "{}");
    put(fresh, FOLDER_DONE, HEX ".gone", "{}");
    assert_int_equal(finished_read(fresh->spool, FOLDER_DONE, &id, true, &finished), -ENOENT);
    assert_int_equal(finished_read(fresh->spool, FOLDER_FAILED, &id, true, &finished), -ENOENT);
}

static void the_newest_good_version_is_the_record(void **state)
{
    struct fresh *fresh = *state;
    struct finished finished;
    struct facts facts;
    unsigned char digest[SHA256_SIZE];
    static const char newest[] = "{\"status\": \"failed\", \"expires_at\": \"2027-01-01T00:00:00Z\", "
                                 "\"times\": {\"finished\": \"2026-11-03T00:00:00Z\"}}";
    put(fresh, FOLDER_DONE, HEX ".json", "{\"prompt\": \"x\"}");
    put(fresh, FOLDER_DONE, HEX ".v1.json", OUTPUT("completed", "2026-11-01T00:00:00Z"));
    put(fresh, FOLDER_DONE, HEX ".v2.json", OUTPUT("completed", "2026-11-02T00:00:00Z"));
    put(fresh, FOLDER_DONE, HEX ".v3.json", newest);
    finished = must_read(fresh, FOLDER_DONE);
    assert_int_equal(finished.lowest, 1);
    assert_int_equal(finished.highest, 3);
    assert_int_equal(finished.version, 2);
    assert_string_equal(finished.state, "completed");
    assert_string_equal(jsontext_get_text(finished.record, "status", ""), "completed");
    assert_string_equal(jsontext_get_text(finished.newest, "status", ""), "failed");
    assert_int_equal(finished.finished_ms, ms("2026-11-03T00:00:00Z"));
    assert_int_equal(finished.expires_ms, ms("2027-01-01T00:00:00Z"));
    sha256_digest(newest, sizeof newest - 1, digest);
    assert_memory_equal(finished.digest, digest, SHA256_SIZE);

    facts = finished_facts(&finished);
    assert_ptr_equal(facts.record, finished.record);
    assert_ptr_equal(facts.job, finished.job);
    assert_string_equal(jsontext_get_text(facts.job, "prompt", ""), "x");
    assert_int_equal(facts.finished_ms, finished.finished_ms);
    assert_string_equal(facts.state, "completed");
    finished_clear(&finished);
    finished_clear(&finished); /* does no harm */
}

static void old_versions_may_be_gone(void **state)
{
    struct fresh *fresh = *state;
    struct finished finished;
    put(fresh, FOLDER_DONE, HEX ".json", "{}");
    put(fresh, FOLDER_DONE, HEX ".v4.json", OUTPUT("failed", "2026-11-01T00:00:00Z"));
    put(fresh, FOLDER_DONE, HEX ".v5.json", OUTPUT("cancelled", "2026-11-02T00:00:00Z"));
    finished = must_read(fresh, FOLDER_DONE);
    assert_int_equal(finished.lowest, 4);
    assert_int_equal(finished.highest, 5);
    assert_int_equal(finished.version, 5); /* none is good: the newest */
    assert_ptr_equal(finished.record, finished.newest);
    finished_clear(&finished);
}

static void damaged_documents_are_passed_over(void **state)
{
    struct fresh *fresh = *state;
    struct finished finished;
    put(fresh, FOLDER_DONE, HEX ".json", "no JSON");
    put(fresh, FOLDER_DONE, HEX ".v1.json", OUTPUT("completed", "2026-11-01T00:00:00Z"));
    put(fresh, FOLDER_DONE, HEX ".v2.json", "{\"status\": \"comple");
    finished = must_read(fresh, FOLDER_DONE);
    assert_int_equal(finished.version, 1);
    assert_non_null(finished.record);
    assert_null(finished.newest);
    assert_null(finished.job);
    assert_int_equal(finished.finished_ms, 0);
    finished_clear(&finished);
}

static void a_job_without_outputs_has_no_record(void **state)
{
    struct fresh *fresh = *state;
    struct finished finished;
    put(fresh, FOLDER_DONE, HEX ".json", "{}");
    finished = must_read(fresh, FOLDER_DONE);
    assert_int_equal(finished.highest, 0);
    assert_null(finished.record);
    assert_string_equal(finished.state, "completed");
    finished_clear(&finished);
}

static void failures_have_the_word_of_their_error_file(void **state)
{
    static const struct {
        const char *status, *word;
    } rows[] = {{"failed", "failed"},
                {"cancelled", "cancelled"},
                {"expired", "expired"},
                {"of another kind", "failed"}};
    struct fresh *fresh = *state;
    put(fresh, FOLDER_FAILED, HEX ".json", "{}");
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char text[200];
        struct finished finished;
        snprintf(text, sizeof text,
                 "{\"status\": \"%s\", \"times\": {\"finished\": \"2026-11-01T00:00:00Z\"}}",
                 rows[i].status);
        put(fresh, FOLDER_FAILED, HEX ".error.json", text);
        finished = must_read(fresh, FOLDER_FAILED);
        assert_string_equal(finished.state, rows[i].word);
        assert_int_equal(finished.finished_ms, ms("2026-11-01T00:00:00Z"));
        assert_int_equal(finished.highest, 0);
        assert_ptr_equal(finished.record, finished.newest);
        finished_clear(&finished);
        assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_FAILED], HEX ".error.json", 0), 0);
    }
    struct finished bare = must_read(fresh, FOLDER_FAILED);
    assert_string_equal(bare.state, "failed");
    assert_null(bare.record);
    finished_clear(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_are_listed_and_nothing_else, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_unit_without_its_job_is_none, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(the_newest_good_version_is_the_record, fresh_spool,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(old_versions_may_be_gone, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(damaged_documents_are_passed_over, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_job_without_outputs_has_no_record, fresh_spool,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(failures_have_the_word_of_their_error_file, fresh_spool,
                                        fresh_end),
    };
    return UNIT_RUN(tests);
}
