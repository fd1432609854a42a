/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check on small spools, with a clock of the test's: what depends on time, on locks and on who
 * looks. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fresh.h"
#include "retain/check.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

enum { FOUND_MAX = 100 };

/* What a check told. */
struct told {
    struct {
        const char *word;
        char file[200];
        enum check_result result;
    } all[FOUND_MAX];
    size_t count;
    uint64_t entries; /* of done/ */
    struct check_totals totals;
};

static int64_t ahead_ms; /* of the clock */

static struct wall later(void *context)
{
    (void)context;
    return (struct wall){clock_wall(&clock_system).ms + ahead_ms};
}

static void on_finding(void *context, const struct check_finding *finding)
{
    struct told *told = context;
    assert_true(told->count < FOUND_MAX);
    told->all[told->count].word = finding->row->word;
    told->all[told->count].result = finding->result;
    snprintf(told->all[told->count].file, sizeof told->all[0].file, "%s", finding->file);
    told->count++;
    assert_true(strlen(finding->message) > 0);
}

static void on_topic(void *context, const char *word, const char *what, uint64_t entries)
{
    struct told *told = context;
    assert_true(strlen(what) > 0);
    if (strcmp(word, "done") == 0) {
        told->entries = entries;
    }
}

static struct told look(const struct fresh *fresh, bool repair)
{
    const struct clock clock = {.wall = later};
    struct check_options options = {.repair = repair, .moment_ms = 10, .clock = &clock};
    struct told told = {0};
    struct check_listener listener = {on_finding, on_topic, &told};
    struct error error;
    if (check_spool(fresh->path, &options, &listener, &told.totals, &error) != 0) {
        fail_msg("%s", error.text);
    }
    return told;
}

static const char *find(const struct told *told, const char *word)
{
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->all[i].word, word) == 0) {
            return told->all[i].file;
        }
    }
    return NULL;
}

/* Whether it is about the machine or what runs on it, not about what a test did. */
static bool is_of_the_machine(const char *word)
{
    return strcmp(word, "volatile") == 0 || strcmp(word, "prune_never") == 0;
}

static void expect_only(const struct told *told, const char *word, const char *file)
{
    for (size_t i = 0; i < told->count; i++) {
        bool same = strcmp(told->all[i].word, word) == 0 && strcmp(told->all[i].file, file) == 0;
        if (!same && !is_of_the_machine(told->all[i].word)) {
            fail_msg("%s: %s", told->all[i].word, told->all[i].file);
        }
    }
    assert_non_null(find(told, word));
}

static int setup(void **state)
{
    ahead_ms = 0;
    return fresh_spool(state);
}

/* --- */

static void every_code_has_a_word_of_its_own_and_says_what_to_do(void **state)
{
    (void)state;
    for (int i = 0; i < CHECK_CODE_COUNT; i++) {
        const struct check_row *row = check_row((enum check_code)i);
        assert_true(strlen(row->word) > 0);
        assert_true(strlen(row->meaning) > 0);
        assert_true(row->mend != NULL || row->advice != NULL);
        assert_true(!row->paid || row->severity == CHECK_ERROR);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(row->word, check_row((enum check_code)j)->word);
        }
    }
}

static void what_cannot_be_read_is_told(void **state)
{
    struct fresh *fresh = *state;
    if (geteuid() == 0) {
        fresh_drop_root(fresh);
        spool_close(fresh->spool);
        fresh->spool = NULL;
        snprintf(fresh->path, sizeof fresh->path, "%s/own", fresh->folder);
        fresh_make(fresh);
    }
    fresh_write(fresh->spool->dir[FOLDER_OUTBOX], "debt.json", "{}");
    assert_int_equal(fchmodat(fresh->spool->dir[FOLDER_OUTBOX], "debt.json", 0, 0), 0);
    struct told told = look(fresh, false);
    assert_string_equal(find(&told, "unreadable"), "outbox/debt.json");
}

static void an_empty_spool_is_sound(void **state)
{
    struct told told = look(*state, false);
    assert_int_equal(told.totals.severities[CHECK_WARNING], 0);
    assert_int_equal(told.totals.severities[CHECK_ERROR], 0);
    assert_false(told.totals.paid);
}

static void what_lies_in_tmp_is_wrong_after_a_day(void **state)
{
    struct fresh *fresh = *state;
    fresh_write(fresh->spool->dir[FOLDER_TMP], "mine", "half");
    struct told told = look(fresh, false);
    assert_null(find(&told, "tmp_old"));
    ahead_ms = DAY_MS + 1000;
    told = look(fresh, false);
    expect_only(&told, "tmp_old", "tmp/mine");
    look(fresh, true);
    fresh_expect(fresh->spool->dir[FOLDER_FAILED], "mine", "half");
    assert_true(fresh_exists(fresh->spool->dir[FOLDER_FAILED], "mine.error.json"));
}

