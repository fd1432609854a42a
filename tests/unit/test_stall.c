/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_stall: why jobs that are waited for do not move, and how often that is told. */
#include "unit.h"

#include "fresh.h"

#include "base/xalloc.h"
#include "client/stall.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

/* What was told: how often, and the last reason. */
struct told {
    int count;
    char reason[300];
};

static struct wall fixed_wall(void *context)
{
    (void)context;
    return (struct wall){1000 * 1000};
}

static struct mono fixed_mono(void *context)
{
    (void)context;
    return (struct mono){1000};
}

static const struct clock fixed = {fixed_wall, fixed_mono, NULL};

static void tell(void *context, const char *reason)
{
    struct told *told = context;

    told->count++;
    snprintf(told->reason, sizeof told->reason, "%s", reason);
}

static void put(const struct fresh *fresh, enum folder folder, const char *name, const char *text)
{
    (void)unlinkat(fresh->spool->dir[folder], name, 0);
    fresh_write(fresh->spool->dir[folder], name, text);
}

/* Becomes the daemon, as far as others see, with this status. */
static void own(struct fresh *fresh, const char *status)
{
    struct error error;

    if (fresh->spool->lock < 0 && spool_own(fresh->spool, &error) < 0) {
        fail_msg("%s", error.text);
    }
    put(fresh, FOLDER_STATE, "status.json", status);
}

/* One round of looks at one job. */
static enum movement look(struct stall *stall, struct awaited *awaited)
{
    stall_begin(stall);
    return stall_look(stall, awaited);
}

/* How a job in cur/ moves under a status, and what is told of it. */
static void assert_movement(struct fresh *fresh, const char *status, const char *job,
                            enum movement expected, const char *reason)
{
    struct told told = {0};
    struct stall *stall = stall_new(fresh->spool, &fixed, tell, &told);
    struct awaited awaited = {0};

    assert_true(id_read(HEX, &awaited.id));
    own(fresh, status);
    put(fresh, FOLDER_CUR, HEX ".json", job);
    assert_int_equal(look(stall, &awaited), expected);
    assert_int_equal(look(stall, &awaited), expected);
    assert_int_equal(told.count, reason != NULL);
    if (reason != NULL) {
        assert_string_equal(told.reason, reason);
    }
    stall_free(stall);
}

static void without_a_daemon_nothing_moves(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};
    struct stall *stall = stall_new(fresh->spool, &fixed, tell, &told);
    struct awaited awaited = {0};

    assert_int_equal(look(stall, &awaited), MOVEMENT_NONE);
    assert_int_equal(look(stall, &awaited), MOVEMENT_NONE);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.reason, "no daemon"));
    stall_free(stall);
}

static void nothing_is_said_of_what_moves(void **state)
{
    assert_movement(*state, "{}", "{\"model\":\"m\"}", MOVEMENT_FREE, NULL);
}

static void a_pause_and_a_trouble_stop_all(void **state)
{
    struct fresh *fresh = *state;

    assert_movement(fresh, "{\"trouble\":\"no room\"}", "{\"model\":\"m\"}", MOVEMENT_NONE,
                    "no room");
    put(fresh, FOLDER_CTL, "pause", "");
    assert_movement(fresh, "{}", "{\"model\":\"m\"}", MOVEMENT_NONE,
                    "paused (llmspool-ctl resume)");
}

#define GATES(reason, gates)                                                                       \
    "{\"models\":[{\"model\":\"m\",\"gate\":\"p/m\",\"reason\":\"" reason "\"}],\"gates\":[" gates "]}"
#define CLOSED(name, model, loud)                                                                  \
    "{\"gate\":\"" name "\",\"provider\":\"p\",\"model\":\"" model                                 \
    "\",\"state\":\"closed\",\"loud\":" loud "}"
#define OPEN(name)                                                                                 \
    "{\"gate\":\"" name "\",\"provider\":\"p\",\"model\":\"m\",\"state\":\"open\",\"loud\":false}"
