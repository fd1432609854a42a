/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_draft: jobs made of flags, prompts and whole jobs. */
#include "unit.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include "fresh.h"

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/draft.h"

#define NOW ((struct wall){1000})

#define NO_TEMPLATES .dir[FOLDER_TEMPLATES] = AT_FDCWD

static struct spool spool = {.default_model = (char[]){"m"}, NO_TEMPLATES};
static struct spool shared = {.default_model = (char[]){"m"}, .shared = true, NO_TEMPLATES};

static void flag(struct draft *draft, const char *name, const char *value)
{
    struct error error;

    if (draft_flag(draft, name, value, &error) < 0) {
        fail_msg("%s", error.text);
    }
}

static void assert_job(struct job *job, const char *expected)
{
    struct buffer text = {0};

    assert_non_null(job);
    jsontext_write_canonical(&text, job->document);
    assert_string_equal(text.bytes, expected);
    buffer_free(&text);
    job_free(job);
}

static void assert_prompt(const struct draft *draft, const char *text, const char *expected)
{
    struct error error = {0};

    assert_job(draft_prompt(draft, text, strlen(text), &error), expected);
}

static void assert_whole(const struct draft *draft, const char *text, const char *expected)
{
    struct error error = {0};

    assert_job(draft_whole(draft, text, strlen(text), &error), expected);
}

static void a_prompt_is_completed_with_the_default_model(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    assert_prompt(draft, "hi", "{\"model\":\"m\",\"prompt\":\"hi\"}");
    draft_free(draft);
}

static void in_a_shared_spool_the_user_is_who_submits(void **state)
{
    struct draft *draft = draft_new(&shared, NOW);
    const struct passwd *self = getpwuid(geteuid());
    char *expected;

    (void)state;
    assert_non_null(self);
    expected = xasprintf("{\"model\":\"m\",\"prompt\":\"hi\",\"user\":\"%s\"}", self->pw_name);
    assert_prompt(draft, "hi", expected);
    flag(draft, "user", "alice"); /* the daemon knows who may */
    assert_prompt(draft, "hi", "{\"model\":\"m\",\"prompt\":\"hi\",\"user\":\"alice\"}");
    free(expected);
    draft_free(draft);
}

static void params_are_json_where_they_can_be(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    flag(draft, "param", "a=0.5");
    flag(draft, "param", "b=[1]");
    flag(draft, "param", "c=high");
    flag(draft, "param", "d=\"7\"");
    flag(draft, "param", "e=x=y");
    flag(draft, "param", "f=007");
    flag(draft, "param", "g=");
    assert_prompt(draft, "hi",
                  "{\"model\":\"m\",\"params\":{\"a\":0.5,\"b\":[1],\"c\":\"high\",\"d\":\"7\","
                  "\"e\":\"x=y\",\"f\":\"007\",\"g\":\"\"},\"prompt\":\"hi\"}");
    draft_free(draft);
}

static void a_text_to_embed_is_an_input(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    flag(draft, "type", "embed");
    assert_prompt(draft, "hi", "{\"input\":\"hi\",\"model\":\"m\",\"type\":\"embed\"}");
    flag(draft, "type", "completion");
    assert_prompt(draft, "hi", "{\"model\":\"m\",\"prompt\":\"hi\",\"type\":\"completion\"}");
    draft_free(draft);
}

static void fallbacks_keep_their_order_and_take_the_place_of_the_jobs_own(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    flag(draft, "fallback", "b");
    flag(draft, "fallback", "a");
    assert_prompt(draft, "hi", "{\"fallback\":[\"b\",\"a\"],\"model\":\"m\",\"prompt\":\"hi\"}");
    assert_whole(draft, "{\"prompt\":\"hi\",\"fallback\":[\"c\"]}",
                 "{\"fallback\":[\"b\",\"a\"],\"model\":\"m\",\"prompt\":\"hi\"}");
    draft_free(draft);
}

static void metadata_stays_text(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    flag(draft, "meta", "version=1.10");
    assert_prompt(draft, "hi",
                  "{\"metadata\":{\"version\":\"1.10\"},\"model\":\"m\",\"prompt\":\"hi\"}");
    draft_free(draft);
}

static void a_delay_counts_from_now_and_takes_the_place_of_a_time(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    flag(draft, "delay", "1s");
    assert_whole(draft, "{\"prompt\":\"hi\",\"not_before\":\"2030-01-01T00:00:00Z\"}",
                 "{\"model\":\"m\",\"not_before\":\"1970-01-01T00:00:02.000Z\",\"prompt\":\"hi\"}");
    draft_free(draft);
}

static void a_time_takes_the_place_of_a_delay(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    flag(draft, "not-before", "2030-01-01T00:00:00Z");
    assert_whole(draft, "{\"prompt\":\"hi\",\"delay\":\"1s\"}",
                 "{\"model\":\"m\",\"not_before\":\"2030-01-01T00:00:00Z\",\"prompt\":\"hi\"}");
    draft_free(draft);
}

static void flags_win_member_by_member_and_serve_for_many_jobs(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);

    (void)state;
    flag(draft, "param", "y=2");
    flag(draft, "priority", "9");
    flag(draft, "priority", "1"); /* the last one counts */
    flag(draft, "fresh", NULL);
    assert_whole(draft, "{\"prompt\":\"a\",\"params\":{\"x\":1,\"y\":1}}",
                 "{\"max_age\":\"0\",\"model\":\"m\",\"params\":{\"x\":1,\"y\":2},\"priority\":1,"
                 "\"prompt\":\"a\"}");
    assert_whole(draft, "{\"prompt\":\"b\"}",
                 "{\"max_age\":\"0\",\"model\":\"m\",\"params\":{\"y\":2},\"priority\":1,"
                 "\"prompt\":\"b\"}");
    draft_free(draft);
}