static void what_an_archiver_left_is_deleted_unless_one_is_at_work(void **state)
{
    struct fresh *fresh = *state;
    const char *name = "archive.0123456789abcdef01234567";
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    fresh_write(fresh->spool->dir[FOLDER_TMP], name, "half");
    fresh_write(fresh->spool->dir[FOLDER_ARCHIVE], "lock", "");
    ahead_ms = DAY_MS + 1000;
    int fd = openat(fresh->spool->dir[FOLDER_ARCHIVE], "lock", O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    look(fresh, true);
    assert_true(fresh_exists(fresh->spool->dir[FOLDER_TMP], name));
    assert_int_equal(close(fd), 0);
    look(fresh, true);
    assert_false(fresh_exists(fresh->spool->dir[FOLDER_TMP], name));
    assert_false(fresh_exists(fresh->spool->dir[FOLDER_FAILED], name));
}

static void what_an_owner_left_in_tmp_is_its_own_while_it_runs(void **state)
{
    struct fresh *fresh = *state;
    struct error error;
    char name[TEMP_NAME_SIZE];
    temp_name_write(name);
    fresh_write(fresh->spool->dir[FOLDER_TMP], name, "");
    ahead_ms = DAY_MS;
    assert_int_equal(spool_own(fresh->spool, &error), 0);
    struct told told = look(fresh, false);
    assert_null(find(&told, "tmp_left"));
    spool_close(fresh->spool);
    fresh->spool = spool_open(fresh->path, &error);
    told = look(fresh, false);
    assert_non_null(find(&told, "tmp_left"));
    ahead_ms = 0;
    look(fresh, true);
    assert_false(fresh_exists(fresh->spool->dir[FOLDER_TMP], name));
}

static void repairing_beside_an_owner_is_refused(void **state)
{
    struct fresh *fresh = *state;
    struct check_options options = {.repair = true, .clock = &clock_system};
    struct told told = {0};
    struct check_listener listener = {on_finding, on_topic, &told};
    struct error error;
    assert_int_equal(spool_own(fresh->spool, &error), 0);
    assert_int_equal(check_spool(fresh->path, &options, &listener, &told.totals, &error), -1);
    assert_int_equal(error.kind, ERROR_LATER);
}

static void strange_names_in_new_and_ctl_are_notes(void **state)
{
    struct fresh *fresh = *state;
    fresh_write(fresh->spool->dir[FOLDER_NEW], "notes.txt", "");
    fresh_write(fresh->spool->dir[FOLDER_CTL], "pause", "");
    fresh_write(fresh->spool->dir[FOLDER_CTL], "rerun.1", "ALL\n");
    fresh_write(fresh->spool->dir[FOLDER_CTL], "stop", "");
    ahead_ms = DAY_MS + 1000;
    struct told told = look(fresh, false);
    assert_string_equal(find(&told, "new_ignored"), "new/notes.txt");
    assert_string_equal(find(&told, "ctl_unknown"), "ctl/stop");
    assert_int_equal(told.totals.severities[CHECK_WARNING], 0);
}

static void a_locked_deletion_is_in_good_hands(void **state)
{
    struct fresh *fresh = *state;
    char name[ENTRY_NAME_SIZE];
    struct id id = {{7}};
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    entry_write(ENTRY_GONE, &id, 0, name);
    fresh_write(fresh->spool->dir[FOLDER_DONE], name, "{}");
    int fd = openat(fresh->spool->dir[FOLDER_DONE], name, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    struct told told = look(fresh, false);
    assert_null(find(&told, "gone_unfinished"));
    look(fresh, true);
    assert_true(fresh_exists(fresh->spool->dir[FOLDER_DONE], name));
    assert_int_equal(close(fd), 0);
    told = look(fresh, false);
    assert_non_null(find(&told, "gone_unfinished"));
    look(fresh, true);
    assert_false(fresh_exists(fresh->spool->dir[FOLDER_DONE], name));
}

/* Another program, which replaces a stray file by another between the two looks. */
struct replacing {
    struct told told;
    const struct spool *spool;
};

static void on_replaced(void *context, const struct check_finding *finding)
{
    on_finding(&((struct replacing *)context)->told, finding);
}

static void replace(void *context, const char *word, const char *what, uint64_t entries)
{
    const struct spool *spool = ((struct replacing *)context)->spool;
    (void)what;
    (void)entries;
    if (strcmp(word, "done") == 0) {
        fresh_write(spool->dir[FOLDER_TMP], "other", "");
        assert_int_equal(
            renameat(spool->dir[FOLDER_TMP], "other", spool->dir[FOLDER_DONE], "stray"), 0);
    }
}

static void what_is_wrong_only_once_is_not_told(void **state)
{
    struct fresh *fresh = *state;
    struct replacing replacing = {.spool = fresh->spool};
    struct check_options options = {.moment_ms = 10, .clock = &clock_system};
    struct check_listener listener = {on_replaced, replace, &replacing};
    struct check_totals totals;
    struct error error;
    fresh_write(fresh->spool->dir[FOLDER_DONE], "stray", "");
    assert_int_equal(check_spool(fresh->path, &options, &listener, &totals, &error), 0);
    assert_null(find(&replacing.told, "unknown_entry"));
    struct told told = look(fresh, false);
    assert_string_equal(find(&told, "unknown_entry"), "done/stray");
}

static void on_many(void *context, const struct check_finding *finding)
{
    struct told *found = context;
    if (strcmp(finding->row->word, "run_entry") == 0) {
        found->count++;
    }
}

static void many_findings_are_told_in_batches(void **state)
{
    struct fresh *fresh = *state;
    char name[30];
    struct told found = {0};
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "stray-%d", i);
        assert_int_equal(symlinkat("x", fresh->spool->dir[FOLDER_RUNS], name), 0);
    }
    const struct clock clock = {.wall = later};
    struct check_options options = {.moment_ms = 10, .clock = &clock};
    struct check_listener listener = {on_many, on_topic, &found};
    struct check_totals totals;
    struct error error;
    assert_int_equal(check_spool(fresh->path, &options, &listener, &totals, &error), 0);
    assert_int_equal(found.count, 5000);
    assert_int_equal(totals.severities[CHECK_WARNING], 5000);
}

