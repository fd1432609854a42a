/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pick: units sorted by month or volume, and ID. */
#include "unit.h"

#include "base/sha256.h"
#include "retain/pick.h"

static struct id id_of(unsigned number)
{
    struct id id;
    sha256_digest(&number, sizeof number, id.bytes);
    return id;
}

static bool in_order(const struct pick *pick)
{
    for (size_t i = 1; i < pick->count; i++) {
        const struct pick_item *a = &pick->items[i - 1], *b = &pick->items[i];
        uint32_t first = a->key >> 1, second = b->key >> 1;
        if (first > second ||
            (first == second && memcmp(&a->id, &b->id, sizeof a->id) > 0)) {
            return false;
        }
    }
    return true;
}

static void keys_say_what_they_were_made_of(void **state)
{
    (void)state;
    struct pick_item item = {.key = pick_month_key(671, true)};
    assert_false(pick_is_archived(&item));
    assert_int_equal(pick_group(&item), 671);
    assert_int_equal(pick_folder(&item), FOLDER_FAILED);
    item.key = pick_volume_key(1234567, false);
    assert_true(pick_is_archived(&item));
    assert_int_equal(pick_group(&item), 1234567);
    assert_int_equal(pick_folder(&item), FOLDER_DONE);
    item.key = (uint32_t)PICK_NOTHING;
    assert_true(pick_is_nothing(&item));
    assert_false(pick_is_archived(&item));
}

static void any_number_is_sorted(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 3000; count = count * 3 / 2 + 1) {
        struct pick pick = {0};
        for (unsigned i = 0; i < count; i++) {
            struct id id = id_of(i);
            pick_add(&pick, &id,
                     i % 7 == 0 ? pick_volume_key(i % 3, i % 2) : pick_month_key(i % 5, i % 2));
        }
        pick_sort(&pick);
        assert_int_equal(pick.count, count);
        assert_true(in_order(&pick));
        size_t runs = 0, items = 0;
        for (size_t next = 0; next < pick.count; runs++) {
            size_t run = pick_run(&pick, next);
            items += run;
            next += run;
        }
        assert_int_equal(items, count);
        assert_true(count < 1000 || runs == 8);
        /* What is sorted already, and what is all of one group. */
        pick_sort(&pick);
        assert_true(in_order(&pick));
        for (size_t i = 0; i < pick.count; i++) {
            pick.items[i].key = pick_month_key(1, false);
        }
        pick_sort(&pick);
        assert_true(in_order(&pick));
        pick_free(&pick);
    }
}

static void a_folder_does_not_come_between_ids(void **state)
{
    (void)state;
    struct pick pick = {0};
    struct id ids[] = {{{3}}, {{1}}, {{2}}};
    pick_add(&pick, &ids[0], pick_month_key(4, false));
    pick_add(&pick, &ids[1], pick_month_key(4, false));
    pick_add(&pick, &ids[2], pick_month_key(4, true));
    pick_sort(&pick);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pick.items[i].id.bytes[0], i + 1);
    }
    assert_int_equal(pick_run(&pick, 0), 3);
    assert_int_equal(pick_folder(&pick.items[1]), FOLDER_FAILED);
    pick_free(&pick);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_say_what_they_were_made_of),
        cmocka_unit_test(any_number_is_sorted),
        cmocka_unit_test(a_folder_does_not_come_between_ids),
    };
    return UNIT_RUN(tests);
}
