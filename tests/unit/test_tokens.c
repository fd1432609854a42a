/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The estimate of tokens, held against o200k_base: tests/node/tokens.mjs made the counts. */
#include "unit.h"

#include <math.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "job/job.h"
#include "job/tokens.h"

#define FOLDER "tests/unit/data/tokens/"

static void load(const char *name, struct buffer *text)
{
    char path[200], block[4096];
    FILE *file;
    size_t count;

    snprintf(path, sizeof path, FOLDER "%s", name);
    file = unit_data(path);
    while ((count = fread(block, 1, sizeof block, file)) > 0) {
        buffer_append(text, block, count);
    }
    assert_int_equal(ferror(file), 0);
    fclose(file);
}

/* How far off an estimate may be for texts of a kind: the name up to the dash. */
static double bound_of(const char *name)
{
    return strncmp(name, "en-", 3) == 0 ? 0.15 : 0.30;
}

static void every_kind_of_text_is_estimated_within_its_bound(void **state)
{
    struct buffer text = {0};
    json_t *document, *count;
    const char *name;
    double kind_sum = 0, kind_real = 0;

    (void)state;
    load("counts.json", &text);
    document = jsontext_read(text.bytes, text.length, NULL);
    assert_true(json_object_size(json_object_get(document, "counts")) >= 20);
    json_object_foreach (json_object_get(document, "counts"), name, count) {
        double real = (double)json_integer_value(count);
        double off;

        buffer_clear(&text);
        load(name, &text);
        off = (double)tokens_estimate(text.bytes, text.length) / real - 1;
        print_message("%-22s %5.0f tokens, %+5.1f %%\n", name, real, 100 * off);
        if (fabs(off) > bound_of(name)) {
            fail_msg("%s is %.1f %% off", name, 100 * off);
        }
        kind_sum += off * real;
        kind_real += real;
    }
    print_message("all together %+.1f %%\n", 100 * kind_sum / kind_real);
    json_decref(document);
    buffer_free(&text);
}

static int64_t estimate(const char *text)
{
    return tokens_estimate(text, strlen(text));
}

static void nothing_is_nothing_and_something_at_least_one(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate(NULL, 0), 0);
    assert_int_equal(estimate(""), 0);
    assert_int_equal(estimate(" "), 1);
    assert_int_equal(estimate("a"), 1);
    assert_int_equal(estimate("Hello, world!"), 4);
}

static void bytes_that_are_no_text_count_each(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate("\xff\xfe\x80\xc0\xaf", 5), 5);
    assert_int_equal(tokens_estimate("\xe2\x82", 2), 2); /* cut in a character */
    assert_int_equal(tokens_estimate("\xf0\x9f\x98", 3), 3);
    assert_int_equal(tokens_estimate("\xf5\x80\x80\x80", 4), 4); /* beyond Unicode */
    assert_true(tokens_estimate("\0\0\0", 3) >= 1);
}

/* Of just that size, so that the sanitizer sees any byte read beyond. */
static void texts_that_are_cut_anywhere_are_read_within_their_bounds(void **state)
{
    static const char text[] = "W\xc3\xb6rter \xe2\x80\x9ein\xe2\x80\x9c \xe4\xb8\xad\xe6\x96\x87 "
                               "\xf0\x9f\x98\x80 HTTPServer 1234,5\n\n  \xd0\x9c\xd0\xb8\xd1\x80 "
                               "\xe1\xba\xbft";

    (void)state;
    for (size_t length = 1; length < sizeof text; length++) {
        char *cut = malloc(length);

        assert_non_null(cut);
        memcpy(cut, text, length);
        assert_true(tokens_estimate(cut, length) >= 1);
        free(cut);
    }
}

/* A text many times over is as many tokens, whatever its size. */
static void huge_texts_grow_in_proportion(void **state)
{
    struct buffer one = {0}, many = {0};
    int64_t small;

    (void)state;
    load("en-story.txt", &one);
    small = tokens_estimate(one.bytes, one.length);
    while (many.length < 8 * 1024 * 1024) {
        buffer_append(&many, one.bytes, one.length);
    }
    assert_true(fabs((double)tokens_estimate(many.bytes, many.length) / (double)small /
                         ((double)many.length / (double)one.length) -
                     1) < 0.01);
    buffer_free(&one);
    buffer_free(&many);
}

/* What no tokenizer packs into few tokens must not be taken for few: it would be paid. */
static void what_is_no_language_is_not_underestimated(void **state)
{
    static const char *const pieces[] = {"a", "Xy7", "qzjx", "\n", "-", "\xe9\xbe\x98"};

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(pieces); i++) {
        struct buffer text = {0};

        while (text.length < 100000) {
            buffer_text(&text, pieces[i]);
        }
        if (tokens_estimate(text.bytes, text.length) < 100000 / 16) {
            fail_msg("%s", pieces[i]);
        }
        buffer_free(&text);
    }
}

/* --- jobs ------------------------------------------------------------------------------------- */

