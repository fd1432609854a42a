/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_members: the jobs of a run, read from its manifest. */
#include "unit.h"

#include "base/jsontext.h"
#include "fresh.h"
#include "retain/members.h"

#define A "aa112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"
#define B "bb112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"
#define C "cc112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"

#define LINE(position, id) "{\"position\":" #position ",\"id\":\"" id "\"}\n"

static void make_run(const struct fresh *fresh, const char *run, const char *manifest)
{
    int runs = fresh->spool->dir[FOLDER_RUNS];
    int dir;
    assert_int_equal(mkdirat(runs, run, 0700), 0);
    dir = openat(runs, run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    fresh_write(dir, "manifest.jsonl", manifest);
    close(dir);
}

static void lines_are_read_as_they_are_written(void **unused)
{
    static const struct {
        const char *line;
        bool is_one, refused;
        uint64_t position;
    } rows[] = {
        {"{\"position\":0,\"id\":\"" A "\"}", true, false, 0},
        {"{\"position\":17,\"id\":\"" A "\",\"name\":\"x\",\"metadata\":{\"id\":\"" B "\"}}", true,
         false, 17},
        {"{\"position\":9007199254740991,\"id\":\"" A "\"}", true, false, 9007199254740991U},
        {"{\"position\":5,\"id\":null,\"status\":\"refused\"}", true, true, 5},
        {"{\"position\":-1,\"id\":\"" A "\"}", false, false, 0},
        {"{\"position\":,\"id\":\"" A "\"}", false, false, 0},
        {"{\"position\":90071992547409919,\"id\":\"" A "\"}", false, false, 0},
        {"{\"position\":1,\"id\":\"aa11\"}", false, false, 0},
        {"{\"position\":1,\"id\":\"" A, true, false, 1},
        {"{\"position\":1,\"id\":"
         "\"AA112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef",
         false, false, 0},
        {"{\"id\":\"" A "\",\"position\":1}", false, false, 0},
        {"", false, false, 0},
        {"{", false, false, 0},
    };
    struct id id;
    (void)unused;
    assert_true(id_read(A, &id));
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct member member;
        bool is_one = member_read(rows[i].line, strlen(rows[i].line), &member);
        if (is_one != rows[i].is_one) {
            fail_msg("%s", rows[i].line);
        }
        if (is_one) {
            assert_int_equal(member.position, rows[i].position);
            assert_int_equal(member.refused, rows[i].refused);
            assert_int_equal(member.length, strlen(rows[i].line));
            assert_true(member.refused || id_equal(&member.id, &id));
        }
    }
}

/* The first digits of the IDs, "-" for a refused line. */
static int gather(void *context, const struct id *id, const json_t *line)
{
    char *seen = context;
    char hex[ID_TEXT_SIZE] = "-";
    assert_true(json_is_object(line));
    if (id != NULL) {
        id_write(id, hex);
        assert_string_equal(hex, jsontext_get_text(line, "id", ""));
    }
    size_t length = strlen(seen);
    seen[length] = hex[0];
    seen[length + 1] = '\0';
    return strcmp(seen, "ab!") == 0 || strlen(seen) == 6 ? 5 : 0;
}

static void expect_run(const struct fresh *fresh, const char *run, const char *wanted)
{
    char seen[16] = "";
    struct error error;
    if (members_each(fresh->spool, run, gather, seen, &error) < 0) {
        fail_msg("%s", error.text);
    }
    assert_string_equal(seen, wanted);
}

static void jobs_come_in_the_order_of_the_input(void **state)
{
    struct fresh *fresh = *state;
    make_run(fresh, "plain",
             LINE(0, A) LINE(1, B) "{\"position\":2,\"id\":null,\"status\":"
                                   "\"refused\"}\n" LINE(3, A) LINE(4, C));
    make_run(fresh, "late", LINE(10, C) LINE(2, A) LINE(3, B));
    make_run(fresh, "empty", "");
    expect_run(fresh, "plain", "ab-ac");
    expect_run(fresh, "late", "abc");
    expect_run(fresh, "empty", "");
}

