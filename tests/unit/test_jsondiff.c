/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_jsondiff: where two JSON values differ. */
#include "unit.h"

#include "base/buffer.h"
#include "base/jsondiff.h"
#include "base/jsonpath.h"
#include "base/jsontext.h"

struct seen {
    struct buffer text;
    const json_t *old_value;
    const json_t *new_value;
};

static void write_value(struct buffer *out, const json_t *value)
{
    if (value != NULL) {
        jsontext_write(out, value);
    }
}

/* Each path leads to what is told of it. */
static void note(void *context, const char *path, const json_t *old_value, const json_t *new_value)
{
    struct seen *seen = context;
    const json_t *there = path[0] == '\0' ? seen->old_value : jsonpath_find(seen->old_value, path);
    assert_true(old_value == NULL ? there == NULL : json_equal(old_value, there));
    buffer_printf(&seen->text, "%s: ", path);
    write_value(&seen->text, old_value);
    buffer_text(&seen->text, " -> ");
    write_value(&seen->text, new_value);
    buffer_text(&seen->text, "; ");
}

static void differences_are_told_by_their_paths(void **unused)
{
    static const struct {
        const char *old_text, *new_text, *wanted;
    } rows[] = {
        {"{\"a\": 1}", "{\"a\": 1.0}", ""},
        {"{\"a\": 1, \"b\": [1, {\"c\": null}]}", "{\"b\": [1, {\"c\": null}], \"a\": 1}", ""},
        {"{\"a\": 1}", "{\"a\": 2}", "a: 1 -> 2; "},
        {"{\"a\": 1}", "{\"a\": \"1\"}", "a: 1 -> \"1\"; "},
        {"{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"c\": 3}", "a: 1 -> ; c:  -> 3; "},
        {"{\"a\": null}", "{}", "a: null -> ; "},
        {"{\"a\": {\"b\": {\"c\": 1}}}", "{\"a\": {\"b\": {\"c\": 2, \"d\": []}}}",
         "a.b.c: 1 -> 2; a.b.d:  -> []; "},
        {"{\"a\": [1, 2, 3]}", "{\"a\": [1, 5]}", "a.1: 2 -> 5; a.2: 3 -> ; "},
        {"{\"a\": [1]}", "{\"a\": {\"0\": 1}}", "a: [1] -> {\"0\":1}; "},
        {"[1]", "[2]", "0: 1 -> 2; "},
        {"{}", "[]", ": {} -> []; "},
        {"{\"a.b\": {\"c\": 1}}", "{\"a.b\": {\"c\": 2}}", "/a.b/c: 1 -> 2; "},
        {"{\"x\": {\"a/b\": 1, \"~\": 1, \"z\": 1}}", "{\"x\": {\"a/b\": 2, \"~\": 2, \"z\": 2}}",
         "/x/a~1b: 1 -> 2; x.~: 1 -> 2; x.z: 1 -> 2; "},
    };
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        json_t *old_value = jsontext_read(rows[i].old_text, strlen(rows[i].old_text), NULL);
        json_t *new_value = jsontext_read(rows[i].new_text, strlen(rows[i].new_text), NULL);
        struct seen seen = {.old_value = old_value, .new_value = new_value};
        buffer_text(&seen.text, "");
        jsondiff_each(old_value, new_value, note, &seen);
        assert_string_equal(seen.text.length > 0 ? seen.text.bytes : "", rows[i].wanted);
        buffer_free(&seen.text);
        json_decref(old_value);
        json_decref(new_value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_told_by_their_paths),
    };
    return UNIT_RUN(tests);
}
