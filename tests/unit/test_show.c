/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_show: how answers, records and failures are printed. */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/show.h"

static json_t *json(const char *text)
{
    struct error error;
    json_t *value = jsontext_read_object(text, strlen(text), &error);

    assert_non_null(value);
    return value;
}

/* What show prints of a record on something that is no terminal. */
static char *printed(void (*show)(FILE *, const json_t *), const char *record)
{
    json_t *value = json(record);
    char *text = NULL;
    size_t length;
    FILE *out = tmpfile();

    assert_non_null(out);
    show(out, value);
    length = (size_t)ftell(out);
    rewind(out);
    text = xcalloc(length + 1, 1);
    assert_int_equal(fread(text, 1, length, out), length);
    fclose(out);
    json_decref(value);
    return text;
}

static void assert_printed(void (*show)(FILE *, const json_t *), const char *record,
                           const char *expected)
{
    char *text = printed(show, record);

    assert_string_equal(text, expected);
    free(text);
}

static void answers_are_printed_for_a_person(void **state)
{
    (void)state;
    assert_printed(show_answer, "{\"output\": \"Red.\"}", "Red.\n");
    assert_printed(show_answer, "{\"output\": \"Red.\\n\"}", "Red.\n");
    assert_printed(show_answer, "{\"output\": \"\"}", "\n");
    assert_printed(show_answer, "{\"output\": {\"a\": [1]}}", "{\"a\":[1]}\n");
    assert_printed(show_answer, "{\"output\": false}", "false\n");
}

static void what_is_no_terminal_gets_every_byte(void **state)
{
    (void)state;
    assert_printed(show_answer, "{\"output\": \"a\\u001b[2Jb\"}", "a\x1b[2Jb\n");
}

static void without_an_answer_comes_what_is_in_its_place(void **state)
{
    (void)state;
    assert_printed(show_answer, "{\"output\": null, \"refusal\": \"I cannot.\"}", "I cannot.\n");
    assert_printed(show_answer, "{\"output\": null, \"refusal\": null, \"tool_calls\": []}",
                   "[]\n");
    assert_printed(show_answer, "{\"output\": null}", "null\n");
}

static void a_record_is_one_line(void **state)
{
    (void)state;
    assert_printed(show_json, "{\"output\": \"two\\nlines\", \"n\": 0.1}",
                   "{\"output\":\"two\\nlines\",\"n\":0.1}\n");
}

static void assert_visible(const char *text, const char *expected)
{
    struct buffer out = {0};

    show_visible(&out, text, strlen(text));
    assert_string_equal(out.bytes, expected);
    buffer_free(&out);
}

static void characters_that_command_a_terminal_are_shown(void **state)
{
    (void)state;
    assert_visible("a\tb\nc\r\n", "a\tb\nc\r\n");
    assert_visible("\x1b[2J", "\xef\xbf\xbd[2J");
    assert_visible("a\rb\x7f", "a\xef\xbf\xbd"
                               "b\xef\xbf\xbd");
    assert_visible("\xc2\x9b"
                   "31m",
                   "\xef\xbf\xbd"
                   "31m");
    assert_visible("\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9");
}

static void assert_failure(const char *record, const char *expected)
{
    struct id id = {.bytes = {0x8b, 0x31, 0xe1, 0xed, 0xd6, 0xd8}};
    json_t *value = record != NULL ? json(record) : NULL;
    char *text = show_failure(&id, value);

    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void a_failure_names_the_job_its_state_and_why(void **state)
{
    (void)state;
    assert_failure("{\"status\": \"expired\", \"message\": \"Too late.\"}",
                   "8b31e1edd6d8: expired: Too late.");
    assert_failure("{\"status\": \"failed\", \"message\": \"\\u001b!\"}",
                   "8b31e1edd6d8: failed: \xef\xbf\xbd!");
    assert_failure(NULL, "8b31e1edd6d8: failed: its record does not say why");
}

static void an_id_is_whole_where_there_is_no_terminal(void **state)
{
    struct id id = {.bytes = {0xab}};
    char text[ID_TEXT_SIZE];
    FILE *out = tmpfile();

    (void)state;
    assert_int_equal(strlen(show_id(out, &id, text)), ID_TEXT_SIZE - 1);
    fclose(out);
}

static void an_id_has_12_digits_on_a_terminal(void **state)
{
    struct id id = {.bytes = {0xab}};
    char text[ID_TEXT_SIZE];
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    FILE *out;

    (void)state;
    if (fd < 0) {
        skip();
    }
    out = fdopen(fd, "r+");
    assert_non_null(out);
    assert_string_equal(show_id(out, &id, text), "ab0000000000");
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_printed_for_a_person),
        cmocka_unit_test(what_is_no_terminal_gets_every_byte),
        cmocka_unit_test(without_an_answer_comes_what_is_in_its_place),
        cmocka_unit_test(a_record_is_one_line),
        cmocka_unit_test(characters_that_command_a_terminal_are_shown),
        cmocka_unit_test(a_failure_names_the_job_its_state_and_why),
        cmocka_unit_test(an_id_is_whole_where_there_is_no_terminal),
        cmocka_unit_test(an_id_has_12_digits_on_a_terminal),
    };

    xalloc_jansson();
    return UNIT_RUN(tests);
}
