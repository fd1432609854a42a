/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_job: reading, checking and completing what was dropped. */
#include "unit.h"

#include <string.h>

#include "base/jsontext.h"
#include "job/job.h"

#define QUESTION "\"model\":\"m\",\"prompt\":\"Hello\""

/* 2026-12-01T03:00:00Z */
static const struct wall noon = {INT64_C(1796094000000)};

static struct job *read_job(const char *text, const struct job_context *context)
{
    struct error error = {0};
    struct job *job = job_read(text, strlen(text), context, &error);
    if (job == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return job;
}

static struct job *read_plain(const char *text)
{
    return read_job(text, &(struct job_context){.submitted = noon});
}

static void refused_in(const struct job_context *context, const char *text, const char *reason,
                       const char *part_of_sentence)
{
    struct error error = {0};
    const char *found = NULL;
    struct job_context asking = *context;
    asking.reason = &found;
    struct job *job = job_read(text, strlen(text), &asking, &error);
    if (job != NULL) {
        fail_msg("accepted: %s", text);
    }
    assert_int_equal(error.kind, ERROR_DATA);
    assert_string_equal(found, reason);
    if (strstr(error.text, part_of_sentence) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, part_of_sentence);
    }
}

static void refused(const char *text, const char *reason, const char *part_of_sentence)
{
    refused_in(&(struct job_context){.submitted = noon}, text, reason, part_of_sentence);
}

static char *written(const struct job *job)
{
    struct buffer out = {0};
    job_write(job, &out);
    return buffer_take(&out);
}

static void a_minimal_job_gets_the_defaults(void **state)
{
    (void)state;
    struct job *job = read_plain("{" QUESTION "}");
    assert_string_equal(job->type, "chat");
    assert_string_equal(job->model, "m");
    assert_null(job->user);
    assert_null(job->provider);
    assert_null(job->name);
    assert_null(job->webhook);
    assert_null(job->fallback);
    assert_int_equal(job->priority, JOB_PRIORITY_DEFAULT);
    assert_int_equal(job->not_before, 0);
    assert_true(job->expires == JOB_NEVER);
    assert_int_equal(job->timeout, 0);
    assert_int_equal(job->max_age, -1);
    assert_int_equal(job->keep, -1);
    assert_int_equal(job->max_attempts, 0);
    assert_false(job->stream);
    assert_false(job->on_doubt_given);
    assert_false(job->rewritten);
    job_free(job);
}

static void every_key_is_noted(void **state)
{
    (void)state;
    struct job *job = read_plain(
        "{\"model\":\"gpt-4o-mini\",\"prompt\":\"Hello\",\"type\":\"chat\",\"system\":\"\","
        "\"params\":{\"max_tokens\":400,\"n\":2},\"user\":\"alice\",\"provider\":\"openai\","
        "\"sample\":0,\"name\":\"report-7\",\"priority\":0,"
        "\"not_before\":\"2026-12-01T04:00:00+01:00\",\"expires\":\"2026-12-01T03:00:00.001Z\","
        "\"timeout\":\"10m\",\"max_attempts\":100,\"max_age\":\"0\",\"stream\":true,"
        "\"webhook\":\"https://hooks.example/x\",\"keep\":\"90d\",\"on_doubt\":\"hold\","
        "\"fallback\":[\"n\",\"o\"],\"metadata\":{\"a\":[1,2,{\"b\":null}]}}");
    assert_string_equal(job->user, "alice");
    assert_string_equal(job->provider, "openai");
    assert_string_equal(job->name, "report-7");
    assert_int_equal(job->priority, 0);
    assert_int_equal(job->not_before, noon.ms);
    assert_int_equal(job->expires, noon.ms + 1);
    assert_int_equal(job->timeout, 600000);
    assert_int_equal(job->max_attempts, 100);
    assert_int_equal(job->max_age, 0);
    assert_true(job->stream);
    assert_int_equal(json_array_size(job->fallback), 2);
    assert_string_equal(job->webhook, "https://hooks.example/x");
    assert_int_equal(job->keep, INT64_C(90) * 86400 * 1000);
    assert_int_equal(job->on_doubt, ON_DOUBT_HOLD);
    assert_true(job->on_doubt_given);
    assert_false(job->rewritten);
    job_free(job);
}

