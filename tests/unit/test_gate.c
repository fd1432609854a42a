/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_gate: whether one more request may go to an upstream now.
 *
 * Most tests are scripts: at a moment something happens, and then the gate's state, whether it
 * lets a request through, and when it wakes must be as the step says. What happens is written as a
 * verb and a slot: "send a", "429 a" (the request in slot a is answered so), "look" (time passes).
 * Slots are letters, or numbers where many requests were sent before.
 */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "upstream/gate.h"

#define NEVER (-1)

enum { SLOTS = 128, WINDOW = 64, PROBE_MS = 30000 };

static const struct gate_cost unknown_cost = {-1, -1};

static const struct gate_settings usual = {
    .max_in_flight = WINDOW,
    .halt_after = 20,
    .probe_ms = PROBE_MS,
};

/* How a request may end. */
static const struct answer_kind {
    const char *verb;
    enum outcome outcome;
    int status;
    const char *code;
    const char *trouble;
} kinds[] = {
    {"ok", OUTCOME_OK, 200, "", NULL},
    {"429", OUTCOME_THROTTLED, 429, "rate_limit_exceeded", NULL},
    {"503", OUTCOME_THROTTLED, 503, "http_503", NULL},
    {"500", OUTCOME_TRANSIENT, 500, "http_500", NULL},
    {"cut", OUTCOME_UNKNOWN, 0, "curl_56", NULL},
    {"html", OUTCOME_UNUSABLE, 200, "not_json", NULL},
    {"badjson", OUTCOME_UNUSABLE, 200, "invalid_json", NULL},
    {"400", OUTCOME_JOB, 400, "http_400", NULL},
    {"413", OUTCOME_JOB, 413, "http_413", NULL},
    {"401", OUTCOME_UPSTREAM, 401, "invalid_api_key", "key refused"},
    {"quota", OUTCOME_UPSTREAM, 429, "insufficient_quota", "no quota"},
    {"404", OUTCOME_UPSTREAM, 404, "model_not_found", "model not found"},
    {"oddup", OUTCOME_UPSTREAM, 400, "x", NULL},
    {"limit200", OUTCOME_THROTTLED, 200, "rate_limit_exceeded", NULL},
    {"noconn", OUTCOME_NOT_SENT, 0, "curl_7", NULL},
    {"cancel", OUTCOME_CANCELLED, 0, "", NULL},
};

struct fixture {
    struct gate *gate;
    struct random random;
    struct gate_ticket tickets[SLOTS];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    random_init(&fixture->random, 7);
    fixture->gate = gate_new(&usual, &fixture->random);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    gate_free(fixture->gate);
    free(fixture);
    return 0;
}

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

/* The job whose request is in a slot. */
static struct id job_of(int slot)
{
    return (struct id){.bytes = {(unsigned char)slot}};
}

static bool ready(struct fixture *fixture, int slot, int64_t ms)
{
    struct id job = job_of(slot);
    return gate_ready(fixture->gate, &job, &unknown_cost, false, at(ms));
}

static void send_now(struct fixture *fixture, int slot, int64_t ms)
{
    fixture->tickets[slot] = gate_sent(fixture->gate, &unknown_cost, at(ms));
}

static enum gate_effect end_now(struct fixture *fixture, const char *verb, int slot, int64_t ms,
                                int64_t wait_ms)
{
    for (size_t i = 0; i < UNIT_COUNT(kinds); i++) {
        if (strcmp(kinds[i].verb, verb) == 0) {
            struct gate_report report = {
                .outcome = kinds[i].outcome,
                .code = kinds[i].code,
                .message = "Connection refused",
                .trouble = kinds[i].trouble,
                .http_status = kinds[i].status,
                .wait_ms = wait_ms,
                .cost = unknown_cost,
                .job = job_of(slot),
            };
            return gate_ended(fixture->gate, fixture->tickets[slot], &report, at(ms));
        }
    }
    fail_msg("no verb %s", verb);
    return GATE_COUNTS;
}

/* Sends count requests from slot on, and ends them. */
static void send_many(struct fixture *fixture, int slot, int count, int64_t ms)
{
    for (int i = slot; i < slot + count; i++) {
        assert_true(ready(fixture, i, ms));
        send_now(fixture, i, ms);
    }
}

static void end_many(struct fixture *fixture, const char *verb, int slot, int count, int64_t ms)
{
    for (int i = slot; i < slot + count; i++) {
        end_now(fixture, verb, i, ms, NEVER);
    }
}

/* One step of a script. */
struct step {
    int64_t ms;
    const char *what;
    int64_t wait_ms; /* that the answer asks for */
    enum gate_effect effect;
    enum gate_state state;
    bool ready;     /* for a job that never was in flight */
    int64_t wake;   /* the earliest … */
    int64_t jitter; /* … and how much later it may be */
};

#define OPEN    GATE_OPEN
#define CLOSED  GATE_CLOSED
#define PROBING GATE_PROBING
#define COUNTS  GATE_COUNTS

/* Does what a step says; returns the gate's answer to it. */
static enum gate_effect act(struct fixture *fixture, const struct step *step)
{
    char verb[20] = "";
    char name[4] = "";
    assert_true(sscanf(step->what, "%19s %3s", verb, name) >= 1);
    int slot = name[0] >= 'a' ? name[0] : atoi(name);
    if (strcmp(verb, "send") == 0) {
        assert_true(ready(fixture, 1, step->ms));
        send_now(fixture, slot, step->ms);
    } else if (strcmp(verb, "configure") == 0) {
        gate_configure(fixture->gate, &usual, at(step->ms));
    } else if (strcmp(verb, "release") == 0) {
        gate_release(fixture->gate, at(step->ms));
    } else if (strcmp(verb, "look") != 0) {
        return end_now(fixture, verb, slot, step->ms, step->wait_ms);
    }
    return GATE_COUNTS;
}