static struct job *job(const char *text)
{
    struct job_context context = {.default_model = "m"};
    struct error error;
    struct job *read = job_read(text, strlen(text), &context, &error);

    if (read == NULL) {
        fail_msg("%s", error.text);
    }
    return read;
}

static int64_t input_of(const char *text)
{
    struct job *read = job(text);
    int64_t tokens = tokens_of_job(read);

    job_free(read);
    return tokens;
}

static void a_prompt_is_a_message(void **state)
{
    (void)state;
    assert_int_equal(input_of("{\"prompt\": \"Hello, world!\"}"), 4 + 4 + 3);
    assert_int_equal(input_of("{\"messages\": [{\"role\": \"user\", \"content\": "
                              "\"Hello, world!\"}]}"),
                     4 + 4 + 3);
    assert_int_equal(input_of("{\"prompt\": \"Hello, world!\", \"system\": \"Hello, world!\"}"),
                     2 * (4 + 4) + 3);
}

static void parts_tools_and_schemas_count(void **state)
{
    int64_t bare = input_of("{\"prompt\": \"x\"}");

    (void)state;
    assert_int_equal(input_of("{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": "
                              "\"text\", \"text\": \"Hello, world!\"}, {\"type\": \"image_url\", "
                              "\"image_url\": {\"url\": \"https://x/y.png\"}}]}]}"),
                     4 + 4 + 3 + TOKENS_IMAGE);
    assert_int_equal(
        input_of("{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\", "
                 "\"image_url\": {\"url\": \"https://x/y.png\", \"detail\": \"low\"}}]}]}"),
        4 + 3 + TOKENS_IMAGE_LOW);
    assert_true(input_of("{\"prompt\": \"x\", \"params\": {\"tools\": [{\"type\": \"function\", "
                         "\"function\": {\"name\": \"weather\", \"parameters\": {}}}]}}") >
                bare + 15);
    assert_true(
        input_of("{\"prompt\": \"x\", \"params\": {\"response_format\": {\"type\": "
                 "\"json_schema\", \"json_schema\": {\"name\": \"n\", \"schema\": {\"type\": "
                 "\"object\"}}}}}") > bare + 8);
    assert_int_equal(input_of("{\"prompt\": \"x\", \"params\": {\"temperature\": 1}}"), bare);
}

static void a_ceiling_counts_bytes(void **state)
{
    static const char *const jobs[] = {
        "{\"prompt\": \"Hello, world!\"}",
        "{\"prompt\": \"\xe4\xb8\xad \xf0\x9f\x98\x80\", \"system\": \"qzjxk\"}",
        ("{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": "
         "\"%%%%\"}, {\"type\": \"image_url\", \"image_url\": {\"url\": \"https://x\"}}]}]}"),
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(jobs); i++) {
        struct job *read = job(jobs[i]);

        assert_true(tokens_ceiling_of_job(read) >= tokens_of_job(read));
        job_free(read);
    }
    struct job *hello = job(jobs[0]);

    assert_int_equal(tokens_ceiling_of_job(hello), 13 + 4 + 3);
    job_free(hello);
}

static int64_t output_of(const char *text, uint64_t usual)
{
    struct job *read = job(text);
    int64_t tokens = tokens_of_output(read, usual);

    job_free(read);
    return tokens;
}

static void outputs_are_bounded_by_the_job_or_else_usual(void **state)
{
    (void)state;
    assert_int_equal(output_of("{\"prompt\": \"x\"}", 300), 300);
    assert_int_equal(output_of("{\"prompt\": \"x\"}", UINT64_MAX), INT64_MAX);
    assert_int_equal(output_of("{\"prompt\": \"x\", \"params\": {\"max_tokens\": 40}}", 300), 40);
    assert_int_equal(
        output_of("{\"prompt\": \"x\", \"params\": {\"max_completion_tokens\": 4000}}", 300), 4000);
    assert_int_equal(
        output_of("{\"prompt\": \"x\", \"params\": {\"max_output_tokens\": 50, \"n\": 3}}", 300),
        150);
    assert_int_equal(output_of("{\"prompt\": \"x\", \"params\": {\"n\": 2}}", 300), 600);
    assert_int_equal(output_of("{\"prompt\": \"x\", \"params\": {\"n\": 100000}}", 1), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_text_is_estimated_within_its_bound),
        cmocka_unit_test(nothing_is_nothing_and_something_at_least_one),
        cmocka_unit_test(bytes_that_are_no_text_count_each),
        cmocka_unit_test(texts_that_are_cut_anywhere_are_read_within_their_bounds),
        cmocka_unit_test(huge_texts_grow_in_proportion),
        cmocka_unit_test(what_is_no_language_is_not_underestimated),
        cmocka_unit_test(a_prompt_is_a_message),
        cmocka_unit_test(parts_tools_and_schemas_count),
        cmocka_unit_test(a_ceiling_counts_bytes),
        cmocka_unit_test(outputs_are_bounded_by_the_job_or_else_usual),
    };
    return UNIT_RUN(tests);
}
