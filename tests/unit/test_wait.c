/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_wait: waiting for a set of jobs, by what happens to their files. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "fresh.h"

#include "base/xalloc.h"
#include "client/wait.h"

#define TAIL                                                                                       \
    "112233445566778899aabbccddeeff"                                                               \
    "0123456789abcdef0123456789abcdef"
#define A "00" TAIL
#define B "ff" TAIL

/* What was told. */
struct told {
    int ended;
    struct id first;
    struct awaited *last;
    int stalled;
};

static void ended(void *context, struct awaited *awaited)
{
    struct told *told = context;

    if (told->ended++ == 0) {
        told->first = awaited->id;
    }
    told->last = awaited;
}

static void stalled(void *context, const char *reason)
{
    struct told *told = context;

    (void)reason;
    told->stalled++;
}

static void put(const struct fresh *fresh, enum folder folder, const char *name)
{
    fresh_write(fresh->spool->dir[folder], name, "{\"status\":\"completed\"}");
}

static void move(const struct fresh *fresh, enum folder from, enum folder to, const char *name)
{
    assert_int_equal(renameat(fresh->spool->dir[from], name, fresh->spool->dir[to], name), 0);
}

static struct awaited *add(struct wait *wait, const char *hex, unsigned version)
{
    struct id id;

    assert_true(id_read(hex, &id));
    return wait_add(wait, &id, version);
}

static enum wait_result run(struct wait *wait, struct wait_plan plan, struct told *told)
{
    enum wait_result result;
    struct error error;

    plan.ended = ended;
    plan.stalled = stalled;
    plan.context = told;
    if (wait_run(wait, &plan, &result, &error) < 0) {
        fail_msg("%s", error.text);
    }
    return result;
}

/* Long enough for any machine: a test that needs it has failed. */
#define PATIENT ((struct wait_plan){.timeout_ms = 60 * 1000})
#define HASTY   ((struct wait_plan){.timeout_ms = 0})

static void a_job_is_there_once_and_versions_are_apart(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct awaited *job = add(wait, A, 0);
    struct awaited *version = add(wait, A, 2);

    assert_ptr_not_equal(add(wait, B, 0), job);
    assert_ptr_not_equal(version, job);
    assert_ptr_equal(add(wait, A, 0), job);
    assert_ptr_equal(add(wait, A, 2), version);
    assert_ptr_equal(wait_find(wait, &job->id, 2), version);
    assert_ptr_not_equal(add(wait, A, 3), version);
    assert_int_equal(wait_count(wait), 4);
    wait_free(wait);
}

static void what_had_ended_is_told_even_without_time(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    struct awaited *job;

    put(fresh, FOLDER_DONE, A ".json");
    put(fresh, FOLDER_CUR, B ".json");
    job = add(wait, A, 0);
    add(wait, B, 0);
    assert_int_equal(run(wait, HASTY, &told), WAIT_TIMED_OUT);
    assert_int_equal(told.ended, 1);
    assert_int_equal(wait_open(wait), 1);
    assert_int_equal(job->state, AWAITED_COMPLETED);
    move(fresh, FOLDER_CUR, FOLDER_FAILED, B ".json");
    assert_int_equal(run(wait, PATIENT, &told), WAIT_ENDED);
    assert_int_equal(told.ended, 2);
    wait_free(wait);
}

static void nothing_to_wait_for_has_ended(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};

    assert_int_equal(run(wait, PATIENT, &told), WAIT_ENDED);
    wait_free(wait);
}

static void one_is_enough_for_any(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    struct id expected;

    put(fresh, FOLDER_CUR, A ".json");
    put(fresh, FOLDER_DONE, B ".json");
    add(wait, A, 0);
    add(wait, B, 0);
    assert_int_equal(run(wait, (struct wait_plan){.timeout_ms = -1, .any = true}, &told),
                     WAIT_ENDED);
    assert_int_equal(told.ended, 1);
    assert_true(id_read(B, &expected));
    assert_true(id_equal(&told.first, &expected));
    wait_free(wait);
}

