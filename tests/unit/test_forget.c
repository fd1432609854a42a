/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What forgetting consists of: tombstones, lines of runs, names of rewritten volumes. */
#include "fresh.h"

#include "base/xalloc.h"
#include "retain/idset.h"
#include "retain/remains.h"
#include "retain/tombstone.h"
#include "retain/unname.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define STONES "forgotten.jsonl"

static struct id id_of(const char *text)
{
    struct id id;

    assert_true(id_read(text, &id));
    return id;
}

/* --- sets ------------------------------------------------------------------------------------------ */

static void a_set_has_what_was_added_once(void **state)
{
    struct idset set = {0};
    struct id a = id_of(ID_A), b = id_of(ID_B), c = id_of(ID_C);

    (void)state;
    assert_false(idset_has(&set, &a));
    idset_add(&set, &c);
    idset_add(&set, &a);
    idset_add(&set, &c);
    idset_sort(&set);
    assert_int_equal(set.count, 2);
    assert_true(idset_has(&set, &a));
    assert_true(idset_has(&set, &c));
    assert_false(idset_has(&set, &b));
    idset_free(&set);
}

/* --- tombstones ------------------------------------------------------------------------------------ */

static void read_stones(const struct fresh *fresh, struct tombstones *stones)
{
    struct error error;

    *stones = (struct tombstones){0};
    if (tombstones_read(fresh->spool, stones, &error) < 0) {
        fail_msg("%s", error.text);
    }
}

static void tombstones_are_added_and_found(void **state)
{
    struct fresh *fresh = *state;
    struct id ids[] = {id_of(ID_B), id_of(ID_A)}, c = id_of(ID_C);
    struct tombstones stones;
    struct error error;

    read_stones(fresh, &stones);
    assert_int_equal(stones.count, 0);
    assert_int_equal(
        tombstones_add(fresh->spool, ids, 2, (struct wall){.ms = 1000}, &error), 0);
    assert_int_equal(
        tombstones_add(fresh->spool, ids, 1, (struct wall){.ms = 5000}, &error), 0);
    fresh_expect(fresh->spool->dir[FOLDER_ARCHIVE], STONES,
                 "{\"id\":\"" ID_B "\",\"time\":\"1970-01-01T00:00:01.000Z\"}\n"
                 "{\"id\":\"" ID_A "\",\"time\":\"1970-01-01T00:00:01.000Z\"}\n"
                 "{\"id\":\"" ID_B "\",\"time\":\"1970-01-01T00:00:05.000Z\"}\n");
    read_stones(fresh, &stones);
    assert_int_equal(stones.count, 2);
    assert_int_equal(tombstones_find(&stones, &ids[0])->ms, 5000);
    assert_int_equal(tombstones_find(&stones, &ids[1])->ms, 1000);
    assert_null(tombstones_find(&stones, &c));
    tombstones_free(&stones);
}

/* What a crash tore is cut off before more is added, and no line of it is taken for one. */
static void a_torn_line_is_cut_off(void **state)
{
    struct fresh *fresh = *state;
    struct id a = id_of(ID_A);
    int dir = fresh->spool->dir[FOLDER_ARCHIVE];
    struct tombstones stones;
    struct error error;

    fresh_write(dir, STONES,
                "no JSON\n{\"id\":\"" ID_B "\",\"time\":\"1970-01-01T00:00:01.000Z\"}\n"
                "{\"id\":\"" ID_C "\",\"time\":\"1970-01-01T00:00:01.000Z\"}");
    read_stones(fresh, &stones);
    assert_int_equal(stones.count, 1);
    tombstones_free(&stones);
    assert_int_equal(tombstones_add(fresh->spool, &a, 1, (struct wall){.ms = 0}, &error), 0);
    fresh_expect(dir, STONES,
                 "no JSON\n{\"id\":\"" ID_B "\",\"time\":\"1970-01-01T00:00:01.000Z\"}\n"
                 "{\"id\":\"" ID_A "\",\"time\":\"1970-01-01T00:00:00.000Z\"}\n");
}

/* --- lines of runs ----------------------------------------------------------------------------------- */

