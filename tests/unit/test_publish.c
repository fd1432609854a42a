/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_publish: durable group commits: order, replacing, failures. */
#include "fresh.h"

#include "base/xalloc.h"
#include "spool/publish.h"

enum { MANY = 1000 };

/* A loop with a publisher on a fresh spool. */
struct bench {
    uv_loop_t loop;
    struct publish *publish;
    struct fresh *fresh;
    int ended;   /* callbacks so far */
    int hooks;   /* calls of the hook, which see all callbacks of their commit */
    int last;    /* number of the publication that ended last */
    bool ordered;
};

/* What one publication came to. */
struct ending {
    struct bench *bench;
    int number;
    int result;
    int failed_file;
};

/* The call of fsync that fails with EIO; 0: none. */
static struct {
    int fail_at;
    int calls;
} fsyncs;

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
    if (++fsyncs.calls == fsyncs.fail_at) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}

static void count_hook(void *context)
{
    struct bench *bench = context;
    bench->hooks++;
}

static void begin(struct bench *bench, void **state)
{
    *bench = (struct bench){.fresh = *state, .last = -1, .ordered = true};
    fsyncs.fail_at = 0;
    fsyncs.calls = 0;
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    bench->publish = publish_open(&bench->loop, bench->fresh->spool, 4);
    publish_on_commit(bench->publish, count_hook, bench);
}

static void end(struct bench *bench)
{
    assert_true(publish_idle(bench->publish));
    publish_close(bench->publish);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    assert_int_equal(fresh_count(bench->fresh->spool->dir[FOLDER_TMP]), 0);
}

static void ended(void *context, int result, int failed_file)
{
    struct ending *ending = context;
    struct bench *bench = ending->bench;
    ending->result = result;
    ending->failed_file = failed_file;
    bench->ordered = bench->ordered && ending->number > bench->last;
    bench->last = ending->number;
    bench->ended++;
}

static struct publication *start(struct bench *bench, struct ending *ending, int number)
{
    *ending = (struct ending){.bench = bench, .number = number, .result = 1, .failed_file = -2};
    return publication_new(ended, ending);
}

static void add_text(struct publication *publication, const char *name, const char *text,
                     bool replace, const char *temp_name)
{
    struct buffer bytes = {0};
    buffer_text(&bytes, text);
    publication_file(publication, FOLDER_DONE, name, 0640, &bytes, replace,
                     temp_name != NULL ? FOLDER_CUR : FOLDER_TMP, temp_name);
    assert_int_equal(bytes.length, 0);
}

static void run(struct bench *bench)
{
    uv_run(&bench->loop, UV_RUN_DEFAULT);
}

static int done_dir(const struct bench *bench)
{
    return bench->fresh->spool->dir[FOLDER_DONE];
}

