/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fields: schemas made of names. */
#include "unit.h"

#include "base/jsontext.h"
#include "job/fields.h"

static json_t *schema_of(const char *text, struct error *error)
{
    json_t *value = jsontext_read(text, strlen(text), error);
    json_t *schema = value != NULL ? fields_schema(value, error) : NULL;
    json_decref(value);
    return schema;
}

static void assert_fields(const char *text, const char *properties, const char *required)
{
    struct error error = {0};
    struct buffer out = {0};
    json_t *schema = schema_of(text, &error);
    if (schema == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    jsontext_write(&out, json_object_get(schema, "properties"));
    jsontext_write(&out, json_object_get(schema, "required"));
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    assert_memory_equal(out.bytes, properties, strlen(properties));
    assert_string_equal(out.bytes + strlen(properties), required);
    buffer_free(&out);
    json_decref(schema);
}

static void assert_refused(const char *text, const char *words)
{
    struct error error = {0};
    json_t *schema = schema_of(text, &error);
    assert_null(schema);
    if (strstr(error.text, words) == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
}

static void fields_are_named_in_three_ways(void **state)
{
    static const char properties[] = "{\"name\":{\"type\":\"string\"},\"amount\":{\"type\":"
                                     "\"number\"}}";
    (void)state;
    assert_fields("\"name,amount:number\"", properties, "[\"name\",\"amount\"]");
    assert_fields("[\"name\", \" amount : number \"]", properties, "[\"name\",\"amount\"]");
    assert_fields("{\"name\": \"string\", \"amount\": \"number\"}", properties,
                  "[\"name\",\"amount\"]");
}

static void types_may_be_several_or_null(void **state)
{
    (void)state;
    assert_fields("\"a:integer[]\"",
                  "{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}", "[\"a\"]");
    assert_fields("\"a?,b:boolean?\"",
                  "{\"a\":{\"type\":[\"string\",\"null\"]},\"b\":{\"type\":[\"boolean\",\"null\"]}}",
                  "[\"a\",\"b\"]");
    assert_fields("\"a:string[]?\"",
                  "{\"a\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"}}}",
                  "[\"a\"]");
}

static void fields_that_are_none_are_refused(void **state)
{
    (void)state;
    assert_refused("\"\"", "names of 1 to 100 bytes");
    assert_refused("\"a,,b\"", "names of 1 to 100 bytes");
    assert_refused("\"a\\u0001\"", "control characters");
    assert_refused("\"a:date\"", "that of \"a\" is none");
    assert_refused("\"a:[]\"", "that of \"a\" is none");
    assert_refused("\"a:number??\"", "that of \"a\" is none");
    assert_refused("\"a,b,a:number\"", "\"a\" comes twice");
    assert_refused("[]", "fields must be 1 to 200");
    assert_refused("{\"a\": 1}", "fields must be a text");
    assert_refused("[1]", "fields must be a text");
    assert_refused("5", "fields must be a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_named_in_three_ways),
        cmocka_unit_test(types_may_be_several_or_null),
        cmocka_unit_test(fields_that_are_none_are_refused),
    };

    return UNIT_RUN(tests);
}
