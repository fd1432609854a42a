/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_jsonpath: values in a document, by their paths. */
#include "unit.h"

#include "base/buffer.h"
#include "base/jsonpath.h"
#include "base/jsontext.h"

static json_t *document(const char *text)
{
    json_t *read = jsontext_read(text, strlen(text), NULL);
    assert_non_null(read);
    return read;
}

static void expect(const json_t *value, const char *text)
{
    struct buffer out = {0};
    if (text == NULL) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    jsontext_write(&out, value);
    assert_string_equal(out.bytes, text);
    buffer_free(&out);
}

static void values_are_found(void **unused)
{
    static const struct {
        const char *path;
        const char *value; /* NULL: there is none */
    } rows[] = {
        {"a", "{\"b\":[10,{\"c\":null}]}"},
        {"a.b", "[10,{\"c\":null}]"},
        {"a.b.0", "10"},
        {"a.b.1.c", "null"},
        {"a.b.2", NULL},
        {"a.b.01", NULL},
        {"a.b.-1", NULL},
        {"a.b.x", NULL},
        {"a.b.", NULL},
        {"a.b.99999999999999999999", NULL},
        {"a.b.0.c", NULL},
        {"a.c", NULL},
        {"x.y", NULL},
        {"", "5"}, /* the member without a name, as anywhere in a path */
        {"7", "\"seven\""},
        {"/a/b/1/c", "null"},
        {"/x.y", "1"},
        {"/s~1t", "2"},
        {"/t~0u", "3"},
        {"/~01", "4"},
        {"/a.b", NULL},
        {"/", "5"},
    };
    json_t *whole = document("{\"a\": {\"b\": [10, {\"c\": null}]}, \"7\": \"seven\", \"x.y\": 1, "
                             "\"s/t\": 2, \"t~u\": 3, \"~1\": 4}");
    (void)unused;
    json_object_set_new(whole, "", json_integer(5));
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        expect(jsonpath_find(whole, rows[i].path), rows[i].value);
    }
    assert_null(jsonpath_find(NULL, "a"));
    json_decref(whole);
}

static void values_are_put(void **unused)
{
    static const struct {
        const char *before, *path, *value, *after; /* after NULL: it cannot be, nothing changes */
    } rows[] = {
        {"{}", "a", "1", "{\"a\":1}"},
        {"{\"a\": 1, \"b\": 2}", "a", "[3]", "{\"a\":[3],\"b\":2}"},
        {"{}", "a.b.c", "\"x\"", "{\"a\":{\"b\":{\"c\":\"x\"}}}"},
        {"{\"a\": {\"z\": 1}}", "a.b", "2", "{\"a\":{\"z\":1,\"b\":2}}"},
        {"{\"a\": [1, 2]}", "a.1", "3", "{\"a\":[1,3]}"},
        {"{\"a\": [1, 2]}", "a.2", "3", "{\"a\":[1,2,3]}"},
        {"{\"a\": [1, 2]}", "a.3", "3", NULL},
        {"{\"a\": [1, 2]}", "a.x", "3", NULL},
        {"{\"a\": [1]}", "a.1.b", "3", "{\"a\":[1,{\"b\":3}]}"},
        {"{\"a\": [1]}", "a.x.b", "3", NULL},
        {"{\"a\": \"text\"}", "a.b", "3", NULL},
        {"{\"a\": null}", "a.b", "3", NULL},
        {"{\"a\": 1}", "/b.c/d~1e", "3", "{\"a\":1,\"b.c\":{\"d/e\":3}}"},
        {"{\"a\": 1, \"b\": 2}", "a", NULL, "{\"b\":2}"},
        {"{\"a\": {\"b\": 1}}", "a.b", NULL, "{\"a\":{}}"},
        {"{\"a\": 1}", "b", NULL, "{\"a\":1}"},
        {"{\"a\": 1}", "b.c.d", NULL, "{\"a\":1}"},
        {"{\"a\": [1, 2]}", "a.0", NULL, "{\"a\":[2]}"},
        {"{\"a\": [1, 2]}", "a.2", NULL, NULL},
        {"{\"a\": 1}", "a.b", NULL, NULL},
    };
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        json_t *whole = document(rows[i].before), *before = json_deep_copy(whole);
        json_t *value = rows[i].value == NULL
                            ? NULL
                            : json_loads(rows[i].value, JSON_DECODE_ANY, NULL);
        bool put = jsonpath_set(whole, rows[i].path, value);
        assert_int_equal(put, rows[i].after != NULL);
        if (put) {
            expect(whole, rows[i].after);
        } else {
            assert_true(json_equal(whole, before));
        }
        json_decref(before);
        json_decref(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found),
        cmocka_unit_test(values_are_put),
    };
    return UNIT_RUN(tests);
}
