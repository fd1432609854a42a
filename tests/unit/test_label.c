/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_label: lists of labels, and the one that an answer is. */
#include "unit.h"

#include "base/jsontext.h"
#include "job/label.h"

static json_t *labels_of(const char *text, struct error *error)
{
    json_t *value = jsontext_read(text, strlen(text), error);
    json_t *labels = value != NULL ? label_list(value, error) : NULL;
    json_decref(value);
    return labels;
}

static void assert_list(const char *text, const char *wanted)
{
    struct error error = {0};
    struct buffer out = {0};
    json_t *labels = labels_of(text, &error);
    if (labels == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    jsontext_write(&out, labels);
    assert_string_equal(out.bytes, wanted);
    buffer_free(&out);
    json_decref(labels);
}

static void assert_refused(const char *text, const char *words)
{
    struct error error = {0};
    json_t *labels = labels_of(text, &error);
    assert_null(labels);
    if (strstr(error.text, words) == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
}

static void lists_are_arrays_or_texts_with_commas(void **state)
{
    (void)state;
    assert_list("\"pos,neg\"", "[\"pos\",\"neg\"]");
    assert_list("\" pos , very neg\"", "[\"pos\",\"very neg\"]");
    assert_list("[\"a, b\", \" c \"]", "[\"a, b\",\"c\"]");
    assert_list("[\"Ä\", \"ä\"]", "[\"Ä\",\"ä\"]"); /* the case of A to Z alone is ignored */
}

static void lists_that_are_none_are_refused(void **state)
{
    (void)state;
    assert_refused("\"\"", "1 to 200 bytes");
    assert_refused("\"a,,b\"", "1 to 200 bytes");
    assert_refused("[\"a\", \"b\\n\\u0001\"]", "control characters");
    assert_refused("\"a\"", "labels must be 2 to 1000");
    assert_refused("[]", "labels must be 2 to 1000");
    assert_refused("[\"a\", 1]", "must be texts");
    assert_refused("5", "must be an array");
    assert_refused("\"Pos, pos\"", "\"pos\" comes twice");
    assert_refused("[\"pos\", \"'pos'.\"]", "comes twice");
}

static void numbers_of_labels_are_bounded(void **state)
{
    struct buffer text = {0};
    struct error error;
    (void)state;
    for (int i = 0; i < LABEL_COUNT_LIMIT; i++) {
        buffer_printf(&text, "%sl%d", i > 0 ? "," : "\"", i);
    }
    buffer_text(&text, "\"");
    json_t *labels = labels_of(text.bytes, &error);
    assert_int_equal(json_array_size(labels), LABEL_COUNT_LIMIT);
    json_decref(labels);
    text.length--;
    buffer_text(&text, ",more\"");
    assert_refused(text.bytes, "labels must be 2 to 1000");
    buffer_free(&text);
}

static void an_answer_is_found_whatever_stands_around_it(void **state)
{
    static const struct {
        const char *answer, *label;
    } rows[] = {
        {"Positive", "Positive"},
        {"positive", "Positive"},
        {" \n\tPOSITIVE \r\n", "Positive"},
        {"positive.", "Positive"},
        {"\"positive\"", "Positive"},
        {"\"positive.\"", "Positive"},
        {"'positive'.", "Positive"},
        {"`positive`", "Positive"},
        {"\xe2\x80\x9cpositive\xe2\x80\x9d", "Positive"},
        {"\xc2\xabpositive\xc2\xbb", "Positive"},
        {"\" positive \" .", "Positive"},
        {"very negative", "very negative"},
        {"e.g", "e.g."},
        {"e.g.", "e.g."},
        {"positive..", NULL},
        {"positive!", NULL},
        {"**positive**", NULL},
        {"\"positive", NULL},
        {"pos", NULL},
        {"positively", NULL},
        {"Label: positive", NULL},
        {"positive negative", NULL},
        {"", NULL},
        {".", NULL},
        {"\"\"", NULL},
    };
    struct error error;
    json_t *labels = labels_of("[\"Positive\", \"very negative\", \"e.g.\"]", &error);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_t *found = label_match(labels, rows[i].answer, strlen(rows[i].answer));
        const char *label = json_string_value(found);
        if ((label == NULL) != (rows[i].label == NULL) ||
            (label != NULL && strcmp(label, rows[i].label) != 0)) {
            fail_msg("%s is %s", rows[i].answer, label != NULL ? label : "none");
        }
    }
    json_decref(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_arrays_or_texts_with_commas),
        cmocka_unit_test(lists_that_are_none_are_refused),
        cmocka_unit_test(numbers_of_labels_are_bounded),
        cmocka_unit_test(an_answer_is_found_whatever_stands_around_it),
    };

    return UNIT_RUN(tests);
}