static void values_at_their_bounds_are_accepted(void **state)
{
    static const char *const texts[] = {
        "{" QUESTION ",\"priority\":9}",
        "{" QUESTION ",\"priority\":5.0}",
        "{" QUESTION ",\"max_attempts\":1}",
        "{" QUESTION ",\"sample\":9007199254740991}",
        "{" QUESTION ",\"params\":{}}",
        "{" QUESTION ",\"params\":{\"max_tokens\":1,\"temperature\":0,\"anything\":[null]}}",
        "{" QUESTION ",\"webhook\":\"HTTP://[::1]:8080/?a=b#c\"}",
        "{" QUESTION ",\"webhook\":\"team-hook\"}",
        "{" QUESTION ",\"on_doubt\":\"retry\",\"stream\":false}",
        "{" QUESTION ",\"not_before\":\"1970-01-01T00:00:00Z\"}",
        "{" QUESTION ",\"metadata\":{}}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct job *job = read_plain(texts[i]);
        assert_false(job->rewritten);
        job_free(job);
    }
}

static void what_is_no_json_object_is_refused(void **state)
{
    (void)state;
    refused("", "bad_json", "");
    refused("{" QUESTION, "bad_json", "line 1");
    refused("{" QUESTION "} {}", "bad_json", "line 1");
    refused("{\n" QUESTION ",\n\"model\":\"other\"}", "bad_json", "line 3");
    refused("{" QUESTION ",\"sample\":9007199254740992}", "bad_json", "write it as a string");
    refused("{" QUESTION ",\"system\":\"\xFF\"}", "bad_json", "");
    refused("{" QUESTION ",\"system\":\"\\ud800\"}", "bad_json", "");
    refused("{" QUESTION ",\"system\":\"\\u0000\"}", "bad_json", "");
    refused("[]", "bad_value", "object");
    refused("\"Hello\"", "bad_value", "object");
    refused("null", "bad_value", "object");
}

static void unknown_keys_are_refused(void **state)
{
    (void)state;
    refused("{" QUESTION ",\"promt\":\"\"}", "unknown_key",
            "unknown key \"promt\" (did you mean \"prompt\"?)");
    refused("{" QUESTION ",\"\":1}", "unknown_key", "unknown key \"\"");
}

static void types_of_templates_are_refused_where_there_are_none(void **state)
{
    (void)state;
    refused("{" QUESTION ",\"type\":\"summarize\"}", "unknown_type",
            "\"type\" must be chat, completion or embed here, and is \"summarize\"");
    refused("{" QUESTION ",\"variables\":{}}", "bad_value", "\"variables\" are for a template");
}

static void steps_say_after_whom(void **state)
{
    (void)state;
    refused("{" QUESTION ",\"after\":[]}", "bad_value", "\"after\" must be an array");
    refused("{" QUESTION ",\"on_failure\":\"fail\"}", "bad_value", "\"on_failure\" needs");
}

static void bad_parents_are_refused(void **state)
{
    (void)state;
    refused("{" QUESTION ",\"after\":[\"a\",\"a\"]}", "bad_value", "\"after\" names a twice");
    refused("{" QUESTION ",\"after\":[\"a/b\"]}", "bad_value", "\"after\" must be an array");
    refused("{" QUESTION ",\"after\":[\"a\"],\"on_failure\":\"stop\"}", "bad_value",
            "must be \"fail\" or \"run\"");
    refused("{\"model\":\"m\",\"prompt\":\"{{outputs.b}}\",\"after\":[\"a\"]}", "bad_place",
            "outputs.b");
    refused("{" QUESTION ",\"after\":[]}", "bad_value", "\"after\" must be an array");
    refused("{" QUESTION ",\"on_failure\":\"fail\"}", "bad_value", "\"on_failure\" needs");
}

static void fallbacks_that_are_none_are_refused(void **state)
{
    static const char *const values[] = {
        "[]",          "\"n\"",  "[\"n\",7]",
        "[\"a\\nb\"]", "[\"\"]", "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]",
    };
    char text[300];
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(values); i++) {
        snprintf(text, sizeof text, "{" QUESTION ",\"fallback\":%s}", values[i]);
        refused(text, "bad_value", "\"fallback\" must be");
    }
}