/* A process beside this one that does something a moment later. */
static pid_t beside(const struct fresh *fresh, void (*act)(const struct fresh *))
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        usleep(100 * 1000);
        act(fresh);
        /* Leaves through another program: a leak checker would take the parent's memory for lost. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    return pid;
}

static void end_beside(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void take_and_end(const struct fresh *fresh)
{
    if (renameat(fresh->spool->dir[FOLDER_NEW], A ".1.json", fresh->spool->dir[FOLDER_CUR],
                 A ".json") != 0 ||
        renameat(fresh->spool->dir[FOLDER_CUR], A ".json", fresh->spool->dir[FOLDER_DONE],
                 A ".json") != 0) {
        _exit(1);
    }
}

static void assert_end_is_noticed(struct fresh *fresh)
{
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    pid_t pid;

    put(fresh, FOLDER_NEW, A ".1.json");
    wait_expect(wait, add(wait, A, 0), A ".1.json", 0, 1);
    pid = beside(fresh, take_and_end);
    assert_int_equal(run(wait, PATIENT, &told), WAIT_ENDED);
    assert_int_equal(told.last->state, AWAITED_COMPLETED);
    end_beside(pid);
    wait_free(wait);
}

static void an_end_is_noticed(void **state)
{
    assert_int_equal(unsetenv("LLMSPOOL_NO_INOTIFY"), 0);
    assert_end_is_noticed(*state);
}

static void an_end_is_noticed_without_inotify(void **state)
{
    assert_int_equal(setenv("LLMSPOOL_NO_INOTIFY", "1", 1), 0);
    assert_end_is_noticed(*state);
    assert_int_equal(unsetenv("LLMSPOOL_NO_INOTIFY"), 0);
}

static void answer_from_done(const struct fresh *fresh)
{
    if (unlinkat(fresh->spool->dir[FOLDER_NEW], A ".1.json", 0) != 0) {
        _exit(1);
    }
}

static void a_drop_that_was_answered_from_done_is_noticed(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    pid_t pid;

    put(fresh, FOLDER_DONE, A ".json");
    put(fresh, FOLDER_DONE, A ".v1.json");
    put(fresh, FOLDER_NEW, A ".1.json"); /* found by its name, though nobody said so */
    add(wait, A, 0);
    assert_int_equal(run(wait, HASTY, &told), WAIT_TIMED_OUT);
    pid = beside(fresh, answer_from_done);
    assert_int_equal(run(wait, PATIENT, &told), WAIT_ENDED);
    end_beside(pid);
    wait_free(wait);
}

static void take_list(const struct fresh *fresh)
{
    if (unlinkat(fresh->spool->dir[FOLDER_NEW], "list.jsonl", 0) != 0) {
        _exit(1);
    }
}

static void turn_until(struct wait *wait, const struct told *told, int ended_jobs)
{
    enum wait_result result;
    struct error error;

    while (told->ended < ended_jobs) {
        assert_int_equal(wait_turn(wait, 60 * 1000, -1, NULL, &result, &error), 0);
    }
}

static void jobs_of_a_list_that_are_added_in_turns_end_when_it_is_taken(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    const struct wait_plan plan = {
        .timeout_ms = 60 * 1000, .ended = ended, .stalled = stalled, .context = &told};
    enum wait_result result;
    struct error error;
    pid_t pid;

    put(fresh, FOLDER_DONE, A ".json");
    put(fresh, FOLDER_NEW, "list.jsonl");
    wait_start(wait, &plan);
    wait_expect(wait, add(wait, A, 0), "list.jsonl", 2, 0);
    assert_int_equal(wait_turn(wait, 0, -1, NULL, &result, &error), 0);
    assert_int_equal(told.ended, 0);
    pid = beside(fresh, take_list);
    turn_until(wait, &told, 1);
    end_beside(pid);
    /* Forgotten, it is another one when it is added again. */
    wait_forget(wait, told.last);
    assert_null(wait_find(wait, &told.first, 0));
    add(wait, A, 0);
    turn_until(wait, &told, 2);
    assert_int_equal(wait_count(wait), 2);
    assert_int_equal(wait_open(wait), 0);
    wait_stop(wait);
    wait_free(wait);
}

static void input_ends_a_turn(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    const struct wait_plan plan = {
        .timeout_ms = 60 * 1000, .ended = ended, .stalled = stalled, .context = &told};
    enum wait_result result;
    struct error error;
    bool readable = false;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    wait_start(wait, &plan);
    while (!readable) {
        assert_int_equal(wait_turn(wait, 60 * 1000, ends[0], &readable, &result, &error), 0);
    }
    wait_stop(wait);
    wait_free(wait);
    close(ends[0]);
    close(ends[1]);
}

