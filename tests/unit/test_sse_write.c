/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sse_write: Server-Sent Events as llmspool-httpd writes them (WHATWG HTML, 9.2). */
#include "unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "httpd/sse.h"

/* A span of a literal that may have NULs. */
#define BYTES(literal) (literal), sizeof(literal) - 1

static void expect_bytes(const struct buffer *out, const char *bytes, size_t length)
{
    assert_int_equal(out->length, length);
    assert_memory_equal(out->bytes, bytes, length);
}

static void an_event_has_name_id_and_data(void **state)
{
    struct buffer out = {0};

    (void)state;
    sse_event(&out, "completed", "20261126-000012345", BYTES("{}"));
    expect_bytes(&out, BYTES("event: completed\nid: 20261126-000012345\ndata: {}\n\n"));
    buffer_clear(&out);
    sse_event(&out, "progress", NULL, BYTES("x"));
    expect_bytes(&out, BYTES("event: progress\ndata: x\n\n"));
    buffer_free(&out);
}

/* What lines of data become. */
static const struct {
    const char *data;
    size_t data_length;
    const char *lines;
    size_t lines_length;
} rows[] = {
    {BYTES(""), BYTES("data: \n")},
    {BYTES("a"), BYTES("data: a\n")},
    {BYTES(" a "), BYTES("data:  a \n")},
    {BYTES("a\nb"), BYTES("data: a\ndata: b\n")},
    {BYTES("a\rb"), BYTES("data: a\ndata: b\n")},
    {BYTES("a\r\nb"), BYTES("data: a\ndata: b\n")},
    {BYTES("a\n\nb"), BYTES("data: a\ndata: \ndata: b\n")},
    {BYTES("a\n\rb"), BYTES("data: a\ndata: \ndata: b\n")},
    {BYTES("a\r\r\nb"), BYTES("data: a\ndata: \ndata: b\n")},
    {BYTES("a\n"), BYTES("data: a\ndata: \n")},
    {BYTES("a\r"), BYTES("data: a\ndata: \n")},
    {BYTES("\r\n"), BYTES("data: \ndata: \n")},
    {BYTES("a\0b"), BYTES("data: a\0b\n")},
    {BYTES("id: 1\nevent: x"), BYTES("data: id: 1\ndata: event: x\n")},
    {BYTES("\xf0\x9f\x99\x82"), BYTES("data: \xf0\x9f\x99\x82\n")},
};

static void each_line_of_data_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer out = {0}, wanted = {0};

        sse_event(&out, "e", NULL, rows[i].data, rows[i].data_length);
        buffer_text(&wanted, "event: e\n");
        buffer_append(&wanted, rows[i].lines, rows[i].lines_length);
        buffer_byte(&wanted, '\n');
        expect_bytes(&out, wanted.bytes, wanted.length);
        buffer_free(&out);
        buffer_free(&wanted);
    }
}

static void what_is_no_event(void **state)
{
    struct buffer out = {0};

    (void)state;
    sse_retry(&out, 1500);
    sse_comment(&out, "");
    sse_id(&out, "x");
    expect_bytes(&out, BYTES("retry: 1500\n\n: \n\nid: x\n\n"));
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_name_id_and_data),
        cmocka_unit_test(each_line_of_data_is_one),
        cmocka_unit_test(what_is_no_event),
    };

    return UNIT_RUN(tests);
}
