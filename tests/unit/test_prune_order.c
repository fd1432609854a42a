/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which units are too many. */
#include "unit.h"

#include "retain/prune_order.h"

enum { UNITS = 10, BYTES = 100 };

/* Ten units of 100 bytes, two of each moment 1 to 5. */
static struct prune_place place(unsigned i)
{
    return (struct prune_place){.time_ms = i / 2 + 1, .bytes = BYTES, .hash = i % 2};
}

/* How many are surplus, checking that they are the oldest. */
static unsigned surplus(uint64_t count, uint64_t bytes, uint64_t excess)
{
    struct prune_order order = {0};
    unsigned many = 0;
    for (unsigned i = 0; i < UNITS; i++) {
        struct prune_place one = place(i * 7 % UNITS); /* in no order */
        prune_order_add(&order, &one);
    }
    prune_order_settle(&order, count, bytes, excess);
    assert_null(order.places);
    for (unsigned i = 0; i < UNITS; i++) {
        struct prune_place one = place(i);
        if (prune_order_surplus(&order, &one)) {
            assert_int_equal(many, i);
            many++;
        }
    }
    return many;
}

static void without_a_limit_none_is(void **state)
{
    (void)state;
    assert_int_equal(surplus(0, 0, 0), 0);
}

static void the_newest_stay(void **state)
{
    (void)state;
    assert_int_equal(surplus(1, 0, 0), 9);
    assert_int_equal(surplus(7, 0, 0), 3);
    assert_int_equal(surplus(10, 0, 0), 0);
    assert_int_equal(surplus(1000, 0, 0), 0);
}

static void within_their_bytes(void **state)
{
    (void)state;
    assert_int_equal(surplus(0, 1000, 0), 0);
    assert_int_equal(surplus(0, 999, 0), 1);
    assert_int_equal(surplus(0, 99, 0), 10);
}

static void enough_goes_for_what_must_be_free(void **state)
{
    (void)state;
    assert_int_equal(surplus(0, 0, 1), 1);
    assert_int_equal(surplus(0, 0, 200), 2);
    assert_int_equal(surplus(0, 0, 201), 3);
    assert_int_equal(surplus(0, 0, 5000), 10);
}

static void the_strictest_limit_counts(void **state)
{
    (void)state;
    assert_int_equal(surplus(8, 500, 100), 5);
    assert_int_equal(surplus(2, 500, 100), 8);
    assert_int_equal(surplus(8, 500, 900), 9);
}

static void without_units_none_is(void **state)
{
    struct prune_order order = {0};
    struct prune_place one = place(1);
    (void)state;
    prune_order_settle(&order, 5, 5, 5);
    assert_false(prune_order_surplus(&order, &one));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_none_is),
        cmocka_unit_test(the_newest_stay),
        cmocka_unit_test(within_their_bytes),
        cmocka_unit_test(enough_goes_for_what_must_be_free),
        cmocka_unit_test(the_strictest_limit_counts),
        cmocka_unit_test(without_units_none_is),
    };
    return UNIT_RUN(tests);
}