static int run_folder(const struct fresh *fresh, const char *run)
{
    int dir;

    assert_int_equal(mkdirat(fresh->spool->dir[FOLDER_RUNS], run, 0700), 0);
    dir = openat(fresh->spool->dir[FOLDER_RUNS], run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    return dir;
}

static uint64_t unname_one(const struct fresh *fresh, const char *text)
{
    struct idset jobs = {0};
    struct id id = id_of(text);
    struct error error;
    uint64_t lines = 0;

    idset_add(&jobs, &id);
    idset_sort(&jobs);
    if (unname(fresh->spool, &jobs, NULL, NULL, &lines, &error) < 0) {
        fail_msg("%s", error.text);
    }
    idset_free(&jobs);
    return lines;
}

#define FIRST   "{\"position\":0,\"id\":\"" ID_A "\",\"metadata\":{\"a\":1},\"name\":\"first\"}\n"
#define REFUSED "{\"position\":1,\"id\":null,\"status\":\"refused\"}\n"
#define AGAIN   "{\"position\":2,\"id\":\"" ID_B "\",\"name\":\"x\",\"replaces\":\"" ID_A "\"}\n"
#define FOREIGN "something else\n"

/* Places, IDs, other lines and their order stay byte by byte. */
static void lines_lose_what_they_say(void **state)
{
    struct fresh *fresh = *state;
    int dir = run_folder(fresh, "r");

    fresh_write(dir, "manifest.jsonl", FIRST REFUSED FOREIGN AGAIN FIRST);
    assert_int_equal(unname_one(fresh, ID_C), 0);
    fresh_expect(dir, "manifest.jsonl", FIRST REFUSED FOREIGN AGAIN FIRST);
    assert_int_equal(unname_one(fresh, ID_B), 1);
    fresh_expect(dir, "manifest.jsonl",
                 FIRST REFUSED FOREIGN "{\"position\":2,\"id\":\"" ID_B "\",\"replaces\":\"" ID_A
                                       "\"}\n" FIRST);
    assert_int_equal(unname_one(fresh, ID_A), 2);
    assert_int_equal(unname_one(fresh, ID_A), 0);
    fresh_expect(dir, "manifest.jsonl",
                 "{\"position\":0,\"id\":\"" ID_A "\"}\n" REFUSED FOREIGN
                 "{\"position\":2,\"id\":\"" ID_B "\",\"replaces\":\"" ID_A "\"}\n"
                 "{\"position\":0,\"id\":\"" ID_A "\"}\n");
    assert_int_equal(fresh_count(fresh->spool->dir[FOLDER_TMP]), 0);
    close(dir);
}

/* A torn line may have what is to be forgotten; the daemon would cut it off, too. */
static void a_torn_line_of_a_run_goes(void **state)
{
    struct fresh *fresh = *state;
    int dir = run_folder(fresh, "r");

    fresh_write(dir, "manifest.jsonl", FIRST "{\"position\":1,\"id\":\"" ID_A "\",\"name\":\"fi");
    assert_int_equal(unname_one(fresh, ID_A), 1);
    fresh_expect(dir, "manifest.jsonl", "{\"position\":0,\"id\":\"" ID_A "\"}\n");
    close(dir);
}

/* Folders without a manifest, and what is no folder, are no runs. */
static void what_is_no_run_is_passed_over(void **state)
{
    struct fresh *fresh = *state;

    close(run_folder(fresh, "empty"));
    fresh_write(fresh->spool->dir[FOLDER_RUNS], "file", "");
    assert_int_equal(unname_one(fresh, ID_A), 0);
}

/* --- names of volumes -------------------------------------------------------------------------------- */

static void expect_next(const char *host, unsigned generation, const char *next)
{
    struct store_name name = {.number = 7};
    size_t length;

    snprintf(name.host, sizeof name.host, "%s", host);
    assert_int_equal(remains_generation(&name, &length), generation);
    assert_true(length <= strlen(host));
    remains_next(&name);
    assert_string_equal(name.host, next);
    assert_int_equal(name.number, 7);
    assert_int_equal(remains_generation(&name, NULL), generation + 1);
}

static void a_rewritten_volume_has_another_host(void **state)
{
    char longest[STORE_HOST_SIZE], cut[STORE_HOST_SIZE + 3];

    (void)state;
    expect_next("h", 0, "h.r1");
    expect_next("h.r1", 1, "h.r2");
    expect_next("a.b-c.r99", 99, "a.b-c.r100");
    expect_next("h.r0", 0, "h.r0.r1");
    expect_next("h.r", 0, "h.r.r1");
    expect_next("r1", 0, "r1.r1");
    memset(longest, 'h', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    snprintf(cut, sizeof cut, "%.61s.r1", longest);
    expect_next(longest, 0, cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_has_what_was_added_once),
        cmocka_unit_test_setup_teardown(tombstones_are_added_and_found, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_torn_line_is_cut_off, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(lines_lose_what_they_say, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_torn_line_of_a_run_goes, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(what_is_no_run_is_passed_over, fresh_spool, fresh_end),
        cmocka_unit_test(a_rewritten_volume_has_another_host),
    };

    return UNIT_RUN(tests);
}
