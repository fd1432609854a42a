/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_identity: a job's ID is the SHA-256 of the RFC 8785 form of what decides its answer.
 *
 * The canonical forms below are written by hand from the specification; two digests were computed
 * by another program.
 */
#include "unit.h"

#include <string.h>

#include "base/sha256.h"
#include "job/job.h"

#define HELLO "\"model\":\"m\",\"prompt\":\"Hello\""

static struct id id_of(const char *text)
{
    const struct job_context context = {.submitted = {1000}};
    struct error error = {0};
    struct job *job = job_read(text, strlen(text), &context, &error);
    if (job == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    struct id id = job->id;
    job_free(job);
    return id;
}

static void check_canonical(const char *text, const char *canonical)
{
    struct id wanted;
    struct id found = id_of(text);
    sha256_digest(canonical, strlen(canonical), wanted.bytes);
    if (!id_equal(&found, &wanted)) {
        fail_msg("the ID of %s is not that of %s", text, canonical);
    }
}

static void check_hex(const char *text, const char *hex)
{
    char found[ID_TEXT_SIZE];
    struct id id = id_of(text);
    id_write(&id, found);
    assert_string_equal(found, hex);
}

static void same(const char *a, const char *b)
{
    struct id first = id_of(a);
    struct id second = id_of(b);
    if (!id_equal(&first, &second)) {
        fail_msg("%s and %s have different IDs", a, b);
    }
}

static void different(const char *a, const char *b)
{
    struct id first = id_of(a);
    struct id second = id_of(b);
    if (id_equal(&first, &second)) {
        fail_msg("%s and %s have one ID", a, b);
    }
}

static void ids_are_those_that_another_program_computes(void **state)
{
    (void)state;
    check_hex("{" HELLO "}", "8f4ef09551a7347196001b88a96351a92976b4e28a5ed4dad9852819b6b6a49c");
    check_hex("{\"model\":\"gpt-4o-mini\",\"prompt\":\"H\\u00e9\\n\\\"\\u20ac\","
              "\"type\":\"chat\",\"system\":\"S\",\"params\":{\"temperature\":0.20,"
              "\"\\ufb33\":[1.0,null,true],\"max_tokens\":4e2,\"\\ud83d\\ude02\":1E21},"
              "\"user\":\"alice\",\"provider\":\"openai\",\"sample\":1,\"name\":\"report-7\"}",
              "500acda076e33f1c9019041008663c30b3a8b857a5577e5aaeddc1768130fca2");
}

static void keys_are_sorted_and_type_is_always_there(void **state)
{
    (void)state;
    check_canonical("{\"prompt\":\"Hello\",\"model\":\"m\"}",
                    "{\"model\":\"m\",\"prompt\":\"Hello\",\"type\":\"chat\"}");
    check_canonical("{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"model\":\"m\"}",
                    "{\"messages\":[{\"content\":\"Hello\",\"role\":\"user\"}],\"model\":\"m\","
                    "\"type\":\"chat\"}");
    check_canonical("{\"type\":\"embed\",\"model\":\"m\",\"input\":[\"b\",\"a\"]}",
                    "{\"input\":[\"b\",\"a\"],\"model\":\"m\",\"type\":\"embed\"}");
}

static void how_and_when_are_no_part_of_it(void **state)
{
    (void)state;
    same("{" HELLO "}",
         "{" HELLO ",\"type\":\"chat\",\"name\":\"report-7\",\"priority\":0,"
         "\"not_before\":\"2026-12-01T03:00:00Z\",\"expires\":\"2026-12-02T03:00:00Z\","
         "\"timeout\":\"10m\",\"max_attempts\":3,\"max_age\":\"1d\",\"stream\":true,"
         "\"webhook\":\"https://x.example\",\"keep\":\"90d\",\"on_doubt\":\"hold\","
         "\"fallback\":[\"n\"],\"metadata\":{\"a\":1}}");
    same("{" HELLO "}", "{" HELLO ",\"delay\":\"10m\"}");
}

static void each_key_that_decides_the_answer_is(void **state)
{
    static const char *const members[] = {
        "\"system\":\"\"", "\"params\":{}", "\"user\":\"alice\"", "\"provider\":\"openai\"",
        "\"sample\":0",    "\"sample\":1",  "\"user\":\"bob\"",   "\"params\":{\"seed\":1}",
    };
    char first[200], second[200];
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(members); i++) {
        snprintf(first, sizeof first, "{" HELLO ",%s}", members[i]);
        different("{" HELLO "}", first);
        for (size_t j = 0; j < i; j++) {
            snprintf(second, sizeof second, "{" HELLO ",%s}", members[j]);
            different(first, second);
        }
    }
    different("{" HELLO "}", "{" HELLO ",\"type\":\"completion\"}");
    different("{" HELLO "}", "{\"model\":\"n\",\"prompt\":\"Hello\"}");
    different("{" HELLO "}", "{\"model\":\"m\",\"prompt\":\"Hello \"}");
}

static void the_way_of_writing_does_not_matter(void **state)
{
    (void)state;
    same("{" HELLO "}", " {\n\t\"prompt\" : \"\\u0048ello\",\r\n \"model\":\"m\" } \n");
    same("{" HELLO ",\"params\":{\"a\":100,\"b\":0.5}}",
         "{" HELLO ",\"params\":{\"b\":5e-1,\"a\":1.0E2}}");
    same("{" HELLO ",\"sample\":1}", "{" HELLO ",\"sample\":1.0}");
    same("{" HELLO ",\"params\":{\"a\":0}}", "{" HELLO ",\"params\":{\"a\":-0.0}}");
}

static void texts_are_not_normalised(void **state)
{
    (void)state;
    different("{\"model\":\"m\",\"prompt\":\"\\u00e9\"}",
              "{\"model\":\"m\",\"prompt\":\"e\\u0301\"}");
}

static void completing_gives_the_id_of_the_complete_job(void **state)
{
    (void)state;
    const char *text = "{\"prompt\":\"Hello\"}";
    const struct job_context context = {
        .default_model = "m", .submitted = {1000}, .owner = "alice"};
    struct job *job = job_read(text, strlen(text), &context, NULL);
    struct id whole = id_of("{" HELLO ",\"user\":\"alice\"}");
    assert_non_null(job);
    assert_true(id_equal(&job->id, &whole));
    job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_that_another_program_computes),
        cmocka_unit_test(keys_are_sorted_and_type_is_always_there),
        cmocka_unit_test(how_and_when_are_no_part_of_it),
        cmocka_unit_test(each_key_that_decides_the_answer_is),
        cmocka_unit_test(the_way_of_writing_does_not_matter),
        cmocka_unit_test(texts_are_not_normalised),
        cmocka_unit_test(completing_gives_the_id_of_the_complete_job),
    };
    return UNIT_RUN(tests);
}
