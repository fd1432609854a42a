/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state/money in memory and as text. */
#include "unit.h"

#include "base/buffer.h"
#include "base/day.h"
#include "job/ledger.h"

enum { DAY = 20494 /* 2026-02-10 */ };

static const struct spend_key alice = {DAY, "alice", "openai", "gpt-4o", "nightly"};
static const struct spend_key bob = {DAY + 1, "bob", "anthropic", "claude \"x\"", NULL};

static const struct settlement paid = {SETTLE_PAID, 250, 100, 40, 20};
static const struct settlement released = {SETTLE_RELEASED, -1, -1, -1, -1};
static const struct settlement doubted = {SETTLE_DOUBT, -1, -1, -1, -1};

static uint64_t reserve(struct ledger *ledger, const struct spend_key *key, int64_t nano,
                        struct buffer *out)
{
    return ledger_reserve(ledger, key, nano, out)->number;
}

/* One of each: paid, released, in doubt, unpriced, and one that stays open. */
static struct ledger *busy(struct buffer *lines)
{
    struct ledger *ledger = ledger_new("USD", "Europe/Berlin");

    ledger_settle(ledger, reserve(ledger, &alice, 300, lines), &paid, lines);
    ledger_settle(ledger, reserve(ledger, &alice, 301, lines), &released, lines);
    ledger_settle(ledger, reserve(ledger, &alice, 302, lines), &doubted, lines);
    ledger_settle(ledger, reserve(ledger, &bob, -1, lines),
                  &(struct settlement){SETTLE_PAID, -1, 7, 0, 5}, lines);
    ledger_limit(ledger, "nightly", 5000, lines);
    reserve(ledger, &bob, 77, lines);
    return ledger;
}

static struct ledger *read_text(const struct buffer *text)
{
    struct error error;
    struct ledger *ledger = ledger_read(text->bytes, text->length, &error);

    if (ledger == NULL) {
        fail_msg("%s", error.text);
    }
    return ledger;
}

static struct spend_row total(const struct ledger *ledger)
{
    size_t count;
    struct spend_row *rows = ledger_group(ledger, 0, INT32_MIN, INT32_MAX, &count);
    struct spend_row row = count > 0 ? rows[0] : (struct spend_row){0};

    assert_true(count <= 1);
    free(rows);
    return row;
}

static void same(const struct ledger *a, const struct ledger *b)
{
    struct spend_row left = total(a);
    struct spend_row right = total(b);

    assert_memory_equal(&left.spend, &right.spend, sizeof left.spend);
    assert_int_equal(left.open, right.open);
    assert_int_equal(left.reserved_nano, right.reserved_nano);
    assert_int_equal(ledger_limit_of(a, "nightly"), ledger_limit_of(b, "nightly"));
}

static void what_is_settled_adds_up(void **state)
{
    struct buffer lines = {0};
    struct ledger *ledger = busy(&lines);
    struct spend_row sum = total(ledger);

    (void)state;
    assert_int_equal(sum.spend.requests, 3);
    assert_int_equal(sum.spend.unpriced, 1);
    assert_int_equal(sum.spend.doubts, 1);
    assert_int_equal(sum.spend.input_tokens, 107);
    assert_int_equal(sum.spend.cached_tokens, 40);
    assert_int_equal(sum.spend.output_tokens, 25);
    assert_int_equal(sum.spend.cost_nano, 250);
    assert_int_equal(sum.spend.doubt_nano, 302);
    assert_int_equal(sum.open, 1);
    assert_int_equal(sum.reserved_nano, 77);
    ledger_free(ledger);
    buffer_free(&lines);
}

static void a_cost_that_is_not_known_is_what_was_reserved(void **state)
{
    struct buffer lines = {0};
    struct ledger *ledger = ledger_new("USD", NULL);

    (void)state;
    ledger_settle(ledger, reserve(ledger, &alice, 300, &lines),
                  &(struct settlement){SETTLE_PAID, -1, -1, -1, -1}, &lines);
    assert_int_equal(total(ledger).spend.cost_nano, 300);
    assert_int_equal(total(ledger).spend.unpriced, 0);
    ledger_free(ledger);
    buffer_free(&lines);
}

static void a_number_that_is_not_open_changes_nothing(void **state)
{
    struct buffer lines = {0};
    struct ledger *ledger = busy(&lines);
    size_t length = lines.length;

    (void)state;
    ledger_settle(ledger, 1, &paid, &lines);
    ledger_settle(ledger, 999, &paid, &lines);
    assert_int_equal(lines.length, length);
    assert_int_equal(total(ledger).spend.requests, 3);
    ledger_free(ledger);
    buffer_free(&lines);
}

