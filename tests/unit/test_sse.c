/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sse: Server-Sent Events, taken apart as their bytes arrive. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "provider/sse.h"

enum { LIMIT = 100 };

/* Writes an event down: NAME=DATA; with ~ before the end for one that was left open. */
static bool write_down(void *context, const struct sse_event *event)
{
    struct buffer *out = context;
    buffer_printf(out, "%s=", event->name);
    buffer_append(out, event->data, event->length);
    buffer_text(out, event->open ? "~;" : ";");
    return strcmp(event->data, "stop") != 0;
}

/* All events of a body that comes in parts of this many bytes. */
static bool events_of(const char *body, size_t length, size_t part, struct buffer *out)
{
    struct sse sse;
    bool good = true;
    sse_init(&sse, LIMIT, write_down, out);
    for (size_t at = 0; at < length; at += part) {
        size_t size = length - at < part ? length - at : part;
        char *exact = malloc(size); /* no byte behind: ASan would tell */
        assert_non_null(exact);
        memcpy(exact, body + at, size);
        good = sse_feed(&sse, exact, size);
        free(exact);
    }
    good = sse_end(&sse) && good;
    sse_free(&sse);
    return good;
}

struct row {
    const char *body;
    const char *events;
};

/* However the bytes are cut, the events are the same. */
static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(rows[i].body);
        for (size_t part = 1; part <= length; part++) {
            struct buffer out = {0};
            assert_true(events_of(rows[i].body, length, part, &out));
            if (strcmp(out.bytes != NULL ? out.bytes : "", rows[i].events) != 0) {
                fail_msg("row %zu in parts of %zu: %s instead of %s", i, part,
                         out.bytes != NULL ? out.bytes : "", rows[i].events);
            }
            buffer_free(&out);
        }
    }
}

static void lines_end_in_three_ways(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"data: a\n\ndata: b\n\n", "message=a;message=b;"},
        {"data: a\r\n\r\ndata: b\r\n\r\n", "message=a;message=b;"},
        {"data: a\r\rdata: b\r\r", "message=a;message=b;"},
        {"data: a\r\n\ndata: b\n\r\n", "message=a;message=b;"},
        {"event: x\r\ndata: a\r\ndata: b\r\n\r\n", "x=a\nb;"},
        {"event: x\rdata: a\rdata: b\r\r", "x=a\nb;"},
        {"data: a\n\rdata: b\r\n\r", "message=a;message=b;"},
    };
    check(rows, UNIT_COUNT(rows));
}

static void fields_are_read_as_the_standard_says(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"data:a\n\n", "message=a;"},
        {"data:  a \n\n", "message= a ;"}, /* one blank belongs to the colon */
        {"data: a\ndata: b\n\n", "message=a\nb;"},
        {"data\n\n", "message=;"},
        {"data:\n\n", "message=;"},
        {"data\ndata\n\n", "message=\n;"},
        {"event: ping\ndata: a\n\ndata: b\n\n", "ping=a;message=b;"},
        {"event: a\nevent: b\ndata: 1\n\n", "b=1;"},
        {"event: a\nevent:\ndata: 1\n\n", "message=1;"},
        {"event: lost\n\ndata: a\n\n", "message=a;"},
        {"Data: a\nDATA: b\n data: c\ndatax: d\n\n", ""},
        {"id: 7\nretry: 3\ndata: a\n\n", "message=a;"},
        {"data: a:b\n\n", "message=a:b;"},
        {"\n\n\ndata: a\n\n\n\n", "message=a;"},
    };
    check(rows, UNIT_COUNT(rows));
}

static void comments_are_nothing(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: a\n\n", "message=a;"},
        {"data: a\n:\ndata: b\n\n", "message=a\nb;"},
        {":\n", ""},
    };
    check(rows, UNIT_COUNT(rows));
}