#define GATE(reason) GATES(reason, CLOSED("p/m", "m", "false"))
#define LOUD_GATE(reason) GATES(reason, CLOSED("p/m", "m", "true"))

static void a_gate_stops_its_model_alone(void **state)
{
    assert_movement(*state, LOUD_GATE("gate: key refused (401)"), "{\"model\":\"m\"}", MOVEMENT_NONE,
                    "m: gate: key refused (401)");
    assert_movement(*state, LOUD_GATE("gate: key refused (401)"), "{\"model\":\"n\"}", MOVEMENT_FREE,
                    NULL);
}

static void a_provider_without_the_jobs_type_stops_that_type_alone(void **state)
{
    static const char status[] = "{\"models\":[{\"model\":\"m\",\"type\":\"chat\"},"
                                 "{\"model\":\"m\",\"type\":\"embed\","
                                 "\"reason\":\"provider p does not speak embed\"}]}";

    assert_movement(*state, status, "{\"model\":\"m\",\"type\":\"embed\"}", MOVEMENT_NONE,
                    "provider p does not speak embed");
    assert_movement(*state, status, "{\"model\":\"m\"}", MOVEMENT_FREE, NULL);
}

/* Reasons of money, and the job that each is of. */
#define MONEY(reason)                                                                              \
    "{\"gates\":[{\"gate\":\"p/m\",\"model\":\"m\",\"provider\":\"p\"}],"                          \
    "\"reasons\":[{\"jobs\":1,\"reason\":\"" reason "\"}]}"
#define UP "budget: 10.00 USD a day for "

static void a_budget_stops_those_that_it_is_for(void **state)
{
    static const char alice[] = "{\"model\":\"m\",\"user\":\"alice\"}";
    static const char nobody[] = "{\"model\":\"m\"}";
    static const struct {
        const char *reason;
        const char *status;
        const char *job;
        enum movement expected;
        bool told;
    } rows[] = {
#define ROW(reason, job, expected, told) {reason, MONEY(reason), job, expected, told}
        ROW(UP "user alice used up until 00:00", alice, MOVEMENT_LATER, true),
        ROW(UP "user alice used up until 00:00", nobody, MOVEMENT_FREE, false),
        ROW(UP "user alic used up until 00:00", alice, MOVEMENT_FREE, false),
        ROW(UP "user alice2 used up until 00:00", alice, MOVEMENT_FREE, false),
        ROW(UP "jobs without a user used up until 00:00", nobody, MOVEMENT_LATER, true),
        ROW(UP "jobs without a user used up until 00:00", alice, MOVEMENT_FREE, false),
        ROW(UP "all used up until 00:00", nobody, MOVEMENT_LATER, true),
        ROW(UP "model m used up until 00:00", nobody, MOVEMENT_LATER, true),
        ROW(UP "model n used up until 00:00", nobody, MOVEMENT_FREE, false),
        ROW(UP "provider p used up until 00:00", nobody, MOVEMENT_LATER, true),
        ROW(UP "provider q used up until 00:00", nobody, MOVEMENT_FREE, false),
        ROW(UP "run nightly used up", nobody, MOVEMENT_NONE, true),
        ROW(UP "run daily used up", nobody, MOVEMENT_FREE, false),
        ROW("budget: 1.00 USD a run for all, run nightly used up", nobody, MOVEMENT_NONE, true),
        ROW("budget: 1.00 USD a run for all, run daily used up", nobody, MOVEMENT_FREE, false),
        ROW("budget: the rest of 10.00 USD a day for all is reserved for requests under way",
            nobody, MOVEMENT_LATER, true),
#define SMALL(whose) \
    "budget: it may cost 2.00, and there is only 1.00 USD a day for " whose \
    "; give the job max_tokens, or raise the budget"
        ROW(SMALL("user alice"), alice, MOVEMENT_NONE, true),
        ROW(SMALL("user alice"), nobody, MOVEMENT_FREE, false),
        ROW(SMALL("run nightly"), nobody, MOVEMENT_NONE, true),
        ROW(SMALL("all, run nightly"), nobody, MOVEMENT_NONE, true),
        ROW(SMALL("all, run daily"), nobody, MOVEMENT_FREE, false),
        ROW("no price for m under a budget: configure it or price = free", nobody, MOVEMENT_NONE,
            true),
        ROW("no price for n under a budget: configure it or price = free", nobody, MOVEMENT_FREE,
            false),
    };
    struct fresh *fresh = *state;

    assert_int_equal(mkdirat(fresh->spool->dir[FOLDER_RUNS], "nightly", 0700), 0);
    put(fresh, FOLDER_RUNS, "nightly/manifest.jsonl",
        "{\"position\":0,\"id\":\"" HEX "\"}\n{\"position\":1,\"id\":null}\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_movement(fresh, rows[i].status, rows[i].job, rows[i].expected,
                        rows[i].told ? rows[i].reason : NULL);
    }
}

