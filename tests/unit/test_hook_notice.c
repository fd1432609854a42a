/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hook_notice: what a hook's command is told, and of many notices as one. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/jsontext.h"
#include "daemon/hook_child.h"
#include "daemon/hook_notice.h"

static json_t *notice_of(int number, const char *reason, const char *run)
{
    char id[8], time[40];

    snprintf(id, sizeof id, "id%d", number);
    snprintf(time, sizeof time, "2026-01-01T00:00:%02d.000Z", number % 60);
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s*}}", "event", "failed", "time", time, "job", "id", id,
                     "status", number % 2 == 0 ? "failed" : "expired", "reason", reason, "message", id, "in_run", run);
}

static void many_are_told_as_one(void **state)
{
    json_t *all = json_array(), *whole;

    (void)state;
    for (int i = 0; i < 50; i++)
        json_array_append_new(all, notice_of(i, i < 10 ? "rare" : "usual", i < 3 ? "r" : NULL));
    whole = hook_notice_gather(all);
    assert_int_equal(jsontext_get_int(whole, "count", 0), 50);
    assert_null(json_object_get(whole, "job"));
    assert_string_equal(jsontext_get_text(whole, "time", ""), "2026-01-01T00:00:49.000Z");
    assert_int_equal(json_array_size(json_object_get(whole, "jobs")), HOOK_NOTICE_JOBS);
    json_t *reasons = json_object_get(whole, "reasons");
    assert_int_equal(json_array_size(reasons), 2);
    assert_string_equal(jsontext_get_text(json_array_get(reasons, 0), "reason", ""), "usual");
    assert_string_equal(jsontext_get_text(json_array_get(reasons, 0), "message", ""), "id10");
    assert_int_equal(jsontext_get_int(json_array_get(reasons, 1), "count", 0), 10);
    assert_int_equal(jsontext_get_int(json_array_get(json_object_get(whole, "runs"), 0), "count", 0), 3);
    assert_int_equal(jsontext_get_int(json_array_get(json_object_get(whole, "statuses"), 1), "count", 0), 25);
    json_decref(whole);
    json_decref(all);
}

static void reasons_are_bounded(void **state)
{
    json_t *all = json_array(), *whole;
    char reason[16];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(reason, sizeof reason, "r%d", i);
        json_array_append_new(all, notice_of(i, reason, reason));
    }
    whole = hook_notice_gather(all);
    assert_int_equal(json_array_size(json_object_get(whole, "reasons")), HOOK_NOTICE_GROUPS);
    assert_int_equal(json_array_size(json_object_get(whole, "runs")), HOOK_NOTICE_GROUPS);
    json_decref(whole);
    json_decref(all);
}

static void a_sentence_is_cut_between_characters(void **state)
{
    char text[601];
    json_t *sentence;

    (void)state;
    for (int i = 0; i < 300; i++)
        memcpy(text + 2 * i, "\xc3\xa4", 2);
    text[600] = '\0';
    sentence = hook_notice_sentence(text + 1 - 1);
    assert_int_equal(json_string_length(sentence) % 2, 0);
    assert_true(json_string_length(sentence) <= 300);
    json_decref(sentence);
    text[0] = 'x';
    text[1] = 'y';
    text[2] = 'z'; /* now characters begin at odd places */
    memmove(text + 3, text + 4, 597);
    sentence = hook_notice_sentence(text);
    assert_non_null(sentence);
    json_decref(sentence);
    assert_null(hook_notice_sentence(NULL));
}

static void a_command_gets_the_notice_and_what_it_is_of(void **state)
{
    struct buffer text = {0};
    char *variables[HOOK_NOTICE_VARIABLES];
    json_t *notice = json_pack("{s:s, s:s, s:{s:s}}", "event", "run-finished", "time", "T", "run", "name", "night");

    (void)state;
    hook_notice_write(&text, notice, "HASH", "/spool");
    assert_string_equal(text.bytes, "{\"notice_id\":\"HASH\",\"spool\":\"/spool\",\"event\":\"run-finished\","
                                    "\"time\":\"T\",\"run\":{\"name\":\"night\"}}\n");
    hook_notice_variables(notice, "HASH", "/spool", variables);
    assert_string_equal(variables[0], "LLMSPOOL_EVENT=run-finished");
    assert_string_equal(variables[1], "LLMSPOOL_NOTICE_ID=HASH");
    assert_string_equal(variables[2], "LLMSPOOL_DIR=/spool");
    assert_string_equal(variables[3], "LLMSPOOL_RUN=night");
    assert_null(variables[4]);
    for (size_t i = 0; variables[i] != NULL; i++)
        free(variables[i]);
    buffer_free(&text);
    json_decref(notice);
}

static void only_listed_variables_pass(void **state)
{
    char key[] = "OPENAI_API_KEY=sk-1", path[] = "PATH=/bin", home[] = "HOME=/root", fake[] = "PATHS=/x",
         no[] = "CREDENTIALS_DIRECTORY=/run/c", lc[] = "LC_TIME=C", ld[] = "LD_PRELOAD=x", bare[] = "PATH";
    char *environment[] = {key, path, home, fake, no, lc, ld, NULL};
    char *pathless[] = {key, bare, NULL};
    const char *const extra[] = {"LLMSPOOL_EVENT=failed", NULL};
    static const char *const wanted[] = {"PATH=/bin", "HOME=/root", "LC_TIME=C", "LLMSPOOL_EVENT=failed"};
    char **passed = hook_child_environment(environment, extra);

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(passed[i], wanted[i]);
    assert_null(passed[4]);
    for (size_t i = 0; passed[i] != NULL; i++)
        free(passed[i]);
    free(passed);
    passed = hook_child_environment(pathless, extra);
    assert_string_equal(passed[1], "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
    for (size_t i = 0; passed[i] != NULL; i++)
        free(passed[i]);
    free(passed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_are_told_as_one),
        cmocka_unit_test(reasons_are_bounded),
        cmocka_unit_test(a_sentence_is_cut_between_characters),
        cmocka_unit_test(a_command_gets_the_notice_and_what_it_is_of),
        cmocka_unit_test(only_listed_variables_pass),
    };

    return UNIT_RUN(tests);
}
