/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_expand: templates filled with what jobs say. */
#include "unit.h"

#include "base/jsontext.h"
#include "base/utf8.h"
#include "job/expand.h"
#include "job/job.h"

enum { CASES = 10000 };

static struct template *read_template(const char *text)
{
    struct error error = {0};
    struct template *template = template_read("t", text, strlen(text), &error);
    if (template == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return template;
}

/* The job as a template makes it, without metadata; or NULL with *error. */
static json_t *expanded(const char *template_text, const char *job, struct error *error)
{
    struct template *template = read_template(template_text);
    json_t *document = jsontext_read(job, strlen(job), error);
    struct refusal refusal = {NULL, error};
    if (document == NULL) {
        fail_msg("%s: %s", job, error->text);
    }
    if (expand(document, template, &refusal) != 0) {
        json_decref(document);
        document = NULL;
        assert_non_null(refusal.reason);
    }
    template_free(template);
    return document;
}

static void assert_expanded(const char *template, const char *job, const char *wanted)
{
    struct error error = {0};
    struct buffer text = {0};
    json_t *document = expanded(template, job, &error);
    if (document == NULL) {
        fail_msg("%s: %s", job, error.text);
    }
    json_object_del(document, "metadata");
    json_object_del(document, "type");
    jsontext_write_canonical(&text, document);
    assert_string_equal(text.bytes, wanted);
    buffer_free(&text);
    json_decref(document);
}

static void assert_refused(const char *template, const char *job, const char *words)
{
    struct error error = {0};
    json_t *document = expanded(template, job, &error);
    assert_null(document);
    if (strstr(error.text, words) == NULL) {
        fail_msg("%s: %s", job, error.text);
    }
}

static void values_of_each_kind_are_filled_in(void **state)
{
    (void)state;
    assert_expanded("{}", "{\"type\":\"t\",\"prompt\":\"x\"}", "{\"prompt\":\"x\"}");
    assert_expanded("{\"prompt\":\"{a}|{b}|{c}|{d}\"}",
                    "{\"variables\":{\"a\":1.50,\"b\":[\"x\",2,[3]],\"c\":{\"k\":true},\"d\":"
                    "false,\"e\":0}}",
                    "{\"prompt\":\"1.5|x, 2, 3|{\\\"k\\\":true}|false\"}");
    assert_expanded("{\"prompt\":\"{{{a}}}\"}", "{\"variables\":{\"a\":\"{b}\",\"b\":\"no\"}}",
                    "{\"prompt\":\"{{b}}\"}");
    assert_expanded("{\"system\":\"{s}\",\"variables\":{\"s\":{\"default\":\"d\"}}}",
                    "{\"prompt\":\"x\",\"variables\":{\"s\":null}}",
                    "{\"prompt\":\"x\",\"system\":\"d\"}");
    assert_expanded("{\"system\":\"({s})\",\"variables\":{\"s\":{\"required\":false}}}",
                    "{\"variables\":{\"text\":\"x\"}}", "{\"prompt\":\"x\",\"system\":\"()\"}");
    assert_expanded("{\"type\":\"embed\",\"input\":\"q: {}\"}", "{\"input\":\"x\"}",
                    "{\"input\":\"q: x\"}");
    assert_expanded("{\"type\":\"embed\"}", "{\"prompt\":\"x\"}", "{\"input\":\"x\"}");
}

static void what_the_job_says_wins(void **state)
{
    (void)state;
    assert_expanded("{\"params\":{\"a\":1,\"b\":2},\"model\":\"big\"}",
                    "{\"prompt\":\"x\",\"params\":{\"b\":3},\"priority\":1}",
                    "{\"model\":\"big\",\"params\":{\"a\":1,\"b\":3},\"priority\":1,\"prompt\":"
                    "\"x\"}");
    assert_expanded("{\"model\":\"big\"}", "{\"prompt\":\"x\",\"model\":\"small\"}",
                    "{\"model\":\"small\",\"prompt\":\"x\"}");
    assert_expanded("{}", "{\"prompt\":\"x\",\"system\":\"y\"}",
                    "{\"prompt\":\"x\",\"system\":\"y\"}");
    assert_expanded("{\"output\":{\"schema\":{\"const\":1}},\"system\":\"{schema}\"}",
                    "{\"prompt\":\"x\",\"params\":{\"response_format\":{\"type\":\"json_schema\","
                    "\"json_schema\":{\"schema\":{\"const\":2}}}}}",
                    "{\"params\":{\"response_format\":{\"json_schema\":{\"schema\":{\"const\":2}},"
                    "\"type\":\"json_schema\"}},\"prompt\":\"x\",\"system\":\"{\\\"const\\\":2}\"}");
}

static void outputs_become_forms_of_the_answer(void **state)
{
    (void)state;
    assert_expanded("{\"output\":{\"labels\":\"l\"},\"system\":\"{l}\"}",
                    "{\"prompt\":\"x\",\"variables\":{\"l\":\"a,b\"}}",
                    "{\"params\":{\"response_format\":{\"labels\":[\"a\",\"b\"],\"type\":"
                    "\"labels\"}},\"prompt\":\"x\",\"system\":\"a, b\"}");
    assert_expanded("{\"output\":{\"schema\":{\"const\":1}}}", "{\"prompt\":\"x\"}",
                    "{\"params\":{\"response_format\":{\"json_schema\":{\"name\":\"answer\","
                    "\"schema\":{\"const\":1}},\"type\":\"json_schema\"}},\"prompt\":\"x\"}");
}

static void metadata_tells_the_template(void **state)
{
    struct error error = {0};
    struct buffer text = {0};
    json_t *document =
        expanded("{}", "{\"prompt\":\"x\",\"metadata\":{\"sheet\":7}}", &error);
    (void)state;
    assert_non_null(document);
    jsontext_write(&text, json_object_get(document, "metadata"));
    assert_string_equal(text.bytes,
                        "{\"sheet\":7,\"type\":\"t\",\"template\":{\"name\":\"t\",\"sha256\":"
                        "\"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"}}");
    buffer_free(&text);
    json_decref(document);
    assert_refused("{}", "{\"prompt\":\"x\",\"metadata\":{\"template\":7}}", "must leave");
    /* A job made of an expanded one may have another template. */
    assert_expanded("{}",
                    "{\"prompt\":\"x\",\"metadata\":{\"type\":\"s\",\"template\":{\"sha256\":"
                    "\"00\"}}}",
                    "{\"prompt\":\"x\"}");
}

