/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_used_keys: idempotency keys: begun, ended, forgotten, kept as lines. */
#include "unit.h"

#include "httpd/keys.h"

static const struct key_answer created = {201, "night/3"};

static struct key_use use_of(const char *user, const char *key, const char *body)
{
    struct key_use use;

    assert_true(key_use_make(&use, user, key, "application/json", NULL, body, strlen(body)));
    return use;
}

static void test_what_is_a_key(void **state)
{
    static const char *const bad[] = {"", "\"\"", "a b", "\"a b\"", "\t", "a\x7f", "\xc3\xbc"};
    char longest[KEYS_TEXT_MAX + 2];
    struct key_use a, b;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(key_use_make(&a, NULL, bad[i], NULL, NULL, "", 0));
    memset(longest, 'x', sizeof longest);
    longest[KEYS_TEXT_MAX + 1] = '\0';
    assert_false(key_use_make(&a, NULL, longest, NULL, NULL, "", 0));
    longest[KEYS_TEXT_MAX] = '\0';
    assert_true(key_use_make(&a, NULL, longest, NULL, NULL, "", 0));
    a = use_of(NULL, "k", "x");
    b = use_of(NULL, "\"k\"", "x");
    assert_memory_equal(&a, &b, sizeof a);
    b = use_of("alice", "k", "x");
    assert_memory_not_equal(a.key, b.key, sizeof a.key);
}

static void test_what_becomes_of_a_key(void **state)
{
    struct keys *keys = keys_new(10);
    struct key_use use = use_of("alice", "k", "one"), other = use_of("alice", "k", "two");
    struct wall now = {1000000};
    struct key_answer answer = {0};
    (void)state;

    assert_int_equal(keys_begin(keys, &use, now, &answer), KEYS_NEW);
    assert_int_equal(keys_begin(keys, &use, now, &answer), KEYS_BUSY);
    assert_int_equal(keys_begin(keys, &other, now, &answer), KEYS_OTHER);
    keys_abandon(keys, &use);
    assert_int_equal(keys_begin(keys, &other, now, &answer), KEYS_NEW);
    keys_end(keys, &other, &created, now);
    keys_abandon(keys, &other); /* it has ended: too late */
    assert_int_equal(keys_begin(keys, &other, now, &answer), KEYS_SAME);
    assert_int_equal(answer.status, 201);
    assert_string_equal(answer.what, "night/3");
    assert_int_equal(keys_begin(keys, &use, now, &answer), KEYS_OTHER);
    now.ms += KEYS_AGE_MS + 1;
    assert_int_equal(keys_begin(keys, &use, now, &answer), KEYS_NEW);
    keys_free(keys);
}

static void test_the_oldest_go(void **state)
{
    struct keys *keys = keys_new(3);
    struct wall now = {1000000};
    struct key_answer answer;
    (void)state;

    for (int i = 0; i < 20; i++) {
        char key[16];
        struct key_use use;

        (void)snprintf(key, sizeof key, "k%d", i);
        use = use_of(NULL, key, "x");
        assert_int_equal(keys_begin(keys, &use, now, &answer), KEYS_NEW);
        keys_end(keys, &use, &created, now);
        now.ms++;
    }
    assert_true(keys_count(keys) <= 4);
    keys_free(keys);
}

static void test_as_lines(void **state)
{
    struct keys *keys = keys_new(10), *again = keys_new(10);
    struct key_use use = use_of(NULL, "a", "1"), busy = use_of(NULL, "b", "2");
    struct wall now = {1000000};
    struct buffer text = {0};
    struct key_answer answer;
    (void)state;

    assert_int_equal(keys_begin(keys, &use, now, &answer), KEYS_NEW);
    keys_end(keys, &use, &created, now);
    assert_int_equal(keys_begin(keys, &busy, now, &answer), KEYS_NEW);
    assert_int_equal(keys_write_all(keys, &text), 1);
    buffer_text(&text, "no line\n\n0 0 200 5\n");
    buffer_reserve(&text, 100);
    buffer_append(&text, text.bytes, 100); /* a torn end */
    assert_int_equal(keys_read(again, text.bytes, text.length, now), 5);
    assert_int_equal(keys_count(again), 1);
    assert_int_equal(keys_begin(again, &use, now, &answer), KEYS_SAME);
    assert_int_equal(answer.status, 201);
    assert_string_equal(answer.what, "night/3");
    keys_free(again);
    again = keys_new(10);
    now.ms += KEYS_AGE_MS + 1;
    (void)keys_read(again, text.bytes, text.length, now);
    assert_int_equal(keys_count(again), 0);
    buffer_free(&text);
    keys_free(again);
    keys_free(keys);
}

/* Lines as they were written before there was a name for what was answered. */
static void test_older_lines(void **state)
{
    struct keys *keys = keys_new(10);
    struct key_use use = use_of(NULL, "a", "1");
    char key[SHA256_HEX_SIZE], request[SHA256_HEX_SIZE], longest[KEYS_WHAT_SIZE + 1];
    struct key_answer answer;
    struct buffer text = {0};
    (void)state;

    hex_write(use.key, SHA256_SIZE, key);
    hex_write(use.request, SHA256_SIZE, request);
    memset(longest, 'x', KEYS_WHAT_SIZE);
    longest[KEYS_WHAT_SIZE] = '\0';
    buffer_printf(&text, "%s %s 201 5 a b\n%s %s 201 5 %s\n", key, request, key, request, longest);
    assert_int_equal(keys_read(keys, text.bytes, text.length, (struct wall){5}), 2);
    assert_int_equal(keys_count(keys), 0);
    buffer_clear(&text);
    buffer_printf(&text, "%s %s 201 5\n", key, request);
    assert_int_equal(keys_read(keys, text.bytes, text.length, (struct wall){5}), 1);
    assert_int_equal(keys_begin(keys, &use, (struct wall){6}, &answer), KEYS_SAME);
    assert_int_equal(answer.status, 201);
    assert_string_equal(answer.what, "");
    buffer_free(&text);
    keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_key),
        cmocka_unit_test(test_what_becomes_of_a_key),
        cmocka_unit_test(test_the_oldest_go),
        cmocka_unit_test(test_as_lines),
        cmocka_unit_test(test_older_lines),
    };

    return UNIT_RUN(tests);
}
