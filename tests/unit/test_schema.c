/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_schema: whether a value fits a JSON Schema. */
#include "unit.h"

#include "base/buffer.h"
#include "base/jsontext.h"
#include "provider/schema.h"

static json_t *parse(const char *text)
{
    struct error error = {0};
    json_t *value = jsontext_read_lenient(text, strlen(text), &error);
    if (value == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return value;
}

static int check(const char *schema, const char *value, struct error *error)
{
    json_t *rules = parse(schema);
    json_t *judged = parse(value);
    int result = schema_check(rules, judged, error);
    json_decref(judged);
    json_decref(rules);
    return result;
}

static void fits(const char *schema, const char *value)
{
    struct error error = {0};
    if (check(schema, value, &error) != 0) {
        fail_msg("%s does not fit %s: %s", value, schema, error.text);
    }
}

static void is_unfit(const char *schema, const char *value, const char *sentence)
{
    struct error error = {0};
    if (check(schema, value, &error) == 0) {
        fail_msg("%s fits %s", value, schema);
    }
    assert_int_equal(error.kind, ERROR_DATA);
    if (sentence != NULL) {
        assert_string_equal(error.text, sentence);
    }
}

static const struct {
    const char *schema, *good, *bad;
} rules[] = {
    {"{\"type\":\"object\"}", "{}", "[]"},
    {"{\"type\":\"array\"}", "[]", "{}"},
    {"{\"type\":\"string\"}", "\"\"", "1"},
    {"{\"type\":\"null\"}", "null", "false"},
    {"{\"type\":\"boolean\"}", "true", "null"},
    {"{\"type\":\"boolean\"}", "false", "0"},
    {"{\"type\":\"number\"}", "1", "\"1\""},
    {"{\"type\":\"number\"}", "1.5", "true"},
    {"{\"type\":\"integer\"}", "1", "1.5"},
    {"{\"type\":\"integer\"}", "1.0", "\"1\""},
    {"{\"type\":[\"string\",\"null\"]}", "null", "1"},
    {"{\"type\":[]}", "{\"a\":1}", NULL},
    {"{\"enum\":[\"a\",1,null,[1,{\"b\":2}]]}", "[1.0,{\"b\":2}]", "[1,{\"b\":3}]"},
    {"{\"enum\":[\"a\",1,null]}", "1.0", "\"1\""},
    {"{\"enum\":[{\"a\":1}]}", "{\"a\":1}", "{\"a\":1,\"b\":1}"},
    {"{\"enum\":[{\"a\":1}]}", "{\"a\":1}", "{\"b\":1}"},
    {"{\"const\":{\"a\":[]}}", "{\"a\":[]}", "{\"a\":[1]}"},
    {"{\"const\":true}", "true", "1"},
    {"{\"required\":[\"a\"]}", "{\"a\":null}", "{}"},
    {"{\"required\":[\"a\"]}", "[]", NULL},
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":\"\"}", "{\"a\":1}"},
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"b\":1}", NULL},
    {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1}", "{\"b\":1}"},
    {"{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"a\":1}", "{\"a\":\"1\"}"},
    {"{\"additionalProperties\":false,\"patternProperties\":{\"^b\":{}}}", "{\"b\":1}", NULL},
    {"{\"minProperties\":1}", "{\"a\":1}", "{}"},
    {"{\"maxProperties\":1}", "{\"a\":1}", "{\"a\":1,\"b\":1}"},
    {"{\"items\":{\"type\":\"integer\"}}", "[1,2]", "[1,\"2\"]"},
    {"{\"items\":false}", "[]", "[1]"},
    {"{\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"string\"}}", "[1,\"a\"]",
     "[1,2]"},
    {"{\"prefixItems\":[{\"type\":\"integer\"}]}", "[1,\"a\"]", "[\"a\"]"},
    {"{\"items\":[{\"type\":\"integer\"}]}", "[1,\"a\"]", "[\"a\"]"},
    {"{\"minItems\":1}", "[1]", "[]"},
    {"{\"maxItems\":1}", "[1]", "[1,2]"},
    {"{\"uniqueItems\":true}", "[1,\"1\",[1],{\"a\":1}]", "[1,2,1.0]"},
    {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2}]", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]"},
    {"{\"uniqueItems\":false}", "[1,1]", NULL},
    {"{\"minimum\":1}", "1", "0.9"},
    {"{\"maximum\":1}", "1.0", "2"},
    {"{\"exclusiveMinimum\":1}", "1.1", "1"},
    {"{\"exclusiveMaximum\":1}", "0", "1.0"},
    {"{\"minimum\":1}", "\"0\"", NULL},
    {"{\"multipleOf\":0.01}", "19.99", "19.995"},
    {"{\"multipleOf\":0.1}", "0.3", "0.35"},
    {"{\"multipleOf\":3}", "9", "10"},
    {"{\"multipleOf\":3}", "0", "-1"},
    {"{\"minLength\":2}", "\"\xc3\xa4\xe2\x82\xac\"", "\"\xf0\x9f\x98\x80\""},
    {"{\"maxLength\":1}", "\"\xf0\x9f\x98\x80\"", "\"ab\""},
    {"{\"pattern\":\"^[A-Z]{2}\\\\d+$\"}", "\"AB12\"", "\"ab12\""},
    {"{\"pattern\":\"^(?!x)\"}", "\"x\"", NULL},
    {"{\"format\":\"date\"}", "\"never\"", NULL},
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "2", "4"},
    {"{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":3}]}", "3", "2"},
    {"{\"oneOf\":[{\"minimum\":3},{\"maximum\":5}]}", "2", "4"},
    {"{\"oneOf\":[{\"minimum\":3},{\"maximum\":1}]}", "1", "2"},
    {"{\"not\":{\"type\":\"string\"}}", "1", "\"\""},
    {"true", "1", NULL},
    {"{\"properties\":{\"a\":false}}", "{}", "{\"a\":1}"},
    {"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"null\"}}}", "null", "1"},
    {"{\"$ref\":\"#/definitions/a~1b%20~0\",\"definitions\":{\"a/b ~\":{\"type\":\"null\"}}}",
     "null", "1"},
    {"{\"items\":{\"$ref\":\"#/allOf/0\"},\"allOf\":[{\"not\":{\"const\":1}}]}", "[2]", "[1]"},
};