static void what_is_missing_or_too_much_is_told(void **state)
{
    (void)state;
    assert_refused("{}", "{}", "variable \"text\" of template t is missing: say it as \"prompt\"");
    assert_refused("{\"type\":\"embed\"}", "{}", "say it as \"input\"");
    assert_refused("{\"prompt\":\"{a}\"}", "{}", "variable \"a\" of template t is missing");
    assert_refused("{\"prompt\":\"{a}\"}", "{\"prompt\":\"x\",\"variables\":{\"a\":1}}",
                   "no place for a text");
    assert_refused("{\"output\":{\"labels\":\"l\"}}", "{\"prompt\":\"x\"}", "variable \"l\"");
    assert_refused("{\"output\":{\"labels\":\"l\"}}",
                   "{\"prompt\":\"x\",\"variables\":{\"l\":\"a\"}}", "labels must be 2");
    assert_refused("{\"output\":{\"fields\":\"f\"}}",
                   "{\"prompt\":\"x\",\"variables\":{\"f\":\"a:b\"}}", "fields have the type");
    assert_refused("{\"type\":\"embed\"}", "{\"input\":[\"x\"]}", "\"input\" must be text");
    assert_refused("{\"type\":\"embed\"}", "{\"input\":\"x\",\"prompt\":\"x\"}", "exclude");
    assert_refused("{}", "{\"input\":\"x\"}", "\"input\" has no place");
    assert_refused("{\"system\":\"s\"}", "{\"prompt\":\"x\",\"system\":\"y\"}",
                   "\"system\" has no place in a job of type t: its template says it");
}

/* A template with many places makes no job beyond the limit, and takes no memory for one. */
static void jobs_are_bounded(void **state)
{
    struct buffer template = {0}, job = {0};
    (void)state;
    buffer_text(&template, "{\"prompt\":\"");
    for (int i = 0; i < 1000; i++) {
        buffer_text(&template, "{}");
    }
    buffer_text(&template, "\"}");
    buffer_text(&job, "{\"prompt\":\"");
    for (int i = 0; i < 100000; i++) {
        buffer_text(&job, "0123456789");
    }
    buffer_text(&job, "\"}");
    assert_refused(template.bytes, job.bytes, "more than 33554432 bytes");
    buffer_free(&template);
    buffer_free(&job);
}

/* --- any text ----------------------------------------------------------------------------------- */

