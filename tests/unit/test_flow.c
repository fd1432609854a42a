/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_flow: flows judged, and outputs put into texts. */
#include "job/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "unit.h"

static bool known(void *context, const char *word, const char *user)
{
    (void)user;
    return context != NULL && strcmp(word, context) == 0;
}

static struct flow_plan *read_flow(const char *text, const char *outside, const char **reason,
                                   struct error *error)
{
    json_t *document = jsontext_read(text, strlen(text), error);
    struct flow_context context = {.job = {.default_model = "m", .reason = reason},
                                   .known = known,
                                   .context = (void *)(uintptr_t)outside};
    struct flow_plan *plan;

    assert_non_null(document);
    assert_true(flow_is(document));
    plan = flow_read(document, &context, error);
    json_decref(document);
    return plan;
}

static void refused(const char *text, const char *reason, const char *words)
{
    const char *found = "none";
    struct error error = {0};
    struct flow_plan *plan = read_flow(text, "outside", &found, &error);

    assert_null(plan);
    assert_string_equal(found, reason);
    if (strstr(error.text, words) == NULL) {
        fail_msg("%s: not in: %s", words, error.text);
    }
}

#define STEP(name, after) "{\"name\":\"" name "\",\"prompt\":\"x\",\"after\":[" after "]}"
#define ROOT(name)        "{\"name\":\"" name "\",\"prompt\":\"x\"}"
#define FLOW(steps)       "{\"flow\":\"f\",\"steps\":[" steps "]}"

static void parents_are_found_inside_and_outside(void **state)
{
    struct error error;
    struct flow_plan *plan = read_flow(
        FLOW(STEP("b", "\"a\",\"outside\"") "," ROOT("a")), "outside", NULL, &error);

    (void)state;
    assert_non_null(plan);
    assert_int_equal(plan->count, 2);
    assert_string_equal(plan->name, "f");
    assert_int_equal(plan->steps[0].parent_count, 2);
    assert_int_equal(plan->steps[0].parents[0], 1);
    assert_true(plan->steps[0].parents[1] == FLOW_OUTSIDE);
    assert_string_equal(plan->steps[0].job->model, "m");
    flow_free(plan);
}

static void rings_are_refused_with_the_way(void **state)
{
    (void)state;
    refused(FLOW(STEP("a", "\"a\"")), "cycle", "a -> a:");
    refused(FLOW(STEP("a", "\"b\"") "," STEP("b", "\"a\"")), "cycle", "a -> b -> a:");
    refused(FLOW(ROOT("z") "," STEP("q", "\"z\",\"a\"") "," STEP("a", "\"z\",\"b\"") ","
            STEP("b", "\"c\"") "," STEP("c", "\"a\"")), "cycle", "a -> b -> c -> a:");
}

static void a_missing_parent_is_refused_with_the_nearest(void **state)
{
    (void)state;
    refused(FLOW(ROOT("draft") "," STEP("b", "\"draf\"")), "missing_parent",
            "b -> draf: there is no step draf, and no job of that name in the spool (did you mean "
            "draft?)");
}

static void bad_flows_are_refused(void **state)
{
    (void)state;
    refused(FLOW(""), "bad_flow", "\"steps\"");
    refused("{\"flow\":\"a/b\",\"steps\":[" ROOT("a") "]}", "bad_flow", "\"flow\" must be a name");
    refused("{\"flow\":\"f\",\"steps\":[" ROOT("a") "],\"map\":1}", "unknown_key", "map");
    refused(FLOW("{\"prompt\":\"x\"}"), "bad_flow", "step 1 has no \"name\"");
    refused(FLOW(ROOT("a") "," ROOT("a")), "bad_flow", "two steps are named a");
    refused(FLOW("{\"name\":\"a\",\"promt\":\"x\"}"), "unknown_key", "step 1, a:");
    refused(FLOW("{\"name\":\"a\",\"prompt\":\"{{outputs.b}}\"}"), "bad_place", "step a:");
}

/* A chain of very many steps: the walk does not depend on the stack. */
static void a_long_chain_is_judged(void **state)
{
    enum { LONG_CHAIN = 20000 };
    struct buffer text = {0};
    struct error error;
    struct flow_plan *plan;

    (void)state;
    buffer_text(&text, "{\"flow\":\"f\",\"steps\":[");
    for (int i = 0; i < LONG_CHAIN; i++) {
        buffer_printf(&text, "{\"name\":\"s%d\",\"prompt\":\"x\",\"after\":[\"s%d\"]},", i, i + 1);
    }
    buffer_printf(&text, "{\"name\":\"s%d\",\"prompt\":\"x\"}]}", LONG_CHAIN);
    plan = read_flow(text.bytes, NULL, NULL, &error);
    assert_non_null(plan);
    flow_free(plan);
    buffer_free(&text);
}

/* --- resolving ------------------------------------------------------------------------------------ */

/* Outputs by name; a parent that is null in it failed. */
static int give(void *context, const char *parent, const json_t **output, struct error *error)
{
    const json_t *value = json_object_get(context, parent);

    if (value == NULL) {
        error_set(error, ERROR_ABSENT, "%s is gone", parent);
        return -1;
    }
    *output = strcmp(parent, "failed") == 0 ? NULL : value;
    return 0;
}

static json_t *parse(const char *text)
{
    struct error error;
    json_t *value = jsontext_read(text, strlen(text), &error);

    assert_non_null(value);
    return value;
}

static const char outputs[] =
    "{\"a\":\"text\",\"a.b\":\"dotted\",\"j\":{\"k\":[1,{\"x\":\"deep\"}],\"n\":null,\"t\":true},"
    "\"failed\":0,\"sly\":\"{{outputs.a}} {{outputs.sly}}\",\"none\":null}";

