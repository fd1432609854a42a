/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_change: what a person wants different in jobs. */
#include "unit.h"

#include "base/buffer.h"
#include "base/jsontext.h"
#include "job/change.h"

static void changes_are_made(void **unused)
{
    static const struct {
        const char *change, *after; /* of {"params":{"seed":1},"prompt":"x"} */
        bool identity;
    } rows[] = {
        {"params.max_tokens=8000", "{\"params\":{\"seed\":1,\"max_tokens\":8000},\"prompt\":\"x\"}",
         true},
        {"/params/a.b=0.5", "{\"params\":{\"seed\":1,\"a.b\":0.5},\"prompt\":\"x\"}", true},
        {"params.seed=null", "{\"params\":{},\"prompt\":\"x\"}", true},
        {"model=gpt-4.1", "{\"params\":{\"seed\":1},\"prompt\":\"x\",\"model\":\"gpt-4.1\"}", true},
        {"system=Say = so", "{\"params\":{\"seed\":1},\"prompt\":\"x\",\"system\":\"Say = so\"}",
         true},
        {"system=\"12\"", "{\"params\":{\"seed\":1},\"prompt\":\"x\",\"system\":\"12\"}", true},
        {"params.stop=[\"a\"]", "{\"params\":{\"seed\":1,\"stop\":[\"a\"]},\"prompt\":\"x\"}", true},
        {"params={\"n\": true}", "{\"params\":{\"n\":true},\"prompt\":\"x\"}", true},
        {"params.x=", "{\"params\":{\"seed\":1,\"x\":\"\"},\"prompt\":\"x\"}", true},
        {"params.x={no json", "{\"params\":{\"seed\":1,\"x\":\"{no json\"},\"prompt\":\"x\"}", true},
        {"priority=1", "{\"params\":{\"seed\":1},\"prompt\":\"x\",\"priority\":1}", false},
        {"metadata.row=3", "{\"params\":{\"seed\":1},\"prompt\":\"x\",\"metadata\":{\"row\":3}}",
         false},
    };
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        json_t *document = json_pack("{s:{s:i}, s:s}", "params", "seed", 1, "prompt", "x");
        struct changes changes = {0};
        struct buffer out = {0};
        struct error error;
        if (changes_add(&changes, rows[i].change, &error) < 0) {
            fail_msg("%s", error.text);
        }
        assert_int_equal(changes_identity(&changes), rows[i].identity);
        assert_int_equal(changes_make(&changes, document, &error), 0);
        jsontext_write(&out, document);
        assert_string_equal(out.bytes, rows[i].after);
        buffer_free(&out);
        json_decref(document);
        changes_free(&changes);
        assert_false(changes_identity(&changes));
    }
}

static void several_changes_are_made_in_their_order(void **unused)
{
    json_t *document = json_pack("{s:s, s:s}", "prompt", "x", "not_before", "2026-01-01T00:00:00Z");
    struct changes changes = {0};
    struct buffer out = {0};
    (void)unused;
    assert_int_equal(changes_add(&changes, "delay=10m", NULL), 0);
    assert_false(changes_identity(&changes));
    assert_int_equal(changes_add(&changes, "params={}", NULL), 0);
    assert_int_equal(changes_add(&changes, "params.n=1", NULL), 0);
    assert_true(changes_identity(&changes));
    for (int i = 0; i < 2; i++) { /* one document does not change what the next one gets */
        assert_int_equal(changes_make(&changes, document, NULL), 0);
        json_object_set_new(json_object_get(document, "params"), "later", json_true());
    }
    json_object_del(json_object_get(document, "params"), "later");
    jsontext_write(&out, document);
    assert_string_equal(out.bytes, "{\"prompt\":\"x\",\"delay\":\"10m\",\"params\":{\"n\":1}}");
    buffer_free(&out);
    json_decref(document);
    changes_free(&changes);
}

static void bad_changes_are_refused(void **unused)
{
    static const struct {
        const char *change, *says;
    } rows[] = {
        {"params.max_tokens", "--set wants PATH=VALUE such as params.max_tokens=8000, not "},
        {"=8000", "--set wants PATH=VALUE"},
        {"max_tokens=8", "--set max_tokens=8: unknown key \"max_tokens\" (did you mean \"max_tokens\" "
                         "inside \"params\"?)"},
        {"modle=x", "--set modle=x: unknown key \"modle\" (did you mean \"model\"?)"},
        {"name=x", "--set name=x: the new job takes the name of the one that it comes from"},
        {"metadata.derived_from=x", "--set metadata.derived_from=x: metadata.derived_from says"},
        {"/metadata/derived_from=x", "--set /metadata/derived_from=x: metadata.derived_from says"},
        {"metadata={}", "--set metadata={}: metadata.derived_from says"},
        {"params.seed=9007199254740993", "--set params.seed=9007199254740993: "},
        {"system=\xff", "--set system=\xff: the value is not UTF-8"},
    };
    struct changes changes = {0};
    struct error error;
    (void)unused;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        assert_int_equal(changes_add(&changes, rows[i].change, &error), -1);
        assert_int_equal(error.kind, ERROR_USAGE);
        if (strncmp(error.text, rows[i].says, strlen(rows[i].says)) != 0) {
            fail_msg("%s", error.text);
        }
    }
    assert_int_equal(changes.count, 0);
    changes_free(&changes);
}

static void a_path_through_a_text_is_no_place(void **unused)
{
    json_t *document = json_pack("{s:s}", "prompt", "x");
    struct changes changes = {0};
    struct error error;
    (void)unused;
    assert_int_equal(changes_add(&changes, "prompt.0=x", &error), 0);
    assert_int_equal(changes_make(&changes, document, &error), -1);
    assert_int_equal(error.kind, ERROR_DATA);
    assert_string_equal(error.text, "it has no place prompt.0 for a value");
    json_decref(document);
    changes_free(&changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_made),
        cmocka_unit_test(several_changes_are_made_in_their_order),
        cmocka_unit_test(bad_changes_are_refused),
        cmocka_unit_test(a_path_through_a_text_is_no_place),
    };
    return UNIT_RUN(tests);
}
