/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_token: tokens as lines, found by their text; sessions and their ends; what one may hold. */
#include "unit.h"

#include "httpd/route.h"
#include "httpd/sessions.h"
#include "httpd/share.h"
#include "httpd/token.h"

static void a_line_reads_back(void **state)
{
    struct token token = {
        .scopes = SCOPE_READ | SCOPE_ADMIN, .user = "ann", .created = {1764000000123}};
    struct token back;
    struct buffer line = {0};
    struct error error = {.kind = ERROR_NONE};
    char text[TOKEN_TEXT_SIZE];
    (void)state;
    token_make(&token, text);
    assert_int_equal(strlen(text), TOKEN_TEXT_SIZE - 1);
    assert_int_equal(strncmp(text, TOKEN_PREFIX, 5), 0);
    token_write(&line, &token);
    assert_null(strstr(line.bytes, text + 5));
    line.bytes[line.length - 1] = '\0';
    assert_int_equal(token_read(&back, line.bytes, &error), 0);
    assert_memory_equal(&back, &token, sizeof back);
    token.expires.ms = 1;
    buffer_clear(&line);
    token_write(&line, &token);
    line.bytes[line.length - 1] = '\0';
    assert_int_equal(token_read(&back, line.bytes, &error), 0);
    assert_int_equal(back.expires.ms, 1);
    buffer_free(&line);
}

static void secrets_are_of_all_letters_and_differ(void **state)
{
    bool seen[256] = {false};
    char last[44] = "";
    int letters = 0;
    (void)state;
    for (int i = 0; i < 200; i++) {
        char secret[44];

        token_secret(secret);
        assert_int_equal(strlen(secret), 43);
        assert_string_not_equal(secret, last);
        memcpy(last, secret, sizeof last);
        for (int k = 0; k < 43; k++)
            seen[(unsigned char)secret[k]] = true;
    }
    for (int i = 0; i < 256; i++)
        letters += seen[i];
    assert_int_equal(letters, 64);
    assert_true(seen['-'] && seen['_'] && !seen['+'] && !seen['/'] && !seen['=']);
}

static void users_and_scopes_are_words(void **state)
{
    static const char *const good[] = {"a", "ann", "ann@example.org", "a.b_c-d", "7"};
    static const char *const bad[] = {"", "-a", "a b", "a/b", "a\n", "\xc3\xa4", "a:b"};
    static const char *const no_scopes[] = {
        "", ",", "read,", "READ", "read submit", "write", "read,,admin", "readsubmit"};
    char longest[TOKEN_USER_LIMIT + 2];
    unsigned scopes;
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(good); i++)
        assert_true(token_user_ok(good[i]));
    for (size_t i = 0; i < UNIT_COUNT(bad); i++)
        assert_false(token_user_ok(bad[i]));
    memset(longest, 'a', sizeof longest);
    longest[TOKEN_USER_LIMIT + 1] = '\0';
    assert_false(token_user_ok(longest));
    assert_true(token_user_ok(longest + 1));
    assert_true(token_read_scopes("submit,read,read", &scopes));
    assert_int_equal(scopes, SCOPE_READ | SCOPE_SUBMIT);
    for (size_t i = 0; i < UNIT_COUNT(no_scopes); i++)
        assert_false(token_read_scopes(no_scopes[i], &scopes));
}

static struct mono now(void *context)
{
    return *(struct mono *)context;
}

static void sessions_end_by_themselves(void **state)
{
    struct mono time = {0};
    const struct clock clock = {.mono = now, .context = &time};
    struct sessions *sessions = sessions_open(&clock);
    char first[SESSION_SECRET_SIZE], second[SESSION_SECRET_SIZE];
    uint64_t number;

    (void)state;
    sessions_add(sessions, "00000001", first);
    time.ms += 1000;
    sessions_add(sessions, "00000002", second);
    assert_string_equal(sessions_find(sessions, first, 43, NULL), "00000001");
    assert_string_equal(sessions_find(sessions, second, 43, NULL), "00000002");
    assert_null(sessions_find(sessions, first, 42, NULL));
    assert_null(sessions_find(sessions, "", 0, NULL));
    time.ms = (int64_t)SESSION_S * 1000;
    assert_null(sessions_find(sessions, first, 43, NULL));
    assert_non_null(sessions_find(sessions, second, 43, &number));
    assert_false(sessions_end(sessions, "x", 1));
    assert_true(sessions_has(sessions, number));
    assert_true(sessions_end(sessions, second, 43));
    assert_false(sessions_has(sessions, number));
    assert_null(sessions_find(sessions, second, 43, NULL));
    sessions_close(sessions);
}

/* One token's sessions give way to its own; the oldest of all goes where all are too many. */
static void sessions_are_bounded(void **state)
{
    struct mono time = {0};
    const struct clock clock = {.mono = now, .context = &time};
    struct sessions *sessions = sessions_open(&clock);
    char first[SESSION_SECRET_SIZE], own[SESSION_SECRET_SIZE], more[SESSION_SECRET_SIZE];
    char token[9];

    (void)state;
    sessions_add(sessions, "00000001", first);
    sessions_add(sessions, "00000002", own);
    for (int i = 0; i < SESSIONS_OF_TOKEN; i++)
        sessions_add(sessions, "00000002", more);
    assert_null(sessions_find(sessions, own, 43, NULL));
    assert_non_null(sessions_find(sessions, more, 43, NULL));
    for (int i = 0; i < SESSIONS_MAX - 1 - SESSIONS_OF_TOKEN; i++) {
        snprintf(token, sizeof token, "%08x", 3 + i);
        sessions_add(sessions, token, more);
    }
    assert_non_null(sessions_find(sessions, first, 43, NULL));
    sessions_add(sessions, "00000001", more);
    assert_null(sessions_find(sessions, first, 43, NULL));
    assert_non_null(sessions_find(sessions, more, 43, NULL));
    sessions_close(sessions);
}

static void a_token_holds_a_quarter(void **state)
{
    struct share *share = share_new(9);
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_true(share_room(share, "00000001"));
        share_take(share, "00000001");
    }
    assert_false(share_room(share, "00000001"));
    assert_true(share_room(share, "00000002"));
    share_give(share, "00000001");
    assert_true(share_room(share, "00000001"));
    share_give(share, "00000001");
    for (int i = 0; i < 9; i++)
        share_take(share, "");
    assert_true(share_room(share, ""));
    share_give(share, "");
    share_take(share, "00000003");
    share_free(share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_reads_back),
        cmocka_unit_test(secrets_are_of_all_letters_and_differ),
        cmocka_unit_test(users_and_scopes_are_words),
        cmocka_unit_test(sessions_end_by_themselves),
        cmocka_unit_test(sessions_are_bounded),
        cmocka_unit_test(a_token_holds_a_quarter),
    };
    return UNIT_RUN(tests);
}