static void bad_values_are_refused(void **state)
{
    static const struct {
        const char *member;
        const char *sentence;
    } rows[] = {
        {"\"type\":7", "\"type\" must be text"},
        {"\"system\":null", "\"system\" must be text"},
        {"\"params\":[]", "\"params\" must be an object"},
        {"\"params\":{\"max_tokens\":0}", "\"max_tokens\" in \"params\""},
        {"\"params\":{\"max_tokens\":\"9\"}", "\"max_tokens\" in \"params\""},
        {"\"params\":{\"max_tokens\":1.5}", "\"max_tokens\" in \"params\""},
        {"\"params\":{\"stream\":false}", "\"stream\" inside \"params\""},
        {"\"params\":{\"model\":\"n\"}", "\"model\" inside \"params\""},
        {"\"params\":{\"messages\":[]}", "\"messages\" inside \"params\""},
        {"\"user\":\"\"", "\"user\" must be"},
        {"\"user\":null", "\"user\" must be"},
        {"\"user\":\"a\\nb\"", "\"user\" must be"},
        {"\"provider\":7", "\"provider\" must be"},
        {"\"sample\":-1", "\"sample\" must be"},
        {"\"sample\":\"1\"", "\"sample\" must be"},
        {"\"name\":\"\"", "\"name\" must be"},
        {"\"name\":\".hidden\"", "\"name\" must be"},
        {"\"name\":\"a/b\"", "\"name\" must be"},
        {"\"name\":\"deadbeef\"", "\"name\" must be"},
        {"\"name\":7", "\"name\" must be"},
        {"\"priority\":10", "\"priority\" must be"},
        {"\"priority\":-1", "\"priority\" must be"},
        {"\"priority\":1.5", "\"priority\" must be"},
        {"\"priority\":\"1\"", "\"priority\" must be"},
        {"\"priority\":true", "\"priority\" must be"},
        {"\"max_attempts\":0", "\"max_attempts\" must be"},
        {"\"max_attempts\":101", "\"max_attempts\" must be"},
        {"\"not_before\":\"tomorrow\"", "\"not_before\" must be a time"},
        {"\"not_before\":7", "\"not_before\" must be a time"},
        {"\"expires\":\"2026-12-01\"", "\"expires\" must be a time"},
        {"\"delay\":10", "\"delay\" must be a duration"},
        {"\"delay\":\"10\"", "\"delay\" must be a duration"},
        {"\"timeout\":\"-1s\"", "\"timeout\" must be a duration"},
        {"\"timeout\":\"0\"", "\"timeout\" must be longer"},
        {"\"max_age\":0", "\"max_age\" must be a duration"},
        {"\"keep\":\"for ever\"", "\"keep\" must be a duration"},
        {"\"stream\":\"yes\"", "\"stream\" must be"},
        {"\"stream\":1", "\"stream\" must be"},
        {"\"on_doubt\":\"ask\"", "\"on_doubt\" must be"},
        {"\"on_doubt\":true", "\"on_doubt\" must be"},
        {"\"metadata\":\"x\"", "\"metadata\" must be an object"},
        {"\"webhook\":\"\"", "\"webhook\" must be"},
        {"\"webhook\":\"ftp://x.example\"", "\"webhook\" must be"},
        {"\"webhook\":\"https://\"", "\"webhook\" must be"},
        {"\"webhook\":\"https:///path\"", "\"webhook\" must be"},
        {"\"webhook\":\"https://a b\"", "\"webhook\" must be"},
        {"\"webhook\":7", "\"webhook\" must be"},
        {"\"messages\":[]", "\"messages\" must be"},
        {"\"messages\":[{\"role\":\"user\",\"content\":\"\"}]", "exclude each other"},
        {"\"delay\":\"1s\",\"not_before\":\"2026-12-01T03:00:00Z\"", "exclude each other"},
        {"\"expires\":\"2026-12-01T03:00:00Z\",\"not_before\":\"2026-12-01T03:00:00Z\"",
         "\"expires\" must be later"},
        {"\"expires\":\"2026-12-01T03:09:59Z\",\"delay\":\"10m\"", "\"expires\" must be later"},
    };
    char text[300];
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        snprintf(text, sizeof text, "{" QUESTION ",%s}", rows[i].member);
        refused(text, "bad_value", rows[i].sentence);
    }
}

