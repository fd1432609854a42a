/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_window: how many requests may be in flight at an upstream, found by trying. */
#include "unit.h"

#include "upstream/window.h"

enum { MINUTE_MS = 60000 };

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

/* A window and the requests of a client that keeps it full. */
struct load {
    struct window window;
    uint64_t sent;
    int64_t ms;
};

static struct load start(unsigned size, unsigned most)
{
    struct load load = {0};
    window_init(&load.window, size, most, 10 * MINUTE_MS);
    return load;
}

/* A round trip: as many requests as fit leave and are answered after took_ms. */
static void round_trip(struct load *load, int64_t took_ms)
{
    unsigned size = window_size(&load->window);
    uint64_t first = load->sent + 1;
    for (unsigned i = 1; i <= size; i++) {
        load->sent++;
        window_sent(&load->window, i, at(load->ms));
    }
    for (unsigned i = 0; i < size; i++) {
        window_succeeded(&load->window, first + i, load->sent, load->ms, true,
                         at(load->ms + took_ms));
    }
    load->ms += took_ms;
}

static void round_trips(struct load *load, int count, int64_t took_ms)
{
    for (int i = 0; i < count; i++) {
        round_trip(load, took_ms);
    }
}

static void it_doubles_until_its_bound(void **state)
{
    (void)state;
    struct load load = start(4, 100);
    round_trips(&load, 12, 500);
    assert_int_equal(window_size(&load.window), 100);
}

static void one_that_is_not_in_use_does_not_grow(void **state)
{
    (void)state;
    struct load load = start(4, 100);
    for (int i = 0; i < 100; i++) {
        load.sent++;
        window_sent(&load.window, 1, at(load.ms));
        window_succeeded(&load.window, load.sent, load.sent, load.ms, false, at(load.ms + 500));
        load.ms += 500;
    }
    assert_int_equal(window_size(&load.window), 4);
}

static void what_a_larger_one_lets_go_does_not_leave_all_at_once(void **state)
{
    (void)state;
    struct load load = start(4, 1000);
    while (window_size(&load.window) < 128) {
        round_trip(&load, 1000);
    }
    int together = 0;
    while (window_wait_ms(&load.window, at(load.ms)) == 0 && together < 128) {
        window_sent(&load.window, (unsigned)++together, at(load.ms));
    }
    assert_in_range(together, 1, window_size(&load.window) / 2);
    assert_in_range(window_wait_ms(&load.window, at(load.ms)), 1, 20);
}

static void a_refusal_brings_it_to_what_was_accepted(void **state)
{
    (void)state;
    struct load load = start(4, 1000);
    round_trips(&load, 6, 500);
    unsigned before = window_size(&load.window);
    load.sent += before;
    unsigned accepted = before * 3 / 4;
    for (unsigned left = before - 1; left >= accepted; left--) {
        window_refused(&load.window, load.sent - left, load.sent, left, at(load.ms));
    }
    assert_int_equal(window_size(&load.window), accepted);
    round_trips(&load, 3, 500);
    assert_int_equal(window_size(&load.window), accepted); /* it doubles no more */
}

static void it_is_halved_at_most_once_a_round_trip(void **state)
{
    (void)state;
    struct load load = start(64, 64);
    load.sent = 64;
    for (uint64_t ticket = 1; ticket <= 64; ticket++) {
        window_refused(&load.window, ticket, load.sent, 64 - (unsigned)ticket, at(10));
    }
    assert_int_equal(window_size(&load.window), 32);
    for (uint64_t ticket = 1; ticket <= 64; ticket++) {
        window_overloaded(&load.window, ticket, load.sent, at(10));
        window_timed_out(&load.window, ticket, load.sent, at(10));
    }
    assert_int_equal(window_size(&load.window), 32);
    window_overloaded(&load.window, 65, 65, at(10));
    assert_int_equal(window_size(&load.window), 16);
}

