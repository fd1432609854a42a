/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_batch_line: lines of OpenAI Batch files as jobs, and whole files judged. */
#include "unit.h"

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/batch_check.h"
#include "job/batch_line.h"
#include "job/job.h"

#define USER "\"messages\":[{\"content\":\"Hi\",\"role\":\"user\"}]"

static char *line_of(const char *url, const char *body)
{
    return xasprintf("{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"%s\",\"body\":%s}", url, body);
}

/* The job of a line as text, or "REASON: sentence"; the caller frees it. */
static char *map(const char *url, const char *body)
{
    char *text = line_of(url, body);
    struct error error = {0};
    struct refusal refusal = {"", &error};
    json_t *document = jsontext_read(text, strlen(text), &error);
    struct batch_line line;
    struct buffer out = {0};
    json_t *job = NULL;
    assert_non_null(document);
    assert_int_equal(batch_line_read(document, &line, &refusal), 0);
    assert_string_equal(line.custom_id, "a");
    job = batch_line_job(&line, &refusal);
    if (job != NULL) {
        jsontext_write_canonical(&out, job);
    } else {
        buffer_printf(&out, "%s: %s", refusal.reason, error.text);
    }
    json_decref(job);
    json_decref(document);
    free(text);
    return buffer_take(&out);
}