static void run(struct fixture *fixture, const struct step *steps, size_t count)
{
    for (const struct step *step = steps; step < steps + count; step++) {
        enum gate_effect effect = act(fixture, step);
        bool is_ready = ready(fixture, 1, step->ms);
        enum gate_state state = gate_view(fixture->gate, at(0)).state;
        int64_t late = gate_wake_ms(fixture->gate) - step->wake;
        if (effect != step->effect || is_ready != step->ready || state != step->state || late < 0 ||
            late > step->jitter) {
            fail_msg("at %lld %s: effect %d, %s, %sready, wakes %lld late", (long long)step->ms,
                     step->what, (int)effect, gate_state_word(state), is_ready ? "" : "not ",
                     (long long)late);
        }
    }
}

#define RUN(fixture, steps) run(fixture, steps, UNIT_COUNT(steps))

static void the_window_bounds_what_is_in_flight(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, WINDOW, 0);
    assert_false(gate_open_now(fixture->gate, at(0)));
    assert_false(gate_open_now(fixture->gate, at(1000000)));
    assert_int_equal(gate_wake_ms(fixture->gate), NEVER);
    assert_int_equal(gate_view(fixture->gate, at(0)).in_flight, WINDOW);
    end_now(fixture, "ok", 0, 5, NEVER);
    assert_true(gate_open_now(fixture->gate, at(5)));
    assert_int_equal(gate_view(fixture->gate, at(0)).in_flight, WINDOW - 1);
    assert_int_equal(gate_view(fixture->gate, at(0)).last_success_mono_ms, 5);
}

static void a_smaller_window_holds_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct gate_settings small = usual;
    small.max_in_flight = 2;
    send_many(fixture, 0, 3, 0);
    gate_configure(fixture->gate, &small, at(1));
    assert_false(gate_open_now(fixture->gate, at(1)));
    end_many(fixture, "ok", 0, 2, 2);
    assert_true(gate_open_now(fixture->gate, at(2)));
}

static void a_throttled_gate_waits_as_told_then_probes_once(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {10, "429 a", 2000, COUNTS, CLOSED, false, 2010, 500},
        {2009, "look", 0, COUNTS, CLOSED, false, 2010, 500},
        {2510, "look", 0, COUNTS, PROBING, true, NEVER, 0},
        {2510, "send b", 0, COUNTS, PROBING, false, 2760, 0},
        {2600, "look", 0, COUNTS, PROBING, false, 2760, 0},
        {2600, "ok b", NEVER, COUNTS, OPEN, true, NEVER, 0},
    };
    RUN(*state, steps);
}

static void probes_that_are_not_refused_at_once_let_more_go(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {10, "429 a", 2000, COUNTS, CLOSED, false, 2010, 500},
        {2510, "send b", 0, COUNTS, PROBING, false, 2760, 0},
        {2760, "send c", 0, COUNTS, PROBING, true, NEVER, 0},
        {2760, "send d", 0, COUNTS, PROBING, false, 3010, 0},
        {3010, "send e", 0, COUNTS, PROBING, true, NEVER, 0},
        {3010, "send f", 0, COUNTS, PROBING, true, NEVER, 0},
        {3010, "send g", 0, COUNTS, PROBING, true, NEVER, 0},
        {3010, "send h", 0, COUNTS, PROBING, false, 3260, 0},
        {3020, "429 h", NEVER, COUNTS, CLOSED, false, 4020, 250}, /* no backoff of 2 s */
        {3100, "ok b", NEVER, COUNTS, CLOSED, false, 4020, 250},  /* left before */
        {4270, "send i", 0, COUNTS, PROBING, false, 4520, 0},
        {4300, "ok i", NEVER, COUNTS, OPEN, true, NEVER, 0},
    };
    RUN(*state, steps);
}

static void a_ramp_that_reaches_the_window_opens(void **state)
{
    struct fixture *fixture = *state;
    int slot = 1;
    send_many(fixture, 0, 1, 0);
    end_now(fixture, "429", 0, 10, 1000);
    for (int64_t ms = 1260; gate_view(fixture->gate, at(ms)).state != OPEN; ms += 250) {
        assert_true(ms < 1260 + 7 * 250);
        while (ready(fixture, 100, ms) && gate_view(fixture->gate, at(ms)).state != OPEN) {
            send_now(fixture, slot++, ms);
        }
    }
    assert_int_equal(slot - 1, 1 + 2 + 4 + 8 + 16 + 32);
}

static void an_answer_from_before_neither_opens_nor_closes_again(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send b", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send c", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send d", 0, COUNTS, OPEN, true, NEVER, 0},
        {10, "429 a", 2000, COUNTS, CLOSED, false, 2010, 500},
        {500, "ok b", NEVER, COUNTS, CLOSED, false, 2010, 500},
        {600, "429 c", NEVER, COUNTS, CLOSED, false, 2010, 500},
        {2510, "send e", 0, COUNTS, PROBING, false, 2761, 700},
        {2600, "ok e", NEVER, COUNTS, OPEN, true, NEVER, 0},
        {2700, "429 d", 5000, COUNTS, OPEN, true, NEVER, 0},
        {2700, "send f", 0, COUNTS, OPEN, true, NEVER, 0},
        {2800, "429 f", 1000, COUNTS, CLOSED, false, 3800, 250},
    };
    RUN(*state, steps);
}

static void a_longer_wait_of_an_older_answer_is_kept(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send b", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send c", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "429 a", 1000, COUNTS, CLOSED, false, 1000, 250},
        {100, "429 b", 60000, COUNTS, CLOSED, false, 60100, 0},
        {60100, "look", 0, COUNTS, PROBING, true, NEVER, 0},
        {60100, "429 c", 60000, COUNTS, PROBING, true, NEVER, 0}, /* its probe is due */
    };
    RUN(*state, steps);
}

/* Closes the gate again and again by its probes; returns how long it stayed closed each time. */
static void measure_closings(struct fixture *fixture, const char *verb, int64_t delays[], int count)
{
    int64_t ms = 0;
    for (int i = 0; i < count; i++) {
        int slot = i % 2;
        assert_true(ready(fixture, slot, ms));
        send_now(fixture, slot, ms);
        assert_int_equal(end_now(fixture, verb, slot, ms, NEVER), GATE_COUNTS);
        int64_t wake = gate_wake_ms(fixture->gate);
        assert_int_equal(gate_view(fixture->gate, at(0)).until_mono_ms, wake);
        assert_false(gate_open_now(fixture->gate, at(wake - 1)));
        assert_true(gate_open_now(fixture->gate, at(wake)));
        delays[i] = wake - ms;
        ms = wake;
    }
}

