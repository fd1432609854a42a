/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What models cost. */
#include "unit.h"

#include "job/price.h"

static const char table_text[] =
    "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"source\": \"a page\", \"models\": {"
    "\"gpt-4o-mini*\": {\"input\": 0.15, \"cached\": 0.075, \"output\": 0.6},"
    "\"gpt-4o*\": {\"input\": 2.5, \"output\": 10, \"max_output_tokens\": 16384},"
    "\"gpt-4o-exact\": {\"input\": 1, \"output\": 2}}}";

static struct price_table *table(void)
{
    struct error error;
    struct price_table *read = price_table_read(table_text, strlen(table_text), &error);

    if (read == NULL) {
        fail_msg("%s", error.text);
    }
    return read;
}

static void a_table_tells_where_it_is_from(void **state)
{
    struct price_table *read = table();

    (void)state;
    assert_string_equal(price_table_date(read), "2026-02-10");
    assert_string_equal(price_table_currency(read), "USD");
    price_table_free(read);
}

static void a_price_is_nano_per_token(void **state)
{
    struct price_table *read = table();
    struct price price;

    (void)state;
    assert_true(price_find(read, "gpt-4o-mini-2024-07-18", &price));
    assert_int_equal(price.input_nano, 150);
    assert_int_equal(price.cached_nano, 75);
    assert_int_equal(price.output_nano, 600);
    assert_true(price_find(read, "gpt-4o", &price));
    assert_int_equal(price.cached_nano, -1);
    assert_int_equal(price.max_output_tokens, 16384);
    price_table_free(read);
}

static void an_exact_name_wins_and_then_the_first_pattern(void **state)
{
    struct price_table *read = table();
    struct price price;

    (void)state;
    assert_true(price_find(read, "gpt-4o-exact", &price));
    assert_int_equal(price.input_nano, 1000);
    assert_false(price_find(read, "claude", &price));
    assert_false(price_find(NULL, "gpt-4o", &price));
    price_table_free(read);
}

static void what_is_no_table_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"date\": \"2026-02-30\", \"currency\": \"USD\", \"models\": {}}",
        "{\"date\": \"2026-02-10\", \"models\": {}}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": []}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": 1}}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": {\"input\": 1}}}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": {\"output\": 1}}}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": {\"input\": -1, "
        "\"output\": 1}}}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": {\"input\": 1, "
        "\"output\": \"1\"}}}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": {\"input\": 1, "
        "\"output\": 1, \"outptu\": 1}}}",
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": {\"input\": 1, "
        "\"output\": 1, \"max_output_tokens\": 1.5}}}",
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        struct error error;

        if (price_table_read(wrong[i], strlen(wrong[i]), &error) != NULL) {
            fail_msg("%s", wrong[i]);
        }
        assert_int_equal(error.kind, ERROR_DATA);
    }
}

static void prices_finer_than_a_nano_are_rounded_to_the_nearest(void **state)
{
    static const char text[] =
        "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": {\"m\": {\"input\": "
        "0.0374, \"cached\": 0.0375, \"output\": 0.0004}}}";
    struct price_table *read = price_table_read(text, strlen(text), NULL);
    struct price price;

    (void)state;
    assert_true(price_find(read, "m", &price));
    assert_int_equal(price.input_nano, 37);
    assert_int_equal(price.cached_nano, 38);
    assert_int_equal(price.output_nano, 0);
    price_table_free(read);
}

static void costs_are_exact(void **state)
{
    static const struct {
        struct price price;
        struct usage usage;
        int64_t nano;
    } cases[] = {
        {{150, 75, 600, 0, 0}, {1000, 200, 0, 0}, 270000},
        {{150, 75, 600, 0, 0}, {1000, 200, 400, 100}, 240000},
        {{150, -1, 600, 0, 0}, {1000, 0, 400, 0}, 150000},
        {{150, 0, 600, 0, 0}, {1000, 0, 1000, 0}, 0},
        {{150, 75, 600, 0, 0}, {-1, -1, -1, -1}, 0},
        {{150, 75, 600, 0, 0}, {1000, -1, -1, -1}, 150000},
        {{150, 75, 600, 0, 0}, {10, 0, 30, 0}, 2250}, /* more cached than sent, as some count */
        {{0, 0, 0, 0, 0}, {1000000, 1000000, 0, 0}, 0},
        {{INT64_MAX / 2, -1, 1, 0, 0}, {3, 0, 0, 0}, INT64_MAX},
        {{INT64_MAX, -1, INT64_MAX, 0, 0}, {1, 1, 0, 0}, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        assert_int_equal(price_cost_nano(&cases[i].price, &cases[i].usage), cases[i].nano);
    }
    assert_int_equal(price_estimate_nano(&cases[0].price, 1000, 200), 270000);
}

static void a_price_told_in_json_is_the_same_when_it_is_read(void **state)
{
    const struct price price = {150, 75, 600, 16384, 300};
    json_t *prices = json_pack("{s:o}", "gpt-*", price_json(&price));
    struct price_table *read = price_table_from_json(prices, "EUR", NULL);
    struct price found;

    (void)state;
    assert_non_null(read);
    assert_true(price_find(read, "gpt-x", &found));
    assert_memory_equal(&found, &price, sizeof price);
    assert_null(price_table_date(read));
    assert_string_equal(price_table_currency(read), "EUR");
    price_table_free(read);
    json_decref(prices);
}

static void a_table_that_is_not_there_is_named(void **state)
{
    struct error error;

    (void)state;
    assert_null(price_table_load("/nowhere/prices.json", &error));
    assert_non_null(strstr(error.text, "/nowhere/prices.json"));
}

static void the_shipped_table_is_good(void **state)
{
    static const char *const models[] = {"gpt-4o",
                                         "gpt-4o-mini",
                                         "gpt-4o-mini-2024-07-18",
                                         "text-embedding-3-small",
                                         "claude-haiku-4-5",
                                         "claude-sonnet-4-5-20250929"};
    const char *source = getenv("LLMSPOOL_SOURCE");
    char path[4096];
    struct error error;
    struct price_table *shipped;

    (void)state;
    snprintf(path, sizeof path, "%s/spool-layout/prices.json", source != NULL ? source : ".");
    shipped = price_table_load(path, &error);
    if (shipped == NULL) {
        fail_msg("%s", error.text);
    }
    for (size_t i = 0; i < UNIT_COUNT(models); i++) {
        struct price price;

        assert_true(price_find(shipped, models[i], &price));
        assert_true(price.input_nano > 0);
        assert_true(price.cached_nano <= price.input_nano);
    }
    assert_true(price_find(shipped, "gpt-4o-mini-2024-07-18", &(struct price){0}));
    assert_false(price_find(shipped, "mistral:7b", &(struct price){0}));
    price_table_free(shipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_tells_where_it_is_from),
        cmocka_unit_test(a_price_is_nano_per_token),
        cmocka_unit_test(an_exact_name_wins_and_then_the_first_pattern),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(prices_finer_than_a_nano_are_rounded_to_the_nearest),
        cmocka_unit_test(costs_are_exact),
        cmocka_unit_test(a_price_told_in_json_is_the_same_when_it_is_read),
        cmocka_unit_test(a_table_that_is_not_there_is_named),
        cmocka_unit_test(the_shipped_table_is_good),
    };
    return UNIT_RUN(tests);
}
