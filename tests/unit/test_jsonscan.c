/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_jsonscan: members of objects that are not built, and the texts that are none. */
#include "unit.h"

#include "base/jsonscan.h"
#include "base/jsontext.h"

static struct jsonspan span(const char *text)
{
    return (struct jsonspan){text, strlen(text)};
}

/* A copy of its own size, so that a reading behind its end is found. */
static bool scans(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    memcpy(copy, text, length);
    char *exact = realloc(copy, length > 0 ? length : 1);
    bool whole = jsonscan_find((struct jsonspan){exact, length}, NULL, NULL, 0);
    free(exact);
    return whole;
}

static const char document[] =
    "{\"id\":\"x\",\"n\":-12.5e+3,\"list\":[1,[],{\"a\":{}},\"]\",true,false,null],\n"
    " \"text\" : \"a\\\"b\\\\\\u00e9\\ud83d\\ude00 \xC3\xA9 \\n\" , \"empty\":{},\"z\":0,\"big\":123456789012345678}\n";

static void members_are_found_with_their_text(void **state)
{
    (void)state;
    static const struct jsonspan keys[] = {JSONSPAN("list"), JSONSPAN("text"), JSONSPAN("none"),
                                           JSONSPAN("n"), JSONSPAN("big")};
    struct jsonspan values[5];
    struct buffer text = {0};
    assert_true(jsonscan_find(span(document), keys, values, 5));
    assert_true(jsonspan_is(values[0], "[1,[],{\"a\":{}},\"]\",true,false,null]"));
    assert_null(values[2].text);
    assert_true(jsonspan_is(values[3], "-12.5e+3"));
    assert_true(jsonspan_is(values[4], "123456789012345678"));
    assert_true(jsonspan_string(values[1], &text));
    assert_string_equal(text.bytes, "a\"b\\\xC3\xA9\xF0\x9F\x98\x80 \xC3\xA9 \n");
    assert_false(jsonspan_string(values[0], &text));
    assert_false(jsonspan_string(values[2], &text));
    buffer_free(&text);
}

static void members_come_in_their_order(void **state)
{
    (void)state;
    struct jsonscan scan;
    struct jsonspan key, value;
    jsonscan_begin(&scan, span(" { \"b\" : 1 , \"a\" : [ ] } "));
    assert_int_equal(jsonscan_next(&scan, &key, &value), 1);
    assert_true(jsonspan_is(key, "b"));
    assert_true(jsonspan_is(value, "1"));
    assert_int_equal(jsonscan_next(&scan, &key, &value), 1);
    assert_true(jsonspan_is(key, "a"));
    assert_true(jsonspan_is(value, "[ ]"));
    assert_int_equal(jsonscan_next(&scan, &key, &value), 0);
    jsonscan_begin(&scan, span("{}"));
    assert_int_equal(jsonscan_next(&scan, &key, &value), 0);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " ", "[]", "1", "\"a\"", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}",
        "{,}", "{\"a\":1}}", "{\"a\":1} x", "{\"a\":1 \"b\":2}", "{a:1}", "{\"a\":01}",
        "{\"a\":-}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":1e999}", "{\"a\":+1}", "{\"a\":.5}",
        "{\"a\":tru}", "{\"a\":nul}", "{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":[}", "{\"a\":{]}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\u0000\"}", "{\"a\":\"\n\"}", "{\"a\":\"\xC3\"}", "{\"a\":\"\xFF\"}",
        "{\"a\":\"\\", "{\"a\":1234567890123456789}", "{\"a\":\"b}", "{\"a\":\"\\ud83d\\u0041\"}",
    };
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        if (scans(bad[i], strlen(bad[i]))) {
            fail_msg("%s", bad[i]);
        }
    }
    assert_false(scans("{\"a\":\"\0\"}", 9));
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[1000] = "{\"a\":";
    for (size_t depth = 1; depth < 100; depth++) {
        size_t at = 5;
        memset(text + at, '[', depth);
        memset(text + at + depth, ']', depth);
        text[at + 2 * depth] = '}';
        assert_int_equal(scans(text, at + 2 * depth + 1), depth < JSONTEXT_DEPTH + 1);
    }
    memset(text + 5, '[', sizeof text - 5);
    assert_false(scans(text, sizeof text));
}

/* What it lets through, jansson reads: each cut and many changes of a document. */
static void it_lets_nothing_through_that_is_not_read(void **state)
{
    (void)state;
    size_t length = sizeof document - 1, let = 0;
    char copy[sizeof document];
    uint64_t random = 12345;
    for (size_t cut = 0; cut < length - 1; cut++) {
        assert_false(scans(document, cut));
    }
    for (int i = 0; i < 200000; i++) {
        memcpy(copy, document, sizeof copy);
        for (int j = 0; j < 1 + i % 3; j++) {
            static const char bytes[] = "\"\\{}[],:0129-+.eEuabtrfn \n\x80\xC3\xE9\x01";
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            copy[(random >> 33) % length] = bytes[(random >> 20) % sizeof bytes];
        }
        if (scans(copy, length)) {
            json_t *read = jsontext_read_object(copy, length, NULL);
            if (read == NULL) {
                fail_msg("not read: %s", copy);
            }
            json_decref(read);
            let++;
        }
    }
    assert_true(let > 1000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_with_their_text),
        cmocka_unit_test(members_come_in_their_order),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(it_lets_nothing_through_that_is_not_read),
    };
    return UNIT_RUN(tests);
}