/* Appends some characters of all lengths, braces often among them. */
static void random_text(struct buffer *out)
{
    static const char *const characters[] = {"{", "}", "{}", "{a}", "\"", "\\", "\n", "a", "ä",
                                             "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\t", " ", "}}"};
    int count = rand() % 12;
    for (int i = 0; i < count; i++) {
        buffer_text(out, characters[(size_t)rand() % (sizeof characters / sizeof characters[0])]);
    }
}

/* Appends text as a template has to write it. */
static void append_literal(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        buffer_byte(out, *text);
        if (*text == '{' || *text == '}') {
            buffer_byte(out, *text);
        }
    }
}

static void one_case(struct buffer parts[4])
{
    struct buffer stencil = {0}, wanted = {0}, text = {0};
    for (int i = 0; i < 4; i++) {
        buffer_clear(&parts[i]);
        buffer_text(&parts[i], "");
        random_text(&parts[i]);
    }
    /* literal {a} literal {}: an odd brace before a place would pair with the place's own. */
    append_literal(&stencil, parts[0].bytes);
    buffer_text(&stencil, ".{a}.");
    append_literal(&stencil, parts[1].bytes);
    buffer_text(&stencil, ".{}");
    buffer_printf(&wanted, "%s.%s.%s.%s", parts[0].bytes, parts[2].bytes, parts[1].bytes,
                  parts[3].bytes);
    json_t *source = json_pack("{s:s}", "prompt", stencil.bytes);
    json_t *job = json_pack("{s:s, s:{s:s}}", "prompt", parts[3].bytes, "variables", "a",
                            parts[2].bytes);
    jsontext_write(&text, source);
    struct template *template = read_template(text.bytes);
    struct error error = {0};
    struct refusal refusal = {NULL, &error};
    assert_int_equal(expand(job, template, &refusal), 0);
    assert_string_equal(json_string_value(json_object_get(job, "prompt")), wanted.bytes);
    template_free(template);
    json_decref(source);
    json_decref(job);
    buffer_free(&stencil);
    buffer_free(&wanted);
    buffer_free(&text);
}

static void any_text_comes_through(void **state)
{
    struct buffer parts[4] = {{0}};
    (void)state;
    srand(6);
    for (int i = 0; i < CASES; i++) {
        one_case(parts);
    }
    for (int i = 0; i < 4; i++) {
        buffer_free(&parts[i]);
    }
}

/* Spoilt templates and jobs are refused or make a job that can be read again; nothing else happens. */
static void anything_is_read_or_refused(void **state)
{
    static const char good[] =
        "{\"system\":\"{a} {b} {schema}\",\"prompt\":\"{}\",\"output\":{\"fields\":\"a\"},"
        "\"variables\":{\"b\":{\"default\":[1]},\"a\":{\"required\":false}}}";
    static const char job[] = "{\"prompt\":\"x\",\"variables\":{\"a\":\"n,m:number\",\"b\":{}},"
                              "\"metadata\":{},\"params\":{}}";
    unsigned read = 0;
    (void)state;
    srand(7);
    for (int i = 0; i < CASES; i++) {
        char texts[2][sizeof good + sizeof job];
        struct error error;
        struct refusal refusal = {NULL, &error};
        strcpy(texts[0], good);
        strcpy(texts[1], job);
        for (int k = rand() % 4; k > 0; k--) {
            char *text = texts[rand() % 2];
            text[(size_t)rand() % strlen(text)] = "{}[]\",:a1\\"[rand() % 10];
        }
        struct template *template = template_read("t", texts[0], strlen(texts[0]), &error);
        json_t *document = jsontext_read(texts[1], strlen(texts[1]), &error);
        if (template != NULL && json_is_object(document) &&
            expand(document, template, &refusal) == 0) {
            assert_null(json_object_get(document, "variables"));
            read++;
        }
        json_decref(document);
        template_free(template);
    }
    assert_true(read > CASES / 10);
    assert_true(read < CASES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_each_kind_are_filled_in),
        cmocka_unit_test(what_the_job_says_wins),
        cmocka_unit_test(outputs_become_forms_of_the_answer),
        cmocka_unit_test(metadata_tells_the_template),
        cmocka_unit_test(what_is_missing_or_too_much_is_told),
        cmocka_unit_test(jobs_are_bounded),
        cmocka_unit_test(any_text_comes_through),
        cmocka_unit_test(anything_is_read_or_refused),
    };

    return UNIT_RUN(tests);
}