static void backoffs_double_up_to_their_bound_with_jitter_upward(void **state)
{
    enum { CLOSINGS = 8 };
    static const struct {
        const char *verb;
        int64_t floors[CLOSINGS];
    } rows[] = {
        {"429", {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}},
        {"noconn", {1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000}},
    };
    for (size_t row = 0; row < UNIT_COUNT(rows); row++) {
        int64_t delays[CLOSINGS];
        bool jitter = false;
        tear_down(state);
        set_up(state);
        measure_closings(*state, rows[row].verb, delays, CLOSINGS);
        for (size_t i = 0; i < CLOSINGS; i++) {
            int64_t floor = rows[row].floors[i];
            int64_t most = floor / 4 < 10000 ? floor / 4 : 10000;
            assert_in_range(delays[i], floor, floor + most);
            jitter = jitter || delays[i] != floor;
        }
        assert_true(jitter);
    }
}

static void a_success_makes_the_backoff_begin_anew(void **state)
{
    struct fixture *fixture = *state;
    int64_t delays[4];
    measure_closings(fixture, "429", delays, 4);
    int64_t ms = 1000000;
    assert_true(ready(fixture, 9, ms));
    send_now(fixture, 9, ms);
    end_now(fixture, "ok", 9, ms, NEVER);
    send_now(fixture, 9, ms);
    end_now(fixture, "429", 9, ms, NEVER);
    assert_in_range(gate_wake_ms(fixture->gate), ms + 1000, ms + 1250);
}

static void a_retry_after_of_nothing_is_no_licence_to_storm(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "429 a", 0, COUNTS, CLOSED, false, 1000, 250},
    };
    RUN(*state, steps);
}

static void upstream_trouble_is_probed_ever_more_rarely(void **state)
{
    static const int64_t wanted[] = {30000, 60000, 120000, 240000, 480000, 480000};
    int64_t delays[UNIT_COUNT(wanted)];
    measure_closings(*state, "401", delays, UNIT_COUNT(wanted));
    assert_memory_equal(delays, wanted, sizeof wanted);
}

static void a_storm_of_throttles_closes_once(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, WINDOW, 0);
    end_now(fixture, "429", 0, 100, NEVER);
    int64_t until = gate_view(fixture->gate, at(100)).until_mono_ms;
    assert_in_range(until, 1100, 1350);
    for (int i = 1; i < WINDOW; i++) {
        end_now(fixture, "429", i, 100 + i, NEVER);
        assert_int_equal(gate_view(fixture->gate, at(100 + i)).until_mono_ms, until);
    }
    assert_int_equal(gate_wake_ms(fixture->gate), until);
    assert_int_equal(gate_view(fixture->gate, at(0)).throttled, WINDOW);
    assert_true(ready(fixture, 100, until));
    send_now(fixture, 100, until);
    assert_false(ready(fixture, 101, until));
    end_now(fixture, "ok", 100, until + 10, NEVER);
    send_many(fixture, 0, WINDOW / 2, until + 10); /* it was too large, but halved once */
    assert_false(ready(fixture, 101, until + 10));
}

static void the_window_holds_for_probes_too(void **state)
{
    struct fixture *fixture = *state;
    struct gate_settings small = usual;
    send_many(fixture, 0, 3, 0);
    small.max_in_flight = 2;
    gate_configure(fixture->gate, &small, at(0));
    end_now(fixture, "429", 0, 0, 1000);
    assert_int_equal(gate_wake_ms(fixture->gate), NEVER);
    assert_false(gate_open_now(fixture->gate, at(9000)));
    assert_int_equal(gate_wake_ms(fixture->gate), NEVER); /* only an end makes room */
    end_now(fixture, "ok", 1, 9000, NEVER);
    assert_true(gate_open_now(fixture->gate, at(9000)));
}

static void graver_trouble_of_an_older_request_counts(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send b", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send c", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send d", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "429 a", 1000, COUNTS, CLOSED, false, 1000, 250},
        {10, "401 b", NEVER, COUNTS, CLOSED, false, 30010, 0},
        {20, "429 c", 90000, COUNTS, CLOSED, false, 30010, 0},
        {30, "401 d", NEVER, COUNTS, CLOSED, false, 30010, 0},
        {30010, "send e", 0, COUNTS, PROBING, false, NEVER, 0},
        {30020, "429 e", 1000, COUNTS, CLOSED, false, 31020, 250}, /* a probe's word is newest */
    };
    RUN(*state, steps);
}

static void a_reload_probes_at_once_and_forgets_the_old_key(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send b", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send c", 0, COUNTS, OPEN, true, NEVER, 0},
        {10, "401 a", NEVER, COUNTS, CLOSED, false, 30010, 0},
        {20, "configure", 0, COUNTS, PROBING, true, NEVER, 0},
        {20, "send d", 0, COUNTS, PROBING, false, NEVER, 0},
        {30, "401 b", NEVER, COUNTS, PROBING, false, NEVER, 0},
        {40, "ok d", NEVER, COUNTS, OPEN, true, NEVER, 0},
        {50, "401 c", NEVER, COUNTS, OPEN, true, NEVER, 0},
        {60, "send e", 0, COUNTS, OPEN, true, NEVER, 0},
        {70, "401 e", NEVER, COUNTS, CLOSED, false, 30070, 0},
    };
    RUN(*state, steps);
}

static void a_reload_disowns_a_probe_with_the_old_key(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "401 a", NEVER, COUNTS, CLOSED, false, 30000, 0},
        {30000, "send b", 0, COUNTS, PROBING, false, NEVER, 0},
        {30001, "configure", 0, COUNTS, PROBING, true, NEVER, 0},
        {30002, "401 b", NEVER, COUNTS, PROBING, true, NEVER, 0},
        {30002, "send c", 0, COUNTS, PROBING, false, NEVER, 0},
        {30003, "ok c", NEVER, COUNTS, OPEN, true, NEVER, 0},
    };
    RUN(*state, steps);
}