static void each_rule_lets_through_and_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rules); i++) {
        if (strcmp(rules[i].schema, "{\"type\":[]}") == 0) {
            is_unfit(rules[i].schema, rules[i].good, NULL);
            continue;
        }
        fits(rules[i].schema, rules[i].good);
        if (rules[i].bad != NULL) {
            is_unfit(rules[i].schema, rules[i].bad, NULL);
        }
    }
}

static void the_sentence_names_place_and_rule(void **state)
{
    static const struct {
        const char *schema, *value, *sentence;
    } rows[] = {
        {"{\"type\":[\"string\",\"null\"]}", "1",
         "$ does not fit \"type\": it must be string or null, and is integer"},
        {"{\"properties\":{\"items\":{\"items\":{\"properties\":{\"name\":{\"minLength\":1}}}}}}",
         "{\"items\":[{},{\"name\":\"x\"},{\"name\":\"\"}]}",
         "$.items[2].name does not fit \"minLength\": it must have at least 1 character, and has "
         "0"},
        {"{\"additionalProperties\":{\"type\":\"null\"}}", "{\"a b\\n\":1}",
         "$[\"a b\\n\"] does not fit \"type\": it must be null, and is integer"},
        {"{\"required\":[\"age\"]}", "{}", "$ does not fit \"required\": it has no member \"age\""},
        {"{\"additionalProperties\":false}", "{\"age\":1}",
         "$ does not fit \"additionalProperties\": the member \"age\" is not allowed"},
        {"{\"items\":{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":3}]}}", "[3,2]",
         "$[1] does not fit \"anyOf\": it fits none of the 2 schemas"},
        {"{\"items\":{\"$ref\":\"#/$defs/a\"},\"$defs\":{\"a\":{\"exclusiveMaximum\":0.5}}}", "[2]",
         "$[0] does not fit \"exclusiveMaximum\": it must be less than 0.5"},
        {"{\"maxItems\":2}", "[1,2,3]",
         "$ does not fit \"maxItems\": it must have at most 2 items, and has 3"},
        {"{\"pattern\":\"^a$\"}", "\"b\"", "$ does not fit \"pattern\": it does not match ^a$"},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        is_unfit(rows[i].schema, rows[i].value, rows[i].sentence);
    }
}

static void what_cannot_be_judged_refuses_nothing(void **state)
{
    static const char *const schemas[] = {
        "1",
        "[]",
        "{\"type\":\"colour\"}",
        "{\"type\":7}",
        "{\"type\":[\"null\",\"colour\"]}",
        "{\"enum\":1}",
        "{\"required\":1}",
        "{\"required\":[1]}",
        "{\"properties\":1}",
        "{\"properties\":{\"a\":1}}",
        "{\"minimum\":\"1\",\"minProperties\":\"1\"}",
        "{\"$ref\":\"#/$defs/none\"}",
        "{\"$ref\":\"https://example.org/schema\"}",
        "{\"$ref\":1}",
        "{\"$ref\":\"#a\"}",
        "{\"allOf\":1,\"anyOf\":1,\"oneOf\":1,\"not\":1}",
        "{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/none\"}]}",
        "{\"oneOf\":[{\"type\":\"object\"},{\"$ref\":\"#/none\"}]}",
        "{\"not\":{\"$ref\":\"#/none\"}}",
        "{\"not\":{\"properties\":{\"a\":{\"pattern\":\"(?=x)\"}}}}",
        "{\"$ref\":\"#\"}",
        "{\"not\":{\"$ref\":\"#\"}}",
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(schemas); i++) {
        fits(schemas[i], "{\"a\":\"b\"}");
    }
}