static void a_job_must_ask_something(void **state)
{
    (void)state;
    refused("{\"model\":\"m\"}", "bad_value", "\"prompt\" or \"messages\"");
    refused("{\"model\":\"m\",\"prompt\":\"\"}", "bad_value", "\"prompt\" must be");
    refused("{\"model\":\"m\",\"prompt\":[\"Hello\"]}", "bad_value", "\"prompt\" must be");
    refused("{\"model\":\"\",\"prompt\":\"Hello\"}", "bad_value", "\"model\" must be");
}

static void each_type_asks_in_its_own_way(void **state)
{
    static const struct {
        const char *members;
        const char *sentence; /* NULL: accepted */
    } rows[] = {
        {"\"type\":\"completion\",\"prompt\":\"Once\"", NULL},
        {"\"type\":\"completion\"", "a job of type completion needs a \"prompt\""},
        {"\"type\":\"completion\",\"input\":\"x\"", "\"input\" has no place"},
        {"\"prompt\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],"
         "\"type\":\"completion\"",
         "\"messages\" has no place in a job of type completion"},
        {"\"type\":\"completion\",\"prompt\":\"x\",\"system\":\"y\"", "\"system\" has no place"},
        {"\"type\":\"embed\",\"input\":\"x\"", NULL},
        {"\"input\":[\"x\",\"y\"],\"type\":\"embed\"", NULL},
        {"\"type\":\"embed\",\"input\":[1,2,0]", NULL},
        {"\"type\":\"embed\",\"input\":[[1,2],[3]]", NULL},
        {"\"type\":\"embed\",\"input\":[1.0]", NULL},
        {"\"type\":\"embed\"", "a job of type embed needs an \"input\""},
        {"\"type\":\"embed\",\"prompt\":\"x\"", "\"prompt\" has no place in a job of type embed"},
        {"\"type\":\"embed\",\"input\":\"x\",\"system\":\"y\"", "\"system\" has no place"},
        {"\"type\":\"embed\",\"input\":\"\"", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":[]", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":[\"x\",\"\"]", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":[\"x\",1]", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":[1,-1]", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":[1.5]", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":[[1],[]]", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":[[\"x\"]]", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":7", "\"input\" must be"},
        {"\"type\":\"embed\",\"input\":null", "\"input\" must be"},
        {"\"input\":\"x\"", "\"input\" has no place in a job of type chat"},
        {"\"input\":\"x\",\"prompt\":\"y\"", "\"input\" has no place in a job of type chat"},
    };
    char text[300];
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        snprintf(text, sizeof text, "{\"model\":\"m\",%s}", rows[i].members);
        if (rows[i].sentence != NULL) {
            refused(text, "bad_value", rows[i].sentence);
        } else {
            struct job *job = read_plain(text);
            assert_false(job->rewritten);
            job_free(job);
        }
    }
}

static void a_job_has_at_most_2048_inputs(void **state)
{
    struct buffer text = {0};
    (void)state;
    buffer_text(&text, "{\"model\":\"m\",\"type\":\"embed\",\"input\":[\"x\"");
    for (int i = 1; i < 2048; i++) {
        buffer_text(&text, ",\"x\"");
    }
    buffer_text(&text, "]}");
    job_free(read_plain(text.bytes));
    text.length -= 2;
    buffer_text(&text, ",\"x\"]}");
    refused(text.bytes, "bad_value", "\"input\" has 2049 items, and the limit is 2048");
    buffer_free(&text);
}