static void a_reload_tries_to_connect_at_once(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send b", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "noconn a", NEVER, COUNTS, CLOSED, false, 1000, 250},
        {10, "configure", 0, COUNTS, PROBING, true, NEVER, 0},
        {10, "send c", 0, COUNTS, PROBING, false, NEVER, 0},
        {20, "ok c", NEVER, COUNTS, OPEN, true, NEVER, 0},
        {20, "send d", 0, COUNTS, OPEN, true, NEVER, 0},
        {30, "configure", 0, COUNTS, OPEN, true, NEVER, 0},
        {40, "noconn d", NEVER, COUNTS, OPEN, true, NEVER, 0}, /* to the old URL */
    };
    RUN(*state, steps);
}

static void upstream_trouble_waits_as_long_as_it_is_told(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "quota a", 3600000, COUNTS, CLOSED, false, 3600000, 0},
        {3600000, "send b", 0, COUNTS, PROBING, false, NEVER, 0},
        {3600000, "quota b", 1000, COUNTS, CLOSED, false, 3660000, 0},
    };
    RUN(*state, steps);
}

static void a_reload_does_not_shorten_a_throttle(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "429 a", 8000, COUNTS, CLOSED, false, 8000, 2000},
        {1, "configure", 0, COUNTS, CLOSED, false, 8000, 2000},
        {10001, "send b", 0, COUNTS, PROBING, false, 11001, 0},
        {10002, "configure", 0, COUNTS, PROBING, false, 11001, 0},
        {10003, "401 b", NEVER, COUNTS, PROBING, true, NEVER, 0}, /* of the old key: no news */
    };
    RUN(*state, steps);
}

static void the_job_that_closed_it_is_no_probe_unless_alone(void **state)
{
    struct fixture *fixture = *state;
    struct id closer = job_of('a');
    send_now(fixture, 'a', 0);
    end_now(fixture, "401", 'a', 0, NEVER);
    assert_false(ready(fixture, 'a', PROBE_MS));
    assert_true(gate_open_now(fixture->gate, at(PROBE_MS)));
    assert_true(gate_ready(fixture->gate, &closer, &unknown_cost, true, at(PROBE_MS)));
    assert_true(ready(fixture, 'b', PROBE_MS));
    send_now(fixture, 'b', PROBE_MS);
    end_now(fixture, "500", 'b', PROBE_MS, NEVER);
    assert_false(ready(fixture, 'b', 2 * PROBE_MS));
    assert_true(ready(fixture, 'a', 2 * PROBE_MS));
    send_now(fixture, 'a', 2 * PROBE_MS);
    end_now(fixture, "ok", 'a', 2 * PROBE_MS, NEVER);
    assert_true(ready(fixture, 'a', 2 * PROBE_MS));
}

static void a_probe_that_proves_nothing_makes_way_for_the_next(void **state)
{
    static const struct step steps[] = {
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "429 a", 1000, COUNTS, CLOSED, false, 1000, 250},
        {1250, "send b", 0, COUNTS, PROBING, false, 2250, 0},
        {1300, "400 b", NEVER, COUNTS, PROBING, true, NEVER, 0},
        {1300, "send c", 0, COUNTS, PROBING, false, 2300, 0},
        {1400, "cancel c", NEVER, COUNTS, PROBING, true, NEVER, 0},
        {1400, "send d", 0, COUNTS, PROBING, false, 2400, 0},
        {1500, "500 d", NEVER, COUNTS, CLOSED, false, 2500, 0},
        {2500, "send e", 0, COUNTS, PROBING, false, 3500, 0},
        {2600, "badjson e", NEVER, COUNTS, OPEN, true, NEVER, 0},
    };
    RUN(*state, steps);
}

static void a_person_opens_it_for_a_probe(void **state)
{
    static const struct step steps[] = {
        {0, "release", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send a", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "send b", 0, COUNTS, OPEN, true, NEVER, 0},
        {0, "429 a", 90000, COUNTS, CLOSED, false, 90000, 10000},
        {10, "release", 0, COUNTS, PROBING, true, NEVER, 0},
        {10, "429 b", 90000, COUNTS, PROBING, true, NEVER, 0},
        {20, "send c", 0, COUNTS, PROBING, false, 270, 0},
        {30, "429 c", NEVER, COUNTS, CLOSED, false, 1030, 250},
    };
    RUN(*state, steps);
}

static void an_outage_is_probed_once_a_second_for_free(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, 20, 0);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(end_now(fixture, i % 2 == 0 ? "500" : "cut", i, 100, NEVER), GATE_COUNTS);
    }
    assert_int_equal(gate_view(fixture->gate, at(0)).state, GATE_OPEN);
    static const struct step steps[] = {
        {100, "html 7", NEVER, GATE_FREE, PROBING, false, 1100, 0},
        {1099, "look", 0, COUNTS, PROBING, false, 1100, 0},
        {1100, "send p", 0, COUNTS, PROBING, false, 2100, 0},
        {1200, "500 p", NEVER, GATE_FREE, PROBING, false, 2100, 0},
        {2150, "send p", 0, COUNTS, PROBING, false, 3150, 0}, /* and does not come back */
        {3150, "send q", 0, COUNTS, PROBING, false, 4150, 0},
        {3200, "cut q", NEVER, GATE_FREE, PROBING, false, 4150, 0},
        {3300, "ok 14", NEVER, COUNTS, PROBING, false, 4150, 0}, /* from before */
        {3400, "500 15", NEVER, GATE_FREE, PROBING, false, 4150, 0},
        {4200, "send r", 0, COUNTS, PROBING, false, 5200, 0},
        {4201, "400 r", NEVER, COUNTS, PROBING, false, 5200, 0},
        {5200, "send r", 0, COUNTS, PROBING, false, 6200, 0},
        {5300, "ok r", NEVER, COUNTS, OPEN, true, NEVER, 0},
        {5400, "cut p", NEVER, GATE_FREE, OPEN, true, NEVER, 0}, /* it left in the outage */
        {5400, "500 16", NEVER, GATE_FREE, OPEN, true, NEVER, 0},
        {5500, "send s", 0, COUNTS, OPEN, true, NEVER, 0},
        {5600, "500 s", NEVER, COUNTS, OPEN, true, NEVER, 0},
    };
    RUN(fixture, steps);
}