static void a_job_that_is_nowhere_is_lost(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    char *sentence;

    add(wait, A, 0);
    assert_int_equal(run(wait, PATIENT, &told), WAIT_ENDED);
    assert_int_equal(told.last->state, AWAITED_LOST);
    assert_null(wait_record(wait, told.last));
    assert_string_equal(wait_word(told.last, NULL), "unknown");
    sentence = wait_failure(told.last, NULL);
    assert_string_equal(sentence,
                        "001122334455: no such job in this spool: never submitted, or deleted");
    free(sentence);
    wait_free(wait);
}

static void a_spool_that_was_taken_away_is_an_error(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    struct wait_plan plan = {
        .timeout_ms = 60 * 1000, .ended = ended, .stalled = stalled, .context = &told};
    enum wait_result result;
    struct error error;

    add(wait, A, 0);
    assert_int_equal(renameat(fresh->dir, "spool", fresh->dir, "elsewhere"), 0);
    assert_int_equal(wait_run(wait, &plan, &result, &error), -1);
    assert_int_equal(error.kind, ERROR_ABSENT);
    assert_int_equal(told.ended, 0);
    wait_free(wait);
}

static void nothing_that_can_move_ends_a_hasty_wait(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};

    put(fresh, FOLDER_CUR, A ".json");
    add(wait, A, 0);
    assert_int_equal(
        run(wait, (struct wait_plan){.timeout_ms = 60 * 1000, .fail_fast = true}, &told),
        WAIT_STUCK);
    assert_int_equal(told.stalled, 1);
    wait_free(wait);
}

static void interrupt_parent(const struct fresh *fresh)
{
    (void)fresh;
    if (kill(getppid(), SIGTERM) != 0) {
        _exit(1);
    }
}

static void a_signal_ends_the_wait_and_not_the_process(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    sigset_t before, after;
    pid_t pid;

    put(fresh, FOLDER_CUR, A ".json");
    add(wait, A, 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &before), 0);
    pid = beside(fresh, interrupt_parent);
    assert_int_equal(run(wait, PATIENT, &told), WAIT_INTERRUPTED);
    end_beside(pid);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &after), 0);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
    wait_free(wait);
}

static void a_record_says_how_it_ended(void **state)
{
    struct fresh *fresh = *state;
    struct wait *wait = wait_new(fresh->spool, &clock_system);
    struct told told = {0};
    struct awaited *bad, *good;
    json_t *record;
    char *sentence;

    put(fresh, FOLDER_FAILED, A ".json");
    fresh_write(fresh->spool->dir[FOLDER_FAILED], A ".error.json",
                "{\"status\":\"expired\",\"message\":\"Too late.\"}");
    put(fresh, FOLDER_DONE, B ".json");
    put(fresh, FOLDER_DONE, B ".v1.json");
    bad = add(wait, A, 0);
    good = add(wait, B, 0);
    assert_int_equal(run(wait, PATIENT, &told), WAIT_ENDED);
    record = wait_record(wait, bad);
    assert_string_equal(wait_word(bad, record), "expired");
    sentence = wait_failure(bad, record);
    assert_string_equal(sentence, "001122334455: expired: Too late.");
    free(sentence);
    json_decref(record);
    record = wait_record(wait, good);
    assert_non_null(record);
    assert_string_equal(wait_word(good, record), "completed");
    json_decref(record);
    wait_free(wait);
}

#define SPOOL_TEST(test) cmocka_unit_test_setup_teardown(test, fresh_spool, fresh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(a_job_is_there_once_and_versions_are_apart),
        SPOOL_TEST(what_had_ended_is_told_even_without_time),
        SPOOL_TEST(nothing_to_wait_for_has_ended),
        SPOOL_TEST(one_is_enough_for_any),
        SPOOL_TEST(an_end_is_noticed),
        SPOOL_TEST(an_end_is_noticed_without_inotify),
        SPOOL_TEST(a_drop_that_was_answered_from_done_is_noticed),
        SPOOL_TEST(jobs_of_a_list_that_are_added_in_turns_end_when_it_is_taken),
        SPOOL_TEST(input_ends_a_turn),
        SPOOL_TEST(a_job_that_is_nowhere_is_lost),
        SPOOL_TEST(a_spool_that_was_taken_away_is_an_error),
        SPOOL_TEST(nothing_that_can_move_ends_a_hasty_wait),
        SPOOL_TEST(a_signal_ends_the_wait_and_not_the_process),
        SPOOL_TEST(a_record_says_how_it_ended),
    };

    xalloc_jansson();
    return UNIT_RUN(tests);
}