static void assert_flag_refused(const char *name, const char *value, enum error_kind kind)
{
    struct draft *draft = draft_new(&spool, NOW);
    struct error error = {0};

    assert_int_equal(draft_flag(draft, name, value, &error), -1);
    assert_int_equal(error.kind, kind);
    assert_non_null(strstr(error.text, name));
    draft_free(draft);
}

static void flags_that_say_nothing_are_refused(void **state)
{
    (void)state;
    assert_flag_refused("param", "temperature", ERROR_USAGE);
    assert_flag_refused("meta", "=x", ERROR_USAGE);
    assert_flag_refused("param", "seed=12345678901234567890", ERROR_DATA);
    assert_flag_refused("system", "\xff", ERROR_DATA);
    assert_flag_refused("meta", "\xff=x", ERROR_DATA);
}

/* With this flag a prompt is refused, in a sentence that has these words. */
static void assert_prompt_refused(const char *name, const char *value, const char *text,
                                  size_t length, const char *words)
{
    struct draft *draft = draft_new(&spool, NOW);
    struct error error = {0};

    if (name != NULL) {
        flag(draft, name, value);
    }
    assert_null(draft_prompt(draft, text, length, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    if (strstr(error.text, words) == NULL) {
        fail_msg("%s", error.text);
    }
    draft_free(draft);
}

static void values_are_judged_with_the_job(void **state)
{
    (void)state;
    assert_prompt_refused("priority", "high", "hi", 2, "\"priority\" must be");
    assert_prompt_refused("max-attempts", "0", "hi", 2, "\"max_attempts\" must be");
    assert_prompt_refused("type", "poem", "hi", 2, "there is no type \"poem\"; there are ");
    assert_prompt_refused("fallback", "", "hi", 2, "\"fallback\" must be");
    assert_prompt_refused("type", "embed", "", 0, "\"input\" must be");
    assert_prompt_refused("type", "embed", "a\xc3", 2, "the input is not text in UTF-8");
    assert_prompt_refused(NULL, NULL, "", 0, "\"prompt\" must be");
    assert_prompt_refused(NULL, NULL, "a\xc3", 2, "byte 2 is not part of a character");
    assert_prompt_refused(NULL, NULL, "a\0b", 3, "byte 2 is NUL");
}

static void a_whole_job_that_is_none_is_refused(void **state)
{
    struct draft *draft = draft_new(&spool, NOW);
    struct error error = {0};

    (void)state;
    flag(draft, "priority", "1");
    assert_null(draft_whole(draft, "[1]", 3, &error));
    assert_non_null(strstr(error.text, "must be a JSON object"));
    assert_null(draft_whole(draft, "{\"a\"", 4, &error));
    assert_non_null(strstr(error.text, "line 1, column"));
    draft_free(draft);
}

static void a_schema_is_named_by_its_title_not_its_file(void **state)
{
    struct fresh *fresh = *state;
    struct draft *draft = draft_new(&spool, NOW);
    char path[300];

    fresh_write(fresh->dir, "a.json", "{\"title\":\"no name at all\"}");
    snprintf(path, sizeof path, "%s/a.json", fresh->folder);
    flag(draft, "schema", path);
    assert_prompt(draft, "hi",
                  "{\"model\":\"m\",\"params\":{\"response_format\":{\"json_schema\":{\"name\":"
                  "\"answer\",\"schema\":{\"title\":\"no name at all\"}},\"type\":\"json_schema\"}}"
                  ",\"prompt\":\"hi\"}");
    draft_free(draft);
}

static void a_schema_that_cannot_be_one_is_refused_with_its_file(void **state)
{
    struct fresh *fresh = *state;
    struct draft *draft = draft_new(&spool, NOW);
    struct error error = {0};
    char path[300];

    snprintf(path, sizeof path, "%s/a.json", fresh->folder);
    assert_int_equal(draft_flag(draft, "schema", path, &error), -1);
    assert_non_null(strstr(error.text, path));
    fresh_write(fresh->dir, "a.json", "true");
    assert_int_equal(draft_flag(draft, "schema", path, &error), -1);
    assert_non_null(strstr(error.text, "must be an object"));
    draft_free(draft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_completed_with_the_default_model),
        cmocka_unit_test(in_a_shared_spool_the_user_is_who_submits),
        cmocka_unit_test(params_are_json_where_they_can_be),
        cmocka_unit_test(a_text_to_embed_is_an_input),
        cmocka_unit_test(fallbacks_keep_their_order_and_take_the_place_of_the_jobs_own),
        cmocka_unit_test(metadata_stays_text),
        cmocka_unit_test(a_delay_counts_from_now_and_takes_the_place_of_a_time),
        cmocka_unit_test(a_time_takes_the_place_of_a_delay),
        cmocka_unit_test(flags_win_member_by_member_and_serve_for_many_jobs),
        cmocka_unit_test(flags_that_say_nothing_are_refused),
        cmocka_unit_test(values_are_judged_with_the_job),
        cmocka_unit_test(a_whole_job_that_is_none_is_refused),
        cmocka_unit_test_setup_teardown(a_schema_is_named_by_its_title_not_its_file, fresh_folder,
                                        fresh_end),
        cmocka_unit_test_setup_teardown(a_schema_that_cannot_be_one_is_refused_with_its_file,
                                        fresh_folder, fresh_end),
    };

    xalloc_jansson();
    return UNIT_RUN(tests);
}