static void a_throttle_in_an_outage_is_obeyed(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, 10, 0);
    end_many(fixture, "500", 0, 8, 0);
    static const struct step steps[] = {
        {0, "look", 0, COUNTS, PROBING, false, 1000, 0},
        {500, "429 8", 20000, COUNTS, CLOSED, false, 20500, 5000},
        {600, "500 9", NEVER, GATE_FREE, CLOSED, false, 20500, 5000},
        {25500, "send p", 0, COUNTS, PROBING, false, 26500, 0},
        {25600, "500 p", NEVER, GATE_FREE, PROBING, false, 26600, 0},
        {26600, "send p", 0, COUNTS, PROBING, false, 27600, 0},
        {26700, "ok p", NEVER, COUNTS, OPEN, true, NEVER, 0},
    };
    RUN(fixture, steps);
}

static void an_outage_that_is_over_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, 50, 0);
    end_many(fixture, "500", 0, 50, 0);
    send_many(fixture, 0, 1, 1000);
    end_many(fixture, "ok", 0, 1, 1000);
    send_many(fixture, 0, 40, 1000);
    end_many(fixture, "ok", 0, 20, 1000);
    for (int i = 20; i < 31; i++) {
        assert_int_equal(end_now(fixture, "500", i, 1000, NEVER), GATE_COUNTS);
    }
}

static void random_faults_are_no_outage(void **state)
{
    static const int64_t gaps_ms[] = {5, 50, 200, 400};
    struct fixture *fixture = *state;
    struct random dice;
    int64_t ms = 0;
    random_init(&dice, 42);
    for (size_t g = 0; g < UNIT_COUNT(gaps_ms); g++) {
        for (int i = 0; i < 20000; i++, ms += gaps_ms[g]) {
            const char *verb = random_below(&dice, 100) < 30 ? "500" : "ok";
            assert_true(ready(fixture, 0, ms));
            send_now(fixture, 0, ms);
            assert_int_equal(end_now(fixture, verb, 0, ms, NEVER), GATE_COUNTS);
        }
    }
}

/* An outage of a minute under load: what was sent, and how soon all goes again. */
static void an_outage_costs_few_requests_and_ends_at_once(void **state)
{
    struct fixture *fixture = *state;
    int sent = 0;
    int64_t recovered = 0;
    for (int64_t ms = 0; ms < 120000 && recovered == 0; ms += 10) {
        bool down = ms >= 10000 && ms < 70000;
        while (ready(fixture, 5, ms) && sent < 100000 && recovered == 0) {
            send_now(fixture, 0, ms);
            end_now(fixture, down ? "500" : "ok", 0, ms, NEVER);
            sent += down;
            if (!down) {
                break; /* one each 10 ms while all is well */
            }
        }
        if (ms >= 70000 && gate_view(fixture->gate, at(0)).state == GATE_OPEN) {
            recovered = ms;
        }
    }
    assert_in_range(recovered, 70000, 71000);
    assert_in_range(sent, 60, 1100); /* a thousand successes before it had to be outweighed */
}

static void answers_that_are_no_json_are_no_outage(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 100; i++) {
        send_many(fixture, 0, 1, i);
        assert_int_equal(end_now(fixture, "badjson", 0, i, NEVER), GATE_COUNTS);
    }
    struct gate_view view = gate_view(fixture->gate, at(0));
    assert_int_equal(view.failed, 100);
    assert_int_equal(view.succeeded, 0);
    assert_int_equal(view.last_success_mono_ms, 99);
}

static void a_run_of_failed_jobs_halts_until_a_person_acts(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, 30, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(gate_view(fixture->gate, at(0)).state, GATE_OPEN);
        assert_int_equal(end_now(fixture, "400", i, 10, NEVER), GATE_COUNTS);
    }
    assert_string_equal(gate_view(fixture->gate, at(0)).reason,
                        "halted: 20 jobs in a row failed with http_400");
    assert_true(gate_view(fixture->gate, at(0)).loud);
    assert_int_equal(gate_view(fixture->gate, at(0)).until_mono_ms, NEVER);
    static const struct step steps[] = {
        {20, "400 20", NEVER, GATE_PUT_BACK, CLOSED, false, NEVER, 0},
        {20, "413 21", NEVER, COUNTS, CLOSED, false, NEVER, 0},
        {20, "400 22", NEVER, GATE_PUT_BACK, CLOSED, false, NEVER, 0},
        {20, "ok 23", NEVER, COUNTS, CLOSED, false, NEVER, 0},
        {20, "401 24", NEVER, COUNTS, CLOSED, false, NEVER, 0},
        {30, "configure", 0, COUNTS, CLOSED, false, NEVER, 0},
        {99999999, "look", 0, COUNTS, CLOSED, false, NEVER, 0},
        {99999999, "release", 0, COUNTS, PROBING, true, NEVER, 0},
        {99999999, "400 25", NEVER, COUNTS, PROBING, true, NEVER, 0},
        {99999999, "send p", 0, COUNTS, PROBING, false, NEVER, 0},
        {99999999, "400 p", NEVER, COUNTS, PROBING, true, NEVER, 0},
        {99999999, "send p", 0, COUNTS, PROBING, false, NEVER, 0},
        {99999999, "ok p", NEVER, COUNTS, OPEN, true, NEVER, 0},
    };
    RUN(fixture, steps);
}

static void a_released_gate_halts_again_after_as_many(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, 40, 0);
    end_many(fixture, "400", 0, 20, 0);
    gate_release(fixture->gate, at(1));
    end_many(fixture, "400", 20, 20, 1); /* they left before: no new run */
    for (int i = 0; i < 20; i++) {
        assert_true(ready(fixture, 100, 2));
        send_now(fixture, i, 2);
        end_now(fixture, "400", i, 2, NEVER);
    }
    assert_false(ready(fixture, 100, 100000));
}