static void what_is_judged_counts_beside_what_is_not(void **state)
{
    (void)state;
    is_unfit("{\"$ref\":\"#/none\",\"required\":[\"a\"]}", "{}", NULL);
    is_unfit("{\"allOf\":[{\"$ref\":\"#/none\"},{\"required\":[\"a\"]}]}", "{}", NULL);
    is_unfit("{\"oneOf\":[true,true,{\"$ref\":\"#/none\"}]}", "{}", NULL);
    is_unfit("{\"required\":[\"a\"],\"$ref\":\"#\"}", "{}", NULL);
}

static void a_recursive_schema_judges_at_every_depth(void **state)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"next\":{\"anyOf\":[{\"$ref\":\"#\"},"
        "{\"type\":\"null\"}]}},\"required\":[\"next\"],\"additionalProperties\":false}";
    (void)state;
    fits(schema, "{\"next\":{\"next\":{\"next\":null}}}");
    is_unfit(schema, "{\"next\":{\"next\":{\"other\":null}}}", NULL);
}

/* A schema with this many copies of part, separated by commas, in a list of head and tail. */
static char *repeated(const char *head, const char *part, size_t count, const char *tail)
{
    struct buffer text = {0};
    buffer_text(&text, head);
    for (size_t i = 0; i < count; i++) {
        buffer_text(&text, i == 0 ? "" : ",");
        buffer_text(&text, part);
    }
    buffer_text(&text, tail);
    return buffer_take(&text);
}

static void hostile_schemas_come_to_an_end(void **state)
{
    static const char *const parts[] = {
        "{\"$ref\":\"#\"}",
        "{\"anyOf\":[{\"$ref\":\"#\"}]}",
        "{\"not\":{\"$ref\":\"#\"}}",
        "{\"pattern\":\"(a*)*b{100}(a|b|c){500}\"}",
        "{\"enum\":[[1,2,3],[1,2,3]]}",
        "{\"uniqueItems\":true}",
    };
    static const char *const words[] = {"allOf", "anyOf", "oneOf"};
    char head[40];
    char *text = repeated("\"", "a", 20000, "\"");
    char *array = repeated("[", "[1,2,[3,4]]", 20000, "]");
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(parts) * UNIT_COUNT(words); i++) {
        snprintf(head, sizeof head, "{\"%s\":[", words[i % UNIT_COUNT(words)]);
        char *schema = repeated(head, parts[i / UNIT_COUNT(words)], 1000, "]}");
        struct error error;
        check(schema, text, &error);
        check(schema, array, &error);
        free(schema);
    }
    free(array);
    free(text);
}

static void deep_values_and_schemas_are_judged_to_a_depth(void **state)
{
    struct buffer text = {0};
    (void)state;
    for (int i = 0; i < 2000; i++) {
        buffer_byte(&text, '[');
    }
    for (int i = 0; i < 2000; i++) {
        buffer_byte(&text, ']');
    }
    fits("{\"items\":{\"$ref\":\"#\"}}", text.bytes);
    is_unfit("{\"items\":{\"$ref\":\"#\"},\"maxItems\":0}", text.bytes, NULL);
    fits("{\"uniqueItems\":true}", text.bytes);
    fits("{\"items\":{\"$ref\":\"#\"},\"type\":\"array\"}", text.bytes);
    buffer_free(&text);
}

static void a_long_path_is_cut(void **state)
{
    struct error error = {0};
    char *value = repeated("{\"", "\xe2\x82\xac", 300, "\":1}");
    (void)state;
    assert_int_equal(check("{\"additionalProperties\":{\"type\":\"null\"}}", value, &error), -1);
    assert_true(strlen(error.text) < 300);
    assert_non_null(strstr(error.text, "\xe2\x80\xa6 does not fit \"type\""));
    free(value);
}

static void nobody_needs_to_want_the_error(void **state)
{
    (void)state;
    assert_int_equal(check("{\"type\":\"null\"}", "1", NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_lets_through_and_refuses),
        cmocka_unit_test(the_sentence_names_place_and_rule),
        cmocka_unit_test(what_cannot_be_judged_refuses_nothing),
        cmocka_unit_test(what_is_judged_counts_beside_what_is_not),
        cmocka_unit_test(a_recursive_schema_judges_at_every_depth),
        cmocka_unit_test(hostile_schemas_come_to_an_end),
        cmocka_unit_test(deep_values_and_schemas_are_judged_to_a_depth),
        cmocka_unit_test(a_long_path_is_cut),
        cmocka_unit_test(nobody_needs_to_want_the_error),
    };
    return UNIT_RUN(tests);
}