static void a_gate_that_opens_by_itself_is_no_end(void **state)
{
    assert_movement(*state, GATE("gate: 429 until 12:00:03"), "{\"model\":\"m\"}", MOVEMENT_LATER,
                    "m: gate: 429 until 12:00:03");
}

static void a_gate_that_a_person_must_open_is_an_end_though_it_is_tried_again(void **state)
{
#define REFUSED "gate: key refused (401) until 12:00:30"
    static const struct {
        const char *status;
        enum movement expected;
    } rows[] = {
        {LOUD_GATE(REFUSED), MOVEMENT_NONE},
        {GATES(REFUSED, CLOSED("p/m", "m", "true") "," CLOSED("p#2/m", "m", "true")),
         MOVEMENT_NONE},
        {GATES(REFUSED, CLOSED("p/m", "m", "true") "," CLOSED("p#2/m", "m", "false")),
         MOVEMENT_LATER}, /* one of them opens by itself */
        {GATES(REFUSED, CLOSED("p#2/m", "m", "false") "," CLOSED("p/m", "m", "true")),
         MOVEMENT_LATER},
        {GATES(REFUSED, CLOSED("p/m", "m", "true") "," CLOSED("p/n", "n", "false")),
         MOVEMENT_NONE},
        {GATES(REFUSED, CLOSED("p/m", "m", "true") "," OPEN("p@bob/m")), MOVEMENT_NONE},
        {GATES(REFUSED, CLOSED("p/n", "n", "true")), MOVEMENT_LATER}, /* nothing is known */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_movement(*state, rows[i].status, "{\"model\":\"m\"}", rows[i].expected,
                        "m: " REFUSED);
    }
}

static void another_end_is_no_other_reason(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};
    struct stall *stall = stall_new(fresh->spool, &fixed, tell, &told);
    struct awaited awaited = {0};

    assert_true(id_read(HEX, &awaited.id));
    put(fresh, FOLDER_CUR, HEX ".json", "{\"model\":\"m\"}");
    own(fresh, GATE("gate: 429 until 12:00:03"));
    look(stall, &awaited);
    own(fresh, GATE("gate: 429 until 12:00:09"));
    look(stall, &awaited);
    assert_int_equal(told.count, 1);
    own(fresh, GATE("gate: 503 until 12:00:09"));
    look(stall, &awaited);
    assert_int_equal(told.count, 2);
    stall_free(stall);
}

static void a_hold_is_told_with_the_way_out(void **state)
{
    struct fresh *fresh = *state;

    put(fresh, FOLDER_CTL, "hold." HEX, "");
    assert_movement(fresh, "{}", "{\"model\":\"m\"}", MOVEMENT_NONE,
                    "001122334455 is held: user (llmspool-ctl release 001122334455)");
}