static void a_finished_job_may_have_lost_many_versions(void **state)
{
    struct fresh *fresh = *state;
    int done = fresh->spool->dir[FOLDER_DONE];
    char name[ENTRY_NAME_SIZE];
    struct id kept; /* of the worked example of spool-layout/README */
    assert_true(id_read("8b31e1edd6d8e9ba8e974bf487522ffa4e607610585dde2716f66cf5430f21b8", &kept));
    entry_write(ENTRY_JOB, &kept, 0, name);
    fresh_write(done, name,
                "{\"model\":\"gpt-4o-mini\",\"params\":{\"max_tokens\":60,\"temperature\":0.2},"
                "\"prompt\":\"Name three primary colours.\"}");
    struct told told = look(fresh, false);
    assert_non_null(find(&told, "done_no_output"));
    assert_true(told.totals.paid);
    /* One whose lowest version is beyond what is looked up has one all the same. */
    entry_write(ENTRY_OUTPUT, &kept, 900, name);
    fresh_write(done, name, "{}");
    told = look(fresh, false);
    assert_null(find(&told, "done_no_output"));
    assert_non_null(find(&told, "output_id"));
    assert_int_equal(told.entries, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_word_of_its_own_and_says_what_to_do),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, setup, fresh_end),
        cmocka_unit_test_setup_teardown(an_empty_spool_is_sound, setup, fresh_end),
        cmocka_unit_test_setup_teardown(what_lies_in_tmp_is_wrong_after_a_day, setup, fresh_end),
        cmocka_unit_test_setup_teardown(what_an_archiver_left_is_deleted_unless_one_is_at_work,
                                        setup, fresh_end),
        cmocka_unit_test_setup_teardown(what_an_owner_left_in_tmp_is_its_own_while_it_runs, setup,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(repairing_beside_an_owner_is_refused, setup, fresh_end),
        cmocka_unit_test_setup_teardown(strange_names_in_new_and_ctl_are_notes, setup, fresh_end),
        cmocka_unit_test_setup_teardown(a_locked_deletion_is_in_good_hands, setup, fresh_end),
        cmocka_unit_test_setup_teardown(what_is_wrong_only_once_is_not_told, setup, fresh_end),
        cmocka_unit_test_setup_teardown(many_findings_are_told_in_batches, setup, fresh_end),
        cmocka_unit_test_setup_teardown(a_finished_job_may_have_lost_many_versions, setup,
                                        fresh_end),
    };
    return UNIT_RUN(tests);
}
