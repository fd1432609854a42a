/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of check_form against the examples of spool-layout, and against what must not pass. */
#include "unit.h"

#include <jansson.h>

#include "base/jsontext.h"
#include "retain/check_form.h"

static json_t *example(const char *name)
{
    char path[200], text[65536];
    snprintf(path, sizeof path, "spool-layout/examples/%s", name);
    FILE *file = unit_data(path);
    size_t length = fread(text, 1, sizeof text, file);
    assert_int_equal(fclose(file), 0);
    json_t *document = jsontext_read_object(text, length, NULL);
    assert_non_null(document);
    return document;
}

static void valid_examples_fit(void **state)
{
    static const struct {
        const char *name;
        enum form form;
    } rows[] = {
        {"output.text.json", FORM_OUTPUT},           {"output.tools.json", FORM_OUTPUT},
        {"output.parsed-json.json", FORM_OUTPUT},    {"output.failed-rerun.json", FORM_OUTPUT},
        {"output.fallback.json", FORM_OUTPUT},       {"error.failed.json", FORM_ERROR},
        {"error.cancelled-unsent.json", FORM_ERROR}, {"error.unusable-answer.json", FORM_ERROR},
        {"error.refused.json", FORM_REFUSAL},        {"event.refused.json", FORM_EVENT},
        {"event.daemon-started.json", FORM_EVENT},   {"event.fallback.json", FORM_EVENT},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char why[200] = "";
        json_t *document = example(rows[i].name);
        if (!form_fits(rows[i].form, document, why, sizeof why)) {
            fail_msg("%s: %s", rows[i].name, why);
        }
        json_decref(document);
    }
}

/* A valid output with one member replaced by a value, or removed where value is NULL. */
static void expect_misfit(const char *member, const char *value, const char *wanted)
{
    char why[200] = "";
    json_t *document = example("output.text.json");
    json_t *object = document;
    char name[64];
    snprintf(name, sizeof name, "%s", member);
    char *dot = strchr(name, '.');
    if (dot != NULL) {
        *dot = '\0';
        object = json_object_get(document, name);
        if (json_is_array(object)) {
            object = json_array_get(object, 0);
        }
    }
    const char *key = dot != NULL ? dot + 1 : name;
    if (value == NULL) {
        assert_int_equal(json_object_del(object, key), 0);
    } else {
        json_object_set_new(object, key, json_loads(value, JSON_DECODE_ANY, NULL));
    }
    assert_false(form_fits(FORM_OUTPUT, document, why, sizeof why));
    assert_string_equal(why, wanted);
    json_decref(document);
}

static void what_is_missing_or_of_another_type_is_named(void **state)
{
    (void)state;
    expect_misfit("usage", NULL, "has no \"usage\"");
    expect_misfit("times.finished", NULL, "has no \"times.finished\"");
    expect_misfit("output", NULL, "has no \"output\"");
    expect_misfit("id", "\"12\"", "\"id\" is not 64 hexadecimal digits");
    expect_misfit("version", "0", "\"version\" is not an integer of 1 or more");
    expect_misfit("truncated", "null", "\"truncated\" is not true or false");
    expect_misfit("usage.input_tokens", "-1",
                  "\"usage.input_tokens\" is not an integer of 0 or more or null");
    expect_misfit("status", "\"finished\"",
                  "\"status\" is not completed, failed, cancelled, expired or refused");
    expect_misfit("times.submitted", "\"2026-12-01\"",
                  "\"times.submitted\" is not a time like 2026-12-01T03:00:00.000Z");
    expect_misfit("metadata", "[]", "\"metadata\" is not an object");
    expect_misfit("attempts.outcome", "\"lucky\"", "\"attempts.outcome\" is not an outcome");
    expect_misfit("attempts.n", NULL, "has no \"attempts.n\"");
}

static void unknown_members_pass(void **state)
{
    char why[200] = "";
    json_t *document = example("output.text.json");
    (void)state;
    json_object_set_new(document, "of_a_later_release", json_true());
    assert_true(form_fits(FORM_OUTPUT, document, why, sizeof why));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_examples_fit),
        cmocka_unit_test(what_is_missing_or_of_another_type_is_named),
        cmocka_unit_test(unknown_members_pass),
    };
    return UNIT_RUN(tests);
}
