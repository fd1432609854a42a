/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_stencil: text with places that are filled in. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/stencil.h"

enum { CASES = 10000, PIECES = 8, BYTES = 12 };

/* A place is filled with its name in angle brackets, "hole" with braces, "gone" with nothing at
 * all. */
static int fill_in(void *context, const char *name, struct buffer *out, struct error *error)
{
    (void)context;
    if (strcmp(name, "gone") == 0) {
        error_set(error, ERROR_DATA, "no column is named gone");
        return -1;
    }
    if (strcmp(name, "hole") == 0) {
        buffer_text(out, "{other}{{");
    } else {
        buffer_printf(out, "<%s>", name);
    }
    return 0;
}

static void check(const char *text, const char *wanted)
{
    struct error error;
    struct buffer out = {0};
    struct stencil *stencil = stencil_read(text, strlen(text), &error);

    assert_non_null(stencil);
    assert_int_equal(stencil_fill(stencil, fill_in, NULL, &out, &error), 0);
    assert_int_equal(out.length, strlen(wanted));
    assert_memory_equal(out.bytes != NULL ? out.bytes : "", wanted, out.length);
    buffer_free(&out);
    stencil_free(stencil);
}

static void check_refused(const char *text, const char *wanted)
{
    struct error error;

    assert_null(stencil_read(text, strlen(text), &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_string_equal(error.text, wanted);
}

static void places_are_filled(void **state)
{
    (void)state;
    check("", "");
    check("plain", "plain");
    check("{}", "<>");
    check("Translate to {lang}: {text}", "Translate to <lang>: <text>");
    check("{a}{b}{a}", "<a><b><a>");
    check("{a name, with: \"more\"}", "<a name, with: \"more\">");
    check("\xc3\xa4{\xc3\xb6}\n", "\xc3\xa4<\xc3\xb6>\n");
}

static void doubled_braces_are_braces(void **state)
{
    (void)state;
    check("{{}}", "{}");
    check("{{{a}}}", "{<a>}");
    check("{{{{outputs.x}}}}", "{{outputs.x}}");
}

static void what_was_filled_in_is_not_looked_at(void **state)
{
    (void)state;
    check("{hole}}}", "{other}{{}");
}

static void lone_braces_are_refused(void **state)
{
    (void)state;
    check_refused("a } b", "the } at character 3 closes nothing; a brace itself is written }}");
    check_refused("a { b", "the { at character 3 begins no {name}; a brace itself is written {{");
    check_refused("{a{b}}", "the { at character 1 begins no {name}; a brace itself is written {{");
    check_refused("{a\n}", "the { at character 1 begins no {name}; a brace itself is written {{");
    check_refused("{", "the { at character 1 begins no {name}; a brace itself is written {{");
}

static void names_are_told_once_and_in_order(void **state)
{
    const char text[] = "{b}{a}{b}{}";
    struct error error;
    struct stencil *stencil = stencil_read(text, strlen(text), &error);

    (void)state;
    assert_int_equal(stencil_count(stencil), 3);
    assert_string_equal(stencil_name(stencil, 0), "b");
    assert_string_equal(stencil_name(stencil, 1), "a");
    assert_string_equal(stencil_name(stencil, 2), "");
    stencil_free(stencil);
}

static void a_place_without_a_value_ends_it(void **state)
{
    const char text[] = "a{b}c{gone}d";
    struct error error;
    struct buffer out = {0};
    struct stencil *stencil = stencil_read(text, strlen(text), &error);

    (void)state;
    assert_int_equal(stencil_fill(stencil, fill_in, NULL, &out, &error), -1);
    assert_string_equal(error.text, "no column is named gone");
    assert_int_equal(out.length, 5);
    assert_memory_equal(out.bytes, "a<b>c", 5);
    buffer_free(&out);
    stencil_free(stencil);
}

/* Appends any bytes but NUL, written so that the stencil takes them for themselves. */
static void append_literal(struct buffer *text, struct buffer *wanted)
{
    int count = rand() % BYTES;

    for (int i = 0; i < count; i++) {
        char byte = (char)(rand() % 255 + 1);

        if (rand() % 3 == 0) {
            byte = "{}"[rand() % 2];
        }
        buffer_byte(text, byte);
        if (byte == '{' || byte == '}') {
            buffer_byte(text, byte);
        }
        buffer_byte(wanted, byte);
    }
}

/* An odd brace before a place would pair with the place's own: a literal ends in something else. */
static void append_place(struct buffer *text, struct buffer *wanted)
{
    char name = (char)('a' + rand() % 26);

    buffer_printf(text, ".{%c}.", name);
    buffer_printf(wanted, ".<%c>.", name);
}

static void any_bytes_come_through(void **state)
{
    struct buffer text = {0}, wanted = {0};

    (void)state;
    srand(1);
    for (int i = 0; i < CASES; i++) {
        buffer_clear(&text);
        buffer_clear(&wanted);
        for (int piece = 0; piece < PIECES; piece++) {
            append_literal(&text, &wanted);
            append_place(&text, &wanted);
        }
        check(text.bytes, wanted.bytes);
    }
    buffer_free(&text);
    buffer_free(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_filled),
        cmocka_unit_test(doubled_braces_are_braces),
        cmocka_unit_test(what_was_filled_in_is_not_looked_at),
        cmocka_unit_test(lone_braces_are_refused),
        cmocka_unit_test(names_are_told_once_and_in_order),
        cmocka_unit_test(a_place_without_a_value_ends_it),
        cmocka_unit_test(any_bytes_come_through),
    };

    return UNIT_RUN(tests);
}
