/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_owed: debts and holds, as they come and go. */
#include "unit.h"

#include "fresh.h"
#include "retain/owed.h"

#define FIRST                                                                                      \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"
#define SECOND                                                                                     \
    "ff112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

static bool is_owed(struct owed *owed, const char *text)
{
    struct id id;
    assert_true(id_read(text, &id));
    int result = owed_has(owed, &id);
    assert_in_range(result, 0, 1);
    return result == 1;
}

static struct owed *must_open(struct spool *spool)
{
    struct error error;
    struct owed *owed = owed_open(spool, &error);
    if (owed == NULL) {
        fail_msg("%s", error.text);
    }
    return owed;
}

static void debts_and_holds_are_owed(void **state)
{
    struct fresh *fresh = *state;
    fresh_write(fresh->spool->dir[FOLDER_OUTBOX], FIRST ".json", "{\"id\":\"" SECOND "\"}");
    fresh_write(fresh->spool->dir[FOLDER_CTL], "hold." FIRST, "");
    struct owed *owed = must_open(fresh->spool);
    assert_true(is_owed(owed, FIRST));
    assert_true(is_owed(owed, SECOND));
    owed_close(owed);
}

static void what_comes_and_goes_is_seen(void **state)
{
    struct fresh *fresh = *state;
    int outbox = fresh->spool->dir[FOLDER_OUTBOX], ctl = fresh->spool->dir[FOLDER_CTL];
    struct owed *owed = must_open(fresh->spool);
    for (int i = 0; i < 50; i++) {
        assert_false(is_owed(owed, FIRST));
        fresh_write(outbox, "a.json", "{\"id\":\"" FIRST "\"}");
        assert_true(is_owed(owed, FIRST));
        assert_false(is_owed(owed, SECOND));
        fresh_write(outbox, FIRST ".json", "{\"id\":\"" SECOND "\"}");
        assert_true(is_owed(owed, SECOND));
        fresh_write(outbox, "b.json", "{}");
        assert_true(is_owed(owed, SECOND));
        assert_int_equal(unlinkat(outbox, "b.json", 0), 0);
        assert_int_equal(unlinkat(outbox, FIRST ".json", 0), 0);
        assert_false(is_owed(owed, SECOND));
        assert_int_equal(unlinkat(outbox, "a.json", 0), 0);
        assert_false(is_owed(owed, FIRST));
        fresh_write(ctl, "hold." FIRST, "");
        assert_true(is_owed(owed, FIRST));
        assert_int_equal(unlinkat(ctl, "hold." FIRST, 0), 0);
        if (i % 10 == 0) {
            usleep(30000); /* what was read long ago is read again only when it changes */
        }
    }
    owed_close(owed);
}

static void what_is_no_debt_owes_nothing(void **state)
{
    struct fresh *fresh = *state;
    int outbox = fresh->spool->dir[FOLDER_OUTBOX], ctl = fresh->spool->dir[FOLDER_CTL];
    fresh_write(outbox, "a.json", "{");
    fresh_write(outbox, "b.json", "");
    fresh_write(outbox, "c.txt", "{\"id\":\"" FIRST "\"}");
    fresh_write(outbox, "d.json", "{\"id\":7}");
    assert_int_equal(mkdirat(outbox, "e.json", 0700), 0);
    assert_int_equal(symlinkat("/dev/zero", outbox, "f.json"), 0);
    assert_int_equal(mkfifoat(outbox, "g.json", 0600), 0);
    fresh_write(ctl, "hold.x", "");
    fresh_write(ctl, "release." FIRST, "");
    struct owed *owed = must_open(fresh->spool);
    assert_false(is_owed(owed, FIRST));
    owed_close(owed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(debts_and_holds_are_owed, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(what_comes_and_goes_is_seen, fresh_spool, fresh_end),
        cmocka_unit_test_setup_teardown(what_is_no_debt_owes_nothing, fresh_spool, fresh_end),
    };
    return UNIT_RUN(tests);
}