static void a_snapshot_says_all_there_is(void **state)
{
    struct buffer lines = {0}, text = {0}, again = {0};
    struct ledger *ledger = busy(&lines);
    struct ledger *read;

    (void)state;
    ledger_write(ledger, &text);
    read = read_text(&text);
    same(ledger, read);
    assert_string_equal(ledger_currency(read), "USD");
    assert_string_equal(ledger_zone(read), "Europe/Berlin");
    assert_int_equal(ledger_damaged(read), 0);
    ledger_write(read, &again);
    assert_string_equal(text.bytes, again.bytes);
    assert_int_equal(reserve(read, &bob, 1, &lines), 6);
    ledger_free(ledger);
    ledger_free(read);
    buffer_free(&lines);
    buffer_free(&text);
    buffer_free(&again);
}

static void lines_behind_a_snapshot_bring_it_up_to_date(void **state)
{
    struct buffer text = {0}, lines = {0};
    struct ledger *empty = ledger_new("USD", "Europe/Berlin");
    struct ledger *ledger, *read;

    (void)state;
    ledger_write(empty, &text);
    ledger = busy(&lines);
    buffer_append(&text, lines.bytes, lines.length);
    read = read_text(&text);
    same(ledger, read);
    ledger_free(empty);
    ledger_free(ledger);
    ledger_free(read);
    buffer_free(&lines);
    buffer_free(&text);
}

static void a_limit_is_written_once_and_can_be_taken_back(void **state)
{
    struct buffer text = {0}, lines = {0};
    struct ledger *ledger = ledger_new("USD", NULL);
    struct ledger *read;
    size_t length;

    (void)state;
    assert_int_equal(ledger_limit_of(ledger, "nightly"), -1);
    assert_int_equal(ledger_limit_of(ledger, NULL), -1);
    ledger_write(ledger, &text);
    ledger_limit(ledger, "nightly", 10, &lines);
    length = lines.length;
    ledger_limit(ledger, "nightly", 10, &lines);
    assert_int_equal(lines.length, length);
    ledger_limit(ledger, "nightly", -1, &lines);
    assert_int_equal(ledger_limit_of(ledger, "nightly"), -1);
    buffer_append(&text, lines.bytes, lines.length);
    read = read_text(&text);
    assert_int_equal(ledger_limit_of(read, "nightly"), -1);
    ledger_free(ledger);
    ledger_free(read);
    buffer_free(&lines);
    buffer_free(&text);
}

static void what_a_crash_left_open_stays_charged_in_doubt(void **state)
{
    struct buffer lines = {0};
    struct ledger *ledger = busy(&lines);

    (void)state;
    assert_int_equal(ledger_doubt_open(ledger), 1);
    assert_int_equal(ledger_doubt_open(ledger), 0);
    assert_int_equal(total(ledger).spend.doubt_nano, 302 + 77);
    assert_int_equal(total(ledger).spend.doubts, 2);
    assert_int_equal(total(ledger).reserved_nano, 0);
    ledger_free(ledger);
    buffer_free(&lines);
}

/* Money that is spent or set aside, as budgets count it. */
static int64_t charged(const struct ledger *ledger)
{
    struct spend_row sum = total(ledger);

    return sum.spend.cost_nano + sum.spend.doubt_nano + sum.reserved_nano;
}

/* Whatever a kill leaves of the appended lines: what was settled before counts, what is torn is at
 * most still set aside, and nothing is ever counted for less than it was. */
static void a_file_cut_at_any_byte_is_read_up_to_there(void **state)
{
    struct buffer text = {0}, lines = {0};
    struct ledger *base = busy(&lines);
    size_t snapshot;
    int64_t before = charged(base);
    uint64_t number;

    (void)state;
    ledger_write(base, &text);
    snapshot = text.length;
    number = reserve(base, &alice, 1000, &text);
    reserve(base, &alice, 500, &text);
    ledger_settle(base, number, &paid, &text);
    for (size_t length = 0; length <= text.length; length++) {
        struct error error;
        char *cut = malloc(length + 1); /* of just that size, for the sanitizer */
        struct ledger *read;

        assert_non_null(cut);
        memcpy(cut, text.bytes, length);
        read = ledger_read(cut, length, &error);
        free(cut);
        if (length < snapshot) {
            assert_null(read);
            assert_int_equal(error.kind, ERROR_DATA);
            continue;
        }
        assert_non_null(read);
        assert_true(charged(read) >= before);
        assert_int_equal(ledger_damaged(read), 0);
        ledger_free(read);
    }
    assert_int_equal(charged(base), before + 250 + 500);
    ledger_free(base);
    buffer_free(&text);
    buffer_free(&lines);
}

