/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_row: one answer in each format, and what comes back of it. */
#include "unit.h"

#include "base/jsontext.h"
#include "base/random.h"
#include "base/xalloc.h"
#include "client/row.h"

enum { CASES = 10000, LENGTH = 40, SEED = 20261125 };

static struct row answered(const json_t *columns, const json_t *answer)
{
    return (struct row){.columns = columns, .answer = answer, .status = "completed"};
}

static void expect_row(struct row_style style, const char *columns, const char *answer,
                       const char *expected)
{
    struct row_sheet sheet = {.style = style};
    json_t *kept = columns != NULL ? jsontext_read(columns, strlen(columns), NULL) : NULL;
    json_t *value = answer != NULL ? json_string(answer) : NULL;
    struct row row = answered(kept, value);
    struct buffer out = {0};

    if (answer == NULL) {
        row.status = "failed";
        row.message = "Why.";
    }
    row_write(&out, &sheet, &row);
    row_end(&out, &sheet);
    assert_int_equal(out.length, strlen(expected));
    assert_memory_equal(out.bytes, expected, out.length);
    buffer_free(&out);
    row_sheet_free(&sheet);
    json_decref(kept);
    json_decref(value);
}

#define STYLE(...) ((struct row_style){__VA_ARGS__})

static void text_ends_with_one_newline(void **state)
{
    (void)state;
    expect_row(STYLE(.format = ROW_TEXT), NULL, "a\nb", "a\nb\n");
    expect_row(STYLE(.format = ROW_TEXT), NULL, "a\n", "a\n");
    expect_row(STYLE(.format = ROW_TEXT), NULL, "", "\n");
    expect_row(STYLE(.format = ROW_TEXT), NULL, NULL, "");
}

static void escaped_text_is_one_line_and_a_failure_is_told_apart(void **state)
{
    (void)state;
    expect_row(STYLE(.escape = ROW_COPY), NULL, "a\tb\r\n\\N", "a\\tb\\r\\n\\\\N\n");
    expect_row(STYLE(.escape = ROW_COPY), NULL, "\\N", "\\\\N\n");
    expect_row(STYLE(.escape = ROW_COPY), NULL, NULL, "\\N\n");
}

static void csv_has_a_header_and_quotes_what_needs_it(void **state)
{
    (void)state;
    expect_row(STYLE(.format = ROW_CSV), "{\"a\":1,\"b,c\":\"x\"}", "say \"hi\"",
               "a,\"b,c\",answer,status,error,id\n1,x,\"say \"\"hi\"\"\",completed,,\n");
    expect_row(STYLE(.format = ROW_CSV), NULL, "",
               "answer,status,error,id\n\"\",completed,,\n");
    expect_row(STYLE(.format = ROW_CSV, .samples = true), NULL, NULL,
               "sample,answer,status,error,id\n1,,failed,Why.,\n");
}

static void an_input_column_keeps_its_name(void **state)
{
    (void)state;
    expect_row(STYLE(.format = ROW_TSV), "{\"answer\":\"a\"}", "b",
               "answer\tllmspool_answer\tstatus\terror\tid\na\tb\tcompleted\t\\N\t\\N\n");
    expect_row(STYLE(.format = ROW_JSONL), "{\"id\":7}", "b",
               "{\"id\":7,\"answer\":\"b\",\"status\":\"completed\",\"error\":null,"
               "\"llmspool_id\":null}\n");
}

static void json_is_one_array(void **state)
{
    struct row_sheet sheet = {.style = {.format = ROW_JSON}};
    struct buffer out = {0};
    json_t *value = json_integer(1);
    struct row row = answered(NULL, value);
    json_t *read;

    (void)state;
    row_write(&out, &sheet, &row);
    row_write(&out, &sheet, &row);
    row_end(&out, &sheet);
    read = jsontext_read(out.bytes, out.length, NULL);
    assert_int_equal(json_array_size(read), 2);
    json_decref(read);
    buffer_clear(&out);
    sheet.rows = 0;
    row_end(&out, &sheet);
    assert_string_equal(out.bytes, "[]\n");
    buffer_free(&out);
    json_decref(value);
}

