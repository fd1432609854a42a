/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ages: how long the jobs of a lane have waited. */
#include "unit.h"

#include "daemon/ages.h"

enum { MINUTE = 60 * 1000 };

static const int64_t noon = INT64_C(1700000000000);

static struct wall after(int64_t minutes)
{
    return (struct wall){noon + minutes * MINUTE};
}

static void columns_are(struct ages *ages, struct wall now, const uint64_t wanted[AGES_COLUMNS])
{
    uint64_t columns[AGES_COLUMNS] = {0};

    ages_count(ages, now, columns);
    for (size_t i = 0; i < AGES_COLUMNS; i++) {
        assert_int_equal(columns[i], wanted[i]);
    }
}

static void each_age_has_its_column(void **state)
{
    static const int64_t minutes[] = {0,  4,  5,   9,   10,  19,  20,   39,   40,  79,
                                      80, 159, 160, 319, 320, 639, 640, 1279, 1280, 100000};
    struct ages ages = {0};

    (void)state;
    for (size_t i = 0; i < sizeof minutes / sizeof minutes[0]; i++) {
        ages_add(&ages, noon - minutes[i] * MINUTE, after(0));
    }
    columns_are(&ages, after(0), (uint64_t[AGES_COLUMNS]){2, 2, 2, 2, 2, 2, 2, 2, 2, 2});
    ages_free(&ages);
}

static void jobs_grow_older_and_leave_from_where_they_are(void **state)
{
    struct ages ages = {0};
    int64_t minute = ages_add(&ages, noon, after(0));

    (void)state;
    ages_add(&ages, noon, after(0));
    columns_are(&ages, after(4), (uint64_t[AGES_COLUMNS]){2});
    columns_are(&ages, after(6), (uint64_t[AGES_COLUMNS]){0, 2});
    columns_are(&ages, after(1279), (uint64_t[AGES_COLUMNS]){[8] = 2});
    ages_remove(&ages, minute);
    columns_are(&ages, after(1280), (uint64_t[AGES_COLUMNS]){[9] = 1});
    ages_remove(&ages, minute);
    columns_are(&ages, after(1300), (uint64_t[AGES_COLUMNS]){0});
    ages_free(&ages);
}

static void a_long_sleep_makes_all_of_them_old(void **state)
{
    struct ages ages = {0};
    int64_t minute = ages_add(&ages, noon, after(0));

    (void)state;
    ages_add(&ages, noon + 700 * MINUTE, after(700));
    columns_are(&ages, after(1000000), (uint64_t[AGES_COLUMNS]){[9] = 2});
    ages_add(&ages, noon + INT64_C(1000000) * MINUTE, after(1000000));
    ages_remove(&ages, minute);
    columns_are(&ages, after(1000000), (uint64_t[AGES_COLUMNS]){1, [9] = 1});
    ages_free(&ages);
}

static void what_the_future_holds_counts_as_new(void **state)
{
    struct ages ages = {0};
    int64_t minute = ages_add(&ages, noon + 90 * MINUTE, after(0));

    (void)state;
    columns_are(&ages, after(0), (uint64_t[AGES_COLUMNS]){1});
    columns_are(&ages, after(-600), (uint64_t[AGES_COLUMNS]){1});
    ages_remove(&ages, minute);
    columns_are(&ages, after(0), (uint64_t[AGES_COLUMNS]){0});
    ages_free(&ages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_age_has_its_column),
        cmocka_unit_test(jobs_grow_older_and_leave_from_where_they_are),
        cmocka_unit_test(a_long_sleep_makes_all_of_them_old),
        cmocka_unit_test(what_the_future_holds_counts_as_new),
    };
    return UNIT_RUN(tests);
}