static void lines_that_are_none_are_passed_over_and_counted(void **state)
{
    static const char *const wrong[] = {
        "{\"reserve\":{}}\n",
        "{\"reserve\":{\"number\":0,\"day\":\"2026-02-10\"}}\n",
        "{\"reserve\":{\"number\":7,\"day\":\"2026-02-31\"}}\n",
        "{\"settle\":{\"number\":1,\"how\":\"perhaps\"}}\n",
        "{\"total\":{\"day\":\"yesterday\"}}\n",
        "{\"limit\":{}}\n",
        "{\"unknown\":{}}\n",
        "[]\n",
        "\n",
        "garbage\n",
    };
    struct buffer text = {0};
    struct ledger *empty = ledger_new("USD", NULL);
    struct ledger *read;

    (void)state;
    ledger_write(empty, &text);
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        buffer_text(&text, wrong[i]);
    }
    read = read_text(&text);
    assert_int_equal(ledger_damaged(read), UNIT_COUNT(wrong));
    assert_true(ledger_empty(read));
    ledger_free(empty);
    ledger_free(read);
    buffer_free(&text);
}

static void what_is_no_ledger_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "\n",
        "{}\n",
        "{\"money\":{\"version\":2,\"next\":1,\"lines\":0}}\n",
        "{\"money\":{\"version\":1,\"next\":1}}\n",
        "{\"money\":{\"version\":1,\"lines\":0}}\n",
        "{\"money\":{\"version\":1,\"next\":1,\"lines\":1}}\n",
        "{\"money\":{\"version\":1,\"next\":1,\"lines\":1}}\n{}\n",
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        struct error error;

        assert_null(ledger_read(wrong[i], strlen(wrong[i]), &error));
        assert_int_equal(error.kind, ERROR_DATA);
    }
}

static void reports_tell_apart_what_is_asked_for(void **state)
{
    struct buffer lines = {0};
    struct ledger *ledger = busy(&lines);
    size_t count;
    struct spend_row *rows = ledger_group(ledger, BY_USER | BY_DAY, DAY, DAY + 1, &count);

    (void)state;
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].key.day, DAY);
    assert_string_equal(rows[0].key.user, "alice");
    assert_string_equal(rows[0].key.model, "");
    assert_int_equal(rows[0].spend.requests, 2);
    assert_string_equal(rows[1].key.user, "bob");
    assert_int_equal(rows[1].open, 1);
    free(rows);
    rows = ledger_group(ledger, BY_MODEL | BY_PROVIDER | BY_RUN, DAY + 1, DAY + 1, &count);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].key.model, "claude \"x\"");
    assert_string_equal(rows[0].key.provider, "anthropic");
    free(rows);
    rows = ledger_group(ledger, BY_USER, DAY + 2, DAY + 9, &count);
    assert_int_equal(count, 0);
    assert_null(rows);
    ledger_free(ledger);
    buffer_free(&lines);
}

static void columns_have_names(void **state)
{
    (void)state;
    assert_int_equal(spend_by_read("user"), BY_USER);
    assert_int_equal(spend_by_read("week"), 0);
    assert_string_equal(spend_by_word(BY_PROVIDER), "provider");
}

static void sums_do_not_wrap(void **state)
{
    struct buffer lines = {0};
    struct ledger *ledger = ledger_new("USD", NULL);
    const struct settlement all = {SETTLE_PAID, INT64_MAX, INT64_MAX, 0, 0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        ledger_settle(ledger, reserve(ledger, &alice, 1, &lines), &all, &lines);
    }
    assert_int_equal(total(ledger).spend.cost_nano, INT64_MAX);
    assert_int_equal(total(ledger).spend.input_tokens, INT64_MAX);
    ledger_free(ledger);
    buffer_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_settled_adds_up),
        cmocka_unit_test(a_cost_that_is_not_known_is_what_was_reserved),
        cmocka_unit_test(a_number_that_is_not_open_changes_nothing),
        cmocka_unit_test(a_snapshot_says_all_there_is),
        cmocka_unit_test(lines_behind_a_snapshot_bring_it_up_to_date),
        cmocka_unit_test(a_limit_is_written_once_and_can_be_taken_back),
        cmocka_unit_test(what_a_crash_left_open_stays_charged_in_doubt),
        cmocka_unit_test(a_file_cut_at_any_byte_is_read_up_to_there),
        cmocka_unit_test(lines_that_are_none_are_passed_over_and_counted),
        cmocka_unit_test(what_is_no_ledger_is_refused),
        cmocka_unit_test(reports_tell_apart_what_is_asked_for),
        cmocka_unit_test(columns_have_names),
        cmocka_unit_test(sums_do_not_wrap),
    };
    return UNIT_RUN(tests);
}