static void a_success_or_another_code_breaks_the_run(void **state)
{
    static const char *const breakers[] = {"ok", "badjson", "413"};
    struct fixture *fixture = *state;
    for (size_t b = 0; b < UNIT_COUNT(breakers); b++) {
        send_many(fixture, 0, 20, 0);
        end_many(fixture, "400", 0, 19, 0);
        end_many(fixture, breakers[b], 19, 1, 0);
    }
    send_many(fixture, 0, 20, 0);
    end_many(fixture, "400", 0, 10, 0);
    end_many(fixture, "500", 10, 1, 0); /* says nothing about jobs */
    end_many(fixture, "400", 11, 9, 0);
    assert_int_equal(gate_view(fixture->gate, at(0)).state, GATE_OPEN);
    send_many(fixture, 0, 1, 0);
    end_many(fixture, "400", 0, 1, 0);
    assert_int_equal(gate_view(fixture->gate, at(0)).state, GATE_CLOSED);
}

static void halting_can_be_turned_off(void **state)
{
    struct fixture *fixture = *state;
    struct gate_settings never = usual;
    never.halt_after = 0;
    gate_configure(fixture->gate, &never, at(0));
    for (int i = 0; i < 1000; i++) {
        send_many(fixture, 0, 1, 0);
        end_many(fixture, "400", 0, 1, 0);
    }
    assert_true(gate_open_now(fixture->gate, at(0)));
}

static void reasons_are_short_and_finished(void **state)
{
    static const struct {
        const char *verb;
        const char *reason;
        bool loud;
    } rows[] = {
        {"429", "429", false},
        {"503", "503", false},
        {"limit200", "rate_limit_exceeded", false},
        {"401", "key refused (401)", true},
        {"quota", "no quota (429 insufficient_quota)", true},
        {"404", "model not found (404)", true},
        {"oddup", "refused (400 x)", true},
        {"noconn", "cannot connect: Connection refused", false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        tear_down(state);
        set_up(state);
        struct fixture *fixture = *state;
        assert_null(gate_view(fixture->gate, at(0)).reason);
        send_many(fixture, 0, 1, 0);
        end_many(fixture, rows[i].verb, 0, 1, 0);
        assert_string_equal(gate_view(fixture->gate, at(0)).reason, rows[i].reason);
        assert_int_equal(gate_view(fixture->gate, at(0)).loud, rows[i].loud);
    }
}

static void an_outage_has_its_reason(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, 10, 0);
    end_many(fixture, "ok", 0, 2, 0);
    end_many(fixture, "500", 2, 8, 0);
    assert_string_equal(gate_view(fixture->gate, at(0)).reason,
                        "outage: 8 of 10 requests in 10 s failed, the last with http_500");
    assert_false(gate_view(fixture->gate, at(0)).loud);
}

static void a_server_that_stays_away_is_told_loudly(void **state)
{
    struct fixture *fixture = *state;
    int64_t delays[3];
    measure_closings(fixture, "noconn", delays, 2);
    assert_false(gate_view(fixture->gate, at(0)).loud);
    tear_down(state);
    set_up(state);
    fixture = *state;
    measure_closings(fixture, "noconn", delays, 3);
    assert_true(gate_view(fixture->gate, at(0)).loud);
}

/* A gate of other settings, in place of the fixture's. */
static void begin_anew(struct fixture *fixture, const struct gate_settings *settings)
{
    gate_free(fixture->gate);
    fixture->gate = gate_new(settings, &fixture->random);
}

/* Whatever happens: a gate that is shut opens at its wake time and not before, and if it names
 * none, something in flight, or a person, will open it. */
static void check_wake_times(struct fixture *fixture)
{
    struct random dice;
    int flying[WINDOW];
    int count = 0;
    int64_t ms = 0;
    random_init(&dice, 4711);
    for (int i = 0; i < 200000; i++) {
        if (gate_open_now(fixture->gate, at(ms))) {
            assert_true(count < WINDOW);
            flying[count] = 0;
            for (int k = 0; k < count; k++) { /* the lowest slot that is free */
                if (flying[k] == flying[count]) {
                    flying[count]++;
                    k = -1;
                }
            }
            send_now(fixture, flying[count], ms);
            count++;
        } else if (count == 0 || random_below(&dice, 4) == 0) {
            int64_t wake = gate_wake_ms(fixture->gate);
            if (wake < 0) {
                assert_true(count > 0 || gate_view(fixture->gate, at(0)).until_mono_ms < 0);
                gate_release(fixture->gate, at(ms));
            } else {
                assert_true(wake > ms);
                assert_false(gate_open_now(fixture->gate, at(wake - 1)));
                assert_true(gate_open_now(fixture->gate, at(wake)));
                ms = wake;
            }
        }
        if (count > 0 && random_below(&dice, 2) == 0) {
            int which = (int)random_below(&dice, (uint64_t)count);
            const struct answer_kind *kind = &kinds[random_below(&dice, UNIT_COUNT(kinds))];
            int slot = flying[which];
            flying[which] = flying[--count];
            end_now(fixture, kind->verb, slot, ms, (int64_t)random_below(&dice, 5000) - 1);
            assert_int_equal(gate_view(fixture->gate, at(0)).in_flight, count);
        }
        ms += (int64_t)random_below(&dice, 50);
    }
}

static void the_wake_time_is_exact_whatever_happens(void **state)
{
    struct fixture *fixture = *state;
    struct gate_settings settings = usual;
    check_wake_times(fixture);
    settings.limits = (struct gate_limits){.rpm = 1200, .rpd = 20000};
    begin_anew(fixture, &settings);
    check_wake_times(fixture);
    settings.max_in_flight = 0;
    settings.ceiling = WINDOW;
    begin_anew(fixture, &settings);
    check_wake_times(fixture);
}

static bool ready_for(struct fixture *fixture, int64_t tokens, int64_t ms)
{
    struct id job = job_of(1);
    return gate_ready(fixture->gate, &job, &(struct gate_cost){tokens, 0}, false, at(ms));
}

static void a_window_that_nobody_configured_begins_at_four(void **state)
{
    struct fixture *fixture = *state;
    begin_anew(fixture, &(struct gate_settings){.ceiling = 200, .probe_ms = PROBE_MS});
    assert_int_equal(gate_view(fixture->gate, at(0)).window, 4);
    assert_int_equal(gate_view(fixture->gate, at(0)).max_in_flight, 200);
    begin_anew(fixture, &(struct gate_settings){.ceiling = 3, .probe_ms = PROBE_MS});
    assert_int_equal(gate_view(fixture->gate, at(0)).window, 3);
}