static void a_file_is_published_with_exactly_its_mode(void **state)
{
    struct bench bench;
    struct ending ending;
    struct stat status;
    begin(&bench, state);
    mode_t mask = umask(077);
    struct publication *publication = start(&bench, &ending, 0);
    add_text(publication, "a.json", "text", false, NULL);
    publish_add(bench.publish, publication);
    assert_false(publish_idle(bench.publish));
    run(&bench);
    umask(mask);
    assert_int_equal(ending.result, 0);
    fresh_expect(done_dir(&bench), "a.json", "text");
    assert_int_equal(fstatat(done_dir(&bench), "a.json", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(bench.hooks, 1);
    end(&bench);
}

static void a_name_that_is_taken_is_never_replaced(void **state)
{
    struct bench bench;
    struct ending first, second;
    begin(&bench, state);
    fresh_write(done_dir(&bench), "b.json", "old");
    struct publication *publication = start(&bench, &first, 0);
    add_text(publication, "a.json", "a", false, NULL);
    add_text(publication, "b.json", "new", false, NULL);
    publish_add(bench.publish, publication);
    publication = start(&bench, &second, 1);
    add_text(publication, "c.json", "c", false, NULL);
    publish_add(bench.publish, publication);
    run(&bench);
    assert_int_equal(first.result, -EEXIST);
    assert_int_equal(first.failed_file, 1);
    fresh_expect(done_dir(&bench), "b.json", "old");
    assert_int_equal(second.result, 0);
    fresh_expect(done_dir(&bench), "c.json", "c");
    end(&bench);
}

static void of_two_publications_of_a_name_the_later_wins(void **state)
{
    struct bench bench;
    struct ending endings[8];
    char text[16];
    begin(&bench, state);
    for (int i = 0; i < 8; i++) {
        struct publication *publication = start(&bench, &endings[i], i);
        snprintf(text, sizeof text, "%d", i);
        add_text(publication, "same.json", text, true, NULL);
        publish_add(bench.publish, publication);
    }
    run(&bench);
    fresh_expect(done_dir(&bench), "same.json", "7");
    assert_true(bench.ordered);
    end(&bench);
}

static void what_a_crash_left_is_no_hindrance(void **state)
{
    struct bench bench;
    struct ending ending;
    begin(&bench, state);
    int cur = bench.fresh->spool->dir[FOLDER_CUR];
    fresh_write(cur, "torn.out", "half");
    fresh_write(cur, "whole.out", "whole");
    struct publication *publication = start(&bench, &ending, 0);
    add_text(publication, "a.json", "all of it", false, "torn.out");
    publication_existing(publication, FOLDER_DONE, "b.json", false, FOLDER_CUR, "whole.out");
    publication_sync(publication, FOLDER_CUR, "not-there.json");
    publish_add(bench.publish, publication);
    run(&bench);
    assert_int_equal(ending.result, 0);
    fresh_expect(done_dir(&bench), "a.json", "all of it");
    fresh_expect(done_dir(&bench), "b.json", "whole");
    assert_int_equal(fresh_count(cur), 0);
    end(&bench);
}

static void a_link_is_moved_only_from_where_it_should_lead(void **state)
{
    struct bench bench;
    struct ending ending;
    char target[64] = "";
    begin(&bench, state);
    int names = bench.fresh->spool->dir[FOLDER_BY_NAME];
    assert_int_equal(symlinkat("../cur/mine.json", names, "mine"), 0);
    assert_int_equal(symlinkat("../cur/other.json", names, "other"), 0);
    struct publication *publication = start(&bench, &ending, 0);
    publication_link(publication, FOLDER_BY_NAME, "mine", "../done/x", "../cur/mine.");
    publication_link(publication, FOLDER_BY_NAME, "other", "../done/x", "../cur/mine.");
    publication_link(publication, FOLDER_BY_NAME, "absent", "../done/x", "../cur/mine.");
    publication_link(publication, FOLDER_BY_NAME, "fresh", "../done/x", NULL);
    publish_add(bench.publish, publication);
    run(&bench);
    assert_int_equal(ending.result, 0);
    assert_true(readlinkat(names, "mine", target, sizeof target - 1) > 0);
    assert_string_equal(target, "../done/x");
    memset(target, 0, sizeof target);
    assert_true(readlinkat(names, "other", target, sizeof target - 1) > 0);
    assert_string_equal(target, "../cur/other.json");
    assert_int_equal(readlinkat(names, "absent", target, sizeof target - 1), -1);
    assert_true(readlinkat(names, "fresh", target, sizeof target - 1) > 0);
    end(&bench);
}

static void a_failed_sync_fails_its_publication_alone(void **state)
{
    struct bench bench;
    struct ending bad, good;
    begin(&bench, state);
    fsyncs.fail_at = 1;
    struct publication *publication = start(&bench, &bad, 0);
    add_text(publication, "a.json", "a", false, NULL);
    publish_add(bench.publish, publication);
    publication = start(&bench, &good, 1);
    add_text(publication, "b.json", "b", false, NULL);
    publish_add(bench.publish, publication);
    run(&bench);
    assert_int_equal(bad.result, -EIO);
    assert_int_equal(bad.failed_file, 0);
    assert_false(fresh_exists(done_dir(&bench), "a.json"));
    assert_int_equal(good.result, 0);
    fresh_expect(done_dir(&bench), "b.json", "b");
    assert_int_equal(publish_counts(bench.publish).failures, 1);
    end(&bench);
}

static void a_failed_sync_of_the_folder_is_told(void **state)
{
    struct bench bench;
    struct ending ending;
    begin(&bench, state);
    fsyncs.fail_at = 2; /* the file first, then done/ */
    struct publication *publication = start(&bench, &ending, 0);
    add_text(publication, "a.json", "a", false, NULL);
    publish_add(bench.publish, publication);
    run(&bench);
    assert_int_equal(ending.result, -EIO);
    end(&bench);
}

static void many_share_commits_and_end_in_order(void **state)
{
    struct bench bench;
    struct ending *endings = xcalloc(MANY, sizeof *endings);
    char name[32];
    begin(&bench, state);
    for (int i = 0; i < MANY; i++) {
        struct publication *publication = start(&bench, &endings[i], i);
        snprintf(name, sizeof name, "%d.json", i);
        add_text(publication, name, name, false, NULL);
        publish_add(bench.publish, publication);
    }
    run(&bench);
    struct publish_counts counts = publish_counts(bench.publish);
    assert_int_equal(bench.ended, MANY);
    assert_true(bench.ordered);
    assert_int_equal(counts.publications, MANY);
    assert_int_equal(counts.waiting, 0);
    assert_true(counts.commits < MANY / 10);
    assert_int_equal(bench.hooks, (int)counts.commits);
    assert_int_equal(fresh_count(done_dir(&bench)), MANY);
    free(endings);
    end(&bench);
}

int main(void)
{
#define PUBLISH_TEST(function) cmocka_unit_test_setup_teardown(function, fresh_spool, fresh_end)
    static const struct CMUnitTest tests[] = {
        PUBLISH_TEST(a_file_is_published_with_exactly_its_mode),
        PUBLISH_TEST(a_name_that_is_taken_is_never_replaced),
        PUBLISH_TEST(of_two_publications_of_a_name_the_later_wins),
        PUBLISH_TEST(what_a_crash_left_is_no_hindrance),
        PUBLISH_TEST(a_link_is_moved_only_from_where_it_should_lead),
        PUBLISH_TEST(a_failed_sync_fails_its_publication_alone),
        PUBLISH_TEST(a_failed_sync_of_the_folder_is_told),
        PUBLISH_TEST(many_share_commits_and_end_in_order),
    };
    return UNIT_RUN(tests);
}