static void a_long_delay_is_told_and_a_short_one_is_not(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};
    struct stall *stall = stall_new(fresh->spool, &fixed, tell, &told);
    struct awaited awaited = {0};

    assert_true(id_read(HEX, &awaited.id));
    own(fresh, "{}");
    put(fresh, FOLDER_CUR, HEX ".json",
        "{\"model\":\"m\",\"not_before\":\"1970-01-01T00:17:00Z\"}"); /* in 20 s */
    assert_int_equal(look(stall, &awaited), MOVEMENT_FREE);
    put(fresh, FOLDER_CUR, HEX ".json",
        "{\"model\":\"m\",\"not_before\":\"1970-01-01T00:27:00Z\"}");
    assert_int_equal(look(stall, &awaited), MOVEMENT_LATER);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.reason, "001122334455 is delayed until "));
    stall_free(stall);
}

static void what_runs_moves_whatever_is_in_the_way_of_others(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};
    struct stall *stall = stall_new(fresh->spool, &fixed, tell, &told);
    struct awaited awaited = {0};

    assert_true(id_read(HEX, &awaited.id));
    own(fresh, LOUD_GATE("gate: key refused (401)"));
    put(fresh, FOLDER_CUR, HEX ".json", "{\"model\":\"m\"}");
    assert_int_equal(fchmodat(fresh->spool->dir[FOLDER_CUR], HEX ".json", 0700, 0), 0);
    assert_int_equal(look(stall, &awaited), MOVEMENT_FREE);
    assert_int_equal(told.count, 0);
    stall_free(stall);
}

static void a_drain_and_a_file_that_cannot_be_read_stop_drops(void **state)
{
    struct fresh *fresh = *state;
    struct told told = {0};
    struct stall *stall = stall_new(fresh->spool, &fixed, tell, &told);
    struct awaited awaited = {0};
    struct asks *asks = asks_new();

    awaited_oblige(&awaited, asks, FOLDER_NEW, HEX ".1.json");
    own(fresh, "{}");
    assert_int_equal(look(stall, &awaited), MOVEMENT_FREE);
    own(fresh, "{\"reasons\":[{\"reason\":\"" HEX ".1.json: cannot read: chmod g+r\"}]}");
    assert_int_equal(look(stall, &awaited), MOVEMENT_NONE);
    assert_string_equal(told.reason, HEX ".1.json: cannot read: chmod g+r");
    put(fresh, FOLDER_CTL, "drain", "");
    assert_int_equal(look(stall, &awaited), MOVEMENT_NONE);
    assert_int_equal(told.count, 2);
    awaited_clear(&awaited, asks);
    asks_free(asks);
    stall_free(stall);
}

#define SPOOL_TEST(test) cmocka_unit_test_setup_teardown(test, fresh_spool, fresh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(without_a_daemon_nothing_moves),
        SPOOL_TEST(nothing_is_said_of_what_moves),
        SPOOL_TEST(a_pause_and_a_trouble_stop_all),
        SPOOL_TEST(a_gate_stops_its_model_alone),
        SPOOL_TEST(a_provider_without_the_jobs_type_stops_that_type_alone),
        SPOOL_TEST(a_budget_stops_those_that_it_is_for),
        SPOOL_TEST(a_gate_that_opens_by_itself_is_no_end),
        SPOOL_TEST(a_gate_that_a_person_must_open_is_an_end_though_it_is_tried_again),
        SPOOL_TEST(another_end_is_no_other_reason),
        SPOOL_TEST(a_hold_is_told_with_the_way_out),
        SPOOL_TEST(a_long_delay_is_told_and_a_short_one_is_not),
        SPOOL_TEST(what_runs_moves_whatever_is_in_the_way_of_others),
        SPOOL_TEST(a_drain_and_a_file_that_cannot_be_read_stop_drops),
    };

    xalloc_jansson();
    return UNIT_RUN(tests);
}