static void one_that_was_not_in_use_is_not_to_blame(void **state)
{
    (void)state;
    struct load load = start(64, 64);
    window_refused(&load.window, 1, 1, 0, at(10));
    assert_int_equal(window_size(&load.window), 64);
}

static void after_a_cut_it_climbs_slowly_and_then_faster(void **state)
{
    (void)state;
    struct load load = start(16, 1000);
    window_refused(&load.window, 1, 1, 16, at(0));
    load.sent = 1;
    round_trips(&load, 5, 1000);
    assert_int_equal(window_size(&load.window), 16);
    round_trips(&load, 6, 1000);
    assert_in_range(window_size(&load.window), 18, 24);
    round_trips(&load, 9, 1000); /* it was of use: it doubles again */
    assert_in_range(window_size(&load.window), 32, 1000);
}

static void a_queue_that_says_nothing_is_found_and_left_short(void **state)
{
    (void)state;
    struct load load = start(4, 4096);
    unsigned largest = 0;
    for (int i = 0; i < 40; i++) { /* two are served at once, 10 s each */
        round_trip(&load, 5000 * window_size(&load.window));
        largest = window_size(&load.window) > largest ? window_size(&load.window) : largest;
    }
    assert_in_range(window_size(&load.window), 2, 7);
    assert_in_range(largest, 4, 8);
}

static void it_does_not_double_towards_the_time_out(void **state)
{
    (void)state;
    struct load load = start(4, 4096);
    round_trips(&load, 6, 4 * MINUTE_MS); /* as if nothing queued */
    assert_in_range(window_size(&load.window), 4, 5);
}

static void a_time_out_halves_it_down_to_one(void **state)
{
    (void)state;
    struct load load = start(4, 4096);
    for (uint64_t i = 1; i < 5; i++) {
        window_timed_out(&load.window, i, i, at((int64_t)i));
    }
    assert_int_equal(window_size(&load.window), 1);
}

static void an_outage_does_not_shrink_it(void **state)
{
    (void)state;
    struct load load = start(64, 64);
    window_timed_out(&load.window, 1, 10, at(0));
    window_timed_out(&load.window, 11, 20, at(0));
    assert_int_equal(window_size(&load.window), 16);
    window_unspoil(&load.window);
    assert_int_equal(window_size(&load.window), 64);
    window_timed_out(&load.window, 21, 30, at(0));
    window_succeeded(&load.window, 22, 30, 0, false, at(10));
    window_unspoil(&load.window);
    assert_int_equal(window_size(&load.window), 32);
}

static void it_is_remembered_within_its_bound(void **state)
{
    (void)state;
    struct load load = start(4, 100);
    window_recall(&load.window, 40, true);
    assert_int_equal(window_size(&load.window), 40);
    round_trips(&load, 3, 500);
    assert_int_equal(window_size(&load.window), 40);
    window_recall(&load.window, 1000, true);
    assert_int_equal(window_size(&load.window), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_doubles_until_its_bound),
        cmocka_unit_test(one_that_is_not_in_use_does_not_grow),
        cmocka_unit_test(what_a_larger_one_lets_go_does_not_leave_all_at_once),
        cmocka_unit_test(a_refusal_brings_it_to_what_was_accepted),
        cmocka_unit_test(it_is_halved_at_most_once_a_round_trip),
        cmocka_unit_test(one_that_was_not_in_use_is_not_to_blame),
        cmocka_unit_test(after_a_cut_it_climbs_slowly_and_then_faster),
        cmocka_unit_test(a_queue_that_says_nothing_is_found_and_left_short),
        cmocka_unit_test(it_does_not_double_towards_the_time_out),
        cmocka_unit_test(a_time_out_halves_it_down_to_one),
        cmocka_unit_test(an_outage_does_not_shrink_it),
        cmocka_unit_test(it_is_remembered_within_its_bound),
    };
    return UNIT_RUN(tests);
}