static void a_pace_holds_each_cost_for_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct gate_settings paced = usual;
    paced.limits.tpm = 60000;
    begin_anew(fixture, &paced);
    assert_true(ready_for(fixture, 800, 0));
    gate_sent(fixture->gate, &(struct gate_cost){800, 0}, at(0));
    assert_true(ready_for(fixture, 200, 0));
    assert_false(ready_for(fixture, 700, 0));
    assert_int_equal(gate_wake_ms(fixture->gate), 500);
    assert_false(ready_for(fixture, 700, 499));
    assert_true(gate_open_now(fixture->gate, at(499)));
    assert_true(ready_for(fixture, 700, 500));
    assert_false(ready_for(fixture, 1000000, 500)); /* more than it ever holds */
    assert_true(ready_for(fixture, 1000000, 800));
    assert_int_equal(gate_view(fixture->gate, at(800)).tokens.origin, GATE_CONFIGURED);
    assert_int_equal(gate_view(fixture->gate, at(800)).used_tokens, 800);
    assert_int_equal(gate_view(fixture->gate, at(800)).used_requests, 1);
}

static enum gate_effect time_out(struct fixture *fixture, struct gate_ticket ticket, int64_t ms)
{
    struct gate_report report = {.outcome = OUTCOME_UNKNOWN,
                                 .code = "curl_28",
                                 .message = "Timeout was reached",
                                 .wait_ms = NEVER,
                                 .cost = unknown_cost,
                                 .before_first_byte = true};
    return gate_ended(fixture->gate, ticket, &report, at(ms));
}

static void a_time_out_before_the_first_byte_halves_the_window_for_free(void **state)
{
    struct fixture *fixture = *state;
    struct gate_settings small = usual;
    small.max_in_flight = 4;
    begin_anew(fixture, &small);
    send_many(fixture, 0, 4, 0);
    assert_int_equal(time_out(fixture, fixture->tickets[0], 600000), GATE_FREE);
    assert_int_equal(gate_view(fixture->gate, at(600000)).window, 2);
    assert_int_equal(time_out(fixture, fixture->tickets[1], 600000), GATE_FREE);
    assert_int_equal(gate_view(fixture->gate, at(600000)).window, 2);
    end_many(fixture, "ok", 2, 2, 600000);
    send_many(fixture, 0, 1, 600000);
    assert_int_equal(time_out(fixture, fixture->tickets[0], 1200000), GATE_FREE);
    send_many(fixture, 0, 1, 1200000);
    assert_int_equal(time_out(fixture, fixture->tickets[0], 1800000), GATE_COUNTS);
    assert_int_equal(gate_view(fixture->gate, at(1800000)).window, 1);
}

static void an_outage_of_time_outs_leaves_the_window(void **state)
{
    struct fixture *fixture = *state;
    send_many(fixture, 0, 20, 0);
    for (int i = 0; i < 20; i++) {
        time_out(fixture, fixture->tickets[i], 600000);
    }
    assert_int_equal(gate_view(fixture->gate, at(600000)).state, PROBING);
    send_many(fixture, 50, 1, 601000);
    end_many(fixture, "ok", 50, 1, 601100);
    assert_int_equal(gate_view(fixture->gate, at(601100)).window, WINDOW);
}

static void a_bare_refusal_slows_down_and_does_not_close(void **state)
{
    struct fixture *fixture = *state;
    for (int64_t ms = 0; ms < 3000; ms += 100) {
        send_many(fixture, 0, 1, ms);
        end_many(fixture, "ok", 0, 1, ms + 50);
    }
    send_many(fixture, 0, 1, 3000);
    end_many(fixture, "429", 0, 1, 3010);
    struct gate_view view = gate_view(fixture->gate, at(3010));
    assert_int_equal(view.state, OPEN);
    assert_in_range(view.learnt_rpm, 500, 600);
    assert_int_equal(view.requests.origin, GATE_LEARNT);
    assert_int_equal(view.window, WINDOW);
    assert_false(ready(fixture, 1, 3010));
    assert_in_range(gate_wake_ms(fixture->gate), 3100, 3140);
    assert_true(gate_room(fixture->gate, at(3010)) == 0);
}

static void refusals_in_a_row_close_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    int64_t ms = 0;
    for (; ms < 3000; ms += 100) {
        send_many(fixture, 0, 1, ms);
        end_many(fixture, "ok", 0, 1, ms + 50);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(gate_view(fixture->gate, at(ms)).state, OPEN);
        while (!ready(fixture, 1, ms)) {
            ms = gate_wake_ms(fixture->gate);
        }
        send_now(fixture, 1, ms);
        end_now(fixture, "429", 1, ms, NEVER);
    }
    assert_int_equal(gate_view(fixture->gate, at(ms)).state, CLOSED);
    assert_in_range(gate_view(fixture->gate, at(ms)).until_mono_ms, ms + 1000, ms + 1250);
}

static void it_is_closed_since_it_first_closed(void **state)
{
    struct fixture *fixture = *state;
    int64_t delays[3];
    assert_int_equal(gate_view(fixture->gate, at(0)).since_mono_ms, NEVER);
    measure_closings(fixture, "401", delays, 3);
    assert_int_equal(gate_view(fixture->gate, at(0)).since_mono_ms, 0);
    int64_t ms = delays[0] + delays[1] + delays[2];
    send_many(fixture, 9, 1, ms);
    end_many(fixture, "ok", 9, 1, ms);
    assert_int_equal(gate_view(fixture->gate, at(ms)).since_mono_ms, NEVER);
}

static void room_is_what_load_is_spread_by(void **state)
{
    struct fixture *fixture = *state;
    assert_true(gate_room(fixture->gate, at(0)) == 1);
    send_many(fixture, 0, WINDOW / 4, 0);
    assert_true(gate_room(fixture->gate, at(0)) == 0.75);
    send_many(fixture, WINDOW / 4, WINDOW - WINDOW / 4, 0);
    assert_true(gate_room(fixture->gate, at(0)) == 0);
    end_many(fixture, "ok", 0, WINDOW - 1, 0);
    end_now(fixture, "429", WINDOW - 1, 0, 1000);
    assert_true(gate_room(fixture->gate, at(0)) == 0);
}