static void a_type_other_than_chat_is_kept(void **state)
{
    (void)state;
    struct job *job = read_plain("{\"type\":\"completion\"," QUESTION "}");
    char *text = written(job);
    struct error error = {0};
    assert_false(job->rewritten);
    assert_string_equal(job->type, "completion");
    assert_string_equal(text, "{\"type\":\"completion\"," QUESTION "}\n");
    struct job *again = job_read_accepted(text, strlen(text), &error);
    assert_non_null(again);
    assert_string_equal(again->type, "completion");
    assert_true(id_equal(&again->id, &job->id));
    job_free(again);
    free(text);
    job_free(job);
}

static void long_words_are_refused(void **state)
{
    char text[300];
    char word[202];
    (void)state;
    memset(word, 'x', sizeof word);
    word[200] = '\0';
    snprintf(text, sizeof text, "{\"model\":\"%s\",\"prompt\":\"Hello\"}", word);
    job_free(read_plain(text));
    word[200] = 'x';
    word[201] = '\0';
    snprintf(text, sizeof text, "{\"model\":\"%s\",\"prompt\":\"Hello\"}", word);
    refused(text, "bad_value", "1 to 200 bytes");
}

static void long_urls_are_refused(void **state)
{
    char text[2200];
    char path[2000];
    (void)state;
    memset(path, 'x', sizeof path);
    path[2000 - strlen("https://a/")] = '\0';
    snprintf(text, sizeof text, "{" QUESTION ",\"webhook\":\"https://a/%s\"}", path);
    job_free(read_plain(text));
    snprintf(text, sizeof text, "{" QUESTION ",\"webhook\":\"https://ab/%s\"}", path);
    refused(text, "bad_value", "at most 2000 bytes");
}

static void a_missing_model_is_completed(void **state)
{
    (void)state;
    const struct job_context context = {.default_model = "d", .submitted = noon};
    struct job *job = read_job("{\"prompt\":\"Hello\"}", &context);
    char *text = written(job);
    assert_true(job->rewritten);
    assert_string_equal(job->model, "d");
    assert_string_equal(text, "{\"prompt\":\"Hello\",\"model\":\"d\"}\n");
    free(text);
    job_free(job);
    job = read_job("{" QUESTION "}", &context);
    assert_false(job->rewritten);
    assert_string_equal(job->model, "m");
    job_free(job);
    refused("{\"prompt\":\"Hello\"}", "incomplete", "\"model\" is missing");
}

static void delay_becomes_not_before(void **state)
{
    (void)state;
    struct job *job = read_plain("{\"delay\":\"10m\"," QUESTION "}");
    char *text = written(job);
    assert_true(job->rewritten);
    assert_int_equal(job->not_before, noon.ms + 600000);
    assert_string_equal(text, "{" QUESTION ",\"not_before\":\"2026-12-01T03:10:00.000Z\"}\n");
    free(text);
    job_free(job);
}

static void type_chat_is_not_written_but_no_reason_to_rewrite(void **state)
{
    (void)state;
    struct job *job = read_plain("{\"type\":\"chat\"," QUESTION "}");
    char *text = written(job);
    assert_false(job->rewritten);
    assert_string_equal(job->type, "chat");
    assert_string_equal(text, "{" QUESTION "}\n");
    free(text);
    job_free(job);
}

static void in_a_shared_spool_the_owner_is_the_user(void **state)
{
    (void)state;
    const struct job_context alice = {.submitted = noon, .owner = "alice"};
    const struct job_context front = {.submitted = noon, .owner = "www", .trusted = true};
    struct job *job = read_job("{" QUESTION "}", &alice);
    assert_true(job->rewritten);
    assert_string_equal(job->user, "alice");
    job_free(job);
    job = read_job("{" QUESTION ",\"user\":\"alice\"}", &alice);
    assert_false(job->rewritten);
    job_free(job);
    refused_in(&alice, "{" QUESTION ",\"user\":\"bob\"}", "foreign_user", "\"user\" is \"bob\"");
    job = read_job("{" QUESTION ",\"user\":\"bob\"}", &front);
    assert_false(job->rewritten);
    assert_string_equal(job->user, "bob");
    job_free(job);
    job = read_job("{" QUESTION "}", &front);
    assert_string_equal(job->user, "www");
    job_free(job);
}

