/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_template: reading what a file of templates/ says. */
#include "unit.h"

#include "base/buffer.h"
#include "job/builtin.h"
#include "job/template.h"

static struct template *read_template(const char *text)
{
    struct error error = {0};
    struct template *template = template_read("t", text, strlen(text), &error);
    if (template == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return template;
}

static int add_name(void *context, const char *name)
{
    struct buffer *names = context;
    buffer_printf(names, "%s ", name);
    return 0;
}

static void assert_variables(const char *text, const char *wanted)
{
    struct template *template = read_template(text);
    struct buffer names = {0};
    assert_int_equal(template_variables(template, add_name, &names), 0);
    assert_string_equal(names.bytes != NULL ? names.bytes : "", wanted);
    buffer_free(&names);
    template_free(template);
}

static void variables_are_told_once(void **state)
{
    (void)state;
    assert_variables("{}", "text ");
    assert_variables("{\"prompt\": \"{} {text} {}\"}", "text ");
    assert_variables("{\"prompt\": \"{text} {} {b} {a} {b}\", \"system\": \"{c} {a} {}\"}",
                     "text b a c ");
    assert_variables("{\"prompt\": \"{b} {a}\", \"variables\": {\"a\": {}}}", "a b ");
    assert_variables("{\"prompt\": \"fixed\"}", "");
    assert_variables("{\"output\": {\"labels\": \"l\"}}", "text l ");
    assert_variables("{\"output\": {\"fields\": \"f\"}, \"system\": \"{schema} {f}\"}", "text f ");
}

static void defaults_and_demands_are_told(void **state)
{
    struct template *template =
        read_template("{\"prompt\": \"{a}{b}{c}\", \"variables\": {\"a\": {\"default\": 5}, "
                      "\"b\": {\"required\": false}}}");
    bool required;
    (void)state;
    assert_int_equal(json_integer_value(template_default(template, "a", &required)), 5);
    assert_false(required);
    assert_null(template_default(template, "b", &required));
    assert_false(required);
    assert_null(template_default(template, "c", &required));
    assert_true(required);
    assert_true(template_takes(template, "c"));
    assert_false(template_takes(template, "text"));
    template_free(template);
}

static void the_hash_is_that_of_the_file(void **state)
{
    struct template *template = read_template("{}\n");
    (void)state;
    assert_string_equal(template->sha256,
                        "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356");
    template_free(template);
}

static void schemas_are_named_by_their_title(void **state)
{
    struct template *template =
        read_template("{\"output\": {\"schema\": {\"title\": \"Person\", \"type\": \"object\"}}}");
    json_t *named = json_object_get(template->format, "json_schema");
    (void)state;
    assert_string_equal(json_string_value(json_object_get(named, "name")), "Person");
    assert_non_null(json_object_get(named, "schema"));
    template_free(template);
}

/* A schema that lies two levels deeper in a job than in its template must still be read there. */
static void schemas_too_deep_for_a_job_are_refused(void **state)
{
    struct error error = {0};
    struct buffer text = {0};
    (void)state;
    buffer_text(&text, "{\"output\": {\"schema\": ");
    for (int i = 0; i < 61; i++) {
        buffer_text(&text, "{\"a\": ");
    }
    buffer_text(&text, "1");
    for (int i = 0; i < 63; i++) {
        buffer_text(&text, "}");
    }
    assert_null(template_read("t", text.bytes, text.length, &error));
    assert_non_null(strstr(error.text, "put into a job's params"));
    buffer_free(&text);
}

static void what_is_built_in_is_read(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct builtin *builtin = builtin_templates; builtin->name != NULL; builtin++) {
        struct template *template = read_template(builtin->text);
        assert_string_equal(template->type, "chat");
        assert_non_null(template->description);
        template_free(template);
        count++;
    }
    assert_int_equal(count, 4);
}

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "line 1"},
        {"5", "must be a JSON object"},
        {"{\"a\": 1}", "unknown key \"a\""},
        {"{\"systen\": \"\"}", "did you mean \"system\""},
        {"{\"prompt\": \"a\", \"prompt\": \"b\"}", "duplicate"},
        {"{\"prompt\": null}", "\"prompt\" must be text"},
        {"{\"prompt\": \"{\"}", "\"prompt\": the { at character 1"},
        {"{\"system\": \"ab}\"}", "\"system\": the } at character 3"},
        {"{\"input\": \"x\"}", "asks with \"prompt\""},
        {"{\"type\": \"embed\", \"prompt\": \"x\"}", "asks with \"input\""},
        {"{\"type\": \"completion\", \"system\": \"x\"}", "\"system\" has no place"},
        {"{\"type\": \"t\"}", "and is \"t\""},
        {"{\"params\": []}", "\"params\" must be an object"},
        {"{\"variables\": []}", "\"variables\" must be an object"},
        {"{\"variables\": {\"text\": 1}}", "variable \"text\": what is said"},
        {"{\"variables\": {\"text\": {\"required\": 1}}}", "must be true or false"},
        {"{\"variables\": {\"text\": {\"default\": null}}}", "must not be null"},
        {"{\"variables\": {\"text\": {\"default\": 1, \"required\": true}}}", "exclude each other"},
        {"{\"variables\": {\"schema\": {}}}", "the place of the output's schema"},
        {"{\"output\": {}}", "an object with one of"},
        {"{\"output\": {\"lable\": 1}}", "did you mean \"labels\""},
        {"{\"output\": {\"fields\": 1}}", "must name a variable"},
        {"{\"type\": \"embed\", \"output\": {\"fields\": \"f\"}}", "\"output\" has no place"},
        {"{\"system\": \"{schema}\", \"output\": {\"labels\": \"l\"}}", "\"output\" has none"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        struct template *template =
            template_read("t", rows[i].text, strlen(rows[i].text), &error);
        assert_null(template);
        if (strstr(error.text, rows[i].words) == NULL) {
            fail_msg("%s: %s", rows[i].text, error.text);
        }
    }
}

static void places_are_bounded(void **state)
{
    struct buffer text = {0};
    struct error error = {0};
    (void)state;
    buffer_text(&text, "{\"prompt\": \"");
    for (int i = 0; i <= TEMPLATE_PLACES_LIMIT; i++) {
        buffer_printf(&text, "{p%d}", i);
    }
    buffer_text(&text, "\"}");
    assert_null(template_read("t", text.bytes, text.length, &error));
    assert_non_null(strstr(error.text, "201 different places"));
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_told_once),
        cmocka_unit_test(defaults_and_demands_are_told),
        cmocka_unit_test(the_hash_is_that_of_the_file),
        cmocka_unit_test(schemas_are_named_by_their_title),
        cmocka_unit_test(schemas_too_deep_for_a_job_are_refused),
        cmocka_unit_test(what_is_built_in_is_read),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(places_are_bounded),
    };

    return UNIT_RUN(tests);
}