static void what_was_learnt_survives_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct gate_settings settings = {.ceiling = 200, .probe_ms = PROBE_MS, .limits = {.rpd = 100}};
    struct gate_memory memory;
    begin_anew(fixture, &settings);
    send_many(fixture, 0, 4, 0);
    gate_remember(fixture->gate, at(0), &memory);
    assert_true(memory.daily_left == 96 && memory.window == 4 && !memory.settled);
    memory.window = 20;
    memory.settled = true;
    memory.rate = 600;
    memory.wait_ms = 5000;
    memory.age_ms = 2000;
    begin_anew(fixture, &settings);
    gate_recall(fixture->gate, &memory, at(1000));
    struct gate_view view = gate_view(fixture->gate, at(1000));
    assert_int_equal(view.window, 20);
    assert_int_equal(view.learnt_rpm, 600);
    assert_int_equal(view.daily.left, 96);
    assert_int_equal(view.state, CLOSED);
    assert_int_equal(view.until_mono_ms, 4000);
    gate_remember(fixture->gate, at(1000), &memory);
    assert_int_equal(memory.wait_ms, 3000);
    memory = (struct gate_memory){.window = -3, .rate = -1, .daily_left = -1, .wait_ms = -5};
    begin_anew(fixture, &settings);
    gate_recall(fixture->gate, &memory, at(0));
    assert_int_equal(gate_view(fixture->gate, at(0)).window, 4);
    assert_true(ready(fixture, 1, 0));
}

static void origins_have_words(void **state)
{
    (void)state;
    assert_string_equal(gate_origin_word(GATE_NO_LIMIT), "none");
    assert_string_equal(gate_origin_word(GATE_CONFIGURED), "configured");
    assert_string_equal(gate_origin_word(GATE_TOLD), "told");
    assert_string_equal(gate_origin_word(GATE_LEARNT), "learnt");
}

static void states_have_words(void **state)
{
    (void)state;
    assert_string_equal(gate_state_word(GATE_OPEN), "open");
    assert_string_equal(gate_state_word(GATE_CLOSED), "closed");
    assert_string_equal(gate_state_word(GATE_PROBING), "probing");
}

/* A hundred answers at 20 a second; then a job is refused, and others go on. */
static void a_job_that_alone_is_refused_again_and_again_does_not_slow_others(void **state)
{
    struct fixture *fixture = *state;
    int64_t ms = 0;
    double rate = 0;
    for (int i = 0; i < 100; i++, ms += 50) {
        send_many(fixture, 1, 1, ms);
        end_many(fixture, "ok", 1, 1, ms + 40);
    }
    for (int refusal = 0; refusal < 6; refusal++) {
        send_many(fixture, 100, 1, ms);
        end_many(fixture, "429", 100, 1, ms + 5);
        double now = (double)gate_view(fixture->gate, at(ms + 5)).learnt_rpm;
        assert_true(refusal < 1 || now >= rate); /* the first may mean the rate, the others not */
        rate = now;
        for (int i = 0; i < 10; i++) {
            ms += 400;
            send_many(fixture, 1, 1, ms);
            end_many(fixture, "ok", 1, 1, ms + 40);
        }
        ms += 400;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_window_bounds_what_is_in_flight),
        TEST(a_smaller_window_holds_at_once),
        TEST(a_throttled_gate_waits_as_told_then_probes_once),
        TEST(probes_that_are_not_refused_at_once_let_more_go),
        TEST(a_ramp_that_reaches_the_window_opens),
        TEST(an_answer_from_before_neither_opens_nor_closes_again),
        TEST(a_longer_wait_of_an_older_answer_is_kept),
        TEST(backoffs_double_up_to_their_bound_with_jitter_upward),
        TEST(a_success_makes_the_backoff_begin_anew),
        TEST(a_retry_after_of_nothing_is_no_licence_to_storm),
        TEST(upstream_trouble_is_probed_ever_more_rarely),
        TEST(a_storm_of_throttles_closes_once),
        TEST(the_window_holds_for_probes_too),
        TEST(graver_trouble_of_an_older_request_counts),
        TEST(a_reload_probes_at_once_and_forgets_the_old_key),
        TEST(a_reload_disowns_a_probe_with_the_old_key),
        TEST(a_reload_tries_to_connect_at_once),
        TEST(upstream_trouble_waits_as_long_as_it_is_told),
        TEST(a_reload_does_not_shorten_a_throttle),
        TEST(the_job_that_closed_it_is_no_probe_unless_alone),
        TEST(a_probe_that_proves_nothing_makes_way_for_the_next),
        TEST(a_person_opens_it_for_a_probe),
        TEST(an_outage_is_probed_once_a_second_for_free),
        TEST(a_throttle_in_an_outage_is_obeyed),
        TEST(an_outage_that_is_over_is_forgotten),
        TEST(random_faults_are_no_outage),
        TEST(an_outage_costs_few_requests_and_ends_at_once),
        TEST(answers_that_are_no_json_are_no_outage),
        TEST(a_run_of_failed_jobs_halts_until_a_person_acts),
        TEST(a_released_gate_halts_again_after_as_many),
        TEST(a_success_or_another_code_breaks_the_run),
        TEST(halting_can_be_turned_off),
        TEST(reasons_are_short_and_finished),
        TEST(an_outage_has_its_reason),
        TEST(a_server_that_stays_away_is_told_loudly),
        TEST(the_wake_time_is_exact_whatever_happens),
        TEST(a_window_that_nobody_configured_begins_at_four),
        TEST(a_pace_holds_each_cost_for_its_time),
        TEST(a_time_out_before_the_first_byte_halves_the_window_for_free),
        TEST(an_outage_of_time_outs_leaves_the_window),
        TEST(a_bare_refusal_slows_down_and_does_not_close),
        TEST(refusals_in_a_row_close_all_the_same),
        TEST(it_is_closed_since_it_first_closed),
        TEST(room_is_what_load_is_spread_by),
        TEST(what_was_learnt_survives_a_restart),
        TEST(origins_have_words),
        TEST(states_have_words),
        TEST(a_job_that_alone_is_refused_again_and_again_does_not_slow_others),
    };
    return UNIT_RUN(tests);
}