static void the_last_line_of_a_position_counts(void **state)
{
    struct fresh *fresh = *state;
    make_run(fresh, "replaced", LINE(0, A) LINE(1, B) LINE(2, A) LINE(0, C) LINE(0, B) LINE(2, C));
    expect_run(fresh, "replaced", "bbc");
}

static void torn_and_strange_lines_are_passed_over(void **state)
{
    struct fresh *fresh = *state;
    make_run(fresh, "torn",
             LINE(0, A) "\nstrange\n{\"other\":1}\n" LINE(1, B) "{\"position\":0,\"id\":\"" C
                                                                "\"}");
    expect_run(fresh, "torn", "ab");
}

static void a_visit_ends_what_it_ends(void **state)
{
    struct fresh *fresh = *state;
    char seen[16] = "";
    struct error error;
    make_run(fresh, "long",
             LINE(0, A) LINE(1, A) LINE(2, A) LINE(3, A) LINE(4, A) LINE(5, A) LINE(6, A)
                 LINE(7, A));
    assert_int_equal(members_each(fresh->spool, "long", gather, seen, &error), 5);
    assert_string_equal(seen, "aaaaaa");
}

static void unknown_runs_are_told(void **state)
{
    struct fresh *fresh = *state;
    struct selection selection = {0};
    struct error error = {0};
    size_t count;
    assert_int_equal(members_each(fresh->spool, "none", gather, NULL, &error), -1);
    assert_int_equal(error.kind, ERROR_ABSENT);
    assert_non_null(strstr(error.text, "there is no run none in "));
    assert_null(members_read(fresh->spool, "../runs", &count, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_int_equal(mkdirat(fresh->spool->dir[FOLDER_RUNS], "bare", 0700), 0);
    assert_null(members_read(fresh->spool, "bare", &count, &error));
    assert_int_equal(error.kind, ERROR_ABSENT);
    assert_int_equal(selection_option(&selection, SELECTION_RUN, "none", &error), 1);
    assert_int_equal(members_select(fresh->spool, &selection, &error), -1);
    selection_free(&selection);
}

static void a_selection_learns_its_members(void **state)
{
    struct fresh *fresh = *state;
    struct selection selection = {0};
    struct error error;
    struct id in, out;
    assert_true(id_read(B, &in));
    assert_true(id_read(A, &out));
    make_run(fresh, "some", LINE(0, C) LINE(1, A) "{\"position\":2,\"id\":null}\n" LINE(1, B));
    assert_int_equal(members_select(fresh->spool, &selection, &error), 0);
    assert_null(selection.members); /* no run, nothing to look up */
    assert_int_equal(selection_option(&selection, SELECTION_RUN, "some", &error), 1);
    assert_int_equal(members_select(fresh->spool, &selection, &error), 0);
    assert_int_equal(selection.member_count, 2);
    assert_true(selection_matches(&selection, &(struct facts){.id = &in}, (struct wall){0}));
    assert_false(selection_matches(&selection, &(struct facts){.id = &out}, (struct wall){0}));
    selection_free(&selection);
}

static int note_run(void *context, const char *run)
{
    strcat(context, run);
    return 0;
}

static int stop(void *context, const char *run)
{
    (void)context;
    (void)run;
    return 3;
}

static void runs_are_listed(void **state)
{
    struct fresh *fresh = *state;
    char seen[64] = "";
    struct error error;
    assert_int_equal(members_runs(fresh->spool, note_run, seen, &error), 0);
    assert_string_equal(seen, "");
    make_run(fresh, "one", "");
    fresh_write(fresh->spool->dir[FOLDER_RUNS], ".hidden", "");
    assert_int_equal(members_runs(fresh->spool, note_run, seen, &error), 0);
    assert_string_equal(seen, "one");
    assert_int_equal(members_runs(fresh->spool, stop, NULL, &error), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_as_they_are_written),
        cmocka_unit_test_setup_teardown(jobs_come_in_the_order_of_the_input, fresh_spool,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(the_last_line_of_a_position_counts, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(torn_and_strange_lines_are_passed_over, fresh_spool,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(a_visit_ends_what_it_ends, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(unknown_runs_are_told, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(a_selection_learns_its_members, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(runs_are_listed, fresh_spool, fresh_end),
    };
    return UNIT_RUN(tests);
}
