/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_spill: lines that are kept outside of memory. */
#include "unit.h"

#include <stdlib.h>

#include "client/spill.h"

enum { LINES = 100000 };

static void lines_come_back_as_they_were(void **state)
{
    struct error error;
    struct spill *spill = spill_new(&error);
    struct spill_line line = {0};
    struct buffer text = {0};

    (void)state;
    for (unsigned i = 0; i < LINES; i++) {
        line.position = i;
        assert_int_equal(spill_keep(spill, (const char *)&i, sizeof i, &line.text_at, &error), 0);
        assert_int_equal(spill_add(spill, &line, &error), 0);
    }
    assert_int_equal(spill_count(spill), LINES);
    for (unsigned i = 0; i < LINES; i++) {
        assert_int_equal(spill_get(spill, i, &line, &error), 0);
        assert_int_equal(line.position, i);
        buffer_clear(&text);
        assert_int_equal(spill_read(spill, line.text_at, sizeof i, &text, &error), 0);
        assert_memory_equal(text.bytes, &i, sizeof i);
        /* What was read is given back, what was not stays. */
        spill_forget(spill, i, line.text_at);
    }
    line.run = 7;
    assert_int_equal(spill_set(spill, LINES - 1, &line, &error), 0);
    assert_int_equal(spill_get(spill, LINES - 1, &line, &error), 0);
    assert_int_equal(line.run, 7);
    buffer_free(&text);
    spill_free(spill);
}

static void what_is_not_there_is_an_error(void **state)
{
    struct error error;
    struct spill *spill = spill_new(&error);
    struct spill_line line;

    (void)state;
    assert_int_equal(spill_get(spill, 0, &line, &error), -1);
    assert_int_equal(error.kind, ERROR_SYSTEM);
    spill_free(spill);
}

static void without_a_folder_for_them_it_is_told(void **state)
{
    struct error error;

    (void)state;
    assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
    assert_null(spill_new(&error));
    assert_non_null(strstr(error.text, "/nonexistent"));
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_back_as_they_were),
        cmocka_unit_test(what_is_not_there_is_an_error),
        cmocka_unit_test(without_a_folder_for_them_it_is_told),
    };

    return UNIT_RUN(tests);
}