static void what_completes_a_job_is_checked_too(void **state)
{
    (void)state;
    const struct job_context bad_model = {.submitted = noon, .default_model = "a\nb"};
    const struct job_context bad_owner = {.submitted = noon, .owner = "\xFF"};
    refused_in(&bad_model, "{\"prompt\":\"Hello\"}", "bad_value", "\"model\" is missing");
    refused_in(&bad_owner, "{" QUESTION "}", "bad_value", "\"user\" is missing");
}

static void a_rewritten_job_reads_back_as_the_same(void **state)
{
    (void)state;
    const struct job_context context = {.default_model = "d", .submitted = noon, .owner = "alice"};
    struct error error = {0};
    struct job *job = read_job("{\"prompt\":\"H\\u00e9 \\\"\\n\",\"delay\":\"1h\","
                               "\"params\":{\"temperature\":0.1,\"seed\":-0.0,\"x\":1e21}}",
                               &context);
    char *text = written(job);
    struct job *again = job_read_accepted(text, strlen(text), &error);
    assert_non_null(again);
    assert_true(id_equal(&job->id, &again->id));
    assert_int_equal(again->not_before, job->not_before);
    char *text_again = written(again);
    assert_string_equal(text_again, text);
    free(text_again);
    free(text);
    job_free(again);
    job_free(job);
}

static void accepted_jobs_must_be_complete(void **state)
{
    static const char *const texts[] = {
        "{\"prompt\":\"Hello\"}",
        "{" QUESTION ",\"delay\":\"1s\"}",
        "{" QUESTION ",\"promt\":1}",
        "{" QUESTION ",",
        "7",
    };
    struct error error = {0};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        assert_null(job_read_accepted(texts[i], strlen(texts[i]), &error));
        assert_int_equal(error.kind, ERROR_DATA);
    }
    const char *good = "{\"type\":\"chat\"," QUESTION "}";
    struct job *job = job_read_accepted(good, strlen(good), &error);
    assert_non_null(job);
    assert_false(job->rewritten);
    job_free(job);
}

static void a_document_stays_the_callers(void **state)
{
    (void)state;
    struct error error = {0};
    const char *text = "{" QUESTION "}";
    const struct job_context context = {.submitted = noon, .owner = "alice"};
    json_t *document = jsontext_read(text, strlen(text), &error);
    struct job *job = job_from_json(document, &context, &error);
    assert_non_null(job);
    struct job *same = read_job(text, &context);
    assert_true(id_equal(&job->id, &same->id));
    job_free(same);
    job_free(job);
    assert_string_equal(jsontext_get_text(document, "prompt", ""), "Hello");
    json_decref(document);
    json_t *list = json_array();
    assert_null(job_from_json(list, &context, &error));
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
}

static void nothing_can_be_freed(void **state)
{
    (void)state;
    job_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minimal_job_gets_the_defaults),
        cmocka_unit_test(every_key_is_noted),
        cmocka_unit_test(values_at_their_bounds_are_accepted),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(unknown_keys_are_refused),
        cmocka_unit_test(types_of_templates_are_refused_where_there_are_none),
        cmocka_unit_test(steps_say_after_whom),
        cmocka_unit_test(bad_parents_are_refused),
        cmocka_unit_test(fallbacks_that_are_none_are_refused),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(a_job_must_ask_something),
        cmocka_unit_test(each_type_asks_in_its_own_way),
        cmocka_unit_test(a_job_has_at_most_2048_inputs),
        cmocka_unit_test(a_type_other_than_chat_is_kept),
        cmocka_unit_test(long_words_are_refused),
        cmocka_unit_test(long_urls_are_refused),
        cmocka_unit_test(a_missing_model_is_completed),
        cmocka_unit_test(delay_becomes_not_before),
        cmocka_unit_test(type_chat_is_not_written_but_no_reason_to_rewrite),
        cmocka_unit_test(in_a_shared_spool_the_owner_is_the_user),
        cmocka_unit_test(what_completes_a_job_is_checked_too),
        cmocka_unit_test(a_rewritten_job_reads_back_as_the_same),
        cmocka_unit_test(accepted_jobs_must_be_complete),
        cmocka_unit_test(a_document_stays_the_callers),
        cmocka_unit_test(nothing_can_be_freed),
    };
    return UNIT_RUN(tests);
}