static void resolved(const char *prompt, const char *wanted)
{
    json_t *document = json_pack("{s:s, s:[s,s,s,s,s,s], s:s}", "prompt", prompt, "after", "a",
                                 "a.b", "j", "failed", "sly", "none", "on_failure", "run");
    json_t *values = parse(outputs);
    struct error error = {0};

    if (flow_resolve(document, give, values, &error) < 0) {
        fail_msg("%s: %s", prompt, error.text);
    }
    assert_string_equal(jsontext_get_text(document, "prompt", ""), wanted);
    assert_null(json_object_get(document, "after"));
    assert_null(json_object_get(document, "on_failure"));
    json_decref(document);
    json_decref(values);
}

static void places_become_outputs(void **state)
{
    (void)state;
    resolved("<{{outputs.a}}>", "<text>");
    resolved("{{outputs.a}}{{ outputs.a }}", "texttext");
    resolved("{{outputs.a.b}}", "dotted");
    resolved("{{outputs.j.k.1.x}}", "deep");
    resolved("{{outputs.j/k/1/x}}", "deep");
    resolved("{{outputs.j.k}}", "[1,{\"x\":\"deep\"}]");
    resolved("{{outputs.j.t}}{{outputs.j.n}}{{outputs.none}}{{outputs.failed}}{{outputs.failed.x}}",
             "true");
    resolved("{{{outputs.a}}}", "{text}");
    resolved("{{user}} {{ outputs }} {{output.a}} }} {{", "{{user}} {{ outputs }} {{output.a}} }} {{");
}

static void what_was_put_in_is_not_looked_at_again(void **state)
{
    (void)state;
    resolved("{{outputs.sly}}", "{{outputs.a}} {{outputs.sly}}");
    resolved("{{outputs.sly}}.a}}", "{{outputs.a}} {{outputs.sly}}.a}}");
}

static void all_texts_are_resolved(void **state)
{
    json_t *document = parse(
        "{\"system\":\"s {{outputs.a}}\",\"after\":[\"a\"],\"input\":[\"i {{outputs.a}}\",\"j\"],"
        "\"messages\":[{\"role\":\"user\",\"content\":\"m {{outputs.a}}\"},{\"role\":\"user\","
        "\"content\":[{\"type\":\"text\",\"text\":\"p {{outputs.a}}\"},{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"{{outputs.a}}\"}}]}],\"metadata\":{\"x\":\"{{outputs.a}}\"}}");
    json_t *wanted = parse(
        "{\"system\":\"s text\",\"input\":[\"i text\",\"j\"],\"messages\":[{\"role\":\"user\","
        "\"content\":\"m text\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"p text\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"{{outputs.a}}\"}}]}],"
        "\"metadata\":{\"x\":\"{{outputs.a}}\"}}");
    json_t *values = parse(outputs);
    struct error error;

    (void)state;
    assert_int_equal(flow_resolve(document, give, values, &error), 0);
    assert_true(json_equal(document, wanted));
    json_decref(document);
    json_decref(wanted);
    json_decref(values);
}

static void a_field_that_is_not_there_is_an_error(void **state)
{
    json_t *document = parse("{\"prompt\":\"{{outputs.a.field}}\",\"after\":[\"a\"]}");
    json_t *values = parse(outputs);
    struct error error;

    (void)state;
    assert_int_equal(flow_resolve(document, give, values, &error), -1);
    assert_string_equal(error.text, "the output of a has no field field");
    json_decref(document);
    json_decref(values);
}

/* Texts of pieces that mean something to the reader and of any others, against a plain model: the
 * pieces between places, and the outputs, joined. */
static void ten_thousand_random_texts(void **state)
{
    static const char *const pieces[] = {"{", "{ {", "}", "}}", "outputs.a", "\"", "\\", "\n",
                                         "é", "{{x}}", "𝄞", " ", "{{ output", "}}}"};
    static const char *const names[] = {"a", "a.b", "sly"};
    json_t *values = parse(outputs);

    (void)state;
    srand(20261125);
    for (int round = 0; round < 10000; round++) {
        struct buffer text = {0}, wanted = {0};

        for (int i = rand() % 8; i >= 0; i--) {
            if (rand() % 2 == 0) {
                const char *name = names[rand() % 3];

                buffer_printf(&text, "{{outputs.%s}}", name);
                buffer_text(&wanted, json_string_value(json_object_get(values, name)));
            } else {
                const char *piece = pieces[rand() % 14];

                if (strcmp(piece, "outputs.a") == 0 && text.length > 0) {
                    piece = "outputs"; /* behind braces it would be a place */
                }
                buffer_text(&text, piece);
                buffer_text(&wanted, piece);
            }
        }
        resolved(text.bytes, wanted.bytes);
        buffer_free(&text);
        buffer_free(&wanted);
    }
    json_decref(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parents_are_found_inside_and_outside),
        cmocka_unit_test(rings_are_refused_with_the_way),
        cmocka_unit_test(a_missing_parent_is_refused_with_the_nearest),
        cmocka_unit_test(bad_flows_are_refused),
        cmocka_unit_test(a_long_chain_is_judged),
        cmocka_unit_test(places_become_outputs),
        cmocka_unit_test(what_was_put_in_is_not_looked_at_again),
        cmocka_unit_test(all_texts_are_resolved),
        cmocka_unit_test(a_field_that_is_not_there_is_an_error),
        cmocka_unit_test(ten_thousand_random_texts),
    };

    return UNIT_RUN(tests);
}