static void rows_have_the_columns_of_the_first(void **state)
{
    struct row_sheet sheet = {.style = {.format = ROW_CSV}};
    json_t *first = json_pack("{s:s}", "a", "1");
    json_t *second = json_pack("{s:s}", "b", "2");
    struct row row = answered(first, NULL);
    struct buffer out = {0};

    (void)state;
    row_write(&out, &sheet, &row);
    row.columns = second;
    row_write(&out, &sheet, &row);
    assert_string_equal(out.bytes,
                        "a,answer,status,error,id\n1,,completed,,\n,,completed,,\n");
    buffer_free(&out);
    row_sheet_free(&sheet);
    json_decref(first);
    json_decref(second);
}

/* --- there and back --------------------------------------------------------------------------- */

/* As a reader of COPY does it. */
static void unescape(const char *text, size_t length, struct buffer *out)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\\') {
            buffer_byte(out, text[i]);
            continue;
        }
        i++;
        assert_true(i < length);
        switch (text[i]) {
        case 'r':
            buffer_byte(out, '\r');
            break;
        case 'n':
            buffer_byte(out, '\n');
            break;
        case 't':
            buffer_byte(out, '\t');
            break;
        default:
            assert_int_equal(text[i], '\\');
            buffer_byte(out, '\\');
        }
    }
}

/* Bytes among which those that mean something are frequent. */
static size_t make_bytes(struct random *random, char bytes[LENGTH])
{
    static const char special[] = "\\\r\n\trntN,\" ";
    size_t length = random_below(random, LENGTH + 1);

    for (size_t i = 0; i < length; i++) {
        bytes[i] = random_below(random, 2) == 0
                       ? special[random_below(random, sizeof special - 1)]
                       : (char)random_below(random, 256);
    }
    return length;
}

static void what_is_escaped_comes_back(void **state)
{
    struct random random;
    struct buffer there = {0}, back = {0};
    char bytes[LENGTH];

    (void)state;
    random_init(&random, SEED);
    for (int i = 0; i < CASES; i++) {
        size_t length = make_bytes(&random, bytes);

        buffer_clear(&there);
        buffer_clear(&back);
        row_escape_copy(&there, bytes, length);
        if (there.length > 0) {
            assert_null(memchr(there.bytes, '\n', there.length));
            assert_null(memchr(there.bytes, '\r', there.length));
            assert_null(memchr(there.bytes, '\t', there.length));
            assert_false(there.length == 2 && memcmp(there.bytes, "\\N", 2) == 0);
            unescape(there.bytes, there.length, &back);
        }
        assert_int_equal(back.length, length);
        if (length > 0) {
            assert_memory_equal(back.bytes, bytes, length);
        }
    }
    buffer_free(&there);
    buffer_free(&back);
}

static void formats_have_names(void **state)
{
    enum row_format format;
    struct error error;

    (void)state;
    assert_int_equal(row_format_read("tsv", &format, &error), 0);
    assert_int_equal(format, ROW_TSV);
    assert_int_equal(row_format_read("xml", &format, &error), -1);
    assert_int_equal(error.kind, ERROR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_ends_with_one_newline),
        cmocka_unit_test(escaped_text_is_one_line_and_a_failure_is_told_apart),
        cmocka_unit_test(csv_has_a_header_and_quotes_what_needs_it),
        cmocka_unit_test(an_input_column_keeps_its_name),
        cmocka_unit_test(json_is_one_array),
        cmocka_unit_test(rows_have_the_columns_of_the_first),
        cmocka_unit_test(what_is_escaped_comes_back),
        cmocka_unit_test(formats_have_names),
    };

    xalloc_jansson();
    return UNIT_RUN(tests);
}