static void one_byte_order_mark_may_come_first(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"\xEF\xBB\xBF"
         "data: a\n\n",
         "message=a;"},
        {"\xEF\xBB\xBF\ndata: a\n\n", "message=a;"},
        {"\xEF\xBB\xBF\xEF\xBB\xBF"
         "data: a\n\ndata: b\n\n",
         "message=b;"},
        {"data: a\n\n\xEF\xBB\xBF"
         "data: b\n\n",
         "message=a;"},
        {"\xEF\xBB", ""},
    };
    check(rows, UNIT_COUNT(rows));
}

static void a_field_named_error_is_an_event_of_that_name(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"error: {\"code\":500}\n\n", "error={\"code\":500};"},
        {"data: a\n\nerror: b\n\n", "message=a;error=b;"},
    };
    check(rows, UNIT_COUNT(rows));
}

static void what_the_end_leaves_open_is_told_as_such(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"data: a\n\ndata: [DONE]\n", "message=a;message=[DONE]~;"},
        {"data: a\n\ndata: [DONE]", "message=a;message=[DONE]~;"},
        {"data: a\r", "message=a~;"},
        {"data: a\n\ndat", "message=a;"},
        {"data: a\n\nevent: x\n", "message=a;"},
        {"", ""},
    };
    check(rows, UNIT_COUNT(rows));
}

static void a_nul_is_a_byte_like_any_other(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_true(events_of("data: a\0b\n\n", 11, 1, &out));
    assert_int_equal(out.length, strlen("message=") + 3 + 1);
    assert_memory_equal(out.bytes, "message=a\0b;", out.length);
    buffer_free(&out);
}

static void nothing_is_told_after_a_no(void **state)
{
    (void)state;
    const char *body = "data: a\n\ndata: stop\n\ndata: b\n\ndata: c";
    for (size_t part = 1; part <= strlen(body); part++) {
        struct buffer out = {0};
        assert_false(events_of(body, strlen(body), part, &out));
        assert_string_equal(out.bytes, "message=a;message=stop;");
        buffer_free(&out);
    }
}

/* A body of one line of data of this length, or of lines of ten bytes that make one event. */
static bool fits(size_t length, bool one_line)
{
    struct buffer body = {0};
    struct buffer out = {0};
    for (size_t i = 0; i < length; i++) {
        buffer_text(&body, i == 0 ? "data:" : !one_line && i % 10 == 0 ? "\ndata:" : "");
        buffer_byte(&body, 'x');
    }
    buffer_text(&body, "\n\n");
    bool good = events_of(body.bytes, body.length, 7, &out);
    assert_int_equal(good, out.length > 0);
    buffer_free(&body);
    buffer_free(&out);
    return good;
}

static void lines_and_events_are_bounded(void **state)
{
    (void)state;
    assert_true(fits(LIMIT - 5, true));
    assert_false(fits(LIMIT - 4, true));
    assert_true(fits(90, false)); /* and the nine line feeds between, and one behind */
    assert_false(fits(91, false));
}

static void a_line_without_end_does_not_grow_for_ever(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct sse sse;
    sse_init(&sse, LIMIT, write_down, &out);
    for (size_t i = 0; i < 1000; i++) {
        sse_feed(&sse, "x", 1);
    }
    assert_true(sse.too_large);
    assert_true(sse.line.length <= LIMIT);
    sse_free(&sse);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_in_three_ways),
        cmocka_unit_test(fields_are_read_as_the_standard_says),
        cmocka_unit_test(comments_are_nothing),
        cmocka_unit_test(one_byte_order_mark_may_come_first),
        cmocka_unit_test(a_field_named_error_is_an_event_of_that_name),
        cmocka_unit_test(what_the_end_leaves_open_is_told_as_such),
        cmocka_unit_test(a_nul_is_a_byte_like_any_other),
        cmocka_unit_test(nothing_is_told_after_a_no),
        cmocka_unit_test(lines_and_events_are_bounded),
        cmocka_unit_test(a_line_without_end_does_not_grow_for_ever),
    };
    return UNIT_RUN(tests);
}