static void lines_become_jobs(void **state)
{
    static const struct {
        const char *url, *body, *job;
    } rows[] = {
        {"/v1/chat/completions", "{\"model\":\"m\"," USER "}", "{" USER ",\"model\":\"m\"}"},
        {"/v1/chat/completions",
         "{\"model\":\"m\"," USER ",\"temperature\":0.2,\"max_completion_tokens\":9,\"user\":\"u\","
         "\"stream\":false,\"max_tokens\":null}",
         "{" USER ",\"model\":\"m\",\"params\":{\"max_completion_tokens\":9,\"temperature\":0.2,"
         "\"user\":\"u\"}}"},
        {"/chat/completions", "{" USER "}", "{" USER "}"},
        {"/v1/completions", "{\"model\":\"m\",\"prompt\":[\"Once\"],\"n\":2}",
         "{\"model\":\"m\",\"params\":{\"n\":2},\"prompt\":\"Once\",\"type\":\"completion\"}"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":8}",
         "{\"input\":[\"a\",\"b\"],\"model\":\"m\",\"params\":{\"dimensions\":8},\"type\":\"embed\"}"},
        {"/v1/responses",
         "{\"model\":\"m\",\"input\":\"Hi\",\"instructions\":\"Be brief\",\"max_output_tokens\":9}",
         "{\"model\":\"m\",\"params\":{\"max_output_tokens\":9},\"prompt\":\"Hi\","
         "\"system\":\"Be brief\"}"},
        {"/v1/responses",
         "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Hi\"},"
         "{\"type\":\"input_image\",\"image_url\":\"data:x\",\"detail\":\"low\"}]},"
         "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
         "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"12\"}]}",
         "{\"messages\":[{\"content\":[{\"text\":\"Hi\",\"type\":\"text\"},{\"image_url\":"
         "{\"detail\":\"low\",\"url\":\"data:x\"},\"type\":\"image_url\"}],\"role\":\"user\"},"
         "{\"content\":null,\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"arguments\":"
         "\"{}\",\"name\":\"f\"},\"id\":\"c\",\"type\":\"function\"}]},"
         "{\"content\":\"12\",\"role\":\"tool\",\"tool_call_id\":\"c\"}]}"},
        {"/v1/chat/completions", "{" USER ",\"stream\":true}",
         "bad_value: \"stream\" cannot be true in a batch"},
        {"/v1/completions", "{\"prompt\":[\"a\",\"b\"]}",
         "unsupported: \"prompt\" must be one text: several prompts, or tokens, are not supported; "
         "give each a line of its own"},
        {"/v1/responses", "{\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}",
         "unsupported: \"input\": an item of type item_reference is not supported"},
        {"/v1/responses", "{\"input\":7}", "bad_value: \"input\" must be text or an array of items"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char *job = map(rows[i].url, rows[i].body);
        assert_string_equal(job, rows[i].job);
        free(job);
    }
}

/* The same question dropped natively with the same params is the same job. */
static void a_line_has_the_id_of_its_job(void **state)
{
    static const char native[] =
        "{\"model\":\"m\",\"params\":{\"seed\":1,\"user\":\"u\"}," USER "}";
    char *text = line_of("/v1/chat/completions", "{\"user\":\"u\"," USER ",\"model\":\"m\",\"seed\":1}");
    struct error error;
    struct refusal refusal = {"", &error};
    const struct job_context context = {.default_model = NULL};
    json_t *document = jsontext_read(text, strlen(text), &error);
    struct job *wanted = job_read(native, sizeof native - 1, &context, &error);
    struct batch_line line;
    json_t *mapped;
    struct job *job;
    (void)state;
    assert_int_equal(batch_line_read(document, &line, &refusal), 0);
    mapped = batch_line_job(&line, &refusal);
    job = job_from_json(mapped, &context, &error);
    assert_non_null(job);
    assert_true(id_equal(&job->id, &wanted->id));
    job_free(job);
    job_free(wanted);
    json_decref(mapped);
    json_decref(document);
    free(text);
}

/* What batch_check says of a file. */
static char *judge(const char *const *lines)
{
    struct batch_check *check = batch_check_new();
    struct error error;
    struct refusal refusal = {"", &error};
    char *said = NULL;
    for (size_t i = 0; lines[i] != NULL; i++) {
        struct batch_line line;
        json_t *document;
        if (batch_check_line(check, i + 1, lines[i], strlen(lines[i]), &line, &document)) {
            json_decref(document);
        }
    }
    said = batch_check_end(check, &refusal) == 0
               ? xstrdup("good")
               : xasprintf("%s: %s", refusal.reason, error.text);
    batch_check_free(check);
    return said;
}

#define LINE(id, method, url, body)                                                                \
    "{\"custom_id\":\"" id "\",\"method\":\"" method "\",\"url\":\"" url "\",\"body\":" body "}"
#define CHAT(id, model) LINE(id, "POST", "/v1/chat/completions", "{\"model\":\"" model "\"}")

static void files_are_judged(void **state)
{
    static const struct {
        const char *lines[4];
        const char *said;
    } rows[] = {
        {{CHAT("a", "m"), CHAT("b", "m")}, "good"},
        {{NULL}, "empty_file: it has no lines"},
        {{CHAT("a", "m"), "{"}, "invalid_json_line: line 2: "},
        {{"[]"}, "invalid_json_line: line 1: a line of a batch must be a JSON object"},
        {{CHAT("a", "m"), CHAT("b", "m"), CHAT("a", "m")},
         "duplicate_custom_id: line 3: its custom_id is that of line 1, too"},
        {{CHAT("a", "m"), CHAT("b", "other")},
         "model_mismatch: line 2: the model is \"other\", and \"m\" in line 1: a batch has one model; "},
        {{CHAT("a", "m"), LINE("b", "POST", "/v1/embeddings", "{\"model\":\"m\"}")},
         "url_mismatch: line 2: \"url\" is /v1/embeddings, and /v1/chat/completions in the first "},
        {{LINE("a", "POST", "/v1/images/edits", "{}")},
         "url_unsupported: line 1: \"url\" is \"/v1/images/edits\"; batches here speak "},
        {{LINE("a", "GET", "/v1/embeddings", "{}")}, "invalid_method: line 1: "},
        {{LINE("", "POST", "/v1/embeddings", "{}")}, "invalid_value: line 1: \"custom_id\" "},
        {{LINE("a", "POST", "/v1/embeddings", "null")},
         "missing_required_parameter: line 1: \"body\" is missing"},
        {{LINE("a", "POST", "/v1/embeddings", "7")}, "invalid_value: line 1: \"body\" "},
        {{"{}", "{}", CHAT("c", "m")},
         "missing_required_parameter: line 1: \"custom_id\" is missing; 1 more line is wrong"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char *said = judge(rows[i].lines);
        if (strncmp(said, rows[i].said, strlen(rows[i].said)) != 0) {
            fail_msg("%s instead of %s", said, rows[i].said);
        }
        free(said);
    }
}

static void keys_for_all_jobs_say_nothing_of_the_question(void **state)
{
    json_t *good = json_pack("{s:s, s:i}", "expires", "x", "priority", 1);
    json_t *bad = json_pack("{s:i, s:s}", "priority", 1, "model", "m");
    (void)state;
    assert_null(batch_foreign_key(good));
    assert_null(batch_foreign_key(NULL));
    assert_string_equal(batch_foreign_key(bad), "model");
    json_decref(good);
    json_decref(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_jobs),
        cmocka_unit_test(a_line_has_the_id_of_its_job),
        cmocka_unit_test(files_are_judged),
        cmocka_unit_test(keys_for_all_jobs_say_nothing_of_the_question),
    };
    return UNIT_RUN(tests);
}
